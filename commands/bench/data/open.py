"""`open_dataset`: the dataset of a wish, for the server that is there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sgl.errors import UsageError

from . import files
from .conversations import Conversations
from .counting import ESTIMATE, Counter, calibrated
from .dataset import Dataset
from .filler import Filler, IdFiller, safe_ids
from .grouped import SharedPrefix
from .lengths import Fixed, Lengths
from .sharegpt import ShareGpt
from .synthetic import PUBLIC_VOCABULARY, PublicPrompts, RandomPrompts
from .trace import Trace
from .wish import DEFAULT_OUTPUT, ONE_TURN, DataWish


@dataclass(frozen=True)
class DataFacts:
    """What a dataset must know of the server.

    Attributes:
        takes_ids: Whether its API takes token ids; a chat does not.
        vocabulary: How many ids the model has; None when nobody says.
        special: Ids that must not be drawn.
        context: Tokens that fit, prompt and answer together; None when nobody says.
        counter: Counts tokens of a text.
    """

    takes_ids: bool = True
    vocabulary: int | None = None
    special: Collection[int] = ()
    context: int | None = None
    counter: Counter = ESTIMATE


def open_dataset(wish: DataWish, facts: DataFacts, stdin: TextIO | None = None) -> Dataset:
    """Opens what was asked for. Files are read when prompts are asked for, standard input at once.

    Raises:
        UsageError: The server's API or vocabulary cannot take it, or there is nothing on standard input.
    """
    seed = wish.seed
    if wish.kind == "public-256":
        return _public(facts)
    if wish.kind == "jsonl":
        return files.from_file(_path(wish), wish.output_len, seed)
    if wish.kind == "stdin":
        return files.from_text(_standard_input(stdin), wish.output_len, seed)
    if wish.kind == "sharegpt":
        return ShareGpt(
            _path(wish),
            facts.counter,
            seed=seed,
            output_len=wish.output_len,
            max_input_len=wish.max_input_len,
            max_total_len=_smaller(wish.max_total_len, facts.context),
            in_order=wish.in_order,
        )
    # The answers between the turns of a conversation are text, so its questions are text as well.
    talks = wish.turns != ONE_TURN
    filler = _filler(facts, text=talks)
    if wish.kind == "trace":
        return Trace(_path(wish), filler, seed=seed, speed=wish.trace_speed, context=facts.context)
    output = wish.output_len or DEFAULT_OUTPUT
    if wish.kind == "random":
        return RandomPrompts(seed, wish.input_len, output, filler, facts.context)
    if wish.kind == "multi-turn":
        later = wish.turn_len or wish.input_len
        return Conversations(seed, wish.turns, wish.input_len, later, output, filler, facts.context)
    return SharedPrefix(
        seed,
        wish.groups,
        wish.per_group,
        wish.prefix_len,
        wish.input_len,
        output,
        filler,
        turns=_fixed(wish.turns),
        zipf=wish.group_zipf,
        in_order=wish.in_order,
        context=facts.context,
    )


def _public(facts: DataFacts) -> PublicPrompts:
    if not facts.takes_ids:
        raise UsageError("public-256 is made of token ids, which a chat does not take", hint="--api completions")
    if facts.vocabulary is not None and facts.vocabulary < PUBLIC_VOCABULARY:
        raise UsageError(f"public-256 has token ids up to 10000; the model has only {facts.vocabulary}")
    return PublicPrompts()


def _filler(facts: DataFacts, *, text: bool) -> Filler:
    if facts.takes_ids and not text:
        return IdFiller(safe_ids(facts.vocabulary, facts.special))
    return calibrated(facts.counter)


def _path(wish: DataWish) -> Path:
    if wish.path is None:
        raise UsageError(f"--dataset {wish.kind} needs a file", hint=f"--dataset {wish.kind}:FILE")
    return wish.path


def _standard_input(stdin: TextIO | None) -> str:
    if stdin is None or stdin.isatty():
        raise UsageError("--dataset stdin reads prompts from standard input", hint="such as: sgl bench ... < FILE")
    return stdin.read()


def _smaller(first: int | None, second: int | None) -> int | None:
    return min((value for value in (first, second) if value is not None), default=None)


def _fixed(lengths: Lengths) -> int:
    if not isinstance(lengths, Fixed):
        raise UsageError("shared-prefix takes one number of --turns")
    return lengths.tokens
