"""``jsonl`` and ``stdin``: prompts that a person brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..prompt import Prompt
from .dataset import Passes
from .draw import stream
from .lengths import Lengths
from .reading import file_name, json_lines, lines
from .rows import DEFAULT_OUTPUT, read_row


class Lines:
    """Prompts of lines: JSON objects (see `rows`), or one text a line.

    Attributes:
        name: Its kind.
        seed: What drawn output lengths start from.
    """

    def __init__(
        self, name: str, source: str, read: Callable[[], Iterable[str]], output_len: Lengths | None, seed: int
    ) -> None:
        """Takes what is read.

        Args:
            name: Its kind.
            source: Its name in errors.
            read: Gives the lines, from the first one, each time it is called.
            output_len: Tokens to ask for; None takes each line's own number.
            seed: What drawn lengths start from.
        """
        self.name = name
        self.seed = seed
        self._source = source
        self._lines = read
        self._output = output_len
        self._passes = Passes(source, self._read)

    @property
    def repeats_after(self) -> int | None:
        """How many there are; None before they were all read."""
        return self._passes.length

    def describe(self) -> dict[str, Any]:
        """Source and lengths."""
        return {"source": self._source, "output_len": str(self._output) if self._output else "as in the file"}

    def prompts(self, count: int | None = None, start: int = 0) -> Iterator[Prompt]:
        """See `Dataset.prompts`; after the last line it starts again."""
        return self._passes.prompts(count, start)

    def _read(self) -> Iterator[Prompt]:
        as_json = is_json(self._lines())
        if as_json:
            for index, row in enumerate(json_lines(self._source, self._lines())):
                yield read_row(row, index, self._tokens(index))
            return
        texts = (line.rstrip("\r\n") for line in self._lines() if line.strip())
        for index, text in enumerate(texts):
            yield Prompt(index, self._tokens(index) or DEFAULT_OUTPUT, text=text)

    def _tokens(self, index: int) -> int | None:
        return self._output.draw(stream(self.seed, "output", index)) if self._output else None


def from_file(path: Path, output_len: Lengths | None, seed: int) -> Lines:
    """Prompts of a file, read anew in every pass."""
    return Lines("jsonl", file_name(path), lambda: lines(path), output_len, seed)


def from_text(text: str, output_len: Lengths | None, seed: int) -> Lines:
    """Prompts of standard input, which can be read only once and is kept."""
    kept = text.removeprefix("\ufeff").splitlines()
    return Lines("stdin", "standard input", lambda: kept, output_len, seed)


def is_json(text: Iterable[str]) -> bool:
    """Whether the first line that is not empty begins a JSON object."""
    return next((line.lstrip().startswith("{") for line in text if line.strip()), False)
