"""``trace``: requests that a real service got, at the times it got them, with prompts of the same lengths."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sgl.errors import UsageError, echo

from ..prompt import Prompt
from .dataset import Passes
from .draw import stream
from .files import is_json
from .filler import Filler, Piece, as_prompt
from .lengths import fitted
from .reading import Place, file_name, json_lines, lines

BLOCK: Final = 512
"""Tokens that one of Mooncake's ``hash_ids`` stands for."""

_TIMES: Final = ("timestamp", "arrival_time")
_INPUTS: Final = ("input_length", "request tokens", "contexttokens", "context_tokens", "num_prefill_tokens")
_OUTPUTS: Final = ("output_length", "response tokens", "generatedtokens", "generated_tokens", "num_decode_tokens")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of a trace.

    Attributes:
        place: Where it stands.
        at: When it came, in seconds by the trace's own clock.
        input_tokens: Of its prompt.
        output_tokens: Of its answer.
        blocks: What its prompt begins with: requests with the same first numbers share so many blocks.
    """

    place: Place
    at: float
    input_tokens: int
    output_tokens: int
    blocks: tuple[int, ...] = ()


class Trace:
    """Requests of a trace file: Mooncake's JSON lines, or a CSV table like BurstGPT's or Azure's.

    Rows without an answer (failed requests) are passed over. It is read as it is needed, so it must be in order.
    """

    name: Final = "trace"

    def __init__(
        self, path: Path, filler: Filler, *, seed: int = 0, speed: float = 1.0, context: int | None = None
    ) -> None:
        """Takes the file's name.

        Args:
            path: The trace.
            filler: What prompts are made of.
            seed: What their content starts from.
            speed: 2 plays it in half of the time.
            context: Tokens that the server can take; longer requests are shortened.
        """
        self.seed = seed
        self._path = path
        self._filler = filler
        self._speed = speed
        self._context = context
        self._passes = Passes(file_name(path), self._read)

    @property
    def repeats_after(self) -> int | None:
        """How many it has; None before its end was reached."""
        return self._passes.length

    def describe(self) -> dict[str, Any]:
        """File, speed and content."""
        return {
            "source": file_name(self._path),
            "speed": self._speed,
            "content": self._filler.name,
            "context": self._context,
        }

    def prompts(self, count: int | None = None, start: int = 0) -> Iterator[Prompt]:
        """See `Dataset.prompts`; after its end it is played again."""
        return self._passes.prompts(count, start)

    def _read(self) -> Iterator[Prompt]:
        began: float | None = None
        latest = 0.0
        for index, arrival in enumerate(arrivals(self._path)):
            began = arrival.at if began is None else began
            if arrival.at < latest and index:
                raise UsageError(f"{arrival.place}: it is earlier than the line before", hint="sort the file by time")
            latest = arrival.at
            tokens, answer = fitted(arrival.input_tokens, arrival.output_tokens, self._context)
            pieces = self._pieces(index, arrival.blocks, tokens)
            yield as_prompt(pieces, index=index, output_tokens=answer, at=(arrival.at - began) / self._speed)

    def _pieces(self, index: int, blocks: tuple[int, ...], tokens: int) -> list[Piece]:
        """Blocks that other requests share, each with content of its own number, and the rest."""
        pieces: list[Piece] = []
        for block in blocks:
            if tokens > 0:
                piece = self._filler.piece(stream(self.seed, "block", block), min(BLOCK, tokens))
                pieces.append(piece)
                tokens -= BLOCK
        if tokens > 0:
            pieces.append(self._filler.piece(stream(self.seed, "rest", index), tokens))
        return pieces


def arrivals(path: Path) -> Iterator[Arrival]:
    """The requests of a trace, with an answer, in the order of the file.

    Raises:
        UsageError: It cannot be read or is no trace; it says which line.
    """
    source = file_name(path)
    if is_json(lines(path)):
        for place, fields in json_lines(source, lines(path)):
            # Mooncake's clock counts milliseconds.
            arrival = _arrival(place, fields, scale=0.001)
            if arrival.output_tokens > 0:
                yield arrival
        return
    table = csv.DictReader(lines(path))
    try:
        for row in table:
            arrival = _arrival(Place(source, table.line_num), row, scale=1.0)
            if arrival.output_tokens > 0:
                yield arrival
    except csv.Error as error:
        raise UsageError(f"{Place(source, table.line_num)}: {error}") from error


def _arrival(place: Place, row: Mapping[str | Any, Any], scale: float) -> Arrival:
    fields = {str(name).strip().lower(): value for name, value in row.items()}
    blocks = fields.get("hash_ids") or ()
    if not isinstance(blocks, (list, tuple)) or not all(type(block) is int for block in blocks):
        raise UsageError(f"{place}: hash_ids must be a list of whole numbers")
    return Arrival(
        place,
        at=_time(fields, place, scale),
        input_tokens=max(1, _tokens(fields, _INPUTS, place)),
        output_tokens=_tokens(fields, _OUTPUTS, place),
        blocks=tuple(blocks),
    )


def _field(fields: Mapping[str, Any], names: tuple[str, ...], place: Place) -> Any:
    for name in names:
        if fields.get(name) not in (None, ""):
            return fields[name]
    raise UsageError(
        f"{place}: no {names[0]} in it",
        hint="a trace is JSON lines with timestamp, input_length and output_length, or a CSV table with "
        "Timestamp, Request tokens and Response tokens",
    )


def _tokens(fields: Mapping[str, Any], names: tuple[str, ...], place: Place) -> int:
    value = _field(fields, names, place)
    try:
        number = float(value)
        if isinstance(value, bool) or number != int(number) or number < 0:
            raise ValueError(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{place}: {names[0]} must be a whole number, got {echo(value)}") from error
    return int(number)


def _time(fields: Mapping[str, Any], place: Place, scale: float) -> float:
    value = _field(fields, _TIMES, place)
    try:
        if isinstance(value, bool):
            raise ValueError(value)
        if isinstance(value, str) and "-" in value[1:] and ":" in value:
            # Azure writes a date; what is finer than microseconds is dropped, which older Pythons cannot read.
            return datetime.fromisoformat(value.strip()[:26]).timestamp()
        number = float(value) * scale
        if not 0 <= number < float("inf"):
            raise ValueError(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{place}: {_TIMES[0]} must be a time, got {echo(value)}") from error
    return number
