"""Documents as tensors: a step's documents, sorted by length and padded in small groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

import torch
from tokenizers import Tokenizer

from benchmarks.builtin_model.corpus import Piece

GROUP_TOKENS: Final = 3072
"""Padded tokens that are computed at once, at most."""
LONGEST_TO_SHORTEST: Final = 1.25
"""How much documents of a group may differ in length: padding costs as much as text."""


class Document(NamedTuple):
    """Token ids, and for each of them whether the model learns to write it."""

    ids: list[int]
    trained: list[bool]


class Group(NamedTuple):
    """Documents padded to one length.

    Attributes:
        ids: [documents, longest], int64; padding stands behind, where causal attention does not see it.
        rows, columns: Where a token to learn is predicted from: [targets], int64.
        targets: The tokens to learn, [targets], int64.
        weights: Their weights, [targets], float32. One over the square root of the document's number of them, so
            that a long story does not outweigh many short facts.
    """

    ids: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


def encode(pieces: Iterable[Piece], tokenizer: Tokenizer) -> Document:
    """The tokens of a rendered document."""
    ids: list[int] = []
    trained: list[bool] = []
    for piece in pieces:
        piece_ids = tokenizer.encode(piece.text).ids
        ids += piece_ids
        trained += [piece.trained] * len(piece_ids)
    return Document(ids, trained)


def pad(documents: list[Document]) -> Group:
    """Makes one group."""
    ids = torch.zeros(len(documents), max(len(document.ids) for document in documents), dtype=torch.int64)
    rows, columns, targets, weights = [], [], [], []
    for row, (tokens, trained) in enumerate(documents):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        places = [place for place in range(1, len(tokens)) if trained[place]]
        rows += [row] * len(places)
        columns += [place - 1 for place in places]
        targets += [tokens[place] for place in places]
        weights += [len(places) ** -0.5] * len(places)
    return Group(ids, torch.tensor(rows), torch.tensor(columns), torch.tensor(targets), torch.tensor(weights))


def groups(documents: list[Document]) -> list[Group]:
    """Documents of about the same length together, at most `GROUP_TOKENS` in each."""
    found: list[Group] = []
    waiting: list[Document] = []
    for document in sorted(documents, key=lambda document: len(document.ids)):
        longest = len(document.ids)
        if waiting and (
            longest * (len(waiting) + 1) > GROUP_TOKENS or longest > LONGEST_TO_SHORTEST * len(waiting[0].ids)
        ):
            found.append(pad(waiting))
            waiting = []
        waiting.append(document)
    return [*found, pad(waiting)]


def steps(stream: Iterable[list[Piece]], tokenizer: Tokenizer, count: int) -> Iterator[list[Group]]:
    """Every step's groups, of ``count`` documents together."""
    documents = (encode(pieces, tokenizer) for pieces in stream)
    while step := list(islice(documents, count)):
        yield groups(step)
