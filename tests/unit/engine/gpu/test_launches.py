"""How many kernels a layer takes in a decode step of few requests: as many as docs/gpu.md says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from transformers import LlamaConfig, LlamaForCausalLM
from triton.runtime.interpreter import GridExecutor

from tests.harness import LocalEngine, generate
from tests.zoo.families import make_checkpoint
from tests.zoo.family import Family

LAYERS: Final = 2
TINY: Final = LlamaConfig(
    vocab_size=64,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=LAYERS,
    num_attention_heads=2,
    num_key_value_heads=1,
    max_position_embeddings=64,
)
LAYER: Final = (
    "normalize",
    "skinny_product",
    "place_heads",
    "attend_splits",
    "skinny_product",
    "normalize",
    "skinny_product",
    "skinny_product",
)


@pytest.mark.usefixtures("unwarmed")
def test_a_layer_of_a_decode_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_checkpoint(Family("tiny", lambda: LlamaForCausalLM(TINY)), tmp_path)
    options = {"attention_backend": "triton", "cuda_graph_max_bs": 0, "overlap": False}
    few = {"max_total_tokens": 64, "max_running_requests": 2}
    engine = LocalEngine.load(tmp_path, dtype="float32", **options, **few)
    engine.submit(generate(1, [5, 9, 60], max_new_tokens=3, ignore_eos=True))
    engine.step()

    launched: list[str] = []
    launch = GridExecutor.__call__

    def note(self: GridExecutor, *args: Any, **given: Any) -> None:
        launched.append(self.fn.__name__)
        launch(self, *args, **given)

    monkeypatch.setattr(GridExecutor, "__call__", note)
    engine.step()
    first = launched.index(LAYER[0])
    assert tuple(launched[first : first + LAYERS * len(LAYER)]) == LAYERS * LAYER
    # What is left of the model is its last norm and its head; around it tokens are laid out and drawn.
    assert launched[first + LAYERS * len(LAYER) :][:2] == ["normalize", "skinny_product"]
    assert len(set(launched[first + LAYERS * len(LAYER) + 2 :]) & set(LAYER)) == 0
