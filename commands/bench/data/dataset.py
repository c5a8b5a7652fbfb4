"""`Dataset`: where prompts come from; `sha256`: whether two runs asked the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count as counted
from itertools import islice
from typing import Any, Protocol

from sgl.errors import UsageError

from ..prompt import Prompt


class Dataset(Protocol):
    """A source of prompts: the same ones in the same order, every time it is asked."""

    @property
    def name(self) -> str:
        """Its kind, as typed."""

    @property
    def seed(self) -> int:
        """What its random numbers start from."""

    @property
    def repeats_after(self) -> int | None:
        """How many prompts it has before it starts again; None when it makes new ones, or has not ended yet."""

    def describe(self) -> dict[str, Any]:
        """Everything but the seed that decides the prompts, as plain values for the result file."""

    def prompts(self, count: int | None = None, start: int = 0) -> Iterator[Prompt]:
        """The prompts from number ``start`` on; without end when there is no count.

        Two runs whose ranges do not overlap share no prompt, as long as the dataset makes new ones: so a warm-up,
        or the next step of a sweep, finds nothing of its own in the server's prefix cache.

        Raises:
            UsageError: A file cannot be read or holds something else.
        """


class PromptHash:
    """SHA-256 over prompts as they pass by: canonical JSON, a line each, without their place in the dataset."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, prompt: Prompt) -> None:
        """Takes in one prompt."""
        values = {name: getattr(prompt, name) for name in Prompt.__slots__ if name != "index"}
        known = {name: value for name, value in values.items() if value is not None}
        self._hash.update(json.dumps(known, sort_keys=True, separators=(",", ":")).encode() + b"\n")

    def hexdigest(self) -> str:
        """The hash of what was added, in 64 hexadecimal digits."""
        return self._hash.hexdigest()


def sha256(prompts: Iterable[Prompt]) -> str:
    """The hash of these prompts in this order."""
    digest = PromptHash()
    for prompt in prompts:
        digest.add(prompt)
    return digest.hexdigest()


def made(make: Callable[[int], Prompt], count: int | None, start: int) -> Iterator[Prompt]:
    """Prompts of a dataset that can make any of them by its number."""
    return (make(index) for index in islice(counted(start), count))


def one_pass(dataset: Dataset) -> Iterator[Prompt]:
    """The prompts of a dataset that ends, each once."""
    for prompt in dataset.prompts():
        if dataset.repeats_after is not None and prompt.index >= dataset.repeats_after:
            return
        yield prompt


class Passes:
    """Reads a source that ends again and again, so that it never does.

    In a later pass conversations are new ones, and times go on where those of the pass before ended.
    """

    def __init__(self, source: str, read: Callable[[], Iterable[Prompt]]) -> None:
        self._source = source
        self._read = read
        self.length: int | None = None

    def prompts(self, count: int | None, start: int) -> Iterator[Prompt]:
        """See `Dataset.prompts`; times are seconds after the first prompt that comes out.

        Raises:
            UsageError: The source has no prompts.
        """
        return islice(self._from(start), count)

    def _from(self, start: int) -> Iterator[Prompt]:
        index = conversations = 0
        began: float | None = None
        offset = 0.0
        while True:
            first, latest, talks = index, 0.0, 0
            for prompt in self._read():
                talks = max(talks, (prompt.conversation or 0) + 1)
                latest = prompt.at or 0.0
                if index >= start:
                    at = None if prompt.at is None else offset + prompt.at
                    began = at if began is None else began
                    yield replace(
                        prompt,
                        index=index,
                        conversation=None if prompt.conversation is None else conversations + prompt.conversation,
                        at=None if at is None or began is None else at - began,
                    )
                index += 1
            self.length = index - first
            if not self.length:
                raise UsageError(f"{self._source} has no prompts")
            conversations += talks
            # The next pass comes as long after the last request as requests are apart on average.
            offset += latest + (latest / (self.length - 1) if self.length > 1 else 1.0)
