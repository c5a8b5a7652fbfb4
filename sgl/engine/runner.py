"""The runner: one step of the model for one batch. The scheduler knows only the two protocols here.

`Runner.launch` starts a step and returns at once where the device allows it; `Launched.wait` gives the
result. On a CPU the work is done in `launch`; a GPU runner returns with the step in flight, and the scheduler
plans and launches the next one meanwhile.
"""

from __future__ import annotations

import itertools
from typing import Final, Protocol

import torch
from torch import Tensor

from sgl.batch.batch import Batch, Drawn, Entry, EntryResult, StepResult
from sgl.batch.context import ForwardContext
from sgl.engine.attention import AttentionBackend
from sgl.engine.prepare import prepare, prompt_targets
from sgl.kvcache.rows import PageRows
from sgl.protocol.messages import TokenLogprob
from sgl.sampling.arrays import SampleRow, SamplingBatch
from sgl.sampling.logprobs import prompt_logprobs
from sgl.sampling.sampler import sample

LOGIT_ROWS: Final = 64
"""Prompt logprobs are computed over this many rows at a time, to bound the float32 logits in memory."""


class Launched(Protocol):
    """A step in flight."""

    def wait(self) -> StepResult:
        """Blocks until the step is done; raises what the step raised."""
        ...


class Runner(Protocol):
    """Computes batches. A pure function of token ids and of the KV the leases' pages hold.

    Steps run in the order in which they were launched. When one raises, those launched behind it are waited for
    as well and count for nothing: their requests are computed again from what was applied.
    """

    @property
    def overlaps(self) -> bool:
        """Whether `launch` returns before the work is done, so that a next step can be launched behind it.

        Such a runner reads requests, sampling rows and page table only in `launch`, because they change while
        the step runs. It keeps the token drawn for each row of the page table on the device, always an id of the
        vocabulary, and takes it from there for the entries that are `Entry.future`.
        """
        ...

    @property
    def keeps_history(self) -> bool:
        """Whether penalties count tokens on the device, so that a penalised request can be `Entry.future`.

        Such a runner counts afresh for a lease it has not seen and after a step that raised.
        """
        ...

    def launch(self, batch: Batch) -> Launched:
        """Starts one step."""
        ...


class DecoderModel(Protocol):
    """What a model must offer to be run."""

    def forward(self, context: ForwardContext) -> Tensor:
        """Hidden states [tokens, hidden_size]."""
        ...

    def logits(self, hidden: Tensor) -> Tensor:
        """float32 [rows, vocab_size]."""
        ...


class Done:
    """A step that was finished when it was launched."""

    def __init__(self, result: StepResult) -> None:
        self._result = result

    def wait(self) -> StepResult:
        """The result."""
        return self._result


class CpuRunner:
    """Runs a model on the CPU, synchronously."""

    def __init__(self, model: DecoderModel, attention: AttentionBackend, rows: PageRows) -> None:
        self._model = model
        self._attention = attention
        self._rows = rows
        self._sampling = SamplingBatch([])

    @property
    def overlaps(self) -> bool:
        """Never: a launched step is done."""
        return False

    @property
    def keeps_history(self) -> bool:
        """Not needed where the host knows every token."""
        return False

    @torch.inference_mode()
    def launch(self, batch: Batch) -> Done:
        """Forward pass, head of the rows that matter, sampling."""
        inputs = prepare(batch, self._rows)
        attention = self._attention.plan(inputs.spans, inputs.slots)
        hidden = self._model.forward(ForwardContext(inputs.token_ids, inputs.positions, attention))
        spans = zip(batch.entries, inputs.spans, strict=True)
        scores = [self._prompt_logprobs(entry, span.query_start, hidden) for entry, span in spans]
        drawn = iter(self._draw(batch, inputs.draw_rows, hidden))
        results = [
            EntryResult(tuple(itertools.islice(drawn, entry.draw_count)), scored)
            for entry, scored in zip(batch.entries, scores, strict=True)
        ]
        return Done(StepResult(tuple(results)))

    def _draw(self, batch: Batch, draw_rows: Tensor | None, hidden: Tensor) -> list[Drawn]:
        """Draws after every row that asks for it, in order."""
        rows = [row for entry in batch.entries for row in sample_rows(entry)]
        if not rows:
            return []
        chosen = hidden if draw_rows is None else hidden.index_select(0, draw_rows)
        if not self._sampling.serves(rows):
            self._sampling = SamplingBatch(rows)
        sampled = sample(self._model.logits(chosen), self._sampling)
        return [Drawn(*one) for one in zip(sampled.token_ids, sampled.finite, sampled.logprobs, strict=True)]

    def _prompt_logprobs(self, entry: Entry, query_start: int, hidden: Tensor) -> list[TokenLogprob]:
        wanted = prompt_targets(entry)
        if wanted is None:
            return []
        offset, targets = wanted
        first = query_start + offset
        scored: list[TokenLogprob] = []
        for start in range(0, len(targets), LOGIT_ROWS):
            part = targets[start : start + LOGIT_ROWS]
            logits = self._model.logits(hidden[first + start : first + start + len(part)])
            scored += prompt_logprobs(logits, part, entry.request.logprobs)
        return scored


def sample_rows(entry: Entry) -> list[SampleRow]:
    """The request's own row, and one further on for each draft."""
    if not entry.draws:
        return []
    own = entry.request.sample_row
    return [own, *(own.ahead(distance + 1) for distance in range(len(entry.drafts)))]
