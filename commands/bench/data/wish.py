"""`DataWish`: which prompts a load test asks for, before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from .lengths import Fixed, Lengths

Kind: TypeAlias = Literal["random", "shared-prefix", "multi-turn", "sharegpt", "jsonl", "trace", "stdin", "public-256"]

KINDS: Final[tuple[Kind, ...]] = (
    "random",
    "shared-prefix",
    "multi-turn",
    "sharegpt",
    "jsonl",
    "trace",
    "stdin",
    "public-256",
)

FROM_FILE: Final[frozenset[Kind]] = frozenset({"sharegpt", "jsonl", "trace"})
"""Kinds that read a file: ``sharegpt:FILE``."""

WITH_INPUT_LENGTH: Final[frozenset[Kind]] = frozenset({"random", "shared-prefix", "multi-turn"})
"""Kinds whose prompts are made, so that their length can be chosen."""

DEFAULT_INPUT: Final = Fixed(1000)
DEFAULT_OUTPUT: Final = Fixed(256)
DEFAULT_PREFIX: Final = Fixed(2048)
DEFAULT_QUESTION: Final = Fixed(128)
"""Tokens behind a shared prefix; groups, prefix and question are those of SGLang's bench."""

ONE_TURN: Final = Fixed(1)
FIVE_TURNS: Final = Fixed(5)
"""Turns of ``multi-turn`` when no number is given."""


@dataclass(frozen=True)
class DataWish:
    """Which prompts.

    Attributes:
        kind: Where they come from.
        path: The file, for the kinds that read one.
        seed: What random numbers start from.
        input_len: Tokens of a prompt; behind the prefix in ``shared-prefix``, of the first turn in ``multi-turn``.
        output_len: Tokens to ask for; None leaves it to the file.
        groups: Of ``shared-prefix``: how many prefixes.
        per_group: Of ``shared-prefix``: prompts with the same prefix.
        prefix_len: Of ``shared-prefix``: tokens of a prefix.
        group_zipf: Of ``shared-prefix``: group k is asked as often as 1/k to this power; None asks all as often.
        turns: Of ``multi-turn`` and ``shared-prefix``: questions of a conversation.
        turn_len: Of ``multi-turn``: tokens of every question after the first; None is like `input_len`.
        in_order: Of ``sharegpt`` and ``shared-prefix``: keep the order instead of one drawn from the seed.
        max_input_len: Of ``sharegpt``: leave out longer prompts.
        max_total_len: Of ``sharegpt``: leave out prompts that are longer with their answer.
        trace_speed: Of ``trace``: 2 plays it in half of the time.
    """

    kind: Kind = "random"
    path: Path | None = None
    seed: int = 0
    input_len: Lengths = DEFAULT_INPUT
    output_len: Lengths | None = DEFAULT_OUTPUT
    groups: int = 64
    per_group: int = 16
    prefix_len: Lengths = DEFAULT_PREFIX
    group_zipf: float | None = None
    turns: Lengths = ONE_TURN
    turn_len: Lengths | None = None
    in_order: bool = False
    max_input_len: int | None = None
    max_total_len: int | None = None
    trace_speed: float = 1.0
