"""The engine for GPUs, its kernels interpreted, says what the one for CPUs says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from tests.harness import Answer
from tests.zoo.families import make_checkpoint
from tests.zoo.family import Family
from tests.zoo.interpreted import CAPTURED, answers, check_equal, interpreted

TINY = LlamaConfig(
    vocab_size=96,
    hidden_size=32,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    max_position_embeddings=64,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Llama of two layers."""
    folder = tmp_path_factory.mktemp("tiny")
    make_checkpoint(Family("tiny", lambda: LlamaForCausalLM(TINY)), folder)
    return folder


@pytest.fixture(scope="module")
def wanted(tiny: Path) -> list[Answer]:
    """What the engine for CPUs says."""
    return answers(tiny)


@pytest.mark.parametrize(
    "options",
    [{"cuda_graph_max_bs": CAPTURED}, {"cuda_graph_max_bs": 0, "overlap": False}, {"deterministic": True}],
    ids=["graphs, overlapped", "one by one", "deterministic"],
)
def test_tokens_and_logprobs_are_those_of_the_cpu(tiny: Path, wanted: list[Answer], options: dict[str, Any]) -> None:
    check_equal(interpreted(tiny, **options), wanted)


@pytest.mark.parametrize("storage", ["int8", "fp8_e4m3"])
def test_a_cache_of_8_bits_is_that_of_the_cpu(tiny: Path, wanted: list[Answer], storage: str) -> None:
    got, same = interpreted(tiny, kv_cache_dtype=storage), answers(tiny, kv_cache_dtype=storage)
    check_equal(got, same)
    full = [entry.logprob for answer in wanted for entry in answer.logprobs]
    assert [entry.logprob for answer in got for entry in answer.logprobs] != pytest.approx(full, abs=1e-4)
