"""Starts the full-screen chat."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from sgl.terminal import Terminal

from ..client.connector import Connector
from ..client.wish import Wish
from ..profile.profile import Profile
from ..profile.profiles import Profiles
from ..session.open import Choice, open_thread
from ..store.chat_store import ChatStore
from .app import ChatApp
from .look import ASCII, UNICODE
from .message.picture_chip import load_pictures
from .setup import Setup

COLLECT: Final = (2_000, 8, 1_000)
"""Thresholds of the garbage collector while the screen is there: the youngest are few, the rest is left alone."""

COMPARED: Final = "compared"
"""The label of conversations that were had side by side."""


@dataclass(frozen=True)
class FullScreen:
    """A chat on the whole screen.

    Attributes:
        wishes: Whom to ask: one, or two side by side.
        choice: In which conversation.
        stream: Whether answers are asked for in pieces.
        show_reasoning: Whether ``-R`` was not given.
        extra: More fields for every request, such as ``response_format``.
    """

    wishes: Sequence[Wish]
    choice: Choice
    stream: bool = True
    show_reasoning: bool = True
    extra: Mapping[str, object] = field(default_factory=dict)

    def run(self, store: ChatStore, environ: Mapping[str, str] = os.environ) -> int:
        """Chats until the person leaves; returns the exit code.

        Raises:
            SglError: The profile is wrong, or there is no such conversation.
        """
        load_pictures()
        app = ChatApp(self.setup(store, environ))
        with _errors_to_the_terminal(), _rare_collections():
            code = app.run()
        return code or app.return_code or 0

    def setup(self, store: ChatStore, environ: Mapping[str, str] = os.environ) -> Setup:
        """Decides everything that can be decided before the first frame."""
        profiles = Profiles(environ)
        profile = profiles.load()
        if not self.show_reasoning:
            profile = replace(profile, thinking="hidden")
        return Setup(
            store=store,
            thread_ids=self._threads(store, profile),
            connector=lambda index: Connector(self.wishes[index], environ),
            profiles=profiles,
            profile=profile,
            marks=UNICODE if Terminal(sys.stdout, environ).unicode else ASCII,
            environ=environ,
            stream=self.stream,
            extra=self.extra,
        )

    def _threads(self, store: ChatStore, profile: Profile) -> tuple[str, ...]:
        """The conversation of each pane. With two models the second goes on with a fork."""
        choice = self.choice
        if choice.is_new:
            system = profile.system if choice.system is None else choice.system
            choice = replace(choice, system=system, options={**profile.options, **choice.options})
        first = open_thread(store, choice)
        if len(self.wishes) == 1:
            return (first.id,)
        second = open_thread(store, choice) if choice.is_new else store.threads.fork(first.id)
        for thread in (first, second):
            store.threads.tag(thread.id, [*thread.tags, COMPARED])
        return (first.id, second.id)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """The garbage collector's pauses, up to 0.2 s, would be felt at the keys: it looks at less, and more rarely."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    gc.enable()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@contextmanager
def _errors_to_the_terminal() -> Iterator[None]:
    """Textual draws on standard error: where that was sent elsewhere, it is the terminal's for the time being."""
    if sys.stderr.isatty():
        yield
        return
    kept = os.dup(2)
    os.dup2(1, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
