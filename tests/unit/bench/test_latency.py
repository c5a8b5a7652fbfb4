"""The times of one request, by the definitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.bench.metrics.latency import latency_of
from sgl_cli.bench.metrics.tokens import count_tokens
from sgl_cli.bench.record import Record

from .synthetic import answer


def exactly(value: float) -> object:
    return pytest.approx(value, abs=1e-9)


def test_an_answer_of_known_times() -> None:
    found = latency_of(answer(sent=5.0, ttft=0.2, gaps=[0.01] * 4, tail=0.06))
    assert found.ttft == exactly(0.2)
    assert found.e2el == exactly(0.3)
    assert found.tpot == exactly(0.1 / 4)
    assert found.ntpot == exactly(0.3 / 5)
    assert found.user_tok_s == pytest.approx(40)
    assert found.send_delay is None
    assert found.ttft_scheduled is None
    assert found.chunk_gaps() == pytest.approx([0.01] * 4)


def test_one_token_has_no_tpot_and_an_empty_answer_no_ttft() -> None:
    assert latency_of(answer()).tpot is None
    silent = latency_of(Record(0, 1.0, 1.5, output_tokens=0))
    assert (silent.ttft, silent.tpot, silent.ntpot, silent.e2el) == (None, None, None, 0.5)
    assert list(silent.token_gaps()) == []


def test_late_sending_counts_from_the_schedule() -> None:
    found = latency_of(answer(sent=3.0, ttft=0.1, gaps=[0.2], scheduled=1.0))
    assert found.send_delay == 2.0
    assert found.ttft == exactly(0.1)
    assert found.ttft_scheduled == exactly(2.1)
    assert found.e2el_scheduled == exactly(2.3)


def test_a_gap_is_shared_by_the_tokens_of_its_chunk() -> None:
    record = answer(gaps=[0.4, 0.1], chunk_tokens=(1, 5, 6), output_tokens=6)
    assert list(latency_of(record).token_gaps()) == [(exactly(0.1), 4), (exactly(0.1), 1)]
    assert not latency_of(record).tokens.split


def test_a_chunk_without_a_token_waits_for_the_next() -> None:
    record = answer(gaps=[0.3, 0.1, 0.2], chunk_tokens=(1, 1, 3, 3), output_tokens=3)
    assert list(latency_of(record).token_gaps()) == [(exactly(0.2), 2)]


def test_without_running_counts_tokens_are_split_evenly_and_flagged() -> None:
    found = count_tokens(answer(gaps=[0.1] * 3, output_tokens=16))
    assert found.per_chunk == (4, 4, 4, 4)
    assert found.split
    assert not found.estimated


def test_a_token_a_chunk_is_no_estimate() -> None:
    assert not count_tokens(answer(gaps=[0.1] * 3)).split


def test_without_usage_chunks_are_counted_and_flagged() -> None:
    found = count_tokens(answer(gaps=[0.1] * 3, output_tokens=None))
    assert (found.total, found.estimated, found.split) == (4, True, True)


def test_running_counts_stand_in_for_usage() -> None:
    found = count_tokens(answer(gaps=[0.1], output_tokens=None, chunk_tokens=(2, 7)))
    assert (found.total, found.estimated, found.per_chunk) == (7, False, (2, 5))


def test_an_end_token_without_text_is_of_no_chunk() -> None:
    found = count_tokens(answer(gaps=[0.1], output_tokens=3, chunk_tokens=(1, 2)))
    assert (found.total, found.per_chunk, found.unseen) == (3, (1, 1), 1)


@pytest.mark.parametrize("counts", [(1,), (3, 2), (1, 9)])
def test_running_counts_that_cannot_be_are_not_believed(counts: tuple[int, ...]) -> None:
    found = count_tokens(answer(gaps=[0.1], output_tokens=4, chunk_tokens=counts))
    assert (found.per_chunk, found.split) == ((2, 2), True)


@given(st.lists(st.floats(1e-4, 1), max_size=40), st.integers(1, 200))
def test_an_even_split_loses_no_token_and_no_time(gaps: list[float], tokens: int) -> None:
    found = latency_of(answer(gaps=gaps, output_tokens=tokens))
    assert sum(found.tokens.per_chunk) == tokens
    assert found.tokens.per_chunk[0] >= 1
    assert sum(count for _, count in found.token_gaps()) == tokens - found.tokens.per_chunk[0]
    if tokens > len(gaps):
        assert sum(gap * count for gap, count in found.token_gaps()) == pytest.approx(sum(gaps))
