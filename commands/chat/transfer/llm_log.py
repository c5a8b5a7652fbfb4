"""The ``logs.db`` of the program ``llm``: opened read-only, in both of its shapes.

Newer versions keep a tree of messages like ours (``threads``, ``messages``, ``parts``, ``turns``); older ones a list
of prompts and responses for each conversation (``conversations``, ``responses``). A file may have both; a
conversation that is in both is read once.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sgl.errors import UsageError

from ..images import Picture, image_from_bytes, read_image
from ..store.messages import Role
from ..store.parts import Image, Part, Reasoning, Text, ToolCall, ToolResult
from ..text.oneline import one_line
from . import loose
from .conversation import Conversation, Node, TransferError

Row = Mapping[str, Any]

_ROLES: Final[Mapping[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_TAGS: Final = ("llm",)
_WITHOUT_INDEX: Final = frozenset({"tool_calls", "tool_results", "turns"})
"""Tables that ``llm`` looks through as a whole; here they are read once and sorted by the column asked for."""


def read_llm_log(path: Path) -> list[Conversation]:
    """The conversations of a log, oldest first.

    Raises:
        TransferError: It is not a log of ``llm``, or is damaged.
    """
    connection = None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, isolation_level=None)
        connection.execute("PRAGMA trusted_schema = OFF")
        log = _Log(connection)
        if not log.tables & {"threads", "responses"}:
            hint = "give the logs.db that 'llm logs path' prints"
            raise TransferError(f"{one_line(str(path))} is not a log of llm", hint=hint)
        found = [*_threads(log)]
        known = {name for name, _ in found}
        return [each for _, each in (*found, *_conversations(log, known))]
    except sqlite3.Error as error:
        raise TransferError(f"{one_line(str(path))} cannot be read as a database: {error}") from error
    finally:
        if connection is not None:
            connection.close()


class _Log:
    """Reads whole rows; a table that the file does not have is empty.

    Only real tables are read: a view in a file from elsewhere may compute for ever.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        self._connection = connection
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'create virtual%'"
        self.tables = {row["name"] for row in connection.execute(query)}
        self.pictures: dict[str, Picture] = {}
        self._grouped: dict[str, dict[object, list[Row]]] = {}

    def rows(self, table: str, column: str = "", value: object = None) -> list[Row]:
        """All rows of a table, or those with a value, in the order they were written."""
        if table not in self.tables:
            return []
        if column and table in _WITHOUT_INDEX:
            return self._group(table, column).get(value, [])
        condition = f"WHERE {column} = ?" if column else ""
        cursor = self._connection.execute(
            f"SELECT * FROM {table} {condition} ORDER BY rowid", (value,) if column else ()
        )
        return [dict(row) for row in cursor]

    def _group(self, table: str, column: str) -> dict[object, list[Row]]:
        if table not in self._grouped:
            groups: dict[object, list[Row]] = {}
            for row in self.rows(table):
                groups.setdefault(row.get(column), []).append(row)
            self._grouped[table] = groups
        return self._grouped[table]

    def attachment(self, key: object) -> Part | None:
        """A picture of the log as a part; other files become a note."""
        for row in self.rows("attachments", "id", key):
            if url := loose.text(row.get("url")):
                return Image(loose.text(row.get("type")), url=url)
            try:
                data = row.get("content")
                path = Path(loose.text(row.get("path")))
                picture = image_from_bytes(data) if isinstance(data, bytes) else read_image(path)
            except UsageError:
                return Text(f"[attachment {loose.text(row.get('path')) or loose.text(key)[:12]} is not a picture]")
            sha256 = hashlib.sha256(picture.data).hexdigest()
            self.pictures[sha256] = picture
            return Image(picture.mime, sha256=sha256, name=picture.name)
        return None

    def linked(self, table: str, column: str, value: object, target: str) -> list[object]:
        """The keys that a table of links gives for a value, in their order."""
        rows = sorted(self.rows(table, column, value), key=lambda row: loose.number(row.get("order")) or 0)
        return [row.get(target) for row in rows]

    def fragments(self, keys: Sequence[object]) -> list[str]:
        """The texts of fragments."""
        return [loose.text(row.get("content")) for key in keys for row in self.rows("fragments", "id", key)]


def _threads(log: _Log) -> Iterator[tuple[str, Conversation]]:
    """The newer shape, with the names of the threads."""
    for thread in log.rows("threads"):
        name = loose.text(thread.get("id"))
        turns = log.rows("turns", "thread_id", name)
        replies = {loose.text(turn.get("tip_message_hash")): turn for turn in turns}
        tip = loose.text(thread.get("tip_message_hash"))
        log.pictures = {}
        nodes: dict[str, Node] = {}
        for end in [*replies, tip]:
            _walk(log, end, replies, nodes)
        if nodes:
            title, created = loose.text(thread.get("name")), loose.seconds(thread.get("datetime_utc"))
            pictures = dict(log.pictures)
            yield name, _with_system(title, [*nodes.values()], current=tip, created=created, pictures=pictures)


def _walk(log: _Log, tip: str, replies: Mapping[str, Row], nodes: dict[str, Node]) -> None:
    """Adds the messages from ``tip`` upwards until one that is there already."""
    path: list[Node] = []
    name: str | None = tip
    fresh: set[str] = set()
    while name and name not in nodes and name not in fresh:
        fresh.add(name)
        row = next(iter(log.rows("messages", "hash", name)), None)
        if row is None:
            break
        turn = replies.get(name, {})
        role = _ROLES.get(loose.text(row.get("role")), "user")
        parent = loose.text(row.get("parent_hash")) or None
        model = loose.text(turn.get("resolved_model")) or loose.text(turn.get("model"))
        rows = sorted(log.rows("parts", "message_hash", name), key=lambda each: loose.number(each.get("position")) or 0)
        parts = [part for each in rows for part in _parts(log, each)]
        path.append(Node(name, parent, role, tuple(parts), loose.seconds(turn.get("datetime_utc")), model))
        name = parent
    nodes |= {node.id: node for node in reversed(path)}


def _parts(log: _Log, row: Row) -> list[Part]:
    """One stored part; an unknown kind is dropped."""
    kind, text = loose.text(row.get("type")), loose.text(row.get("text"))
    payload = loose.mapping(_json(row.get("payload")))
    call = loose.text(payload.get("tool_call_id"))
    tool = loose.text(row.get("tool_name")) or loose.text(payload.get("name"))
    if kind == "text":
        pieces = log.fragments(log.linked("part_fragments", "part_id", row.get("id"), "fragment_id"))
        return [Text("\n".join(piece for piece in [*pieces, text] if piece))]
    if kind == "reasoning":
        return [Reasoning(text, tokens=loose.count(payload.get("token_count")))] if text else []
    if kind == "tool_call":
        return [ToolCall(call, tool, json.dumps(payload.get("arguments", {})))]
    if kind == "tool_result":
        output = text or loose.text(payload.get("output"))
        return [ToolResult(call, output, tool, bool(payload.get("exception")))]
    keys = log.linked("part_attachments", "part_id", row.get("id"), "attachment_id") if kind == "attachment" else []
    return [part for key in keys if (part := log.attachment(key)) is not None]


def _conversations(log: _Log, known: set[str]) -> Iterator[tuple[str, Conversation]]:
    """The older shape, without the conversations that are ``known``."""
    names = {loose.text(row.get("id")): loose.text(row.get("name")) for row in log.rows("conversations")}
    by_name: dict[str, list[Row]] = {}
    for row in log.rows("responses"):
        key = loose.text(row.get("conversation_id")) or loose.text(row.get("id"))
        by_name.setdefault(key, []).append(row)
    for name, rows in by_name.items():
        if name in known:
            continue
        rows.sort(key=lambda row: loose.text(row.get("datetime_utc")))
        log.pictures = {}
        nodes: list[Node] = []
        for row in rows:
            _exchange(log, row, nodes)
        system = next((text for row in rows if (text := _system(log, row))), "")
        if nodes:
            yield (
                name,
                Conversation(
                    title=names.get(name, ""),
                    nodes=tuple(nodes),
                    system=system,
                    created=nodes[0].created,
                    updated=nodes[-1].created,
                    pictures=dict(log.pictures),
                    tags=_TAGS,
                ),
            )


def _exchange(log: _Log, row: Row, nodes: list[Node]) -> None:
    """Adds a prompt, the tool results that came with it, and the response."""
    name = loose.text(row.get("id")) or f"response {len(nodes)}"
    created = loose.seconds(row.get("datetime_utc"))

    def add(role: Role, parts: Sequence[Part], model: str = "") -> None:
        if parts:
            parent = nodes[-1].id if nodes else None
            nodes.append(Node(f"{name}/{role}", parent, role, tuple(parts), created, model))

    results = log.rows("tool_results", "response_id", name)
    add("tool", [_result(each) for each in results])
    pieces = log.fragments(log.linked("prompt_fragments", "response_id", name, "fragment_id"))
    prompt = "\n".join(piece for piece in [*pieces, loose.text(row.get("prompt"))] if piece)
    keys = log.linked("prompt_attachments", "response_id", name, "attachment_id")
    asked: list[Part] = [part for key in keys if (part := log.attachment(key)) is not None]
    add("user", [*asked, Text(prompt)] if prompt else asked)
    reasoning, answer = loose.text(row.get("reasoning")), loose.text(row.get("response"))
    said: list[Part] = [Reasoning(reasoning)] if reasoning else []
    said += [Text(answer)] if answer else []
    said += [_call(each) for each in log.rows("tool_calls", "response_id", name)]
    add("assistant", said, loose.text(row.get("resolved_model")) or loose.text(row.get("model")))


def _call(row: Row) -> ToolCall:
    texts = (loose.text(row.get(key)) for key in ("tool_call_id", "name", "arguments"))
    return ToolCall(*texts)


def _result(row: Row) -> ToolResult:
    identity, output, name = (loose.text(row.get(key)) for key in ("tool_call_id", "output", "name"))
    return ToolResult(identity, output, name, bool(row.get("exception")))


def _system(log: _Log, row: Row) -> str:
    pieces = log.fragments(log.linked("system_fragments", "response_id", row.get("id"), "fragment_id"))
    return "\n".join(piece for piece in [*pieces, loose.text(row.get("system"))] if piece)


def _with_system(
    title: str, nodes: list[Node], *, current: str, created: float | None, pictures: Mapping[str, Picture]
) -> Conversation:
    """A system message at the very start becomes the thread's system prompt, as everywhere in our store."""
    starts = [node for node in nodes if node.parent is None]
    system = ""
    if len(starts) == 1 and starts[0].role == "system":
        first = starts[0]
        system = "\n".join(part.text for part in first.parts if isinstance(part, Text))
        nodes = [node for node in nodes if node is not first]
    moments = [node.created for node in nodes if node.created is not None]
    return Conversation(
        title=title,
        nodes=tuple(nodes),
        current=current,
        system=system,
        created=created,
        updated=max(moments, default=created),
        pictures=pictures,
        tags=_TAGS,
    )


def _json(value: object) -> object:
    if not isinstance(value, str):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):  # One part that nobody can read does not cost the conversation.
        return None
