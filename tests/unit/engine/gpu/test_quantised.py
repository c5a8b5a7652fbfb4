"""Quantised models on the engine for GPUs, its kernels interpreted: what transformers says of dequantised weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from sgl.kernels.triton import product
from sgl.kernels.triton.skinny import MOST_ROWS
from tests.zoo.formats import FORMATS, Format
from tests.zoo.interpreted import TOKENS, interpreted
from tests.zoo.quantized import KEPT, SHAPE, quantised
from tests.zoo.test_at_load import rounded, save
from tests.zoo.test_quantized import named

pytestmark = pytest.mark.usefixtures("unwarmed")

PROMPT: Final = [5, 9, 70, 33, 21, 17, 44, 3, 12, 80]
"""Its products are those of many rows; tokens behind it are computed one by one."""
TOLERANCE: Final = 5e-3
"""Of sides that round numbers apart: one between two codes may fall to either."""
Round = Callable[[Tensor], Tensor]


def small() -> PreTrainedModel:
    """The smallest one whose matrices have whole blocks and groups; others are expanded."""
    widths = {"intermediate_size": 128, "num_hidden_layers": 1, "num_key_value_heads": 4}
    return LlamaForCausalLM(LlamaConfig(**{**SHAPE, **widths}, attention_bias=True, mlp_bias=True))


def int8_rows(x: Tensor) -> Tensor:
    """127 steps to each side for each row."""
    step = x.abs().amax(dim=-1, keepdim=True) / 127
    return torch.round(x / step) * step


def fp8_rows(x: Tensor) -> Tensor:
    """The largest of each row, or group of 128, is 448, the largest number of E4M3."""
    groups = x.unflatten(-1, (-1, 128))
    scale = groups.abs().amax(dim=-1, keepdim=True) / 448
    return ((groups / scale).to(torch.float8_e4m3fn).float() * scale).flatten(-2)


def round_prompt(model: PreTrainedModel, round_rows: Round) -> None:
    """Makes ``model`` round what the prompt's tokens bring to each quantised product."""

    assert len(PROMPT) > MOST_ROWS, "the products of few rows round nothing"

    def hook(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        (x,) = inputs
        return (torch.cat([round_rows(x[:, : len(PROMPT)]), x[:, len(PROMPT) :]], dim=1),)

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and not any(part in name for part in KEPT):
            module.register_forward_pre_hook(hook)


@torch.no_grad()
def check(folder: Path, reference: PreTrainedModel, wish: str | None = None, prompt: list[int] = PROMPT) -> None:
    """The engine gives each token that it draws the reference's probability."""
    options = {"cuda_graph_max_bs": 0, "chunked_prefill_size": len(prompt)}
    (answer,) = interpreted(folder, [prompt], quantization=wish, **options)
    assert answer.failure is None
    assert len(answer.tokens) == TOKENS
    logits = reference(torch.tensor([prompt + answer.tokens])).logits[0, len(prompt) - 1 : -1]
    table = torch.log_softmax(logits.float(), dim=-1)
    own = [row[token].item() for row, token in zip(table, answer.tokens, strict=True)]
    assert [entry.logprob for entry in answer.logprobs] == pytest.approx(own, abs=TOLERANCE)


@pytest.fixture
def int4_products(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Is called for each product of 4-bit codes: those of an expanded matrix would be the same numbers."""
    spy = Mock(wraps=product.w4a16)
    monkeypatch.setattr(product, "w4a16", spy)
    return spy


@pytest.mark.parametrize(("name", "round_rows"), [("gptq-desc-act", None), ("fp8-blocks", fp8_rows)])
def test_checkpoints(name: str, round_rows: Round | None, tmp_path: Path, int4_products: Mock) -> None:
    reference = quantised(named(name), small, tmp_path)
    if round_rows is not None:
        round_prompt(reference, round_rows)
    check(tmp_path, reference)
    assert int4_products.called == (round_rows is None)


@pytest.mark.interpreted
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_weights_of_every_format(form: Format, tmp_path: Path) -> None:
    """Products of few rows take activations as they are, whatever the format."""
    check(tmp_path, quantised(form, small, tmp_path), prompt=PROMPT[:MOST_ROWS])


@pytest.mark.parametrize(("scheme", "round_rows"), [("int8", int8_rows), ("int4", None), ("fp8", fp8_rows)])
def test_at_load(scheme: str, round_rows: Round | None, tmp_path: Path, int4_products: Mock) -> None:
    save(small, tmp_path)
    reference = rounded(tmp_path, scheme)
    if round_rows is not None:
        round_prompt(reference, round_rows)
    check(tmp_path, reference, scheme)
    assert int4_products.called == (round_rows is None)
