"""The step by which memory is measured is as large as any: its tokens, its logits, and who is penalised."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from sgl.batch.context import ForwardContext
from sgl.engine.gpu.build import _largest_step
from sgl.engine.gpu.runner import DecoderModel, PagedBackend
from sgl.engine.runner import LOGIT_ROWS
from sgl.sampling.device import DeviceSampler
from tests.unit.plan.demands import demand_of, place


class Noted:
    """Takes the place of model, attention and sampler."""

    def __init__(self) -> None:
        self.tokens = self.rows = self.penalised = 0
        self.slots: Tensor | None = None

    def plan(self, batch: Any) -> None: ...

    def forward(self, context: ForwardContext) -> Tensor:
        self.tokens, self.slots = len(context.token_ids), context.slots
        return torch.zeros(len(context.token_ids), 4)

    def logits(self, hidden: Tensor) -> Tensor:
        self.rows = len(hidden)
        return torch.zeros(len(hidden), 9)

    def fill(self, logits: Tensor, penalised: int) -> None:
        self.penalised = penalised

    def warm_up(self, dtype: torch.dtype) -> None: ...


@pytest.mark.parametrize(
    ("running", "chunk", "drafts", "tokens", "rows"),
    [
        (100, 512, 0, 512, 100),
        (4, 512, 0, 512, LOGIT_ROWS),
        (100, 512, 3, 512, 400),
        (100, 200, 3, 200, 200),
        (300, 128, 0, 300, 300),
    ],
    ids=["many requests", "prompt tokens scored", "guesses", "as many as a step has", "more requests than a chunk"],
)
def test_it_has_room_for_every_step(running: int, chunk: int, drafts: int, tokens: int, rows: int) -> None:
    noted = Noted()
    demand = replace(demand_of(place(80, kind="cuda"), running=running, chunk=chunk), drafts=drafts)
    backend, model = cast(PagedBackend, noted), cast(DecoderModel, noted)
    _largest_step(model, demand, backend, cast(DeviceSampler, noted), torch.device("cpu"))
    assert (noted.tokens, noted.rows, noted.penalised) == (tokens, rows, running)
    # Experts are chosen for all of them.
    assert noted.slots is None
