"""What penalised rows have seen, counted on the device, where a token is known before the host hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from sgl.sampling.arrays import SampleRow
from sgl.sampling.transfer import upload

_FEWEST: Final = 4


class DeviceHistories:
    """One line of the vocabulary for each penalised row of a batch, from when the row joins until it is gone.

    A line is made from the row's `TokenHistory` and counts what is drawn from then on. It takes 4 bytes a token of
    the vocabulary, and memory for as many rows as have been penalised at once is kept.

    Attributes:
        lines: int32 [P, V] in the form of `sgl.kernels.triton.adjust.Penalties`; replaced when P grows.
    """

    def __init__(self, vocabulary: int, device: torch.device, rows: int = 0) -> None:
        """Takes memory for so many rows at once."""
        self.lines = torch.empty(0, vocabulary, dtype=torch.int32, device=device)
        self._slots: dict[SampleRow, int] = {}
        self._counted: dict[SampleRow, int] = {}
        self._free: list[int] = []
        self._grow(rows)

    def hold(self, rows: Sequence[SampleRow], ahead: Sequence[int]) -> list[int]:
        """The line of each row, -1 for one without penalties; rows that are not among these lose theirs.

        Args:
            rows: Of the batch.
            ahead: Tokens of each that are drawn and not yet in its history.
        """
        penalised = {row: distance for row, distance in zip(rows, ahead, strict=True) if row.history is not None}
        for row in self._slots.keys() - penalised.keys():
            self._free.append(self._slots.pop(row))
            del self._counted[row]
        self._grow(len(penalised))
        for row in penalised.keys() - self._slots.keys():
            self._slots[row] = self._free.pop()
            self._counted[row] = -1
        self.follow(penalised)
        return [self._slots.get(row, -1) for row in rows]

    def follow(self, penalised: Mapping[SampleRow, int]) -> None:
        """Makes lines anew that have not counted what their rows have: new ones, or after a step that failed.

        Raises:
            ValueError: A token that is not counted here is not known on the host either.
        """
        for row, distance in penalised.items():
            if self._counted[row] != row.generated + distance:
                if distance:
                    raise ValueError("a penalised row that joins a batch must have no token in flight")
                self._fill(row)

    def count(self) -> None:
        """A token was drawn for every row and counted on the device."""
        for row in self._counted:
            self._counted[row] += 1

    def _grow(self, rows: int) -> None:
        have, vocabulary = self.lines.shape
        if rows > have:
            lines = torch.zeros(max(_FEWEST, 2 * have, rows), vocabulary, dtype=torch.int32, device=self.lines.device)
            lines[:have] = self.lines
            self._free += range(have, len(lines))
            self.lines = lines

    def _fill(self, row: SampleRow) -> None:
        assert row.history is not None
        ids = upload(row.history.ids.copy(), self.lines.device)
        values = upload(row.history.counts.astype(np.int32) * 2 + 1, self.lines.device)
        self.line(self._slots[row]).zero_().scatter_(0, ids, values)
        self._counted[row] = row.generated

    def line(self, slot: int) -> Tensor:
        """int32 [V]."""
        return self.lines[slot]
