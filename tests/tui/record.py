"""``python -m tests.tui.record``: takes README's picture of the chat, docs/chat.svg, from a real server.

It starts `sgl serve` for the built-in model, asks it three questions, and exports the screen.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from textual.pilot import Pilot

from sgl_cli.chat.client.wish import Wish
from sgl_cli.chat.session.open import Choice
from sgl_cli.chat.store.chat_store import memory_store
from sgl_cli.chat.tui.app import ChatApp
from sgl_cli.chat.tui.run import FullScreen
from tests.conftest import ROOT

from .picture import stable_svg

PLACE: Final = ROOT / "docs" / "chat.svg"
SIZE: Final = (100, 30)
QUESTIONS: Final = ("What is the capital of France?", "What is 3 + 4?", "Tell me a story about a dog.")


SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.05


async def until(so: Callable[[], bool], pilot: Pilot[int]) -> None:
    """Waits until something is so."""
    deadline = time.monotonic() + SECONDS
    while not so():
        if time.monotonic() > deadline:
            raise SystemExit("the picture could not be taken: this took too long")
        await pilot.pause(LOOK_SECONDS)


async def take() -> str:
    """The picture."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="sgl-picture"))
        environ = {"HOME": home, "PATH": os.environ["PATH"]}
        store = stack.enter_context(memory_store())
        wishes = [Wish(model="builtin")]
        app = ChatApp(FullScreen(wishes, Choice(options={"temperature": 0.0})).setup(store, environ))
        async with app.run_test(size=SIZE) as pilot:
            pane = app.chat.pane
            await until(lambda: pane.session is not None, pilot)
            for number, question in enumerate(QUESTIONS):
                app.chat.composer.put(question)
                app.chat.composer.send()
                messages = 2 * number + 2
                await until(lambda messages=messages: len(pane.path) == messages and not pane.streaming, pilot)
            await pilot.press("alt+up")
            await pilot.pause(0.5)
            return stable_svg(app.export_screenshot(title="sgl chat"))


if __name__ == "__main__":
    PLACE.write_text(asyncio.run(take()), encoding="utf-8")
    print(f"wrote {PLACE.relative_to(Path.cwd()) if PLACE.is_relative_to(Path.cwd()) else PLACE}")
