"""`Ask`: what every request of a run asks for beside its prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Api = Literal["completions", "chat", "generate"]
"""OpenAI's two, and SGLang's own."""

PATHS: Final[Mapping[Api, str]] = {
    "completions": "/v1/completions",
    "chat": "/v1/chat/completions",
    "generate": "/generate",
}


@dataclass(frozen=True)
class Ask:
    """What is asked for.

    Attributes:
        model: Name of the model.
        stream: Whether in pieces; without, only the whole latency can be known.
        ignore_eos: Whether answers go on to their full length; not part of OpenAI's own API.
        usage: Whether to ask for counts at the end.
        continuous_usage: Whether to ask for counts in every chunk.
        sampling: Sampling parameters; ``temperature`` is 0 unless it is here.
        extra: More fields of the body. One that is None takes the field away.
    """

    model: str = ""
    stream: bool = True
    ignore_eos: bool = True
    usage: bool = True
    continuous_usage: bool = True
    sampling: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
