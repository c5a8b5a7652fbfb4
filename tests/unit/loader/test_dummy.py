"""Random weights of quantised models: codes of every scheme, in groups that are what a checkpoint may have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness import LocalEngine
from tests.zoo.formats import FORMATS, Format

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 160,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "eos_token_id": 2,
}


SOME = ("gptq-desc-act", "awq", "w4a16-asymmetric", "fp8-blocks", "fp8-tensor-static", "w8a8")
"""One for each kind of tensor that only quantised matrices have."""


@pytest.mark.parametrize("form", [form for form in FORMATS if form.name in SOME], ids=lambda form: form.name)
def test_a_quantised_model_needs_only_its_config(form: Format, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "quantization_config": form.config}))

    def answer(seed: int) -> list[int]:
        engine = LocalEngine.load(tmp_path, load_format="dummy", seed=seed)
        return engine.ask([5, 9, 77, 31], max_new_tokens=20, ignore_eos=True, temperature=1.0).tokens

    assert answer(1) == answer(1) != answer(2)
