"""Prompt history and turns."""

from __future__ import annotations

import pytest

from sgl_cli.chat.store import prompts
from sgl_cli.chat.store.chat_store import ChatStore
from sgl_cli.chat.store.parts import Text
from sgl_cli.chat.store.turns import Figures


def test_a_prompt_is_kept_once_at_its_last_use(store: ChatStore) -> None:
    for text in ("one", "two", "", " \n", "three\nlines", "one"):
        store.prompts.add(text)
    assert store.prompts.recent() == ["one", "three\nlines", "two"]
    assert store.prompts.recent(containing="O", limit=1) == ["one"]
    assert store.prompts.recent(containing="%") == []
    store.prompts.clear()
    assert store.prompts.recent() == []


def test_the_oldest_prompts_fall_out(store: ChatStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "MOST", 3)
    for number in range(5):
        store.prompts.add(str(number))
    assert store.prompts.recent() == ["4", "3", "2"]


def test_a_turn_keeps_the_figures_of_its_reply(store: ChatStore) -> None:
    thread = store.threads.new()
    prompt = store.messages.append(thread.id, "user", "q")
    draft = store.drafts.begin(thread.id, prompt.hash, url="http://x/v1", model="m", params={"temperature": 0})
    figures = Figures(ttft_ms=12.5, tpot_ms=3.25, input_tokens=10, output_tokens=4, cached_tokens=8, queue_ms=0.5)
    reply = draft.finish("stop", parts=[Text("a")], figures=figures)
    assert reply is not None
    turn = store.turns.of_message(reply.hash)
    assert turn is not None
    assert (turn.figures, turn.url, turn.model, turn.params) == (figures, "http://x/v1", "m", {"temperature": 0})
    assert (turn.parent_hash, turn.tip_hash, turn.finish_reason, turn.error) == (prompt.hash, reply.hash, "stop", "")
    assert store.turns.of_thread(thread.id) == [turn]


def test_figures_outlive_their_thread_while_a_fork_shows_the_reply(store: ChatStore) -> None:
    thread = store.threads.new()
    prompt = store.messages.append(thread.id, "user", "q")
    reply = store.drafts.begin(thread.id, prompt.hash).finish("stop", parts=[Text("a")])
    assert reply is not None
    fork = store.threads.fork(thread.id)
    store.threads.delete(thread.id)
    assert store.turns.of_message(reply.hash) is not None
    store.threads.delete(fork.id)
    assert store.turns.of_message(reply.hash) is None
