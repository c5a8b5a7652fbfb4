"""`DeviceSampler`: logits on a GPU in, tokens on the GPU out; the host hears of them later.

Only a runner for GPUs imports this: it needs Triton. What is computed is `sgl.sampling`'s definition. A token is the
CPU's, bit for bit, where ``exp`` of the two rounds alike (`sgl.kernels.triton.mass.weigh`).

While a batch has the same rows, nothing is uploaded: positions and histories are advanced on the device, which under
overlap scheduling knows a token before the host does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sgl.kernels.triton.adjust import adjust, advance_rows
from sgl.kernels.triton.argmax import greedy
from sgl.kernels.triton.draw import sample
from sgl.protocol.messages import LogprobRequest, TokenLogprob
from sgl.protocol.sampling import SamplingParams
from sgl.sampling.arrays import MAX_TOP_LOGPROBS, SampleRow
from sgl.sampling.device_history import DeviceHistories
from sgl.sampling.device_logprobs import LogprobTensors, token_logprobs
from sgl.sampling.device_rows import DeviceRows
from sgl.sampling.sampler import Sampled
from sgl.sampling.transfer import start_download


@dataclass(frozen=True, slots=True)
class DeviceSampled:
    """One token per row, on the device, or on the host once it was downloaded.

    Attributes:
        tokens: int64 [n]; 0 where ``finite`` is False.
        finite: bool [n]; see `sgl.sampling.sampler.Sampled`.
        reported: Rows that want logprobs.
        requests: What each of those wants.
        logprobs: Of those rows, in their order; None if there is none.
    """

    tokens: Tensor
    finite: Tensor
    reported: tuple[int, ...] = ()
    requests: tuple[LogprobRequest, ...] = ()
    logprobs: LogprobTensors | None = None

    def start_download(self) -> DeviceSampled:
        """The same on the host, once the stream has come this far: an event has to be waited for before `to_host`."""
        return replace(
            self,
            tokens=start_download(self.tokens),
            finite=start_download(self.finite),
            logprobs=None if self.logprobs is None else self.logprobs.start_download(),
        )

    def to_host(self) -> Sampled:
        """Plain values of what was downloaded.

        Raises:
            ValueError: The tensors are still on a device; reading them would wait for it.
        """
        if self.tokens.device.type != "cpu":
            raise ValueError("sampled tokens are on a device; download them and wait for the copy first")
        tokens: list[int] = self.tokens.tolist()
        finite: list[bool] = self.finite.tolist()
        reports: list[TokenLogprob | None] = [None] * len(tokens)
        if self.logprobs is not None:
            told = self.logprobs.entries([tokens[row] for row in self.reported], self.requests)
            for row, entry in zip(self.reported, told, strict=True):
                reports[row] = entry if finite[row] else None
        return Sampled(tokens, finite, reports)


class DeviceSampler:
    """Chooses tokens of step after step, all launched on the current stream."""

    def __init__(self, vocabulary: int, device: torch.device | str, *, penalised: int = 0) -> None:
        """``vocabulary`` is the width of the logits; for ``penalised`` rows with penalties memory is taken at once."""
        self._device = torch.device(device)
        self._histories = DeviceHistories(vocabulary, self._device, penalised)
        self._vocabulary = vocabulary
        self._rows = DeviceRows((), (), self._histories, self._device)

    def sample(
        self,
        logits: Tensor,
        rows: Sequence[SampleRow],
        ahead: Sequence[int] | None = None,
        *,
        allowed: Tensor | None = None,
        likeliest: tuple[Tensor, Tensor] | None = None,
    ) -> DeviceSampled:
        """Chooses the next token of every row; returns before that is done.

        Args:
            logits: [n, V] float32, bfloat16 or float16, as the model gave them; only read.
            rows: The n rows. Which ones are reported, greedy and so on is read when the membership changes.
            ahead: How many tokens of each row are drawn on the device and not yet appended to the row; None is 0.
            allowed: int32 [n, ceil(V / 32)] on the device, as for `sgl.sampling.penalties.forbid`, or None.
            likeliest: What `greedy` gives for these logits, if a captured graph has computed it.

        Raises:
            ValueError: A penalised row joins with a token in flight, which nobody has counted.
        """
        ahead = [0] * len(rows) if ahead is None else ahead
        if self._rows.serves(rows):
            self._rows.follow(ahead)
        else:
            self._rows = DeviceRows(rows, ahead, self._histories, self._device)
        batch = self._rows
        ends = batch.ends(ahead)
        adjusted = logits
        if any(change is not None for change in (batch.penalties, batch.biases, ends, allowed)):
            adjusted = adjust(logits, penalties=batch.penalties, biases=batch.biases, ends=ends, allowed=allowed)
        if batch.drawn:
            tokens, finite = sample(
                adjusted,
                batch.temperature,
                batch.top_k,
                batch.top_p,
                batch.min_weight,
                batch.seeds,
                batch.positions,
                truncating=batch.truncating,
            )
        elif likeliest is not None and adjusted is logits:
            tokens, finite = likeliest
        else:
            tokens, finite = greedy(adjusted)
        if batch.moves:
            advance_rows(batch.positions, tokens, batch.penalties)
            batch.moved()
        return self._report(logits, tokens, finite)

    def warm_up(self, dtype: torch.dtype, *, masked: bool = False) -> None:
        """Compiles every kernel for logits of ``dtype``, so that no request waits for it.

        Args:
            masked: Those that are told which tokens are ``allowed``, too.
        """
        params = (
            SamplingParams(temperature=0.0),
            SamplingParams(),
            SamplingParams(logit_bias={0: 1.0}, min_new_tokens=1),
            SamplingParams(logit_bias={0: 1.0}, presence_penalty=1.0, top_k=2),
        )
        allowed = torch.full((1, -(-self._vocabulary // 32)), -1, dtype=torch.int32, device=self._device)
        logits = torch.zeros(1, self._vocabulary, dtype=dtype, device=self._device)
        for each in params:
            row = SampleRow.start(each, 0, (0,), end_token_ids=(0,))
            self.sample(logits, [row])
            if masked:
                self.sample(logits, [row], [1], allowed=allowed)

    def fill(self, logits: Tensor, penalised: int) -> None:
        """Draws for as many rows as there ever are, in the way that takes the most memory, so that it can be measured.

        Args:
            logits: [n, V], as the model gave them.
            penalised: Most rows with penalties at once.
        """
        params = [
            SamplingParams(logit_bias={0: 1.0}, min_new_tokens=1, top_k=2, top_p=0.9, presence_penalty=penalty)
            for penalty in (0.0, 1.0)
        ]
        report = LogprobRequest(output=True, top=MAX_TOP_LOGPROBS, token_ids=(0,))
        rows = [
            SampleRow.start(params[number < penalised], 0, (0,), end_token_ids=(0,), logprobs=report)
            for number in range(len(logits))
        ]
        self.sample(logits, rows)

    def _report(self, logits: Tensor, tokens: Tensor, finite: Tensor) -> DeviceSampled:
        batch = self._rows
        if not batch.reported:
            return DeviceSampled(tokens, finite)
        index = batch.reported_index
        raw, own = (logits, tokens) if index is None else (logits.index_select(0, index), tokens.index_select(0, index))
        return DeviceSampled(
            tokens,
            finite,
            tuple(batch.reported),
            tuple(batch.rows[row].logprobs for row in batch.reported),
            token_logprobs(raw, own, batch.top, batch.chosen),
        )
