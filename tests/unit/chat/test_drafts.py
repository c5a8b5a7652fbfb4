"""Replies while they stream: nothing that was read is lost, however the process ends."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sgl_cli.chat.store import drafts
from sgl_cli.chat.store.chat_store import ChatStore, open_store
from sgl_cli.chat.store.database import Missing, open_database
from sgl_cli.chat.store.messages import Message
from sgl_cli.chat.store.parts import Reasoning, Text

STREAMER = """
import sys, time
from pathlib import Path
from sgl_cli.chat.store.chat_store import open_store
from sgl_cli.chat.store.parts import Reasoning, Text
store = open_store(Path(sys.argv[1]))
thread = store.threads.new()
prompt = store.messages.append(thread.id, "user", "count")
draft = store.drafts.begin(thread.id, prompt.hash, url="http://x", model="m", params={"seed": 1})
text = ""
print(thread.id, flush=True)
for number in range(100_000):
    text += f"{number} "
    draft.update((Reasoning("hm"), Text(text)))
    print(time.monotonic(), len(text), flush=True)
    time.sleep(0.005)
"""
"""Shows a growing text; each line says when how many characters were shown."""

TALKER = """
import sys
from pathlib import Path
from sgl_cli.chat.store.chat_store import open_store
from sgl_cli.chat.store.parts import Text
store = open_store(Path(sys.argv[1]))
thread = store.threads.new()
print(thread.id, flush=True)
for number in range(100_000):
    prompt = store.messages.append(thread.id, "user", str(number))
    draft = store.drafts.begin(thread.id, prompt.hash)
    draft.update((Text(f"reply {number}"),))
    draft.save()
    draft.finish("stop")
    print(number, flush=True)
"""
"""Answers itself as fast as it can; each line is a reply that was finished."""

PROMISE_SECONDS = 0.1
SLACK_SECONDS = 1.0
"""For a machine that is busy with other tests; an idle one needs none."""


def killed(program: str, path: Path, seconds: float) -> list[str]:
    """Runs a program, kills it ``seconds`` after its first line, and returns what it printed."""
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == -9
    lines = [first, *rest.splitlines(keepends=True)]
    return [line.rstrip("\n") for line in lines if line.endswith("\n")]


def prompt_in(store: ChatStore) -> Message:
    return store.messages.append(store.threads.new().id, "user", "q")


def thread_of(store: ChatStore) -> str:
    return store.threads.summaries()[0].thread.id


@pytest.mark.parametrize("seed", range(4))
def test_kill_9_loses_nothing_that_was_there_a_moment_before(path: Path, seed: int) -> None:
    end = random.Random(seed).uniform(0.1, 2.6)
    thread_id, *shown = killed(STREAMER, path, end)
    with open_store(path) as store:
        assert store._database.rows("SELECT * FROM draft") == []
        assert list(path.with_name("chat.db-live").iterdir()) == []
        # What was read ahead with the first line is not among the rest, which may begin within a line.
        moments = [(float(words[0]), int(words[1])) for words in map(str.split, shown) if len(words) == 2]
        last = moments[-1][0] if moments else 0.0
        promised = max(
            (length for moment, length in moments if moment < last - PROMISE_SECONDS - SLACK_SECONDS), default=0
        )
        path_there = store.messages.path(store.threads.get(thread_id).tip_hash)
        text = path_there[-1].text if len(path_there) == 2 else ""
        assert len(text) >= promised
        assert "".join(f"{number} " for number in range(1000)).startswith(text)
        if text:
            reply = path_there[-1]
            assert store.recovered == (reply,)
            assert (reply.finish_reason, reply.model, reply.reasoning) == ("interrupted", "m", "hm")
            turn = store.turns.of_message(reply.hash)
            assert turn is not None
            assert (turn.url, turn.params, turn.finish_reason) == ("http://x", {"seed": 1}, "interrupted")
            assert store.search.find("count")
    with open_store(path) as store:
        assert store.recovered == ()


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_the_end_of_a_reply_keeps_it_once(path: Path, seed: int) -> None:
    thread_id, *finished = killed(TALKER, path, random.Random(seed).uniform(0.05, 0.5))
    with open_store(path) as store:
        shown = store.messages.path(store.threads.get(thread_id).tip_hash)
        assert store.messages.tree(thread_id) == shown  # No reply twice, none beside the path.
        replies = [message.text for message in shown if message.role == "assistant"]
        assert replies == [f"reply {number}" for number in range(len(replies))]
        assert len(finished) <= len(replies) <= len(finished) + 1


def test_a_living_process_keeps_its_draft(path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STREAMER, str(path)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        with open_store(path) as store:
            assert store.recovered == ()
            assert len(store._database.rows("SELECT * FROM draft")) == 1
    finally:
        process.kill()
        process.communicate(timeout=60)
    with open_store(path) as store:
        assert store._database.rows("SELECT * FROM draft") == []


def test_the_text_is_on_disk_within_a_second_without_further_calls(path: Path) -> None:
    with open_store(path) as store:
        prompt = prompt_in(store)
        draft = store.drafts.begin(thread_of(store), prompt.hash)
        draft.update([Text("shown, and then the server stalls")])
        deadline = time.monotonic() + PROMISE_SECONDS + SLACK_SECONDS
        while "stalls" not in store._database.rows("SELECT parts FROM draft")[0]["parts"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        draft.discard()
        assert store.messages.children(thread_of(store), prompt.hash) == []
        assert store.turns.of_thread(thread_of(store)) == []


def test_finishing_makes_a_message_and_moves_the_tip(store: ChatStore) -> None:
    prompt = prompt_in(store)
    draft = store.drafts.begin(thread_of(store), prompt.hash, model="m")
    draft.update([Reasoning("r", 1.5, 7), Text("te")])
    reply = draft.finish("length", parts=[Reasoning("r", 1.5, 7), Text("text")])
    assert reply is not None
    assert (reply.text, reply.reasoning, reply.finish_reason, reply.nonce) == ("text", "r", "length", draft.id)
    assert store.threads.get(thread_of(store)).tip_hash == reply.hash
    assert store._database.rows("SELECT * FROM draft") == []


def test_regenerated_replies_are_siblings_even_when_equal(store: ChatStore) -> None:
    prompt = prompt_in(store)
    replies = [store.drafts.begin(thread_of(store), prompt.hash).finish("stop", parts=[Text("same")]) for _ in range(3)]
    assert replies[1] is not None
    siblings = store.messages.siblings(thread_of(store), replies[1].hash)
    assert siblings.label == "2/3"
    assert siblings.hashes == tuple(reply.hash for reply in replies if reply is not None)


def test_a_continued_reply_is_a_sibling_that_begins_with_the_old_one(store: ChatStore) -> None:
    prompt = prompt_in(store)
    old = store.drafts.begin(thread_of(store), prompt.hash).finish("length", parts=[Text("one, ")])
    assert old is not None
    draft = store.drafts.begin(thread_of(store), old.parent_hash, parts=old.parts)
    assert draft.parts == old.parts
    new = draft.finish("stop", parts=[Text("one, two")])
    assert new is not None
    assert store.messages.children(thread_of(store), prompt.hash) == [old.hash, new.hash]


@pytest.mark.parametrize("parts", [[], [Text("")], [Reasoning(""), Text("")]])
def test_an_empty_reply_leaves_only_its_turn(store: ChatStore, parts: list[Text]) -> None:
    prompt = prompt_in(store)
    draft = store.drafts.begin(thread_of(store), prompt.hash)
    assert draft.finish("error", parts=parts, error="HTTP 500") is None
    assert store.threads.get(thread_of(store)).tip_hash == prompt.hash
    (turn,) = store.turns.of_thread(thread_of(store))
    assert (turn.tip_hash, turn.error) == (None, "HTTP 500")


def test_closing_the_store_keeps_open_drafts(path: Path) -> None:
    with open_store(path) as store:
        prompt = prompt_in(store)
        store.drafts.begin(thread_of(store), prompt.hash).update([Text("half")])
    with open_store(path) as store:
        assert store.recovered == ()
        (reply,) = store.messages.children(thread_of(store), prompt.hash)
        assert store.messages.get(reply).finish_reason == "interrupted"


def test_a_conversation_that_is_deleted_while_it_streams(path: Path) -> None:
    with open_store(path) as store, open_store(path) as other:
        thread_id = store.threads.new().id
        prompt = store.messages.append(thread_id, "user", "q")
        draft = store.drafts.begin(thread_id, prompt.hash)
        other.threads.delete(thread_id)
        draft.update([Text("too late")])
        draft.save()
        with pytest.raises(Missing, match="was deleted"):
            draft.finish("stop")


def test_somebody_went_on_while_the_process_was_dead(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thread_id, *_ = killed(STREAMER, path, 1.2)
    monkeypatch.setattr(drafts.Drafts, "recover", lambda _: [])
    with open_store(path) as store:
        store.messages.append(thread_id, "user", "another question")
        tip = store.threads.get(thread_id).tip_hash
    monkeypatch.undo()
    with open_store(path) as store:
        assert len(store.recovered) == 1
        assert store.threads.get(thread_id).tip_hash == tip


def test_a_draft_that_cannot_be_read_is_kept_as_text(path: Path) -> None:
    killed(STREAMER, path, 1.2)
    database = open_database(path)
    with database.transaction():
        database.write("UPDATE draft SET parts = '{broken'")
    database.close()
    with open_store(path) as store:
        assert store.recovered[0].text == "{broken"


def test_a_reply_may_end_inside_a_transaction(path: Path) -> None:
    with open_store(path) as store:
        prompt = prompt_in(store)
        draft = store.drafts.begin(thread_of(store), prompt.hash)
        with store.transaction():
            draft.update([Text("text")])
            time.sleep(drafts.INTERVAL_SECONDS + 0.1)  # The saver waits for this transaction now.
            assert draft.finish("stop") is not None
        assert len(store.messages.tree(thread_of(store))) == 2
