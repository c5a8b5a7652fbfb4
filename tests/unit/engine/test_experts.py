"""Models with experts in deterministic mode: the same bits alone, batched, chunked and cached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sgl.protocol.messages import LogprobRequest
from tests.harness import Answer, LocalEngine, generate
from tests.zoo.experts import EXPERTS
from tests.zoo.families import make_checkpoint
from tests.zoo.family import VOCAB

FAMILIES = {family.name: family for family in EXPERTS}
SAMPLING: dict[str, Any] = {"max_new_tokens": 20, "ignore_eos": True, "logprobs": LogprobRequest(output=True, top=3)}


def prompts() -> list[list[int]]:
    draw = np.random.default_rng(4)
    shared = draw.integers(3, VOCAB, 24).tolist()
    return [shared + draw.integers(3, VOCAB, length).tolist() for length in (1, 7, 30)]


def told(answer: Answer) -> tuple[Any, ...]:
    return answer.tokens, answer.logprobs


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["mixtral", "qwen2-moe", "gpt-oss"])
def test_deterministic_gives_the_same_bits(name: str, dtype: str, tmp_path: Path) -> None:
    make_checkpoint(FAMILIES[name], tmp_path)
    options: dict[str, Any] = {"deterministic": True, "dtype": dtype, "page_size": 4}
    single = LocalEngine.load(tmp_path, radix_cache=False, **options)
    alone = [told(single.ask(prompt, **SAMPLING)) for prompt in prompts()]
    engine = LocalEngine.load(tmp_path, chunked_prefill_size=13, **options)
    for base in (10, 20):
        engine.submit(*(generate(base + index, prompt, **SAMPLING) for index, prompt in enumerate(prompts())))
        engine.finish()
        assert [told(engine.answers[base + index]) for index in range(len(alone))] == alone, "equal to the last bit"
