"""Commands about the program itself: colours, keys, settings, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from sgl.errors import UsageError, echo

from ...text.oneline import one_line
from ..copying import copy_text
from ..desk import Desk
from ..notices import tell
from ..panels.columns_text import ColumnsText
from ..panels.text_screen import TextScreen
from .command import Command
from .complete import names
from .key_rows import key_rows


async def _theme(screen: Desk, text: str) -> None:
    if not text:
        screen.app.search_themes()
        return
    known = screen.app.available_themes
    if text not in known:
        near = get_close_matches(text, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "/theme alone lists them"
        raise UsageError(f"there is no theme {echo(text)}", hint=hint)
    screen.app.theme = text
    tell(screen, f"the theme is {text}; /save-profile keeps it")


def _themes(screen: Desk) -> Sequence[tuple[str, str]]:
    return [(name, "in use" if name == screen.app.theme else "") for name in sorted(screen.app.available_themes)]


async def _keys(screen: Desk, text: str) -> None:
    body = ColumnsText(key_rows(screen.setup.profile.keymap))
    screen.app.push_screen(TextScreen("Keys", body, lambda copied: copy_text(screen, copied)))


async def _save_profile(screen: Desk, text: str) -> None:
    setup, pane = screen.setup, screen.pane
    thread = setup.store.threads.get(pane.thread_id)
    profile = replace(
        setup.profile,
        theme=screen.app.theme,
        system=thread.system,
        options=thread.settings,
        thinking=pane.showing,
    )
    path = await asyncio.to_thread(setup.profiles.save, profile)
    kept = "theme, system prompt, options and how reasoning is shown"
    tell(screen, f"{kept} are those of new chats from now on\n{one_line(str(path))}")


async def _quit(screen: Desk, text: str) -> None:
    screen.app.exit(0)


COMMANDS: Final = (
    Command("/theme", "/theme [NAME]", "Change the colours.", _theme, names(_themes)),
    Command("/keys", "/keys", "List the keys.", _keys),
    Command("/save-profile", "/save-profile", "Keep theme, system prompt and options for new chats.", _save_profile),
    Command("/quit", "/quit", "End. Ctrl+D does so, too.", _quit, aliases=("/exit", "/bye", "/q")),
)
