"""Load and work over time: levels, seconds, the steady state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl_cli.bench.metrics.in_flight import levels, mean_within, peak
from sgl_cli.bench.metrics.latency import latency_of
from sgl_cli.bench.metrics.steady import find_window, steady_state
from sgl_cli.bench.metrics.throughput import throughput, tokens_between
from sgl_cli.bench.metrics.timeline import peak_tokens, timeline
from sgl_cli.bench.record import Record

from .synthetic import answer, closed_loop, failed

LOAD = [answer(0.0, 0.5, [0.5] * 9), answer(1.0, 0.5, [0.5] * 5), answer(4.0, 0.5, [0.5] * 7)]
"""0..5, 1..4 and 4..8 seconds."""


def test_levels_and_their_peak() -> None:
    spans = levels(LOAD)
    assert [(span.start, span.end, span.requests) for span in spans] == [(0, 1, 1), (1, 4, 2), (4, 5, 2), (5, 8, 1)]
    assert peak(spans) == 2
    assert mean_within(spans, 0, 8) == pytest.approx(12 / 8)
    assert mean_within(spans, 3, 6) == pytest.approx(5 / 3)


def test_the_window_is_the_longest_time_at_full_load() -> None:
    found = steady_state([latency_of(record) for record in LOAD], levels(LOAD))
    assert found is not None
    assert (found.start_s, found.duration_s, found.threshold_in_flight, found.peak_in_flight) == (1.0, 4.0, 2, 2)
    assert found.mean_in_flight == pytest.approx(2)
    # Of the first: 1.0 to 5.0 in halves is 9; of the second: 1.5 to 4.0 is 6; of the third: 4.5 and 5.0.
    assert found.out_tok == 17
    assert found.out_tok_s == pytest.approx(17 / 4)
    assert (found.ended, found.req_s, found.in_tok_s) == (2, 0.5, 5.0)


def test_one_line_is_steady_all_along_though_each_answer_is_followed_by_a_dip() -> None:
    records = [answer(number * 1.001, 0.5, [0.5]) for number in range(10)]
    whole = find_window(levels(records))
    single = find_window(levels(records), bridge=0.0)
    assert whole is not None
    assert single is not None
    assert whole.end - whole.start == pytest.approx(10.009)
    assert single.end - single.start == pytest.approx(1.0)


@pytest.mark.parametrize(("most", "ratio", "threshold"), [(100, 0.07, 7), (20, 0.95, 19), (3, 0.95, 3), (64, 0.95, 61)])
def test_the_threshold_is_a_whole_number_of_requests(most: int, ratio: float, threshold: int) -> None:
    found = find_window(levels([answer(0.0, 1.0)] * most), ratio)
    assert found is not None
    assert found.threshold == threshold


def test_a_ratio_is_a_ratio() -> None:
    for ratio in (0.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match="ratio"):
            find_window([], ratio)


def test_nothing_has_no_steady_state() -> None:
    assert steady_state([], []) is None
    assert steady_state([], levels([failed(1.0, 1.0)])) is None


def test_an_even_split_is_interpolated() -> None:
    """Ten tokens in four chunks: three of the chunks are seven and a half."""
    latencies = [latency_of(answer(0.0, 1.0, [1.0] * 3, output_tokens=10))]
    assert tokens_between(latencies, 1.5, 4.0) == pytest.approx(7.5)


def test_tokens_without_a_chunk_come_at_the_end() -> None:
    latencies = [latency_of(answer(0.0, 1.0, [1.0], tail=1.0, chunk_tokens=(1, 2), output_tokens=3))]
    assert tokens_between(latencies, 0.0, 2.5) == 2
    assert tokens_between(latencies, 0.0, 3.0) == 3


def test_the_run_by_seconds() -> None:
    records = [answer(10.0, 0.25, [0.5] * 3, index=0), answer(10.5, 1.0, [], index=1), failed(10.2, 12.5)]
    latencies = [latency_of(record) for record in records if record.failure is None]
    seconds = timeline(records, latencies, levels(records))
    assert [second.start for second in seconds] == [10, 11, 12]
    assert [second.seconds for second in seconds] == [1, 1, 0.5]
    assert [second.output_tokens for second in seconds] == [2, 3, 0]
    assert [second.ended for second in seconds] == [0, 2, 0]
    assert [second.failed for second in seconds] == [0, 0, 1]
    assert [second.ttft_p50 for second in seconds] == [pytest.approx(0.25), pytest.approx(1.0), None]
    assert [second.in_flight for second in seconds] == pytest.approx([1 + 0.5 + 0.8, 0.75 + 0.5 + 1, 1])
    assert peak_tokens(seconds) == 3


def test_a_run_without_requests_has_no_seconds() -> None:
    assert timeline([], [], []) == ()


def test_throughput_is_of_answered_requests() -> None:
    answered = [latency_of(record) for record in LOAD]
    found = throughput(answered, 8.0)
    assert (found.req_s, found.out_tok_s, found.in_tok_s) == (3 / 8, 24 / 8, 30 / 8)
    assert found.total_tok_s == pytest.approx(54 / 8)
    unknown = throughput([*answered, latency_of(answer(input_tokens=None))], 8.0)
    assert (unknown.in_tok_s, unknown.total_tok_s) == (None, None)
    assert throughput(answered, 0.0).req_s == 0


TIMES = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5)), min_size=1, max_size=30)


@given(TIMES)
def test_no_request_second_is_lost(times: list[tuple[float, float]]) -> None:
    records = [Record(0, sent, sent + taken, chunks=(sent + taken,)) for sent, taken in times]
    latencies = [latency_of(record) for record in records]
    seconds = timeline(records, latencies, levels(records))
    total = sum(record.ended - record.sent for record in records)
    assert sum(second.in_flight * second.seconds for second in seconds) == pytest.approx(total, abs=1e-6)
    assert sum(second.output_tokens for second in seconds) == len(records)
    assert sum(second.ended for second in seconds) == len(records)


def test_a_closed_loop_is_steady_until_the_last_requests() -> None:
    run = closed_loop(requests=400, concurrency=8)
    found = steady_state([latency_of(record) for record in run.records], levels(run.records))
    assert found is not None
    assert found.mean_in_flight == pytest.approx(8)
    assert found.duration_s > 0.9 * run.duration
