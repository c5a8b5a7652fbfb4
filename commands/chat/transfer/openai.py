"""Messages as OpenAI's chat API takes them: for requests, and for the export to JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..images import Picture
from ..store.attachments import Attachment
from ..store.chat_store import ChatStore
from ..store.messages import Message
from ..store.parts import Image, Part, Text, ToolCall, ToolResult, plain_text

Load = Callable[[str], Attachment]
"""Gives the bytes of a picture: `Attachments.get`."""


def request_messages(messages: Iterable[Message], load: Load, *, system: str = "") -> list[dict[str, Any]]:
    """A path of the tree as the field ``messages`` of a request.

    Reasoning is left out: templates of reasoning models drop it from earlier replies, too. A message without
    anything else is left out as well.

    Args:
        messages: From the first to the one to answer.
        load: Gives the bytes of pictures.
        system: The system prompt; empty for none.
    """
    result: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for message in messages:
        result += _convert(message, load)
    return result


def write_jsonl(store: ChatStore, thread_ids: Sequence[str]) -> str:
    """One line for each conversation, with the branch that is shown: the form of training data."""
    lines = []
    for thread_id in thread_ids:
        thread = store.threads.get(thread_id)
        path = store.messages.path(thread.tip_hash)
        messages = request_messages(path, store.attachments.get, system=thread.system)
        lines.append(json.dumps({"messages": messages}) + "\n")
    return "".join(lines)


def _convert(message: Message, load: Load) -> list[dict[str, Any]]:
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    if message.role == "tool":
        return [{"role": "tool", "tool_call_id": result.id, "content": result.output} for result in results]
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    content = _content(message.parts, load)
    if not content and not calls:
        return []
    converted: dict[str, Any] = {"role": message.role, "content": content or None}
    return [converted | {"tool_calls": calls} if calls else converted]


def _content(parts: Sequence[Part], load: Load) -> str | list[dict[str, Any]]:
    if not any(isinstance(part, Image) for part in parts):
        return plain_text(parts)
    content: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, Image) and part.url:
            content.append({"type": "image_url", "image_url": {"url": part.url}})
        elif isinstance(part, Image):
            found = load(part.sha256)
            content.append(Picture(found.mime, found.data).part)
    return content


def _call(part: ToolCall) -> dict[str, Any]:
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
