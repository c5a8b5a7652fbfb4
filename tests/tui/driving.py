"""Drives the full-screen chat: types, waits for what can be seen, and reads the screen.

Nothing here sleeps for a time: a test waits until something is so, and fails with the screen when it never is.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from sgl_cli.chat.client.wish import Wish
from sgl_cli.chat.session.open import Choice
from sgl_cli.chat.store.chat_store import ChatStore
from sgl_cli.chat.tui.app import ChatApp
from sgl_cli.chat.tui.look import ASCII, UNICODE
from sgl_cli.chat.tui.message.code_block import CodeBlock
from sgl_cli.chat.tui.message.message_view import MessageView
from sgl_cli.chat.tui.message.text_lines import TextLines
from sgl_cli.chat.tui.pane.pane import ChatPane
from sgl_cli.chat.tui.run import FullScreen
from sgl_cli.chat.tui.screen import ChatScreen
from tests.fake_openai import Answer, FakeOpenAI, piece, usage

from .picture import screen_text, stable_svg

SIZE: Final = (100, 30)
SECONDS: Final = 60.0
"""How long anything may take; much more than it does."""

HANGS_SECONDS: Final = 120.0
"""How long a chat may run; Textual waits for itself for ever when a handler waits for another."""

LOOK_SECONDS: Final = 0.01
NAMED: Final = {" ": "space", "\n": "ctrl+j", "/": "slash"}

TICK: Final = 0.02


class StepClock:
    """Time that passes with each look at it, for each thread by itself: figures are the same on every machine."""

    def __init__(self) -> None:
        self._local = threading.local()

    def __call__(self) -> float:
        """Seconds."""
        if not hasattr(self._local, "ticks"):
            self._local.ticks = itertools.count()
        ticks: itertools.count[int] = self._local.ticks
        return TICK * next(ticks)


@dataclass(frozen=True)
class Running:
    """A chat that runs, and what a person can do with it.

    Attributes:
        app: The app.
        pilot: Textual's driver.
        fake: The endpoint.
        store: Where conversations are kept.
    """

    app: ChatApp
    pilot: Pilot[int]
    fake: FakeOpenAI
    store: ChatStore

    @property
    def screen(self) -> ChatScreen:
        """The chat's screen, whatever stands on top of it."""
        return self.app.chat

    @property
    def pane(self) -> ChatPane:
        """The first pane."""
        return self.screen.panes[0]

    @property
    def views(self) -> list[MessageView]:
        """The messages that are mounted in the first pane."""
        return self.pane.transcript.views

    @property
    def streaming(self) -> bool:
        """Whether an answer comes anywhere."""
        return any(pane.streaming for pane in self.screen.panes)

    @property
    def said(self) -> list[tuple[str, str]]:
        """The branch that is shown, from the store: who and what."""
        return [(message.role, message.text) for message in self.pane.path]

    async def press(self, *keys: str) -> None:
        """Presses keys, as Textual names them."""
        await self.pilot.press(*keys)
        await self.pilot.pause(0)

    async def type(self, text: str) -> None:
        """Types letters; a newline is Ctrl+J."""
        for letter in text:  # Not `Pilot.press`, which rests after each key until the processor is idle.
            key = NAMED.get(letter, letter)
            self.app.post_message(Key(key, None if letter == "\n" else letter))
        await self.pilot.pause(0)
        await self.pilot.pause(0)

    async def ask(self, text: str) -> None:
        """Types a question and sends it; waits until the server has it."""
        asked = len(self.fake.requests)
        await self.type(text)
        await self.press("enter")
        await self.wait_for(lambda: len(self.fake.requests) > asked)

    async def say(self, text: str) -> None:
        """Asks, and waits until the answer has ended."""
        await self.ask(text)
        await self.ended()

    async def ended(self) -> None:
        """Waits until no answer comes any more and the screen shows so."""
        await self.wait_for(lambda: not self.streaming)
        await self.settled()

    async def click_copy(self) -> None:
        """Clicks on the word that copies the first block of code."""
        lines = next(each for each in self.screen.query(TextLines) if code_rows(each))
        await self.pilot.click(lines, offset=(lines.outer_size.width - 2, code_rows(lines)[0]))

    async def wait_for(self, so: Callable[[], object], seconds: float = SECONDS) -> None:
        """Waits until something is so."""
        deadline = time.monotonic() + seconds
        while not so():
            if time.monotonic() > deadline:
                raise AssertionError(f"this never came to be; the screen:\n{self.text()}")
            await asyncio.sleep(LOOK_SECONDS)  # Not `Pilot.pause`, which asks every widget first.
        await self.pilot.pause(0)

    async def see(self, words: str, seconds: float = SECONDS) -> None:
        """Waits until words are on the screen."""
        await self.wait_for(lambda: words in self.text(), seconds)

    async def gone(self, words: str, seconds: float = SECONDS) -> None:
        """Waits until words are not on the screen any more."""
        await self.wait_for(lambda: words not in self.text(), seconds)

    async def settled(self) -> None:
        """Waits until the screen stays as it is."""
        before = ""
        for _ in range(200):
            await self.pilot.pause(LOOK_SECONDS)
            now = self.svg()
            if now == before:
                return
            before = now
        raise AssertionError(f"the screen never comes to rest:\n{self.text()}")

    async def resize(self, columns: int, rows: int) -> None:
        """Makes the terminal another size."""
        await self.pilot.resize_terminal(columns, rows)
        await self.pilot.pause()

    async def focus_message(self, at: int) -> MessageView:
        """Puts the focus on a message, as Alt+Up would."""
        view = self.views[at]
        view.focus()
        await self.wait_for(lambda: view.has_focus)
        return view

    def svg(self) -> str:
        """The screen as a picture that is the same on every machine."""
        for field in (*self.app.screen.query(TextArea), *self.app.screen.query(Input)):
            field.cursor_blink = False
        return stable_svg(self.app.export_screenshot(simplify=True))

    def text(self) -> str:
        """The screen as lines."""
        return screen_text(self.app.export_screenshot(simplify=True))

    def notices(self) -> list[str]:
        """What was notified and is still shown."""
        return [notice.message for notice in self.app._notifications]


@asynccontextmanager
async def driving(
    fake: FakeOpenAI,
    store: ChatStore,
    home: Path,
    *answers: Answer,
    size: tuple[int, int] = SIZE,
    wishes: Sequence[Wish] | None = None,
    choice: Choice | None = None,
    environ: Mapping[str, str] | None = None,
    unicode: bool = True,
    ready: bool = True,
    show_reasoning: bool = True,
) -> AsyncIterator[Running]:
    """Runs a chat.

    Args:
        fake: The endpoint.
        store: Where conversations are kept.
        home: A folder that is HOME, with all of XDG's folders below it.
        answers: What the endpoint answers, in order; the last one stays.
        size: Columns and rows.
        wishes: Whom to ask; the endpoint by default.
        choice: In which conversation; a new one by default.
        environ: More variables.
        unicode: Whether the terminal can show more than ASCII.
        ready: Whether to wait until every pane has its server.
        show_reasoning: False for ``-R``.
    """
    if answers:
        fake.script = list(answers)
    variables = {**home_environ(home), **(environ or {})}
    full = FullScreen(wishes or [Wish(url=fake.url)], choice or Choice(), show_reasoning=show_reasoning)
    setup = replace(full.setup(store, variables), marks=UNICODE if unicode else ASCII, clock=StepClock())
    app = ChatApp(setup)
    app.animation_level = "none"
    async with _watched(), app.run_test(size=size, notifications=True) as pilot:
        running = Running(app, pilot, fake, store)
        if ready:
            await running.wait_for(lambda: all(pane.session is not None for pane in app.chat.panes))
        await running.settled()
        yield running


@asynccontextmanager
async def _watched() -> AsyncIterator[None]:
    """Fails a test that hangs, and shows what every task waits for."""
    task = asyncio.current_task()
    assert task is not None

    def give_up() -> None:
        for each in asyncio.all_tasks():
            each.print_stack(limit=4)
        task.cancel("the chat hangs")

    timer = asyncio.get_running_loop().call_later(HANGS_SECONDS, give_up)
    try:
        yield
    finally:
        timer.cancel()


def home_environ(home: Path) -> dict[str, str]:
    """Variables of a person who has set nothing."""
    places = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(home), **places}


def words_of(*texts: str, reasoning: Sequence[str] = (), reason: str = "stop", gate: Any = None) -> Answer:
    """An answer in pieces; ``gate`` stands between the first half of the texts and the second."""
    pieces: list[Any] = [piece(reasoning_content=text) for text in reasoning]
    said: list[Any] = [piece(content=text) for text in texts]
    if gate is not None:
        said.insert(len(said) // 2, gate)
    return Answer([*pieces, *said, piece(finish_reason=reason), usage(12, len(reasoning) + len(texts), 8)])


def code_rows(lines: TextLines) -> list[int]:
    """The rows on which blocks of code begin."""
    starts = lines._rows(lines.size.width).starts
    return [start for start, block in zip(starts, lines.blocks, strict=True) if isinstance(block, CodeBlock)]


def marked_words(lines: TextLines) -> list[str]:
    """What is marked as found."""
    contents = [block.content(lines._look(lines.size.width, block)) for block in lines.blocks]
    spans = [(shown, span) for shown in contents for span in shown.spans if "reverse" in str(span.style)]
    return [shown.plain[span.start : span.end] for shown, span in spans]
