"""Parameters of a batch as tensors, made when its membership changes and kept from step to step.

What changes with every token (position, tokens generated, history) stays in the rows and is read when a
step samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import torch
from torch import Tensor

from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams
from sgl.sampling.history import TokenHistory
from sgl.sampling.penalties import EndMask, LogitBias, Penalties
from sgl.sampling.philox import Draws
from sgl.sampling.weights import ONE

MAX_TOP_LOGPROBS: Final = 20
_UNLIMITED: Final = 1 << 31
_LARGEST_TEMPERATURE: Final = float(torch.finfo(torch.float32).max)


@dataclass(slots=True, eq=False)
class SampleRow:
    """What the sampler needs to know of one request. Owned by the request, which calls `append`.

    Attributes:
        params: Valid for the model's vocabulary (`SamplingParams.validate`).
        seed: 64-bit Philox key.
        position: Index of the token to draw: the number of ids, prompt and output, before it.
        history: Needed exactly when ``params.penalised``; see `TokenHistory.when_penalised`.
        end_token_ids: The model's own end tokens.
        generated: Tokens of output so far.
        logprobs: What to report beside the token; its ids are below the vocabulary size.
        greedy: Whether no draw is needed.
    """

    params: SamplingParams
    seed: int
    position: int
    history: TokenHistory | None = None
    end_token_ids: tuple[int, ...] = ()
    generated: int = 0
    logprobs: LogprobRequest = field(default_factory=LogprobRequest)
    greedy: bool = field(init=False)

    def __post_init__(self) -> None:
        if self.params.penalised and self.history is None:
            raise ValueError("a penalised row needs a TokenHistory")
        if not 0 <= self.logprobs.top <= MAX_TOP_LOGPROBS:
            raise ValueError(f"top logprobs must be 0 to {MAX_TOP_LOGPROBS}, got {self.logprobs.top}")
        self.greedy = self.params.greedy

    @classmethod
    def start(
        cls,
        params: SamplingParams,
        seed: int,
        prompt_ids: Sequence[int],
        *,
        output_ids: Sequence[int] = (),
        end_token_ids: tuple[int, ...] = (),
        logprobs: LogprobRequest | None = None,
    ) -> SampleRow:
        """The row of a request with this prompt and, when it is resumed, the output it has already."""
        return cls(
            params=params,
            seed=seed,
            position=len(prompt_ids) + len(output_ids),
            history=TokenHistory.when_penalised(params, prompt_ids, output_ids),
            end_token_ids=end_token_ids,
            generated=len(output_ids),
            logprobs=LogprobRequest() if logprobs is None else logprobs,
        )

    def ahead(self, distance: int) -> SampleRow:
        """The row ``distance`` tokens further on, for checking a guess of those tokens.

        Raises:
            ValueError: The row is penalised: what it will have seen by then is not known.
        """
        if self.history is not None:
            raise ValueError("a penalised row cannot look ahead")
        return replace(self, position=self.position + distance, generated=self.generated + distance)

    def append(self, token_id: int) -> None:
        """Moves on by one generated token; O(1)."""
        self.position += 1
        self.generated += 1
        if self.history is not None:
            self.history.append(token_id)


@dataclass(frozen=True, slots=True)
class DrawParameters:
    """How n rows turn logits into weights; all tensors are [n, 1] and on the device of the logits.

    Attributes:
        temperature: float32, above 0.
        top_k: int64, at least 1; 2**31 keeps all.
        top_p: float64, above 0; 1 keeps all.
        min_weight: int64, the smallest weight ``min_p`` keeps; None when no row has a min_p.
    """

    temperature: Tensor
    top_k: Tensor
    top_p: Tensor
    min_weight: Tensor | None

    @classmethod
    def of(cls, params: Sequence[SamplingParams], device: torch.device) -> DrawParameters:
        """Tensors of parameters none of which is greedy."""

        def column(values: Iterable[float], dtype: torch.dtype) -> Tensor:
            return torch.tensor(list(values), dtype=dtype, device=device).unsqueeze(1)

        return cls(
            column((min(p.temperature, _LARGEST_TEMPERATURE) for p in params), torch.float32),
            column((p.top_k if p.top_k > 0 else _UNLIMITED for p in params), torch.int64),
            column((p.top_p for p in params), torch.float64),
            column((math.ceil(p.min_p * ONE) for p in params), torch.int64) if any(p.min_p for p in params) else None,
        )

    def take(self, index: Tensor | slice) -> DrawParameters:
        """Some of the rows."""
        minimum = None if self.min_weight is None else self.min_weight[index]
        return DrawParameters(self.temperature[index], self.top_k[index], self.top_p[index], minimum)

    def share(self, mass: Tensor) -> Tensor:
        """``ceil(top_p * mass)``, the least weight that top_p keeps; ``mass`` is [n, 1] int64, above 0."""
        part = mass.to(torch.float64).mul_(self.top_p).ceil_().to(torch.int64).clamp_(min=1)
        return torch.where(self.top_p < 1.0, torch.minimum(part, mass), mass)

    def drop_improbable(self, weights: Tensor) -> Tensor:
        """Zeroes, in place, the weights [n, m] below what min_p keeps."""
        return weights if self.min_weight is None else weights.mul_(weights >= self.min_weight)


class DrawGroup:
    """The rows of a batch that are drawn the same way.

    Attributes:
        rows: Their indices in the batch.
        index: The same as an int64 tensor.
        parameters: Of these rows.
    """

    def __init__(self, rows: Sequence[SampleRow], chosen: list[int], device: torch.device) -> None:
        self._members = [rows[row] for row in chosen]
        self._draws = Draws([member.seed for member in self._members])
        self.rows = chosen
        self.index = torch.tensor(chosen, dtype=torch.int64, device=device)
        self.parameters = DrawParameters.of([member.params for member in self._members], device)

    def bits(self) -> list[int]:
        """The 64 random bits of each row for its next token."""
        return self._draws.at([member.position for member in self._members])


class SamplingBatch:
    """What one sampling step needs to know of its rows, in their order.

    Attributes:
        rows: As given.
        whole: Rows drawn from all tokens (temperature and min_p only), or None.
        truncated: Rows with top_k or top_p, or None.
        reported: Indices of rows that want logprobs of their output.
        bias, penalties, end_mask: What changes the logits, or None.
    """

    def __init__(self, rows: Sequence[SampleRow], device: torch.device | str = "cpu") -> None:
        device = torch.device(device)
        self.rows = tuple(rows)
        drawn = [index for index, row in enumerate(rows) if not row.greedy]
        truncated = [index for index in drawn if _truncates(rows[index].params)]
        whole = [index for index in drawn if not _truncates(rows[index].params)]
        self.whole = DrawGroup(rows, whole, device) if whole else None
        self.truncated = DrawGroup(rows, truncated, device) if truncated else None
        self.reported = [index for index, row in enumerate(rows) if row.logprobs.output]
        biases = {index: row.params.logit_bias for index, row in enumerate(rows) if row.params.logit_bias}
        self.bias = LogitBias(biases, device) if biases else None
        histories = {index: (row.params, row.history) for index, row in enumerate(rows) if row.history is not None}
        self.penalties = Penalties(histories, device) if histories else None
        self._unripe = [index for index, row in enumerate(rows) if row.generated < row.params.min_new_tokens]
        self._device = device

    def serves(self, rows: Sequence[SampleRow]) -> bool:
        """Whether this is the batch of exactly these rows, so that it need not be made again."""
        return len(rows) == len(self.rows) and all(mine is theirs for mine, theirs in zip(self.rows, rows, strict=True))

    def end_mask(self) -> EndMask | None:
        """What must not end yet in this step. A row that has reached its minimum is never asked again."""
        if not self._unripe:
            return None
        self._unripe = [i for i in self._unripe if self.rows[i].generated < self.rows[i].params.min_new_tokens]
        ends = {i: self.rows[i].end_token_ids + self.rows[i].params.stop_token_ids for i in self._unripe}
        return EndMask(ends, self._device) if any(ends.values()) else None


def _truncates(params: SamplingParams) -> bool:
    return params.top_k > 0 or params.top_p < 1.0
