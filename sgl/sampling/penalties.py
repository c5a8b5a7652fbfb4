"""What changes a model's logits before a token is chosen, each for all rows of a batch at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from sgl.protocol.sampling import SamplingParams
from sgl.sampling.history import TokenHistory

_LARGEST: Final = float(torch.finfo(torch.float32).max)


class LogitBias:
    """``logit_bias`` of some rows."""

    def __init__(self, biases: Mapping[int, Mapping[int, float]], device: torch.device) -> None:
        """Takes row -> token id -> value added."""
        self._rows = _repeated(list(biases), [len(bias) for bias in biases.values()], device)
        self._columns = torch.tensor([token for bias in biases.values() for token in bias], device=device)
        values = [value for bias in biases.values() for value in bias.values()]
        self._values = torch.tensor(values, dtype=torch.float32, device=device)

    def apply(self, logits: Tensor) -> None:
        """Adds to ``logits`` [n, V] float32 in place."""
        logits[self._rows, self._columns] += self._values


class Penalties:
    """Repetition, presence and frequency penalties of some rows, over the tokens those have seen."""

    def __init__(self, rows: Mapping[int, tuple[SamplingParams, TokenHistory]], device: torch.device) -> None:
        """Takes row -> its parameters and its history; histories are read anew in every step."""
        self._rows = list(rows)
        self._histories = [history for _, history in rows.values()]
        # One column per row: repetition, presence, frequency.
        factors = [(p.repetition_penalty, p.presence_penalty, p.frequency_penalty) for p, _ in rows.values()]
        self._factors = np.array(factors, dtype=np.float32).T
        self._device = device

    def apply(self, logits: Tensor) -> None:
        """Changes ``logits`` [n, V] float32 in place: one gather and one scatter of the seen tokens."""
        lengths = [len(history.ids) for history in self._histories]
        rows = _repeated(self._rows, lengths, self._device)
        columns = self._upload(np.concatenate([history.ids for history in self._histories]))
        counts = self._upload(np.concatenate([history.counts for history in self._histories]))
        repetition, presence, frequency = self._upload(np.repeat(self._factors, lengths, axis=1))
        seen = logits[rows, columns]
        # A penalty near 0 can carry a logit past float32; it must stay a number.
        seen = torch.where(seen < 0, seen * repetition, seen / repetition).clamp_(max=_LARGEST)
        logits[rows, columns] = seen.sub_(frequency.mul_(counts)).sub_(presence.mul_(counts > 0))

    def _upload(self, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Tensor:
        return torch.from_numpy(values).to(self._device)


class EndMask:
    """Tokens that may not be chosen because they would end a request before its minimum."""

    def __init__(self, ends: Mapping[int, Sequence[int]], device: torch.device) -> None:
        """Takes row -> token ids."""
        self._rows = _repeated(list(ends), [len(ids) for ids in ends.values()], device)
        self._columns = torch.tensor([token for ids in ends.values() for token in ids], device=device)

    def apply(self, logits: Tensor) -> None:
        """Sets logits of ``logits`` [n, V] to -inf in place; a config's end id outside the vocabulary is no column."""
        known = (self._columns >= 0) & (self._columns < logits.shape[1])
        logits[self._rows[known], self._columns[known]] = -torch.inf


def forbid(logits: Tensor, allowed: Tensor) -> None:
    """Sets what a grammar does not allow to -inf, in place.

    Args:
        logits: [n, V] float32.
        allowed: bool [n, V], or int32 [n, ceil(V / 32)] whose bit ``t % 32`` of word ``t // 32`` is token t
            (llguidance's and xgrammar's layout). A row without a grammar has every bit set.
    """
    if allowed.dtype == torch.int32:
        bits = torch.arange(32, dtype=torch.int32, device=allowed.device)
        allowed = (allowed.unsqueeze(-1) >> bits & 1).flatten(1)[:, : logits.shape[1]].bool()
    logits.masked_fill_(~allowed, -torch.inf)


def _repeated(values: Sequence[int], times: Sequence[int], device: torch.device) -> Tensor:
    return torch.from_numpy(np.repeat(np.array(values, dtype=np.int64), times)).to(device)
