"""Beyond the original context, frequencies are those of ``--max-model-len``: one long prompt equals transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedModel

from sgl.errors import UsageError
from sgl.protocol.messages import LogprobRequest
from tests.harness import LocalEngine
from tests.zoo.families import logprobs, make_checkpoint
from tests.zoo.family import VOCAB, Family
from tests.zoo.rope import dynamic, longrope

TOLERANCE = 1e-3
ORIGINAL = 32
MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "dynamic": lambda: dynamic(ORIGINAL),
    "longrope": lambda: longrope(ORIGINAL),
}


def prompt_of(length: int) -> list[int]:
    ids: list[int] = np.random.default_rng(length).integers(3, VOCAB, length).tolist()
    return ids


def scores(engine: LocalEngine, prompt: list[int]) -> list[float]:
    answer = engine.ask(prompt, max_new_tokens=0, logprobs=LogprobRequest(output=True, prompt_start=0))
    assert answer.failure is None
    assert answer.prompt_logprobs is not None
    return [entry.logprob for entry in answer.prompt_logprobs[1:] if entry is not None]


@pytest.mark.parametrize("kind", sorted(MODELS))
@pytest.mark.parametrize("length", [ORIGINAL, ORIGINAL + 1, 4 * ORIGINAL])
def test_a_prompt_as_long_as_the_context_equals_transformers(tmp_path: Path, kind: str, length: int) -> None:
    reference = make_checkpoint(Family(kind, MODELS[kind]), tmp_path)
    prompt = prompt_of(length)
    wanted = logprobs(reference, prompt)
    engine = LocalEngine.load(tmp_path, max_model_len=length, chunked_prefill_size=16)
    assert scores(engine, prompt) == pytest.approx(wanted, abs=TOLERANCE)
    assert scores(engine, prompt) == pytest.approx(wanted, abs=TOLERANCE), "and again, with what was cached"


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_it_is_said_that_frequencies_are_those_of_long_contexts(tmp_path: Path, kind: str) -> None:
    make_checkpoint(Family(kind, MODELS[kind]), tmp_path)

    def reasons(length: int) -> list[str]:
        texts = LocalEngine.load(tmp_path, max_model_len=length).scheduler.info.reasons
        return [text for text in texts if text.startswith("rope: ")]

    assert reasons(ORIGINAL) == []
    assert len(reasons(ORIGINAL + 1)) == 1
    assert f"--max-model-len is beyond the original {ORIGINAL};" in reasons(ORIGINAL + 1)[0]


def test_what_is_beyond_the_scaling_is_refused(tmp_path: Path) -> None:
    make_checkpoint(Family("dynamic", MODELS["dynamic"]), tmp_path)
    with pytest.raises(UsageError, match=r"--max-model-len 129 is beyond the 128 positions.*rope scaling included"):
        LocalEngine.load(tmp_path, max_model_len=4 * ORIGINAL + 1)
