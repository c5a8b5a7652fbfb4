"""/bench: figures of a scripted server."""

from __future__ import annotations

import threading
import time

import pytest

from sgl_cli.chat.client.failures import ChatError
from sgl_cli.chat.client.http import ChatClient
from sgl_cli.chat.client.stop import Stop
from sgl_cli.chat.quick_bench import median, quick_bench
from tests.fake_openai import Answer, FakeOpenAI, piece, said


def ignore(done: int) -> None:
    """Reports to nobody."""


def test_every_request_is_another_one(client: ChatClient, endpoint: FakeOpenAI) -> None:
    done: list[int] = []
    for _ in range(2):
        bench = quick_bench(client, "served", max_tokens=7, stop=Stop(), report=done.append)
        assert (bench.requests, bench.failed, bench.estimated) == (10, 0, False)
        assert bench.ttft_p50_ms is not None
        assert bench.ttft_max_ms is not None
        assert 0 < bench.ttft_p50_ms <= bench.ttft_max_ms <= 1000 * bench.seconds
    assert done == [*range(1, 11), *range(1, 11)]
    prompts = {request["messages"][0]["content"][:10] for request in endpoint.requests}
    assert len(prompts) == 20  # Different from the first word on, also from one bench to the next.
    assert {(request["model"], request["max_tokens"]) for request in endpoint.requests} == {("served", 7)}


def test_speed_and_time_to_the_first_piece(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([0.1, piece(content="a"), 0.1, piece(content="b"), piece(finish_reason="stop")])]
    bench = quick_bench(client, "served", requests=2, stop=Stop(), report=ignore)
    assert bench.estimated  # There were no counts.
    assert bench.ttft_p50_ms is not None
    assert 90 <= bench.ttft_p50_ms < 2000
    assert bench.tokens_per_second is not None
    assert 0.5 < bench.tokens_per_second < 12  # One more token in a tenth of a second, or later on a busy machine.
    assert bench.seconds >= 0.4


def test_answers_without_pieces_have_no_speed(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said()]
    bench = quick_bench(client, "served", requests=1, stop=Stop(), report=ignore)
    assert (bench.requests, bench.ttft_p50_ms, bench.ttft_max_ms, bench.tokens_per_second) == (1, None, None, None)


def test_a_failure_among_answers_is_counted(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("a", "b"), Answer(status=500, body="oops"), said("a", "b")]
    done: list[int] = []
    bench = quick_bench(client, "served", requests=3, stop=Stop(), report=done.append)
    assert (bench.requests, bench.failed, done) == (3, 1, [1, 2, 3])


def test_a_server_that_refuses_the_first_request_says_why(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.key = "secret"
    with pytest.raises(ChatError, match="asks for a key"):
        quick_bench(client, "served", stop=Stop(), report=ignore)
    assert len(endpoint.keys) == 1


def test_it_stops_at_once_in_a_silence(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("a", "b"), Answer([0.4, piece(content="late"), piece(finish_reason="stop")])]
    stop = Stop()
    timers: list[threading.Timer] = []

    def stop_in_the_second(done: int) -> None:
        timers.append(threading.Timer(0.05, stop.set))
        timers[-1].start()

    began = time.monotonic()
    bench = quick_bench(client, "served", stop=stop, report=stop_in_the_second)
    assert (bench.requests, bench.failed) == (1, 0)
    assert time.monotonic() - began < 5
    for timer in timers:
        timer.join()
    assert quick_bench(client, "served", stop=stop, report=ignore).requests == 0


def test_the_median_is_a_measured_value() -> None:
    assert [median(values) for values in ([], [3], [4, 1], [5, 1, 3], [1, 2, 3, 4])] == [None, 3, 1, 3, 2]
