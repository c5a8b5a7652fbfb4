"""How many tokens a text is: by the server's own tokenizer, else estimated."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, urlsplit

from .draw import stream
from .filler import WordFiller

BYTES_PER_TOKEN: Final = 4.0
"""Of English text in vocabularies of 30,000 to 200,000 tokens, give or take a fifth."""

_TIMEOUT: Final = 10.0
_SAMPLE_WORDS: Final = 512


class Counter(Protocol):
    """Counts tokens."""

    @property
    def exact(self) -> bool:
        """Whether the counts are the model's own."""

    def count(self, text: str) -> int:
        """Tokens of the text."""


@dataclass(frozen=True)
class EstimatedCounter:
    """A token for every four bytes, and at least one for a text."""

    exact: bool = False

    def count(self, text: str) -> int:
        """About so many tokens."""
        return max(1, round(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)) if text else 0


ESTIMATE: Final = EstimatedCounter()


@dataclass
class ServerCounter:
    """Asks ``POST /tokenize`` of sgl, vLLM or SGLang, over one connection.

    Attributes:
        base: The server's address without a path behind it, such as ``http://127.0.0.1:30000``.
        model: What is served.
        headers: Of every request; the key is among them.
    """

    base: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict)
    exact: bool = True

    def __post_init__(self) -> None:
        self._address: SplitResult = urlsplit(self.base)
        self._connection: http.client.HTTPConnection | None = None

    def count(self, text: str) -> int:
        """Tokens of the text, without those that a chat template or a tokenizer adds.

        Raises:
            OSError: The server cannot be reached.
            ValueError: It does not answer with a count.
        """
        fields = {"model": self.model, "prompt": text, "add_special_tokens": False}
        body = json.dumps(fields).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        for fresh in (False, True):  # A kept connection may have been closed by the server meanwhile.
            connection = self._open(fresh)
            try:
                connection.request("POST", f"{self._address.path.rstrip('/')}/tokenize", body, headers)
                response = connection.getresponse()
                return _count_in(response.status, response.read())
            except http.client.HTTPException as error:
                if fresh:
                    raise ValueError(f"no HTTP: {error}") from error
            except OSError:
                if fresh:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self, fresh: bool) -> http.client.HTTPConnection:
        if fresh:
            self.close()
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(self._address.hostname or "", self._address.port, timeout=_TIMEOUT)
        return self._connection


def find_counter(base: str, model: str, headers: Mapping[str, str]) -> Counter:
    """The server's counter where it has one, else the estimate."""
    counter = ServerCounter(base, model, headers)
    with suppress(OSError, ValueError):
        counter.count("one two three")
        return counter
    counter.close()
    return ESTIMATE


def calibrated(counter: Counter) -> WordFiller:
    """Words whose number of tokens is right on average, by a count of a sample; about right when it is estimated."""
    if not counter.exact:
        return WordFiller()
    sample = WordFiller().piece(stream("calibration"), _SAMPLE_WORDS)
    return WordFiller(max(1, counter.count(sample)) / _SAMPLE_WORDS)


def _count_in(status: int, content: bytes) -> int:
    """The count in an answer of ``/tokenize``."""
    if status != 200:
        raise ValueError(f"HTTP {status}")
    answer: Any = json.loads(content)
    count = answer.get("count") if isinstance(answer, dict) else None
    if not isinstance(count, int):
        raise ValueError("no count")
    return count
