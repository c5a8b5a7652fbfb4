"""Open WebUI's export: a list of chats, each a tree in ``chat.history`` (a plain list in early versions)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from html import unescape
from typing import Any, Final

from sgl.errors import UsageError

from ..images import Picture, image_from_uri
from ..store.messages import Role
from ..store.parts import Image, Part, Reasoning, Text
from ..text.thinking import ThinkSplitter
from . import loose
from .conversation import Conversation, Node, nearest_kept

_ROLES: Final[Mapping[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
_DETAILS: Final = '<details type="reasoning"'
_DETAILS_END: Final = "</details>"
_SUMMARY_END: Final = "</summary>"
_DURATION: Final = 'duration="'


def is_openwebui(value: object) -> bool:
    """Whether this is the export, or one chat of it."""
    entries = value if isinstance(value, list) else [value]
    chats = [loose.mapping(loose.mapping(entry).get("chat")) for entry in entries]
    return any("history" in chat or "messages" in chat for chat in chats)


def read_openwebui(entry: object) -> Conversation | None:
    """One chat; None when nothing was said in it."""
    outer = loose.mapping(entry)
    chat = loose.mapping(outer.get("chat"))
    history = loose.mapping(chat.get("history"))
    raw = _tree(history, chat)
    parents = {name: loose.text(node.get("parentId")) or None for name, node in raw.items()}
    pictures: dict[str, Picture] = {}
    nodes = {name: node for name, value in raw.items() if (node := _node(name, value, pictures)) is not None}
    if not nodes:
        return None
    above = nearest_kept(parents, nodes)
    kept = [Node(**{**vars(node), "parent": above[name]}) for name, node in nodes.items()]
    kept.sort(key=lambda node: node.created or 0.0)
    params = loose.mapping(chat.get("params"))
    current = loose.text(history.get("currentId"))
    labels = [*loose.items(loose.mapping(outer.get("meta")).get("tags")), *loose.items(chat.get("tags"))]
    return Conversation(
        title=loose.text(outer.get("title")) or loose.text(chat.get("title")),
        nodes=tuple(kept),
        current=current if current in nodes else above.get(current),
        system=loose.text(chat.get("system")) or loose.text(params.get("system")),
        tags=("open-webui", *(tag for tag in map(loose.text, labels) if tag)),
        archived=outer.get("archived") is True,
        pinned=outer.get("pinned") is True,
        created=loose.seconds(outer.get("created_at", chat.get("timestamp"))),
        updated=loose.seconds(outer.get("updated_at")),
        pictures=pictures,
    )


def _tree(history: Mapping[str, Any], chat: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The messages by name; those of a plain list follow each other unless they name their parents."""
    tree = {name: loose.mapping(node) for name, node in loose.mapping(history.get("messages")).items()}
    if tree:
        return tree
    before: str | None = None
    for number, value in enumerate(loose.items(chat.get("messages"))):
        message = loose.mapping(value)
        name = loose.text(message.get("id")) or f"message {number}"
        tree[name] = {"parentId": before, **message}
        before = name
    return tree


def _node(name: str, value: Mapping[str, Any], pictures: dict[str, Picture]) -> Node | None:
    role = _ROLES.get(loose.text(value.get("role")))
    if role is None:
        return None
    parts: list[Part] = [part for each in loose.items(value.get("files")) if (part := _file(each, pictures))]
    content = loose.text(value.get("content"))
    parts += _reply(content) if role == "assistant" else ([Text(content)] if content else [])
    if not parts:
        return None
    return Node(
        id=name,
        parent=None,
        role=role,
        parts=tuple(parts),
        created=loose.seconds(value.get("timestamp")),
        model=loose.text(value.get("model")),
        finish_reason="interrupted" if value.get("done") is False else "",
    )


def _file(value: object, pictures: dict[str, Picture]) -> Part | None:
    """A picture that is in the export, one that is on the web, or a note about a file."""
    entry = loose.mapping(value)
    url, name = loose.text(entry.get("url")), loose.text(entry.get("name"))
    if entry.get("type") != "image":
        return Text(f"[file {name} is not in the export]") if name else None
    if url.startswith(("http://", "https://")):
        return Image("", url=url, name=name)
    try:
        picture = image_from_uri(url)
    except UsageError:  # A name on the server that made the export, or no picture at all.
        return Text(f"[picture {name} is not in the export]".replace("  ", " "))
    key = hashlib.sha256(picture.data).hexdigest()
    pictures[key] = picture
    return Image(picture.mime, sha256=key, name=name)


def _reply(content: str) -> list[Part]:
    """Parts reasoning from answer: in a block of its own kind, or in tags."""
    seconds: float | None = None
    start = content.find(_DETAILS)
    end = content.find(_DETAILS_END, start)
    if start >= 0 and end >= 0:
        head, _, body = content[start:end].partition(_SUMMARY_END)
        _, _, duration = head.partition(_DURATION)
        digits = duration.partition('"')[0]
        seconds = float(digits) if digits.isascii() and digits.isdigit() else None
        lines = (line.removeprefix(">").removeprefix(" ") for line in unescape(body).strip().split("\n"))
        reasoning = "\n".join(lines)
        text = (content[:start] + content[end + len(_DETAILS_END) :]).strip("\n")
    else:
        splitter = ThinkSplitter()
        splitter.feed(content)
        splitter.close()
        reasoning, text = splitter.reasoning, splitter.text
    parts: list[Part] = [Reasoning(reasoning, seconds)] if reasoning else []
    return [*parts, Text(text)] if text else parts
