"""Stopping an answer from another thread, whatever its request is waiting for."""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

import pytest

from sgl_cli.chat.client.endpoint import Endpoint
from sgl_cli.chat.client.events import Event, TextDelta
from sgl_cli.chat.client.failures import ChatError
from sgl_cli.chat.client.http import ChatClient
from sgl_cli.chat.client.stop import Stop
from tests.fake_openai import Answer, FakeOpenAI, piece, said
from tests.fakes import FakeEngine
from tests.live import Live, live

REQUEST: dict[str, Any] = {"model": "served", "messages": [{"role": "user", "content": "hi"}]}
SOON = 5.0
"""Seconds, for a loaded machine; the silences last far longer."""
LONG = 60.0


class Reader(threading.Thread):
    """Reads an answer in a thread, as the display does."""

    def __init__(self, client: ChatClient, stop: Stop, *, stream: bool = True, model: str = "served") -> None:
        super().__init__()
        self.events: list[Event] = []
        self.error: ChatError | None = None
        self._events = client.ask({**REQUEST, "model": model}, stream=stream, stop=stop)
        self.start()

    def run(self) -> None:
        try:
            for event in self._events:
                self.events.append(event)
        except ChatError as error:
            self.error = error

    def ends(self) -> bool:
        self.join(SOON)
        return not self.is_alive() and self.error is None


def until(condition: Any) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def patient(endpoint: FakeOpenAI) -> Any:
    with ChatClient(Endpoint(endpoint.url), silence_seconds=LONG) as client:
        yield client


@pytest.mark.parametrize("stream", [True, False])
def test_a_request_that_waits_in_the_queue(patient: ChatClient, endpoint: FakeOpenAI, stream: bool) -> None:
    endpoint.script = [Answer(wait=LONG)]
    stop = Stop()
    reader = Reader(patient, stop, stream=stream)
    until(lambda: endpoint.requests)
    assert not stop.is_set
    stop.set()
    stop.set()
    assert reader.ends()
    assert reader.events == []
    assert stop.is_set
    assert endpoint.left.wait(SOON)


def test_an_answer_in_the_middle(patient: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="Hel"), LONG, piece("stop")])]
    stop = Stop()
    reader = Reader(patient, stop)
    until(lambda: TextDelta("Hel") in reader.events)
    stop.set()
    assert reader.ends()
    assert reader.events[-1] == TextDelta("Hel")
    assert endpoint.left.wait(SOON)


def test_no_more_events_come_after_it(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [said("a", "b", "c")]
    stop = Stop()
    events = client.ask(REQUEST, stop=stop)
    while next(events) != TextDelta("a"):
        pass
    stop.set()
    assert list(events) == []


def test_set_before_the_request_nothing_is_sent(client: ChatClient, endpoint: FakeOpenAI) -> None:
    stop = Stop()
    stop.set()
    assert list(client.ask(REQUEST, stop=stop)) == []
    assert endpoint.requests == []


def test_set_after_the_end_it_does_not_matter(client: ChatClient) -> None:
    stop = Stop()
    assert TextDelta("Hello") in client.ask(REQUEST, stop=stop)
    stop.set()
    assert TextDelta("Hello") in client.ask(REQUEST, stop=Stop())
    gc.collect()  # An open handle would be a ResourceWarning here.


def test_set_at_any_moment_it_ends(patient: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer([piece(content="a"), LONG])]
    for step in range(25):
        stop = Stop()
        reader = Reader(patient, stop)
        time.sleep(step / 1000)
        stop.set()
        assert reader.ends()


def test_an_error_that_comes_before_it_is_told(client: ChatClient, endpoint: FakeOpenAI) -> None:
    endpoint.script = [Answer(status=500, body="broken")]
    with pytest.raises(ChatError, match="broken"):
        list(client.ask(REQUEST, stop=Stop()))


def test_our_server_gives_up_a_request_in_the_queue() -> None:
    with live(lambda: FakeEngine(held=True)) as server, ChatClient(Endpoint(server.url)) as client:
        (model, *_) = client.models()  # A connection is open and idle now.
        stop = Stop()
        reader = Reader(client, stop, model=model)
        until(lambda: server.engine.requests)
        stop.set()
        assert reader.ends()
        until(lambda: len(server.engine.aborts) == 1)
        assert server_is_well(server, client)


def test_our_server_gives_up_an_answer_in_the_middle() -> None:
    with live(lambda: FakeEngine(step_delay=0.02)) as server, ChatClient(Endpoint(server.url)) as client:
        (model, *_) = client.models()
        stop = Stop()
        reader = Reader(client, stop, model=model)
        until(lambda: any(isinstance(event, TextDelta) for event in reader.events))
        stop.set()
        assert reader.ends()
        until(lambda: len(server.engine.aborts) == 1)


def server_is_well(server: Live, client: ChatClient) -> bool:
    server.engine.held = False
    request = {**REQUEST, "model": client.models()[0], "max_tokens": 2}
    return any(isinstance(event, TextDelta) for event in client.ask(request, stop=Stop()))
