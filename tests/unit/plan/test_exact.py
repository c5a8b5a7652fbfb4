"""The plan is what a load does: weights, packed copies and KV pool, to the byte, for every family of the zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sgl import builtin
from sgl.config.arguments import read_serve
from sgl.config.at_load import quantize_at_load
from sgl.config.engine import DTypeName, EngineConfig
from sgl.config.hf import HfConfig
from sgl.config.resolve import resolve
from sgl.device import probe_cpu
from sgl.engine.build import Engine, build_engine
from sgl.hub.headers import local_headers
from sgl.models.table import read_model_config
from sgl.plan.demand import demand
from sgl.plan.memory import MemoryPlan, plan_memory
from sgl.plan.place import cpu_place
from sgl.plan.weights import header_bytes
from sgl.preview.build import preview
from tests.unit.plan.checkpoints import FAMILIES, write_config
from tests.unit.plan.held import held_bytes
from tests.zoo.families import FAMILIES as ZOO
from tests.zoo.families import make_checkpoint

DTYPES: tuple[DTypeName, ...] = ("float32", "bfloat16", "float16")


def load(folder: Path, **options: Any) -> tuple[Engine, MemoryPlan]:
    """A real engine, and the plan of its settings made apart from it."""
    config = EngineConfig(model_path=str(folder), **{"threads": 1, "max_total_tokens": 1000, **options})
    machine = probe_cpu()
    model = quantize_at_load(read_model_config(HfConfig.load(folder)), config.quantization)
    plan = plan_memory(demand(resolve(config, model, machine), model, cpu_place(machine)))
    return build_engine(config, lambda phase: None), plan


def check(engine: Engine, plan: MemoryPlan) -> None:
    assert plan.shortage is None
    assert engine.info.weight_bytes == plan.weight_bytes
    assert engine.info.kv_bytes == held_bytes(engine.runner._attention) == plan.kv_bytes
    assert engine.info.kv_tokens == plan.kv_tokens
    assert engine.info.max_request_tokens == plan.max_request_tokens
    assert held_bytes(engine.runner._model) == plan.weight_bytes + plan.copy_bytes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", ZOO, ids=lambda family: family.name)
def test_a_checkpoint_of_every_family_of_the_zoo(family: Any, dtype: DTypeName, tmp_path: Path) -> None:
    make_checkpoint(family, tmp_path)
    engine, plan = load(tmp_path, dtype=dtype)
    check(engine, plan)
    headers = header_bytes(local_headers(tmp_path), plan.demand.model, plan.demand.element_bytes)
    assert headers.problems == ()
    assert headers.rank_bytes == plan.weight_bytes
    assert plan_memory(plan.demand, weight_bytes=headers.rank_bytes) == plan


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("deterministic", [False, True], ids=["fast", "deterministic"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_widths_that_are_packed_and_padded(
    family: str, dtype: DTypeName, deterministic: bool, tied: bool, tmp_path: Path
) -> None:
    """Every product but the small ones is packed here, and no width is a multiple of a block."""
    write_config(tmp_path, family, tie_word_embeddings=tied)
    options = {"load_format": "dummy", "dtype": dtype, "deterministic": deterministic, "page_size": 4}
    engine, plan = load(tmp_path, **options)
    check(engine, plan)
    if tied and dtype != "float16":
        assert plan.copy_bytes > 0, "the tied head is packed beside the embedding"


@pytest.mark.parametrize("kind", ["int8", "fp8_e4m3"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_pool_of_8_bits_with_its_scales(dtype: DTypeName, kind: str, tmp_path: Path) -> None:
    write_config(tmp_path, "qwen3")
    engine, plan = load(tmp_path, load_format="dummy", dtype=dtype, kv_cache_dtype=kind, page_size=4)
    check(engine, plan)
    model = plan.demand.model
    assert plan.page_bytes == 4 * model.num_layers * 2 * model.num_kv_heads * (model.head_dim + 4)
    assert engine.info.settings["kv_cache_dtype"] == kind


@pytest.mark.parametrize("kind", ["int8", "fp8_e4m3"])
def test_compressed_vectors_in_8_bits_with_two_scales(kind: str, tmp_path: Path) -> None:
    write_config(tmp_path, "deepseek-v3")
    engine, plan = load(tmp_path, load_format="dummy", kv_cache_dtype=kind, page_size=4)
    check(engine, plan)
    assert plan.demand.model.latent is not None
    assert plan.page_bytes == 4 * plan.demand.model.num_layers * (plan.demand.model.latent.cached_width + 2 * 4)


@pytest.mark.parametrize("wish", ["int8", "int4", "fp8"])
@pytest.mark.parametrize("deterministic", [False, True], ids=["fast", "deterministic"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", ["llama-biases", "qwen3", "gpt-oss"])
def test_weights_quantised_at_load(
    family: str, dtype: DTypeName, deterministic: bool, wish: str, tmp_path: Path
) -> None:
    """One model whose widths are no multiples of a block, and two whose are, so that codes are packed."""
    shape = {"hidden_size": 512, "intermediate_size": 1024, "head_dim": 64, "num_attention_heads": 8}
    write_config(tmp_path, family, **({} if family == "llama-biases" else shape))
    plain, _ = load(tmp_path, load_format="dummy", dtype=dtype)
    engine, plan = load(tmp_path, load_format="dummy", dtype=dtype, deterministic=deterministic, quantization=wish)
    check(engine, plan)
    if wish == "int8" or (wish == "int4" and family != "llama-biases"):
        assert engine.info.weight_bytes < plain.info.weight_bytes
    else:
        assert engine.info.weight_bytes == plain.info.weight_bytes


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_pool_that_is_sized_from_memory(dtype: DTypeName, tmp_path: Path) -> None:
    write_config(tmp_path, "llama")
    options: dict[str, Any] = {"max_total_tokens": None, "max_running_requests": 3}
    engine, plan = load(tmp_path, load_format="dummy", dtype=dtype, **options)
    check(engine, plan)
    assert plan.pages == plan.demand.useful_pages


def test_the_built_in_model_and_the_small_trained_one(stories260k: Path) -> None:
    for folder in (builtin.folder(), stories260k):
        engine, plan = load(folder)
        check(engine, plan)
        headers = header_bytes(local_headers(folder), plan.demand.model, plan.demand.element_bytes)
        assert (headers.rank_bytes, headers.problems) == (plan.weight_bytes, ())


@pytest.mark.parametrize(
    "words",
    [[], ["--dtype", "bfloat16"], ["--max-total-tokens", "1000"], ["--deterministic"], ["--kv-cache-dtype", "fp8"]],
)
def test_the_dry_run_shows_what_a_load_takes(words: list[str], tmp_path: Path) -> None:
    write_config(tmp_path, "qwen3", tie_word_embeddings=True)
    arguments = read_serve(["-m", str(tmp_path), "--load-format", "dummy", "--threads", "1", *words], {}, None)
    shown = preview(arguments).plan
    assert shown is not None
    check(build_engine(arguments.config.engine, lambda phase: None), shown)
