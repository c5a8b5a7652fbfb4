"""`GpuRunner`: launches steps on a GPU and comes back while they run.

A step is: one copy of a small block to the device, kernels that make inputs of it, the forward pass (a captured one for
decode steps), the sampler, and one copy of what was drawn back to the host. The token that a step draws stays on the
device, too, where the next step finds it: `launch` waits for nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from sgl.batch.batch import Batch, Drawn, Entry, EntryResult, StepResult
from sgl.batch.context import ForwardContext, LatentAttention, PagedAttention
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.engine.gpu.graphs import Decoded, DecodeGraphs
from sgl.engine.gpu.inputs import DeviceInputs, Layout, host_layout
from sgl.engine.gpu.transfer import Mark, mark
from sgl.engine.prepare import prompt_targets
from sgl.engine.runner import LOGIT_ROWS, sample_rows
from sgl.kernels.triton.argmax import greedy
from sgl.kvcache.pool import Pool
from sgl.protocol.messages import TokenLogprob
from sgl.sampling.device import DeviceSampled, DeviceSampler
from sgl.sampling.logprobs import prompt_logprobs


class PagedBackend(Protocol):
    """Plans the attention of batches on a GPU."""

    @property
    def pool(self) -> Pool:
        """What is kept of all pages."""
        ...

    @property
    def plans_on_host(self) -> bool:
        """Whether it must be told the lengths of a captured step on the host, by `prepare`."""
        ...

    def plan(self, batch: PagedBatch) -> PagedAttention | LatentAttention:
        """Plans one batch; waits for no step in flight."""
        ...

    def prepare(self, host: HostLayout) -> None:
        """Plans what a captured step needs planned on the host: before it is captured, and before each launch."""
        ...


class DecoderModel(Protocol):
    """What a model must offer to be run here."""

    def forward(self, context: ForwardContext) -> Tensor:
        """Hidden states [tokens, hidden_size]."""
        ...

    def logits(self, hidden: Tensor, out: Tensor | None = None) -> Tensor:
        """float32 [rows, vocab_size], in ``out``, if given."""
        ...


class InFlight:
    """A step that was launched."""

    def __init__(
        self, batch: Batch, sampled: DeviceSampled | None, scored: list[list[TokenLogprob]], end: Mark
    ) -> None:
        self._entries = batch.entries
        self._sampled = sampled
        self._scored = scored
        self._end = end

    def wait(self) -> StepResult:
        """Blocks until what was drawn has come to the host."""
        self._end.synchronize()
        drawn = iter(_drawn(self._sampled))
        results = [
            EntryResult(tuple(itertools.islice(drawn, entry.draw_count)), scored)
            for entry, scored in zip(self._entries, self._scored, strict=True)
        ]
        return StepResult(tuple(results))


def _drawn(sampled: DeviceSampled | None) -> list[Drawn]:
    if sampled is None:
        return []
    told = sampled.to_host()
    return [Drawn(*one) for one in zip(told.token_ids, told.finite, told.logprobs, strict=True)]


class Forward:
    """The model over the inputs on the device: what is captured, and what is run as it is."""

    def __init__(self, model: DecoderModel, attention: PagedBackend, inputs: DeviceInputs) -> None:
        self.model = model
        self._attention = attention
        self._inputs = inputs

    def prepare(self, batch: Batch, layout: Layout) -> None:
        """What comes before the launch of a captured step."""
        if self._attention.plans_on_host:
            self._attention.prepare(host_layout(batch, layout))

    def prepare_capture(self, sequences: int) -> None:
        """What comes before a decode step of so many sequences is captured."""
        self._attention.prepare(HostLayout.padding(sequences))

    def eager(self, batch: Batch, layout: Layout) -> Tensor:
        """`hidden` of a step that is not captured."""
        return self.hidden(layout, host_layout(batch, layout))

    def hidden(self, layout: Layout, host: HostLayout | None = None) -> Tensor:
        """[tokens, hidden_size] of the step whose block was sent."""
        inputs = self._inputs
        inputs.lay_out(layout)
        batch = inputs.paged(layout, host)
        planned = self._attention.plan(batch)
        context = ForwardContext(inputs.token_ids(layout), inputs.positions(layout), planned, batch.slots)
        return self.model.forward(context)

    def decode(self, room: Decoded) -> None:
        """A decode step of as many sequences as there is room for."""
        self.model.logits(self.hidden(Layout.decode(len(room.tokens))), room.logits)
        tokens, finite = greedy(room.logits)
        room.tokens.copy_(tokens)
        room.finite.copy_(finite)


class GpuRunner:
    """Runs a model on a GPU, or on CPU tensors where kernels are interpreted.

    Args:
        graphs: Captured decode steps, or None.
        overlaps: Whether a next step may be launched before this one is waited for.
    """

    def __init__(
        self,
        forward: Forward,
        inputs: DeviceInputs,
        sampler: DeviceSampler,
        graphs: DecodeGraphs | None,
        *,
        overlaps: bool,
        device: torch.device,
    ) -> None:
        self._forward = forward
        self._inputs = inputs
        self._sampler = sampler
        self._graphs = graphs
        self._overlaps = overlaps
        self._device = device

    @property
    def overlaps(self) -> bool:
        """See `sgl.engine.runner.Runner.overlaps`."""
        return self._overlaps

    @property
    def keeps_history(self) -> bool:
        """True: the sampler counts tokens on the device."""
        return True

    @torch.inference_mode()
    def launch(self, batch: Batch) -> InFlight:
        """Starts one step."""
        try:
            return self._launch(batch)
        except Exception:
            # What was to be sent may not have arrived.
            self._inputs.forget()
            raise

    def _launch(self, batch: Batch) -> InFlight:
        layout = Layout.of(batch)
        if self._graphs is not None and _is_captured(batch, layout, self._graphs.largest):
            padded = Layout.decode(self._graphs.size_for(layout.sequences))
            self._inputs.load(batch, padded)
            self._forward.prepare(batch, padded)
            decoded = self._graphs.replay(layout.sequences)
            drawn = self._draw(batch, layout, decoded.logits, (decoded.tokens, decoded.finite))
            return InFlight(batch, drawn, [[] for _ in batch.entries], mark(self._device))
        self._inputs.load(batch, layout)
        hidden = self._forward.eager(batch, layout)
        scored = self._score(batch.entries, hidden)
        drawn_after = self._inputs.draw_rows(layout)
        chosen = hidden if drawn_after is None else hidden.index_select(0, drawn_after)
        sampled = self._draw(batch, layout, self._forward.model.logits(chosen)) if len(chosen) else None
        return InFlight(batch, sampled, scored, mark(self._device))

    def _draw(
        self, batch: Batch, layout: Layout, logits: Tensor, likeliest: tuple[Tensor, Tensor] | None = None
    ) -> DeviceSampled:
        """Draws after every row that asks for it, and keeps the tokens for the next step."""
        rows = [row for entry in batch.entries for row in sample_rows(entry)]
        ahead = [entry.ahead for entry in batch.entries for _ in range(entry.draw_count)]
        sampled = self._sampler.sample(logits, rows, ahead, likeliest=likeliest)
        self._inputs.keep(layout, sampled.tokens)
        return sampled.start_download()

    def _score(self, entries: Sequence[Entry], hidden: Tensor) -> list[list[TokenLogprob]]:
        """Logprobs of prompt tokens, for those who asked. These alone are waited for."""
        scores, at = [], 0
        for entry in entries:
            wanted = prompt_targets(entry)
            scores.append([] if wanted is None else self._prompt_logprobs(entry, hidden, at + wanted[0], wanted[1]))
            at += entry.count
        return scores

    def _prompt_logprobs(self, entry: Entry, hidden: Tensor, first: int, targets: list[int]) -> list[TokenLogprob]:
        scored: list[TokenLogprob] = []
        for start in range(0, len(targets), LOGIT_ROWS):
            part = targets[start : start + LOGIT_ROWS]
            logits = self._forward.model.logits(hidden[first + start : first + start + len(part)])
            scored += prompt_logprobs(logits, part, entry.request.logprobs)
        return scored


def _is_captured(batch: Batch, layout: Layout, largest: int) -> bool:
    """Whether a captured step computes a batch: one token is computed and one drawn of each entry, and no more."""
    if layout.longest > 1 or layout.draws is not None or layout.sequences > largest:
        return False
    return not any(prompt_targets(entry) for entry in batch.entries)
