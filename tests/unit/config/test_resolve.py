"""Every auto is decided once, for a reason that is told; contradictions are refused with what would work."""

from __future__ import annotations

from typing import Any

import pytest

from sgl.config.engine import EngineConfig, ResolvedConfig
from sgl.config.hf import HfConfig
from sgl.config.layout.count import parameter_count
from sgl.config.model import ModelConfig
from sgl.config.resolve import decide as decide_anyway
from sgl.config.resolve import refusals, resolve, wide_weight_bytes
from sgl.device import DeviceInfo, probe_cpu
from sgl.errors import UsageError
from sgl.models.table import read_model_config

GIB = 2**30


def model(**changes: Any) -> ModelConfig:
    values = {
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": 32000,
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "num_hidden_layers": 22,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "max_position_embeddings": 2048,
        "dtype": "bfloat16",
        **changes,
    }
    return read_model_config(HfConfig(values))


def device(memory: float = 32, available: float | None = None, *flags: str) -> DeviceInfo:
    free = int((memory if available is None else available) * GIB)
    return DeviceInfo("cpu", 4, int(memory * GIB), free, frozenset(flags))


def decide(machine: DeviceInfo | None = None, **options: Any) -> ResolvedConfig:
    return resolve(EngineConfig(model_path="m", **options), model(), machine or device())


def reason(resolved: ResolvedConfig, name: str) -> str:
    return next(text for text in resolved.reasons if text.startswith(f"{name}: "))


def test_dtype_follows_checkpoint_cpu_and_memory() -> None:
    assert decide(device(32)).dtype == "float32"
    assert decide(device(4)).dtype == "bfloat16"
    assert decide(device(32, None, "amx_bf16")).dtype == "bfloat16"
    assert decide(device(4), dtype="float32").dtype == "float32"
    assert "do not fit" in reason(decide(device(4)), "dtype")


def test_every_auto_has_a_reason_and_no_wish_has_one() -> None:
    names = {text.partition(":")[0] for text in decide().reasons}
    assert names == {
        "dtype",
        "kv_cache_dtype",
        "quantization",
        "max_model_len",
        "page_size",
        "max_running_requests",
        "max_queued_requests",
        "chunked_prefill_size",
        "device",
        "attention_backend",
        "cuda_graph_max_bs",
        "threads",
        "mem_fraction_static",
    }
    wished = decide(max_model_len=1024, page_size=4, max_running_requests=2, chunked_prefill_size=64, threads=1)
    assert {text.partition(":")[0] for text in wished.reasons} == {
        "dtype",
        "kv_cache_dtype",
        "quantization",
        "device",
        "attention_backend",
        "cuda_graph_max_bs",
        "mem_fraction_static",
        "max_queued_requests",
    }
    assert decide(kv_cache_dtype="int8").kv_cache_dtype == "int8"
    assert not [text for text in decide(kv_cache_dtype="int8").reasons if text.startswith("kv_cache_dtype")]


def test_a_context_beyond_the_model_is_refused_with_its_limit() -> None:
    with pytest.raises(UsageError, match="2048"):
        decide(max_model_len=4096)


@pytest.mark.parametrize(
    ("scaling", "longest", "proposed"),
    [
        ({"rope_type": "dynamic", "factor": 2.0}, 4096, True),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}, 8192, True),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}, 2048, False),
        ({"rope_type": "linear", "factor": 2.0}, 4096, False),
    ],
)
def test_a_context_may_be_as_long_as_rope_scaling_reaches(
    scaling: dict[str, Any], longest: int, proposed: bool
) -> None:
    stretched = model(rope_scaling=scaling)

    def resolved(length: int | None) -> ResolvedConfig:
        return resolve(EngineConfig(model_path="m", max_model_len=length), stretched, device())

    assert resolved(longest).max_model_len == longest
    with pytest.raises(UsageError, match=f"beyond the {longest} positions"):
        resolved(longest + 1)
    assert resolved(None).max_model_len == 2048
    assert (f"reaches --max-model-len {longest}" in reason(resolved(None), "max_model_len")) == proposed


def test_tensor_parallelism_is_refused() -> None:
    with pytest.raises(UsageError, match="--tp 1"):
        decide(tp_size=2)


def test_every_refusal_is_listed_and_the_rest_is_decided_all_the_same() -> None:
    config = EngineConfig(model_path="m", tp_size=2, max_model_len=4096)
    assert [error.message.split()[0] for error in refusals(config, model(), device())] == ["--tp", "--max-model-len"]
    resolved, reasons = decide_anyway(config, model(), device())
    assert resolved.max_model_len == 4096
    assert resolved.reasons == tuple(map(str, reasons))


def test_the_type_is_decided_by_what_this_cpu_would_hold() -> None:
    """A tied head is packed beside the embedding, so a tied model takes more than its parameters."""
    tied = model(tie_word_embeddings=True, vocab_size=320000)
    untied = model(vocab_size=320000)
    assert parameter_count(tied) < parameter_count(untied)
    wide = [wide_weight_bytes(each, device(), deterministic=False) for each in (tied, untied)]
    assert wide[0] == wide[1] == 4 * parameter_count(untied)


def test_this_machine_can_be_probed() -> None:
    machine = probe_cpu()
    assert machine.cores >= 1
    assert 0 < machine.available_bytes <= machine.memory_bytes
