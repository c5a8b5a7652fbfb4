"""Parameters of a batch on a device, made when its membership changes; only positions move with each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sgl.kernels.triton.adjust import Biases, Ends, Penalties
from sgl.sampling.arrays import MAX_TOP_LOGPROBS, SampleRow
from sgl.sampling.device_history import DeviceHistories
from sgl.sampling.transfer import upload
from sgl.sampling.weights import ONE

_UNLIMITED: Final = 1 << 31
_LARGEST_TEMPERATURE: Final = float(torch.finfo(torch.float32).max)
_ALIGNED: Final = 4
"""Rows of a packed block start at a multiple of 16 bytes, so that every batch runs the same compiled kernels."""


class DeviceRows:
    """What a step needs to know of its rows, in their order.

    Attributes:
        rows: As given.
        drawn: Whether any row is not greedy.
        truncating: Whether any of those has a top_k or a top_p.
        temperature: float32 [n]; 0 is greedy.
        top_k, top_p, min_weight, seeds: As `sgl.kernels.triton.draw.sample` takes them, [n].
        positions: int64 [n], of the tokens to draw next, where the batch `moves`.
        penalties, biases: What changes the logits, or None.
        reported: Indices of rows that want logprobs of their output.
        reported_index: The same on the device; None if these are all rows.
        top: Likeliest tokens that they want, 0 or the same 20 for every batch.
        chosen: int64 [m, c], the ids of which they want logprobs, or None.
    """

    def __init__(
        self, rows: Sequence[SampleRow], ahead: Sequence[int], histories: DeviceHistories, device: torch.device
    ) -> None:
        self.rows = tuple(rows)
        self._device = device
        params = [row.params for row in rows]
        self.drawn = not all(row.greedy for row in rows)
        self.truncating = any(not row.greedy and (row.params.top_k > 0 or row.params.top_p < 1.0) for row in rows)
        self._expected = _positions(rows, ahead)
        integers = _block([
            np.array([each.top_k if each.top_k > 0 else _UNLIMITED for each in params], np.int64),
            np.array([math.ceil(each.min_p * ONE) for each in params], np.int64),
            np.array([row.seed - ((row.seed >> 63 & 1) << 64) for row in rows], np.int64),
            np.array(self._expected, np.int64),
            np.array([each.top_p for each in params], np.float64),
        ])  # fmt: skip
        warmth = [0.0 if row.greedy else min(row.params.temperature, _LARGEST_TEMPERATURE) for row in rows]
        words = _block([
            np.array(histories.hold(rows, ahead), np.int32),
            np.array(warmth, np.float32),
            np.array([each.repetition_penalty for each in params], np.float32),
            np.array([each.presence_penalty for each in params], np.float32),
            np.array([each.frequency_penalty for each in params], np.float32),
        ])  # fmt: skip
        count = len(rows)
        self.top_k, self.min_weight, self.seeds, self.positions, bits = upload(integers, device)[:, :count]
        self.top_p = bits.view(torch.float64)
        slots, *parts = upload(words, device)[:, :count]
        self.temperature, *factors = (part.view(torch.float32) for part in parts)
        self._histories = histories
        self._penalised = [index for index, row in enumerate(rows) if row.history is not None]
        self.penalties = Penalties(histories.lines, slots, *factors) if self._penalised else None
        self.biases = self._upload_biases()
        self._unripe = list(range(count))
        self._ends = self._upload_ends(ahead)
        self.reported = [index for index, row in enumerate(rows) if row.logprobs.output]
        some = 0 < len(self.reported) < count
        self.reported_index = upload(np.array(self.reported, np.int64), device) if some else None
        self.top = MAX_TOP_LOGPROBS if any(rows[index].logprobs.top for index in self.reported) else 0
        self.chosen = self._upload_chosen()

    def serves(self, rows: Sequence[SampleRow]) -> bool:
        """Whether these are exactly the rows, so that they need not be uploaded again."""
        return len(rows) == len(self.rows) and all(mine is theirs for mine, theirs in zip(self.rows, rows, strict=True))

    @property
    def moves(self) -> bool:
        """Whether positions or histories matter, so that a kernel has to advance them with each step."""
        return self.drawn or self.penalties is not None or self._ends is not None

    def follow(self, ahead: Sequence[int]) -> None:
        """Checks what the device has advanced against what the host says; uploads where they differ.

        They do after a step that failed, was never launched, or drew a token that was thrown away.
        """
        expected = _positions(self.rows, ahead) if self.moves else self._expected
        if expected != self._expected:
            self._expected = expected
            self.positions.copy_(upload(np.array(expected, np.int64), self._device), non_blocking=True)
        self._histories.follow({self.rows[index]: ahead[index] for index in self._penalised})

    def moved(self) -> None:
        """A kernel has advanced positions and histories by one token."""
        self._expected = [position + 1 for position in self._expected]
        self._histories.count()

    def ends(self, ahead: Sequence[int]) -> Ends | None:
        """What must not end yet in this step. A row that has reached its minimum is not asked again."""
        if self._ends is None:
            return None
        if not self._narrow(ahead):
            self._ends = None
        return self._ends

    def _narrow(self, ahead: Sequence[int]) -> list[int]:
        """The rows that may not end yet."""
        self._unripe = [
            index
            for index in self._unripe
            if self.rows[index].generated + ahead[index] < self.rows[index].params.min_new_tokens
        ]
        return self._unripe

    def _upload_ends(self, ahead: Sequence[int]) -> Ends | None:
        entries = [
            (index, token, row.position - row.generated + row.params.min_new_tokens)
            for index, row in ((index, self.rows[index]) for index in self._narrow(ahead))
            for token in row.end_token_ids + row.params.stop_token_ids
        ]
        if not entries:
            return None
        rows, tokens, until = np.array(entries, np.int64).T
        places = upload(_block([rows.astype(np.int32), tokens.astype(np.int32)]), self._device)[:, : len(entries)]
        return Ends(places[0], places[1], upload(until, self._device), self.positions)

    def _upload_biases(self) -> Biases | None:
        entries = [
            (index, token, value)
            for index, row in enumerate(self.rows)
            for token, value in row.params.logit_bias.items()
        ]
        if not entries:
            return None
        rows, tokens, values = zip(*entries, strict=True)
        columns = [np.array(rows, np.int32), np.array(tokens, np.int32), np.array(values, np.float32)]
        places = upload(_block(columns), self._device)[:, : len(entries)]
        return Biases(places[0], places[1], places[2].view(torch.float32))

    def _upload_chosen(self) -> Tensor | None:
        wanted = [self.rows[index].logprobs.token_ids for index in self.reported]
        width = max(map(len, wanted), default=0)
        if not width:
            return None
        ids = np.zeros((len(wanted), width), np.int64)
        for line, tokens in zip(ids, wanted, strict=True):
            line[: len(tokens)] = tokens
        return upload(ids, self._device)


def _positions(rows: Sequence[SampleRow], ahead: Sequence[int]) -> list[int]:
    return [row.position + distance for row, distance in zip(rows, ahead, strict=True)]


def _block(columns: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
    """Arrays of one length and item size as rows of one array, of the first one's type, that start aligned."""
    length = len(columns[0])
    block = np.zeros((len(columns), -(-length // _ALIGNED) * _ALIGNED), columns[0].dtype)
    for line, column in zip(block, columns, strict=True):
        line[:length] = column.view(block.dtype)
    return block
