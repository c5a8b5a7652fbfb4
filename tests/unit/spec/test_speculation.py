"""Guesses change the number of steps and never a token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sgl.batch.request import Request
from sgl.spec.ngram import NgramProposer
from sgl.spec.proposer import accepted
from tests.fake_runner import fake_engine, next_token, reference
from tests.harness import LocalEngine, generate


class Oracle:
    """Guesses right ``right`` times, then wrong."""

    def __init__(self, right: int) -> None:
        self._right = right

    def propose(self, request: Request, limit: int) -> Sequence[int]:
        ids = request.token_ids.tolist()
        for index in range(limit):
            ids.append(next_token(ids) if index < self._right else 4)
        return ids[request.total :]


@pytest.mark.parametrize(
    ("drafts", "drawn", "count"),
    [([], [5], 1), ([5], [5, 6], 2), ([4], [5, 6], 1), ([5, 6, 7], [5, 6, 8, 9], 3), ([5, 4], [5, 6, 7], 2)],
)
def test_only_tokens_after_right_guesses_count(drafts: list[int], drawn: list[int], count: int) -> None:
    assert accepted(drafts, drawn) == count


@pytest.mark.parametrize("right", [0, 1, 2, 4])
def test_tokens_are_those_of_plain_decoding_in_fewer_steps(right: int) -> None:
    engine, runner = fake_engine(tokens=256, context=128, proposer=Oracle(right), max_drafts=4)
    prompts = {rid: list(range(3 + rid, 12 + rid)) for rid in range(5)}
    engine.submit(*(generate(rid, ids, max_new_tokens=33) for rid, ids in prompts.items()))
    engine.finish()
    for rid, ids in prompts.items():
        assert engine.answers[rid].tokens == reference(ids, 33)
    assert len(runner.computed) <= 3 + 33 / (1 + right)


def test_the_latest_occurrence_of_the_longest_suffix_is_copied() -> None:
    def guess(*ids: int) -> list[int]:
        engine, _ = fake_engine()
        engine.submit(generate(1, ids, max_new_tokens=1))
        (request,) = engine.scheduler.planner.waiting
        return list(NgramProposer().propose(request, 3))

    assert guess(1, 2, 3, 4, 9, 9, 1, 2, 3) == [4, 9, 9]
    assert guess(7, 1, 2, 5, 8, 1, 2, 6, 1, 2) == [6, 1, 2]
    assert guess(1, 2, 3, 4, 5) == []
    assert guess(6, 6, 6) == [6]


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_real_model_tells_the_same_story(stories260k: Path, temperature: float) -> None:
    draw = np.random.default_rng(1)
    prompt = [1, *draw.integers(3, 500, 12).tolist()] * 3
    options = {"max_new_tokens": 80, "ignore_eos": True, "temperature": temperature}
    plain = LocalEngine.load(stories260k).ask(prompt, **options)
    engine = LocalEngine.load(stories260k, speculative="ngram")
    assert engine.ask(prompt, **options).tokens == plain.tokens
