"""What the engine for GPUs, its kernels interpreted, says to a few short prompts, and what the CPU's says.

A kernel takes the interpreter milliseconds for each of its programs, however small: prompts and answers are short, and
what a request looks like before it is served is left to other tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from sgl.protocol.messages import LogprobRequest
from tests.harness import Answer, LocalEngine, generate

PROMPTS: Final = ([5, 9, 70, 33, 21, 17, 44, 3, 12], [8, 90])
"""One is longer than a chunk, and longer than the windows of the zoo once it is answered."""
TOKENS: Final = 3
CAPTURED: Final = 2
TOLERANCE: Final = 1e-4


def answers(folder: Path, prompts: Sequence[Sequence[int]] = PROMPTS, **options: Any) -> list[Answer]:
    """What an engine answers to all of ``prompts``, asked for at once."""
    few = {"max_total_tokens": 64, "page_size": 4, "chunked_prefill_size": 6, "max_running_requests": 2}
    engine = LocalEngine.load(folder, **{"dtype": "float32", **few, **options})
    logprobs = LogprobRequest(output=True)
    engine.submit(
        *(
            generate(rid, prompt, max_new_tokens=TOKENS, ignore_eos=True, logprobs=logprobs)
            for rid, prompt in enumerate(prompts)
        )
    )
    return list(engine.finish().values())


def interpreted(folder: Path, prompts: Sequence[Sequence[int]] = PROMPTS, **options: Any) -> list[Answer]:
    """The same of the engine for GPUs."""
    return answers(folder, prompts, **{"attention_backend": "triton", "cuda_graph_max_bs": CAPTURED, **options})


def check_equal(got: Sequence[Answer], wanted: Sequence[Answer], tolerance: float = TOLERANCE) -> None:
    """The same tokens, of the same probabilities."""
    assert len(got) == len(wanted)
    for mine, theirs in zip(got, wanted, strict=True):
        assert mine.failure is None
        assert theirs.failure is None
        assert len(theirs.tokens) == TOKENS
        assert mine.tokens == theirs.tokens
        expected = [entry.logprob for entry in theirs.logprobs]
        assert [entry.logprob for entry in mine.logprobs] == pytest.approx(expected, abs=tolerance)
