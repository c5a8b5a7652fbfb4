"""The engine for GPUs, its kernels interpreted, says what the one for CPUs says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from sgl.protocol.messages import LogprobRequest
from tests.harness import Answer, LocalEngine, generate

PROMPTS: Final = ([1, 403, 407, 261, 378], [1, 403, 407, 261, 378, 432, 352], [1, 291])
TOKENS: Final = 5


def answers(folder: Path, **options: Any) -> dict[int, Answer]:
    engine = LocalEngine.load(
        folder,
        **{
            "dtype": "float32",
            "max_total_tokens": 256,
            "page_size": 4,
            "chunked_prefill_size": 6,
            "max_running_requests": 4,
            **options,
        },
    )
    asked = [
        generate(rid, prompt, max_new_tokens=TOKENS, ignore_eos=True, logprobs=LogprobRequest(output=True))
        for rid, prompt in enumerate(PROMPTS, 1)
    ]
    engine.submit(*asked)
    return engine.finish()


@pytest.mark.parametrize(
    "options",
    [{"cuda_graph_max_bs": 4}, {"cuda_graph_max_bs": 0, "overlap": False}, {"deterministic": True}],
    ids=["graphs, overlapped", "one by one", "deterministic"],
)
def test_tokens_and_logprobs_are_those_of_the_cpu(stories260k: Path, options: dict[str, Any]) -> None:
    wanted = answers(stories260k)
    got = answers(stories260k, attention_backend="triton", **options)
    for rid, answer in wanted.items():
        assert got[rid].tokens == answer.tokens
        for mine, theirs in zip(got[rid].logprobs, answer.logprobs, strict=True):
            assert mine.logprob == pytest.approx(theirs.logprob, abs=1e-4)
