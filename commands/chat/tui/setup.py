"""`Setup`: what one run of the full-screen chat was started with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..client.connector import Connector
from ..profile.profile import Profile
from ..profile.profiles import Profiles
from ..store.chat_store import ChatStore
from .look import Marks


@dataclass(frozen=True)
class Setup:
    """Everything that is decided before the first frame.

    Attributes:
        store: Where conversations are kept.
        thread_ids: The conversation of each pane.
        connector: Makes the way to the server of a pane, by the pane's number.
        profiles: The person's settings on disk.
        profile: Those of this run.
        marks: Signs that the terminal can show.
        environ: Environment variables.
        stream: Whether answers are asked for in pieces.
        extra: More fields for every request, such as ``response_format``.
        clock: What answers are timed with, in seconds.
    """

    store: ChatStore
    thread_ids: tuple[str, ...]
    connector: Callable[[int], Connector]
    profiles: Profiles
    profile: Profile
    marks: Marks
    environ: Mapping[str, str]
    stream: bool = True
    extra: Mapping[str, object] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
