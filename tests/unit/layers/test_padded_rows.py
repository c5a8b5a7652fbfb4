"""Rows that only pad a captured batch choose no expert, so no expert is read for them; others do not notice."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
import torch
from torch import Tensor

from sgl.batch.context import ForwardContext, PagedAttention
from sgl.batch.paged import PagedBatch
from sgl.engine.gpu.inputs import DeviceInputs, Layout
from sgl.engine.gpu.runner import DecoderModel, Forward, PagedBackend
from sgl.kernels.triton import fused
from sgl.kvcache.rows import PageRows
from sgl.layers.attention import SelfAttention
from sgl.models.decoder import Decoder
from tests.interpreter import mend_bfloat16, patch_once
from tests.unit.layers.test_expert_group import CONFIG, MODEL, VARIANTS, fill, finished, hidden_states, placement

SLOTS = torch.tensor([7, 3, -1, 12, -1])
REAL = SLOTS >= 0


@pytest.fixture(autouse=True)
def _interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bfloat16(monkeypatch)
    patch_once(monkeypatch)


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What each call of the kernels for experts was told."""
    seen: list[Tensor] = []
    multiply = fused.experts

    def experts(hidden: Tensor, weights: Tensor, chosen: Tensor, *rest: object, **options: object) -> Tensor:
        seen.append(chosen)
        return multiply(hidden, weights, chosen, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fused, "experts", experts)
    return seen


@pytest.mark.parametrize("variant", ["softmax", "sigmoid", "shared, gated", "int4 at load"])
def test_no_expert_is_chosen_for_them(variant: str, chosen: list[Tensor]) -> None:
    model, hidden = VARIANTS[variant], hidden_states()
    layer = finished(model, placement(model))
    wanted, got = layer.forward(hidden), layer.forward(hidden, SLOTS)
    assert (chosen[0] >= 0).all()
    assert torch.equal(chosen[1][REAL], chosen[0][REAL])
    assert (chosen[1][~REAL] == -1).all()
    torch.testing.assert_close(got[REAL], wanted[REAL], rtol=1e-6, atol=1e-7)
    assert got.isfinite().all()


def test_a_decoder_tells_its_experts(chosen: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two layers the second has experts; the first one's weights are read whoever is there."""
    monkeypatch.setattr(SelfAttention, "forward", lambda self, hidden, rotation, context: torch.zeros_like(hidden))
    model = replace(MODEL, experts=replace(CONFIG, layers=(False, True)), num_layers=2)
    decoder = Decoder(model, placement(model), 32)
    fill(decoder.slots())
    decoder.finish(False)
    ids = torch.arange(5)
    attention = cast(PagedAttention, None)
    wanted = decoder.forward(ForwardContext(ids, ids, attention))
    got = decoder.forward(ForwardContext(ids, ids, attention, SLOTS))
    assert [(each[~REAL] == -1).all().item() for each in chosen] == [False, True]
    torch.testing.assert_close(got[REAL], wanted[REAL], rtol=1e-6, atol=1e-7)


def test_a_step_on_a_gpu_says_where_its_tokens_are_kept() -> None:
    told: list[Tensor | None] = []
    planned: list[Tensor] = []

    class Model:
        def forward(self, context: ForwardContext) -> Tensor:
            told.append(context.slots)
            return torch.zeros(3, 4)

    class Backend:
        def plan(self, batch: PagedBatch) -> None:
            planned.append(batch.slots)

    inputs = DeviceInputs(PageRows(2, 4, 4), sequences=3, tokens=3, device=torch.device("cpu"))
    Forward(cast(DecoderModel, Model()), cast(PagedBackend, Backend()), inputs).hidden(Layout.decode(3))
    assert told[0] is planned[0]
