"""`Profile`: the settings of every chat; `Preset`: those that belong together under a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ThinkingView = Literal["shown", "folded", "hidden"]


@dataclass(frozen=True)
class Profile:
    """What is in ``chat.yaml``.

    Attributes:
        theme: Name of the theme; empty for the usual one.
        keymap: Id of an action -> its keys, comma separated; empty for none.
        system: System prompt of new chats.
        options: Parameters of requests, as in `session.options.OPTIONS`.
        thinking: How reasoning is shown.
    """

    theme: str = ""
    keymap: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    thinking: ThinkingView = "folded"


@dataclass(frozen=True)
class Preset:
    """What is in ``presets/NAME.yaml``.

    Attributes:
        system: System prompt; empty for none.
        options: Parameters of requests.
        model: The model it was made for; empty for any.
    """

    system: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    model: str = ""
