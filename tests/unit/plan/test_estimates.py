"""Estimates against a real process: never less than it takes, and not many times more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sgl.config.latent_room import LatentRoom
from sgl.plan.attention import attention_bytes
from sgl.plan.estimates import activation_bytes, runtime_bytes
from sgl.plan.memory import plan_memory
from tests.unit.plan.checkpoints import model_of, write_config
from tests.unit.plan.demands import demand_of, place


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
@pytest.mark.parametrize(
    ("family", "dtype"),
    [("llama", "float32"), ("llama", "bfloat16"), ("deepseek-v2", "float32"), ("qwen3-moe", "bfloat16")],
)
def test_a_real_process_stays_within_the_estimate(family: str, dtype: str, tmp_path: Path, root: Path) -> None:
    shape = {"vocab_size": 32000, "hidden_size": 512, "intermediate_size": 1536, "num_attention_heads": 8}
    if family == "deepseek-v2":
        shape |= {"num_key_value_heads": 8, "kv_lora_rank": 512, "moe_intermediate_size": 512}
    if family == "qwen3-moe":
        shape |= {"num_experts": 32, "num_experts_per_tok": 4, "moe_intermediate_size": 256}
    write_config(tmp_path, family, **shape)
    words = [sys.executable, "-m", "tests.unit.plan.peak", str(tmp_path), dtype]
    finished = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(finished.stdout)
    assert found["peak_bytes"] <= found["planned_bytes"] <= 3 * found["peak_bytes"]


def test_what_the_estimates_grow_with() -> None:
    cpu, gpu = demand_of(place(80)), demand_of(place(80, kind="cuda"))
    for larger in ({"chunk": 4096}, {"running": 512}, {"max_model_len": 32768}):
        assert activation_bytes(demand_of(place(80), **larger)) > activation_bytes(cpu)
    graphs = plan_memory(demand_of(place(80, kind="cuda"), largest_graph=256)).graph_bytes
    assert graphs > plan_memory(demand_of(place(80, kind="cuda"), largest_graph=8)).graph_bytes > 0
    assert runtime_bytes(demand_of(place(80, kind="cuda"), tp=8)) > runtime_bytes(gpu)
    assert activation_bytes(demand_of(place(80, kind="cuda"), tp=4)) < activation_bytes(gpu)
    assert runtime_bytes(demand_of(place(80), tp=2)) == runtime_bytes(cpu)


def test_latent_attention_on_a_gpu_is_computed_in_parts() -> None:
    """A longer step takes its queries and results, and no more rows of compressed width than there is room for."""
    model = model_of("deepseek-v3", num_attention_heads=32, num_key_value_heads=32, kv_lora_rank=128)
    heads = {"model": model, "element_bytes": 2, "max_model_len": 4096, "running": 8}
    assert model.latent is not None
    shorter, longer = (
        attention_bytes(demand_of(place(80, kind="cuda"), chunk=chunk, **heads)) for chunk in (512, 4096)
    )
    queries = 32 * (2 * (model.latent.nope_dim + model.latent.rope_dim) + model.latent.value_dim) * 2
    assert longer - shorter == (4096 - 512) * queries
    room = LatentRoom(latent=model.latent, heads=32, longest=4096, batch=8)
    assert longer == 4096 * queries + 2 * room.elements
    assert longer < attention_bytes(demand_of(place(80), chunk=4096, **heads))
