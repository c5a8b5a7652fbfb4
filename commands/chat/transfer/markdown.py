"""A conversation as Markdown, for people: the branch that is shown, with headings for who speaks."""

from __future__ import annotations

from typing import Final

from ..store.chat_store import ChatStore
from ..store.messages import Message
from ..store.parts import Image, Part, Reasoning, Text, ToolCall, ToolResult
from ..text.sanitize import sanitize
from .speaker import moment, speaker

_FENCE: Final = "```"


def write_markdown(store: ChatStore, thread_id: str) -> str:
    """The conversation; text of model and user stands as it is, control characters are dropped."""
    thread = store.threads.get(thread_id)
    blocks = [f"# {thread.title or 'Chat'}", f"*{moment(thread.created)}*"]
    if thread.system:
        blocks += ["## System", sanitize(thread.system)]
    for message in store.messages.path(thread.tip_hash):
        blocks += [f"## {speaker(message)}", *_message_blocks(message)]
    return "\n\n".join(blocks) + "\n"


def _message_blocks(message: Message) -> list[str]:
    blocks = [block for part in message.parts if (block := _block(part))]
    if message.finish_reason not in ("", "stop", "tool_calls"):
        blocks.append(f"*({sanitize(message.finish_reason)})*")
    return blocks


def _block(part: Part) -> str:
    match part:
        case Text():
            return sanitize(part.text).strip("\n")
        case Reasoning():
            return "\n".join(f"> {line}".rstrip() for line in sanitize(part.text).split("\n"))
        case Image():
            return f"![{sanitize(part.name) or 'image'}]({sanitize(part.url) or 'attachment:' + part.sha256[:12]})"
        case ToolCall():
            return f"Calls `{sanitize(part.name)}`:\n\n{_fenced(part.arguments, 'json')}"
        case ToolResult():
            failed = " failed" if part.failed else ""
            return f"`{sanitize(part.name) or 'tool'}`{failed}:\n\n{_fenced(part.output, '')}"


def _fenced(text: str, language: str) -> str:
    """A code block whose fence is longer than any run of backticks in the text."""
    text = sanitize(text).rstrip("\n")
    fence = _FENCE
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"
