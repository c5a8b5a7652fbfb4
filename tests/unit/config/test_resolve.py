"""Every auto is decided once, for a reason that is told; contradictions are refused with what would work."""

from __future__ import annotations

from typing import Any

import pytest

from sgl.config.engine import EngineConfig, ResolvedConfig
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.config.resolve import resolve
from sgl.device import DeviceInfo, probe_cpu
from sgl.engine.memory import check_weights_fit, count_pages
from sgl.errors import StartupError, UsageError
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
        "max_model_len",
        "page_size",
        "max_running_requests",
        "chunked_prefill_size",
        "threads",
        "mem_fraction_static",
    }
    wished = decide(max_model_len=1024, page_size=4, max_running_requests=2, chunked_prefill_size=64, threads=1)
    assert {text.partition(":")[0] for text in wished.reasons} == {"dtype", "mem_fraction_static"}


def test_a_context_beyond_the_model_is_refused_with_its_limit() -> None:
    with pytest.raises(UsageError, match="2048"):
        decide(max_model_len=4096)


def test_tensor_parallelism_is_refused() -> None:
    with pytest.raises(UsageError, match="--tp 1"):
        decide(tp_size=2)


def test_the_pool_takes_what_the_fraction_leaves_but_no_more_than_is_useful() -> None:
    weights = 4 * GIB
    page = 16 * model().kv_bytes_per_token(4)
    tight = count_pages(decide(mem_fraction_static=0.5), model(), weights, device(9))
    assert tight == int(0.5 * GIB) // page
    roomy = count_pages(decide(mem_fraction_static=0.9, max_running_requests=2), model(), weights, device(512))
    assert roomy == 2 * 2048 // 16
    assert count_pages(decide(max_total_tokens=1000), model(), weights, device()) == 62


def test_too_little_memory_names_values_that_fit() -> None:
    with pytest.raises(StartupError, match=r"use --mem-fraction-static 0\.\d\d"):
        count_pages(decide(mem_fraction_static=0.1), model(), 4 * GIB, device(16))
    with pytest.raises(StartupError, match=r"use --max-total-tokens \d+") as caught:
        count_pages(decide(max_total_tokens=10**9), model(), GIB, device(8))
    fits = int(str(caught.value).rsplit(" ", 1)[1])
    assert count_pages(decide(max_total_tokens=fits), model(), GIB, device(8)) == fits // 16
    with pytest.raises(StartupError, match="--dtype bfloat16"):
        check_weights_fit(10 * GIB, device(8))
    with pytest.raises(UsageError, match="one page"):
        count_pages(decide(max_total_tokens=15), model(), GIB, device(8))


def test_this_machine_can_be_probed() -> None:
    machine = probe_cpu()
    assert machine.cores >= 1
    assert 0 < machine.available_bytes <= machine.memory_bytes
