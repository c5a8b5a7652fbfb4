"""Commands that take something out of the chat: to a file, to the clipboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sgl.errors import UsageError, echo

from ...outside.paths import complete_path
from ...text.fences import code_blocks
from ...transfer.export import FORMATS
from ..copying import copy_text
from ..desk import Desk
from ..exporting import export_chat
from .command import Choice, Command
from .complete import words

_SUFFIXES: Final = {".md": "md", ".markdown": "md", ".html": "html", ".htm": "html", ".json": "json", ".jsonl": "jsonl"}
_CODE: Final = "code"


async def _export(screen: Desk, text: str) -> None:
    format, _, name = text.partition(" ")
    if format not in FORMATS:
        suffix = Path(text).suffix.lower()
        if text and suffix not in _SUFFIXES:
            raise UsageError(f"a chat cannot be exported as {echo(format)}", hint=f"formats: {', '.join(FORMATS)}")
        format, name = _SUFFIXES.get(suffix, "md"), text
    export_chat(screen, format, Path(name.strip()) if name.strip() else None)


def _complete_export(screen: Desk, text: str) -> Sequence[Choice]:
    format, blank, start = text.partition(" ")
    if blank:
        found = complete_path(start, screen.setup.environ)
        return [Choice(f"{format} {name}", name, complete=not name.endswith("/")) for name in found]
    return words(
        ("md", "Markdown, to read"),
        ("json", "everything, to import again"),
        ("html", "a page for a browser"),
        ("jsonl", "messages as OpenAI's API takes them"),
    )(screen, text)


async def _copy(screen: Desk, text: str) -> None:
    answers = [message.text for message in reversed(screen.pane.path) if message.role == "assistant"]
    if not answers:
        raise UsageError("there is no answer to copy yet")
    if text == _CODE:
        blocks = next((found for found in map(code_blocks, answers) if found), ())
        if not blocks:
            raise UsageError("there is no code in the answers")
        copy_text(screen, blocks[-1].content)
        return
    try:
        number = int(text or "1")
        if not 1 <= number <= len(answers):
            raise ValueError(text)
    except ValueError as error:
        hint = "1 is the last answer; /copy code takes the last code"
        raise UsageError(f"/copy expects a number from 1 to {len(answers)}, got {echo(text)}", hint=hint) from error
    copy_text(screen, answers[number - 1])


COMMANDS: Final = (
    Command(
        "/export",
        "/export [md|json|html|jsonl] [FILE]",
        "Write this chat to a file.",
        _export,
        _complete_export,
    ),
    Command(
        "/copy",
        "/copy [N|code]",
        "Copy the last answer, the Nth from the end, or the last code.",
        _copy,
        words((_CODE, "the last code")),
    ),
)
