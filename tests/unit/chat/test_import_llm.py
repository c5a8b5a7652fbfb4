"""Logs of ``llm``: both shapes, read-only, and damaged ones.

The tables are those that ``llm`` itself makes (its migrations m010 to m021 and m023 to m027), cut to what matters.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sgl_cli.chat.store.chat_store import ChatStore
from sgl_cli.chat.store.parts import Image, Reasoning, Text, ToolCall, ToolResult
from sgl_cli.chat.transfer.conversation import TransferError
from sgl_cli.chat.transfer.importing import import_file

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
OLD = """
CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT, options_json TEXT,
    response TEXT, response_json TEXT, conversation_id TEXT REFERENCES conversations(id), duration_ms INTEGER,
    datetime_utc TEXT, input_tokens INTEGER, output_tokens INTEGER, token_details TEXT, schema_id TEXT,
    resolved_model TEXT, reasoning TEXT);
CREATE TABLE attachments (id TEXT PRIMARY KEY, type TEXT, path TEXT, url TEXT, content BLOB);
CREATE TABLE prompt_attachments (response_id TEXT, attachment_id TEXT, "order" INTEGER,
    PRIMARY KEY (response_id, attachment_id));
CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT, datetime_utc TEXT, source TEXT);
CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER,
    PRIMARY KEY (response_id, fragment_id, "order"));
CREATE TABLE system_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER,
    PRIMARY KEY (response_id, fragment_id, "order"));
CREATE TABLE tool_calls (id INTEGER PRIMARY KEY, response_id TEXT, tool_id INTEGER, name TEXT, arguments TEXT,
    tool_call_id TEXT);
CREATE TABLE tool_results (id INTEGER PRIMARY KEY, response_id TEXT, tool_id INTEGER, name TEXT, output TEXT,
    tool_call_id TEXT, instance_id INTEGER, exception TEXT);
"""
NEW = """
CREATE TABLE messages (hash TEXT PRIMARY KEY, parent_hash TEXT REFERENCES messages(hash), role TEXT,
    provider_metadata TEXT);
CREATE TABLE parts (id INTEGER PRIMARY KEY, message_hash TEXT, position INTEGER, type TEXT, tool_name TEXT, text TEXT,
    payload TEXT);
CREATE TABLE part_attachments (part_id INTEGER, attachment_id TEXT, "order" INTEGER,
    PRIMARY KEY (part_id, attachment_id, "order"));
CREATE TABLE part_fragments (part_id INTEGER, fragment_id INTEGER, "order" INTEGER,
    PRIMARY KEY (part_id, fragment_id, "order"));
CREATE TABLE threads (id TEXT PRIMARY KEY, name TEXT, tip_message_hash TEXT, forked_from TEXT, datetime_utc TEXT);
CREATE TABLE turns (id TEXT PRIMARY KEY, thread_id TEXT, parent_message_hash TEXT, tip_message_hash TEXT, model TEXT,
    resolved_model TEXT, options_json TEXT, schema_id TEXT, input_tokens INTEGER, output_tokens INTEGER,
    token_details TEXT, duration_ms INTEGER, datetime_utc TEXT, response_json TEXT);
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with an old conversation."""
    file = tmp_path / "logs.db"
    connection = sqlite3.connect(file)
    connection.executescript(OLD)
    connection.execute("INSERT INTO conversations VALUES ('c1', 'Old one', 'm')")
    responses = [
        ("r2", "m", "and?", None, "It is 4.", "c1", "2024-01-01T00:00:02", None),
        ("r1", "m", "2+2?", "Be brief", "Let me see.", "c1", "2024-01-01T00:00:01", "hm"),
        ("r3", "m2", "alone", None, "yes", None, "2024-01-02T00:00:00", None),
    ]
    for id, model, prompt, system, response, conversation, moment, reasoning in responses:
        connection.execute(
            "INSERT INTO responses (id, model, prompt, system, response, conversation_id, datetime_utc, reasoning)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (id, model, prompt, system, response, conversation, moment, reasoning),
        )
    connection.execute("INSERT INTO attachments VALUES ('h', 'image/png', NULL, NULL, ?)", (PNG,))
    connection.execute("INSERT INTO prompt_attachments VALUES ('r1', 'h', 0)")
    connection.execute("INSERT INTO fragments VALUES (1, 'f', 'a fragment', NULL, NULL)")
    connection.execute("INSERT INTO prompt_fragments VALUES ('r1', 1, 0)")
    connection.execute("INSERT INTO tool_calls VALUES (1, 'r1', NULL, 'add', '{\"a\": 2}', 't1')")
    connection.execute("INSERT INTO tool_results VALUES (1, 'r2', NULL, 'add', '4', 't1', NULL, NULL)")
    connection.commit()
    connection.close()
    return file


def test_conversations_of_older_versions(store: ChatStore, log: Path) -> None:
    before = log.read_bytes()
    imported = import_file(store, log)
    assert (imported.source, imported.messages, len(imported.threads)) == ("llm", 7, 2)
    thread = next(thread for thread in imported.threads if thread.title == "Old one")
    assert (thread.system, thread.tags) == ("Be brief", ("llm",))
    asked, called, result, again, answer = store.messages.path(thread.tip_hash)
    (picture,) = (part for part in asked.parts if isinstance(part, Image))
    assert store.attachments.get(picture.sha256).data == PNG
    assert asked.text == "a fragment\n2+2?"
    assert called.parts == (Reasoning("hm"), Text("Let me see."), ToolCall("t1", "add", '{"a": 2}'))
    assert result.parts == (ToolResult("t1", "4", "add"),)
    assert (again.text, answer.text, answer.model) == ("and?", "It is 4.", "m")
    assert log.read_bytes() == before
    assert [file.name for file in log.parent.iterdir()] == ["logs.db"]


def test_threads_of_newer_versions_with_their_branches(store: ChatStore, log: Path) -> None:
    connection = sqlite3.connect(log)
    connection.executescript(NEW)
    for hash, parent, role in (
        ("s", None, "system"),
        ("q", "s", "user"),
        ("a", "q", "assistant"),
        ("b", "q", "assistant"),
    ):
        connection.execute("INSERT INTO messages VALUES (?, ?, ?, NULL)", (hash, parent, role))
    parts = [
        ("s", 0, "text", None, "Be kind", None),
        ("q", 1, "attachment", None, None, None),
        ("q", 0, "text", None, "Hello", None),
        ("a", 0, "reasoning", None, "hm", '{"token_count": 3}'),
        ("a", 1, "text", None, "One", None),
        ("b", 0, "tool_call", "f", None, '{"tool_call_id": "t", "arguments": {"x": 1}}'),
        ("b", 1, "from the future", None, "?", "{"),
    ]
    connection.executemany(
        "INSERT INTO parts (message_hash, position, type, tool_name, text, payload) VALUES (?, ?, ?, ?, ?, ?)", parts
    )
    connection.execute("INSERT INTO part_attachments VALUES (2, 'h', 0)")
    connection.execute("INSERT INTO threads VALUES ('t1', 'New one', 'b', NULL, '2026-08-16 08:41:02+00:00')")
    connection.execute("INSERT INTO threads VALUES ('c1', 'moved here', 'a', NULL, NULL)")
    for id, tip in (("u1", "a"), ("u2", "b")):
        connection.execute(
            "INSERT INTO turns (id, thread_id, tip_message_hash, model, datetime_utc) VALUES (?, 't1', ?, 'm', ?)",
            (id, tip, f"2026-08-16T08:41:0{len(id) + len(tip)}+00:00"),
        )
    connection.commit()
    connection.close()
    imported = import_file(store, log)
    titles = sorted(thread.title for thread in imported.threads)
    assert titles == ["New one", "alone", "moved here"]  # Not "Old one": that is c1, which moved.
    thread = next(thread for thread in imported.threads if thread.title == "New one")
    assert (thread.system, thread.created) == ("Be kind", 1786869662.0)
    question, reply = store.messages.path(thread.tip_hash)
    assert question.text == "Hello"
    assert isinstance(question.parts[1], Image)
    assert (reply.parts, reply.model) == ((ToolCall("t", "f", '{"x": 1}'),), "m")
    other = store.messages.siblings(thread.id, reply.hash).previous
    assert other is not None
    assert store.messages.get(other).parts == (Reasoning("hm", tokens=3), Text("One"))


def test_a_circle_in_a_log(store: ChatStore, log: Path) -> None:
    connection = sqlite3.connect(log)
    connection.executescript(NEW)
    connection.execute("INSERT INTO messages VALUES ('a', 'b', 'user', NULL), ('b', 'a', 'assistant', NULL)")
    connection.execute("INSERT INTO threads VALUES ('t', 'circle', 'a', NULL, NULL)")
    connection.commit()
    connection.close()
    assert len(import_file(store, log).threads) == 3


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE responses SET prompt = x'ff00', response = 7, datetime_utc = x'00', model = NULL",
        "UPDATE attachments SET content = 'text', path = '/nowhere', url = x'01'",
        "UPDATE attachments SET content = x'00'",
        "DROP TABLE attachments",
        "DROP TABLE conversations",
        "DROP TABLE fragments; CREATE VIEW fragments AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id FROM n)"
        " SELECT id, '' AS content FROM n",
    ],
)
def test_strange_values_in_a_log(store: ChatStore, log: Path, change: str) -> None:
    connection = sqlite3.connect(log)
    connection.executescript(change)
    connection.close()
    import_file(store, log)


def test_other_databases_are_one_line(store: ChatStore, tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE x (y)")
    connection.execute("CREATE VIEW responses AS SELECT 1 AS id")
    connection.commit()
    connection.close()
    with pytest.raises(TransferError, match="is not a log of llm"):
        import_file(store, file)
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE conversations (name)")
    connection.execute("DROP VIEW responses")
    connection.execute("CREATE TABLE responses (id TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.commit()
    connection.close()
    with pytest.raises(TransferError, match="cannot be read as a database"):
        import_file(store, file)
