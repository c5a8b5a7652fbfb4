"""The generator against its published known answers and against plain integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl.sampling import reference
from sgl.sampling.philox import Draws, philox4x32, round_keys
from tests.unit.sampling.cases import seeds

# Random123, kat_vectors: philox4x32, 10 rounds; counter, key, answer.
KNOWN_ANSWERS = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_known_answers(counter: list[int], key: list[int], answer: list[int]) -> None:
    words = philox4x32(np.array([counter], np.uint64).T, round_keys(np.array([key], np.uint64).T))
    assert words[:, 0].tolist() == answer


def test_known_answers_side_by_side() -> None:
    counters, keys, answers = (np.array(part, np.uint64).T for part in zip(*KNOWN_ANSWERS, strict=True))
    assert np.array_equal(philox4x32(counters, round_keys(keys)), answers)


@given(st.lists(st.tuples(seeds, st.integers(0, 2**40)), min_size=1, max_size=5))
def test_draws_are_those_of_the_plain_twin_whatever_stands_beside_them(rows: list[tuple[int, int]]) -> None:
    bits = Draws([seed for seed, _ in rows]).at([position for _, position in rows])
    assert [b / 2**64 for b in bits] == [reference.uniform(seed, position) for seed, position in rows]
    assert bits == [Draws([seed]).at([position])[0] for seed, position in rows]


def test_draws_of_one_request_are_uniform_and_uncorrelated() -> None:
    count = 20000
    u = np.array(Draws([42] * count).at(range(count))) / 2**64
    assert abs(u.mean() - 0.5) < 4 * np.sqrt(1 / 12 / count)
    assert abs(u.var() - 1 / 12) < 0.003
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 4 / np.sqrt(count)
    assert len(set(u.tolist())) == count


def test_neighbouring_seeds_share_nothing() -> None:
    first, second = (set(Draws([seed] * 1000).at(range(1000))) for seed in (1, 2))
    assert not first & second
