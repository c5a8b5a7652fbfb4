"""The connection to an endpoint: its models, and answers as events.

Importing this file imports httpx, which takes 0.2 s: callers do it where the first request is made.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

import httpx

from sgl import __version__

from .decoder import Decoder, NotOfTheApi
from .endpoint import Endpoint
from .events import Event
from .failures import ChatError, Refused, cut_off, not_an_api, refused, silent, unreachable
from .stop import Stop

CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 600.0
"""How long a server may say nothing: a long prompt behind a long queue takes its time."""

MODELS_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 5.0
LONGEST_PAGE: Final = 8 * 2**20
"""Bytes of a page that `ChatClient.look` reads at most."""


@dataclass(frozen=True)
class Page:
    """What a server answers to a plain request."""

    status: int
    text: str


class ChatClient:
    """One endpoint; several threads may use it. Close it, or use it as a context manager.

    Attributes:
        endpoint: Whom it asks.
    """

    def __init__(self, endpoint: Endpoint, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self.endpoint = endpoint
        self._silence = silence_seconds
        self._models: tuple[str, ...] | None = None
        headers = {"user-agent": f"sgl/{__version__}"}
        if endpoint.key:
            headers["authorization"] = f"Bearer {endpoint.key}"
        timeout = httpx.Timeout(silence_seconds, connect=CONNECT_SECONDS)
        trust = not endpoint.is_local
        certificates = httpx.create_ssl_context(trust_env=trust)
        self._http = httpx.Client(headers=headers, timeout=timeout, trust_env=trust, verify=certificates)
        # A `Stop` sees a connection when it is made: requests that can be stopped each make their own.
        alone = httpx.Limits(max_keepalive_connections=0)
        self._alone = httpx.Client(headers=headers, timeout=timeout, trust_env=trust, verify=certificates, limits=alone)

    def models(self) -> tuple[str, ...]:
        """What the server says it has, asked once; it may be nothing.

        Raises:
            ChatError: It cannot be reached, refuses to say, or does not speak OpenAI's API.
        """
        if self._models is None:
            seconds = min(self._silence, MODELS_SECONDS)
            with self._explained(seconds):
                answer = self._http.get(f"{self.endpoint.url}/models", timeout=seconds)
            if answer.status_code != 200:
                raise self._refused(answer, "")
            self._models = _model_names(answer, self.endpoint.url)
        return self._models

    def ask(
        self, request: Mapping[str, Any], *, stream: bool = True, stop: Stop | None = None
    ) -> Generator[Event, None, None]:
        """Sends a request and yields the answer's events; closing the iterator ends the request.

        An endpoint that does not know ``stream_options`` is asked again without.

        Args:
            request: The body: ``model``, ``messages`` and parameters.
            stream: Whether to ask for pieces. Without, the same events come at once, in the end.
            stop: Ends the request from another thread; the events then just end.

        Raises:
            ChatError: The server refused, failed, fell silent or closed the connection; what had come, had come.
        """
        if stop is not None and stop.is_set:
            return
        try:
            with closing(self._ask_twice({**request, "stream": stream}, stop)) as events:
                for event in events:
                    if stop is not None and stop.is_set:
                        return
                    yield event
        except ChatError:
            if stop is None or not stop.is_set:
                raise

    def look(self, address: str, body: Mapping[str, Any] | None = None) -> Page:
        """One plain request to this server, whatever its status; the text is cut after `LONGEST_PAGE` bytes.

        Args:
            address: Must be of the endpoint's server: the key goes along.
            body: Sent as JSON by POST; None asks with GET.

        Raises:
            ChatError: The server cannot be reached, or says nothing.
        """
        seconds = min(self._silence, LOOK_SECONDS)
        how: dict[str, Any] = {} if body is None else _json_content(body)
        with (
            self._explained(seconds),
            self._http.stream("GET" if body is None else "POST", address, timeout=seconds, **how) as answer,
        ):
            content = bytearray()
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > LONGEST_PAGE:
                    break
            return Page(answer.status_code, content[:LONGEST_PAGE].decode("utf-8", "replace"))

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()
        self._alone.close()

    def __enter__(self) -> ChatClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask_twice(self, body: Mapping[str, Any], stop: Stop | None) -> Generator[Event, None, None]:
        if not body["stream"]:
            yield from self._ask(body, stop)
            return
        try:
            yield from self._ask({**body, "stream_options": {"include_usage": True}}, stop)
        except Refused as error:
            if error.status not in (400, 422) or "stream_options" not in error.said:
                raise
            yield from self._ask(body, stop)

    def _ask(self, body: Mapping[str, Any], stop: Stop | None) -> Generator[Event, None, None]:
        with ExitStack() as stack:
            stack.enter_context(self._explained(self._silence))
            answer = stack.enter_context(self._answer(body, stop))
            if answer.status_code != 200:
                answer.read()
                raise self._refused(answer, str(body.get("model", "")))
            decoder = Decoder()
            if "event-stream" not in answer.headers.get("content-type", ""):
                # Not asked for pieces, or a server that cannot send any.
                yield from decoder.body(answer.read().decode("utf-8", "replace"))
                return
            for line in answer.iter_lines():
                yield from decoder.line(line)
            yield from decoder.close()
            if not decoder.ended:
                raise cut_off(self.endpoint.url)

    @contextmanager
    def _answer(self, body: Mapping[str, Any], stop: Stop | None) -> Iterator[httpx.Response]:
        address = f"{self.endpoint.url}/chat/completions"
        if stop is None:
            with self._http.stream("POST", address, **_json_content(body)) as answer:
                yield answer
            return
        with (
            stop.tracing() as trace,
            self._alone.stream("POST", address, **_json_content(body), extensions={"trace": trace}) as answer,
        ):
            yield answer

    def _refused(self, answer: httpx.Response, model: str) -> Refused:
        return refused(
            answer.status_code,
            answer.content,
            url=self.endpoint.url,
            model=model,
            models=self._models or (),
            has_key=self.endpoint.key is not None,
            retry_after=answer.headers.get("retry-after", ""),
        )

    @contextmanager
    def _explained(self, seconds: float) -> Iterator[None]:
        url = self.endpoint.url
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise unreachable(url, _reason(error)) from error
        except httpx.TimeoutException as error:
            raise silent(url, seconds) from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            raise cut_off(url) from error
        except NotOfTheApi as error:
            raise not_an_api(url) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ChatError(f"the request to {url} failed: {_reason(error)}") from error


def _json_content(body: Mapping[str, Any]) -> dict[str, Any]:
    # In ASCII, so that half a surrogate pair, which a command line can hold, is the server's to judge.
    return {"content": json.dumps(body).encode("ascii"), "headers": {"content-type": "application/json"}}


def _model_names(answer: httpx.Response, url: str) -> tuple[str, ...]:
    try:
        content = answer.json()
        return tuple(str(item["id"]) for item in content["data"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise not_an_api(url) from error


def _reason(error: Exception) -> str:
    """The system's words: httpx wraps them as ``[Errno 111] Connection refused``."""
    text = str(error)
    return text.partition("] ")[2].lower() if text.startswith("[Errno") else text or type(error).__name__
