"""The flags that choose prompts, as a `DataWish`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from sgl.errors import UsageError, echo

from ..data.lengths import Fixed, Lengths, parse_lengths
from ..data.wish import (
    DEFAULT_INPUT,
    DEFAULT_OUTPUT,
    DEFAULT_PREFIX,
    DEFAULT_QUESTION,
    FIVE_TURNS,
    FROM_FILE,
    KINDS,
    ONE_TURN,
    WITH_INPUT_LENGTH,
    DataWish,
    Kind,
)
from . import values as read
from .given import Given, flag

_ONLY: Final[dict[str, tuple[Kind, ...]]] = {
    "input_len": ("random", "shared-prefix", "multi-turn"),
    "output_len": ("random", "shared-prefix", "multi-turn", "sharegpt", "jsonl", "stdin"),
    "groups": ("shared-prefix",),
    "per_group": ("shared-prefix",),
    "prefix_len": ("shared-prefix",),
    "group_zipf": ("shared-prefix",),
    "turns": ("multi-turn", "shared-prefix"),
    "turn_len": ("multi-turn",),
    "in_order": ("sharegpt", "shared-prefix"),
    "max_input_len": ("sharegpt",),
    "max_total_len": ("sharegpt",),
    "trace_speed": ("trace",),
}
"""Flags that mean something for some kinds only: elsewhere they would be passed over in silence."""


def read_data(given: Given) -> DataWish:
    """Which prompts were asked for.

    Raises:
        UsageError: A value is wrong, or does not go with the dataset.
    """
    kind, path = _kind(given.text("dataset") or "random")
    for name, kinds in _ONLY.items():
        if given.has(name) and kind not in kinds:
            raise UsageError(
                f"{flag(name)} means nothing for --dataset {kind}", hint=f"it is for {' and '.join(kinds)}"
            )
    made = kind in WITH_INPUT_LENGTH
    question = DEFAULT_QUESTION if kind == "shared-prefix" else DEFAULT_INPUT
    seed = given.text("seed")
    turns = _lengths(given, "turns") or (FIVE_TURNS if kind == "multi-turn" else ONE_TURN)
    if kind == "shared-prefix" and not isinstance(turns, Fixed):
        raise UsageError("--turns is one number for --dataset shared-prefix", hint="multi-turn takes a range")
    return DataWish(
        kind=kind,
        path=read.file(path) if path else None,
        seed=read.whole(seed, "--seed", low=0) if seed else DataWish.seed,
        input_len=_lengths(given, "input_len") or question,
        output_len=_lengths(given, "output_len") or (DEFAULT_OUTPUT if made else None),
        groups=_count(given, "groups") or DataWish.groups,
        per_group=_count(given, "per_group") or DataWish.per_group,
        prefix_len=_lengths(given, "prefix_len") or DEFAULT_PREFIX,
        group_zipf=_number(given, "group_zipf"),
        turns=turns,
        turn_len=_lengths(given, "turn_len"),
        in_order=bool(given.switch("in_order")),
        max_input_len=_count(given, "max_input_len"),
        max_total_len=_count(given, "max_total_len"),
        trace_speed=_number(given, "trace_speed") or DataWish.trace_speed,
    )


def _kind(text: str) -> tuple[Kind, str]:
    """``sharegpt:FILE`` -> the kind and the file."""
    name, _, path = text.partition(":")
    kind = next((kind for kind in KINDS if kind == name.replace("_", "-").lower()), None)
    if kind is None:
        raise UsageError(f"--dataset expects one of {', '.join(KINDS)}, got {echo(text)}", hint=_hint(name, text))
    if kind in FROM_FILE and not path:
        raise UsageError(f"--dataset {kind} needs a file", hint=f"--dataset {kind}:FILE")
    if path and kind not in FROM_FILE:
        raise UsageError(f"--dataset {kind} reads no file", hint=f"these do: {', '.join(sorted(FROM_FILE))}")
    return kind, path


def _hint(name: str, text: str) -> str | None:
    near = get_close_matches(name, KINDS, n=1)
    if near:
        return f"did you mean {near[0]}?"
    if text.endswith((".jsonl", ".json", ".csv")) and text.isprintable():
        return "a file comes after its kind: jsonl:FILE, sharegpt:FILE or trace:FILE"
    return None


def _lengths(given: Given, name: str) -> Lengths | None:
    text = given.text(name)
    return parse_lengths(text, flag(name)) if text else None


def _count(given: Given, name: str) -> int | None:
    text = given.text(name)
    return read.whole(text, flag(name)) if text else None


def _number(given: Given, name: str) -> float | None:
    text = given.text(name)
    return read.number(text, flag(name)) if text else None
