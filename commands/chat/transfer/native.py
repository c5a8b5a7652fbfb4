"""Our own JSON: everything that the store knows about conversations, so that nothing is lost on the way back.

``{"format": "sgl-chat", "version": 1, "threads": [...], "attachments": [...]}``; a message has the fields of
`sgl_cli.chat.store.messages.Message`, and its hash is the same after an import.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from sgl.errors import UsageError, echo

from ..images import Picture, image_from_bytes
from ..store.chat_store import ChatStore
from ..store.messages import ROLES, Message
from ..store.parts import Image, part_from_json, part_to_json
from ..store.threads import Thread
from ..store.turns import Figures, Turn
from . import loose
from .conversation import Conversation, Node, PastTurn, TransferError

FORMAT: Final = "sgl-chat"
VERSION: Final = 1
_THREAD_FIELDS: Final = ("id", "title", "tip_hash", "forked_from", "archived", "pinned", "system", "created", "updated")


def write_native(store: ChatStore, thread_ids: Sequence[str]) -> str:
    """Whole conversations, every branch, with figures and pictures."""
    pictures: dict[str, dict[str, str]] = {}
    threads = []
    for thread_id in thread_ids:
        thread, tree = store.threads.get(thread_id), store.messages.tree(thread_id)
        turns = [_turn_to_json(turn) for turn in store.turns.of_thread(thread_id)]
        threads.append(
            _thread_to_json(thread) | {"messages": [_message_to_json(each) for each in tree], "turns": turns}
        )
        for key in (part.sha256 for message in tree for part in message.parts if isinstance(part, Image)):
            if key and key not in pictures:
                found = store.attachments.get(key)
                data = base64.b64encode(found.data).decode()
                pictures[key] = {"sha256": key, "mime": found.mime, "data": data}
    whole = {"format": FORMAT, "version": VERSION, "threads": threads, "attachments": list(pictures.values())}
    return json.dumps(whole, indent=1) + "\n"


def is_native(value: object) -> bool:
    """Whether this is our format, of any version."""
    return loose.mapping(value).get("format") == FORMAT


def read_native(value: object) -> list[Conversation]:
    """The conversations of a file of ours.

    Raises:
        TransferError: It is of a newer version, or somebody has damaged it.
    """
    whole = loose.mapping(value)
    if whole.get("version") != VERSION:
        hint = "upgrade sgl, or export again as md"
        raise TransferError(f"the file is of version {echo(whole.get('version'))} of sgl's export", hint=hint)
    try:
        pictures = dict(_picture(each) for each in loose.items(whole.get("attachments")))
        return [_conversation(each, pictures) for each in loose.items(whole.get("threads"))]
    except (ValueError, UsageError) as error:
        raise TransferError(f"the file is damaged: {error}") from error


def _thread_to_json(thread: Thread) -> dict[str, Any]:
    plain = {name: getattr(thread, name) for name in _THREAD_FIELDS}
    return plain | {"tags": list(thread.tags), "settings": dict(thread.settings)}


def _message_to_json(message: Message) -> dict[str, Any]:
    return vars(message) | {"parts": [part_to_json(part) for part in message.parts]}


def _turn_to_json(turn: Turn) -> dict[str, Any]:
    names = ("parent_hash", "tip_hash", "url", "model", "started", "finish_reason", "error")
    plain = {name: getattr(turn, name) for name in names}
    return plain | {"params": dict(turn.params), "figures": dict(vars(turn.figures))}


def _picture(value: object) -> tuple[str, Picture]:
    entry = loose.mapping(value)
    try:
        data = base64.b64decode(loose.text(entry.get("data")), validate=True)
    except binascii.Error as error:
        raise ValueError("the bytes of a picture are not in base 64") from error
    if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
        raise ValueError("the bytes of a picture are not the ones that were exported")
    return entry["sha256"], image_from_bytes(data)


def _conversation(value: object, pictures: Mapping[str, Picture]) -> Conversation:
    thread = loose.mapping(value)
    nodes = tuple(_node(each) for each in loose.items(thread.get("messages")))
    used = {part.sha256 for node in nodes for part in node.parts if isinstance(part, Image)}
    return Conversation(
        title=loose.text(thread.get("title")),
        nodes=nodes,
        current=loose.text(thread.get("tip_hash")),
        system=loose.text(thread.get("system")),
        tags=tuple(map(loose.text, loose.items(thread.get("tags")))),
        settings=loose.mapping(thread.get("settings")),
        archived=thread.get("archived") is True,
        pinned=thread.get("pinned") is True,
        created=loose.number(thread.get("created")),
        updated=loose.number(thread.get("updated")),
        pictures={key: picture for key, picture in pictures.items() if key in used},
        turns=tuple(_turn(loose.mapping(each)) for each in loose.items(thread.get("turns"))),
    )


def _node(value: object) -> Node:
    entry = loose.mapping(value)
    role = entry.get("role")
    if role not in ROLES:
        raise ValueError(f"unknown role {echo(role)}")
    if not isinstance(entry.get("hash"), str):
        raise ValueError("a message has no hash")
    return Node(
        id=entry["hash"],
        parent=loose.text(entry.get("parent_hash")) or None,
        role=role,
        parts=tuple(part_from_json(part) for part in loose.items(entry.get("parts"))),
        created=loose.number(entry.get("created")),
        model=loose.text(entry.get("model")),
        finish_reason=loose.text(entry.get("finish_reason")),
        nonce=loose.text(entry.get("nonce")),
    )


def _turn(entry: Mapping[str, Any]) -> PastTurn:
    figures = loose.mapping(entry.get("figures"))
    whole = {"input_tokens", "output_tokens", "cached_tokens"}
    values: dict[str, Any] = {
        field.name: (loose.count if field.name in whole else loose.number)(figures.get(field.name))
        for field in fields(Figures)
    }
    return PastTurn(
        reply=loose.text(entry.get("tip_hash")) or None,
        parent=loose.text(entry.get("parent_hash")) or None,
        url=loose.text(entry.get("url")),
        model=loose.text(entry.get("model")),
        params=loose.mapping(entry.get("params")),
        started=loose.number(entry.get("started")) or 0.0,
        figures=Figures(**values),
        finish_reason=loose.text(entry.get("finish_reason")),
        error=loose.text(entry.get("error")),
    )
