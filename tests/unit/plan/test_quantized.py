"""A quantised checkpoint is planned as it is loaded: the tensors that it holds, and the bytes that are held of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgl.hub.headers import local_headers
from sgl.plan.header import TensorHeader
from sgl.plan.weights import header_bytes
from tests.unit.plan.test_exact import load
from tests.zoo.formats import FORMATS, Format
from tests.zoo.quantized import llama, quantised, qwen2


@pytest.mark.parametrize("number", range(len(FORMATS)), ids=lambda number: FORMATS[number].name)
def test_headers_agree_and_bytes_are_those_of_a_load(number: int, tmp_path: Path) -> None:
    form: Format = FORMATS[number]
    quantised(form, (llama, qwen2)[number % 2], tmp_path)
    engine, plan = load(tmp_path)
    assert plan.shortage is None
    assert engine.info.weight_bytes == plan.weight_bytes
    headers = header_bytes(local_headers(tmp_path), plan.demand.model, plan.demand.element_bytes)
    assert headers.problems == ()
    assert headers.rank_bytes == plan.weight_bytes


def test_what_a_load_would_refuse_is_named(tmp_path: Path) -> None:
    form = next(form for form in FORMATS if form.name == "gptq-desc-act")
    quantised(form, qwen2, tmp_path)
    _, plan = load(tmp_path)
    headers = list(local_headers(tmp_path))
    name = "model.layers.0.mlp.up_proj"

    def problems(changed: str, *header: TensorHeader) -> tuple[str, ...]:
        kept = [each for each in headers if each.name != f"{name}.{changed}"]
        return header_bytes([*kept, *header], plan.demand.model, 4).problems

    assert problems("g_idx") == (f"the checkpoint lacks '{name}.g_idx' (1 weights missing)",)
    wrong = TensorHeader(f"{name}.qweight", "I64", (16, 256), 16 * 256 * 8)
    assert problems("qweight", wrong) == (f"'{name}.qweight' has type I64, not I32",)
    narrow = TensorHeader(f"{name}.qzeros", "I32", (4, 31), 4 * 31 * 4)
    assert problems("qzeros", narrow) == (f"'{name}.qzeros' has shape [4, 31], config.json asks for [4, 32]",)
    plain = TensorHeader(f"{name}.weight", "F16", (256, 128), 2)
    assert "which this architecture does not use" in problems("", plain)[0]
