"""Deterministic answers on the engine for GPUs, kernels interpreted, have the same bits by whichever way they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from sgl.protocol.messages import LogprobRequest
from tests.harness import LocalEngine, generate
from tests.zoo.families import make_checkpoint
from tests.zoo.family import Family

SHAPE = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 40, "max_position_embeddings": 128}
HEADS = {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
DRAW = np.random.default_rng(1)
PROMPT, OTHER = DRAW.integers(3, 96, 40).tolist(), DRAW.integers(3, 96, 9).tolist()
"""The first one is longer than a split of interpreted kernels."""
TOKENS = 5


def logprobs(folder: Path, *, chunk: int, cached: bool) -> list[float]:
    """Of a prompt's answer: alone, beside another, and of its last token as if the others had been asked for."""
    options = {"max_total_tokens": 256, "page_size": 4, "max_running_requests": 3, "dtype": "float32"}
    kernels = {"attention_backend": "triton", "cuda_graph_max_bs": 2, "deterministic": True}
    engine = LocalEngine.load(folder, chunked_prefill_size=chunk, radix_cache=cached, **options, **kernels)
    report = LogprobRequest(output=True)
    found: list[float] = []
    asked = [[PROMPT], [OTHER, PROMPT]]
    while asked:
        prompts, first = asked.pop(0), len(engine.answers)
        wanted = 1 if prompts[-1] is not PROMPT else TOKENS
        engine.submit(
            *(
                generate(first + number, prompt, max_new_tokens=wanted, ignore_eos=True, logprobs=report)
                for number, prompt in enumerate(prompts)
            )
        )
        engine.finish()
        answer = engine.answers[first + len(prompts) - 1]
        assert (answer.cached_tokens > 0) == (cached and first > 0)
        found += [entry.logprob for entry in answer.logprobs]
        if not first:
            # What is cached of these was computed by decode steps.
            asked.append([PROMPT + answer.tokens[:-1]])
    assert found[:TOKENS] == found[TOKENS : 2 * TOKENS]
    assert found[TOKENS - 1] == found[-1]
    return found


@pytest.mark.interpreted
@pytest.mark.usefixtures("unwarmed")
def test_bits_do_not_depend_on_chunks_neighbours_and_cache_hits(tmp_path: Path) -> None:
    make_checkpoint(Family("tiny", lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, **HEADS))), tmp_path)
    assert logprobs(tmp_path, chunk=64, cached=False) == logprobs(tmp_path, chunk=13, cached=True)
