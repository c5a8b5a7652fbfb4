"""What one answer is read as: times, counts, ends and failures, of all three APIs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.prompt import Prompt
from sgl_cli.bench.record import Record
from sgl_cli.bench.wire.ask import Api, Ask
from sgl_cli.bench.wire.bodies import encode_body
from sgl_cli.bench.wire.exchange import Exchange
from sgl_cli.bench.wire.reading import Reading

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n"


def exchange(*pieces: bytes, head: bytes = HEAD, closed: bool = True) -> Exchange:
    """Pieces that came at seconds 1, 2, ... after a request that was sent at 0."""
    loop = asyncio.new_event_loop()
    try:
        found = Exchange(loop.create_future())
    finally:
        loop.close()
    found.sent = 0.0
    for second, piece in enumerate(pieces, start=1):
        found.take(float(second), (head if second == 1 else b"") + piece)
    if closed and not found.done.done():
        found.close("closed")
    return found


def read(*pieces: bytes, api: Api = "chat", head: bytes = HEAD) -> Record:
    reading = Reading(exchange(*pieces, head=head), api)
    reading.finish()
    return reading.record(Prompt(7, 5, text="x", input_tokens=3), 0.0, scheduled=None, input_tokens=3, worker=0)


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(finish: str | None = None, usage: Any = None, **fields: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": finish}], "usage": usage})


def counts(tokens: int) -> dict[str, Any]:
    return {"prompt_tokens": 9, "completion_tokens": tokens, "prompt_tokens_details": {"cached_tokens": 4}}


DONE = b"data: [DONE]\n\n"


def test_the_first_chunk_is_the_first_that_carries_something() -> None:
    found = read(
        delta(role="assistant", content=""),
        delta(reasoning_content="hm"),
        delta(content="a") + delta(content="b"),
        delta(tool_calls=[{"index": 0}]),
        delta("stop"),
        event({"choices": [], "usage": counts(4)}),
        DONE,
    )
    assert found.failure is None
    assert found.chunks == (2.0, 3.0, 3.0, 4.0)
    assert found.ended == 7.0
    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == (9, 4, 4)
    assert (found.finish_reason, found.chunk_tokens, found.asked_tokens) == ("stop", (), 5)


def test_counts_of_every_chunk_are_kept_with_it() -> None:
    found = read(
        delta(content="ab", usage=counts(2)), delta(content="c", usage=counts(3)), delta("length", counts(3)), DONE
    )
    assert found.chunk_tokens == (2, 3)
    assert found.output_tokens == 3


def test_counts_of_some_chunks_only_are_not_used() -> None:
    found = read(delta(content="ab", usage=counts(2)), delta(content="c"), delta("length"), DONE)
    assert found.chunk_tokens == ()


def test_an_event_is_there_with_its_last_byte() -> None:
    whole = delta(content="a")
    found = read(whole[:10], whole[10:], delta("stop") + DONE)
    assert found.chunks == (2.0,)


def test_other_lines_of_a_stream_are_passed_over() -> None:
    found = read(b": ping\n\nevent: x\n", delta(content="a").replace(b"\n", b"\r\n"), delta("stop") + DONE)
    assert found.failure is None
    assert found.chunks == (2.0,)


def test_without_usage_the_dataset_counts_the_prompt_and_nobody_the_answer() -> None:
    found = read(delta(content="a"), delta("stop") + DONE)
    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == (3, None, None)


def test_our_times_are_read() -> None:
    found = read(delta(content="a"), event({"choices": [], "usage": counts(1), "timings": {"queue_ms": 3.5}}), DONE)
    assert found.server == {"queue_ms": 3.5}


@pytest.mark.parametrize("incremental", [False, True])
def test_sglangs_chunks_count_by_their_tokens(incremental: bool) -> None:
    def chunk(tokens: int, whole: str, new: str, finish: Any = None) -> bytes:
        meta = {"completion_tokens": tokens, "prompt_tokens": 6, "cached_tokens": 2, "finish_reason": finish}
        ids = list(range(tokens))
        return event({"text": new if incremental else whole, "output_ids": ids, "meta_info": meta})

    end = {"type": "length", "length": 3}
    pieces = (chunk(1, "a", "a"), chunk(3, "a b c", " b c"), chunk(3, "a b c", "", end) + DONE)
    reading = Reading(exchange(*pieces), "generate", keep=True)
    answer = reading.finish()
    found = reading.record(Prompt(0, 3, text="x"), 0.0, scheduled=None, input_tokens=None, worker=0)

    assert found.failure is None
    assert (found.chunks, found.chunk_tokens) == ((1.0, 2.0), (1, 3))
    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == (6, 3, 2)
    assert found.finish_reason == "length"
    assert answer.text == "a b c"
    assert answer.ids == (0, 1, 2)


def test_a_whole_answer_is_one_chunk_at_its_end() -> None:
    body = json.dumps({"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}], "usage": counts(2)})
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    found = read(body[:10].encode(), body[10:].encode(), head=head)
    assert found.failure is None
    assert (found.chunks, found.ended, found.output_tokens) == ((2.0,), 2.0, 2)


@pytest.mark.parametrize(
    ("pieces", "kind", "words"),
    [
        (
            (delta(content="a"), event({"error": {"message": "out of\nmemory", "code": 500}}), DONE),
            "stream",
            "out of memory",
        ),
        ((delta(content="a"), event({"object": "error", "message": "old vLLM"})), "stream", "old vLLM"),
        ((delta(content="a"), delta("abort"), DONE), "stream", "abort"),
        ((delta(content="a"),), "cut", "ended before"),
        ((b"data: {\n\n", DONE), "protocol", "not of this API"),
        ((event({"choices": "x"}), DONE), "protocol", "not of this API"),
        ((event({"hello": 1}), DONE), "protocol", "neither choices nor usage"),
        ((DONE,), "protocol", "neither text nor counts"),
        ((b"hello\n",), "protocol", "no events"),
    ],
)
def test_failures(pieces: tuple[bytes, ...], kind: str, words: str) -> None:
    failure = read(*pieces).failure
    assert failure is not None
    assert failure.kind == kind
    assert words in failure.message
    assert "\n" not in failure.message


def test_an_abort_of_sglang_says_why() -> None:
    meta = {"completion_tokens": 0, "finish_reason": {"type": "abort", "message": "too long", "status_code": 400}}
    failure = read(event({"text": "", "meta_info": meta}), DONE, api="generate").failure
    assert failure is not None
    assert (failure.kind, failure.status, failure.message) == ("stream", 400, "too long")


def test_a_status_has_the_servers_words_and_its_wish_to_be_left_alone() -> None:
    head = b"HTTP/1.1 429 X\r\nretry-after: 2\r\ncontent-type: application/json\r\n\r\n"
    failure = read(json.dumps({"error": {"message": "busy"}}).encode(), head=head).failure
    assert failure is not None
    assert (failure.kind, failure.status, failure.message) == ("status", 429, "busy (retry after 2 s)")


def body(api: Api, prompt: Prompt, **ask: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode_body(api, prompt, Ask("m", **ask)))
    return found


def test_bodies() -> None:
    assert body("completions", Prompt(0, 5, ids=(1, 2))) == {
        "model": "m",
        "prompt": [1, 2],
        "temperature": 0,
        "max_tokens": 5,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }
    chat = body("chat", Prompt(0, 5, text="hi", extra={"seed": 3}), continuous_usage=False, ignore_eos=False)
    assert chat["messages"] == [{"role": "user", "content": "hi"}]
    assert chat["stream_options"] == {"include_usage": True}
    assert (chat["seed"], "ignore_eos" in chat) == (3, False)
    sampling = {"temperature": 0.5, "seed": 1}
    native = body("generate", Prompt(0, 5, ids=(1,)), sampling=sampling)
    assert native == {
        "input_ids": [1],
        "sampling_params": {"temperature": 0.5, "sampling_seed": 1, "max_new_tokens": 5, "ignore_eos": True},
        "stream": True,
    }
    whole = body("completions", Prompt(0, 5, text="a"), stream=False, extra={"temperature": None, "best_of": 1})
    assert whole == {"model": "m", "prompt": "a", "max_tokens": 5, "ignore_eos": True, "stream": False, "best_of": 1}


@pytest.mark.parametrize(
    ("api", "prompt"),
    [
        ("chat", Prompt(0, 1, ids=(1,))),
        ("completions", Prompt(0, 1, messages=({"role": "user", "content": "x"},))),
        ("generate", Prompt(0, 1, messages=({"role": "user", "content": "x"},))),
    ],
)
def test_prompts_that_an_api_cannot_carry(api: Api, prompt: Prompt) -> None:
    with pytest.raises(UsageError):
        encode_body(api, prompt, Ask("m"))
