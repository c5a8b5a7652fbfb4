"""Two results side by side: what may be compared, what came out, and the rules on it."""

from __future__ import annotations

import json

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.compare.rounds import compare_rounds
from sgl_cli.bench.compare.rows import Comparison, Row, compare_results
from sgl_cli.bench.compare.rules import check_rules, parse_rule
from sgl_cli.bench.metrics.definitions import choose
from sgl_cli.bench.metrics.slo import parse_slos
from sgl_cli.bench.result import Result

from .synthetic import answer, closed_loop, facts_with, failed, result_of, run_of


def row(comparison: Comparison, name: str) -> Row:
    found = comparison.row(choose(name))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def base() -> Result:
    return result_of(closed_loop(seed=1))


@pytest.fixture(scope="module")
def slower() -> Result:
    return result_of(closed_loop(seed=2, tpot=0.013))


def test_equal_servers_are_noise(base: Result) -> None:
    comparison = compare_results(base, result_of(closed_loop(seed=3)))
    verdicts = {found.choice.name: found.verdict for found in comparison.rows}
    assert "better" not in verdicts.values()
    assert "worse" not in verdicts.values()
    assert verdicts["ttft.p50"] == verdicts["out_tok_s"] == verdicts["error_rate"] == "noise"


def test_a_slower_server_is_worse_where_it_is_slower(base: Result, slower: Result) -> None:
    comparison = compare_results(base, slower)
    assert row(comparison, "tpot.p50").verdict == "worse"
    assert row(comparison, "e2el.p50").verdict == "worse"
    assert row(comparison, "out_tok_s").verdict == "worse"
    assert row(comparison, "ttft.p50").verdict == "noise"
    assert row(comparison, "tpot.p50").ratio == pytest.approx(1.3, rel=0.03)
    back = compare_results(slower, base)
    assert row(back, "out_tok_s").verdict == "better"
    assert row(back, "tpot.p50").verdict == "better"
    assert comparison.notes == ()


def test_the_interval_is_around_the_ratio_that_is_shown(base: Result, slower: Result) -> None:
    for found in compare_results(base, slower).rows:
        if found.interval is not None and found.ratio is not None:
            assert found.interval.low <= found.ratio <= found.interval.high, found.choice.name


def test_long_runs_are_judged_by_their_seconds_and_short_ones_by_their_requests(base: Result) -> None:
    assert row(compare_results(base, base), "out_tok_s").how == "requests resampled and replayed"
    assert row(compare_results(base, base), "steady_out_tok_s").how == "requests resampled"
    long = [result_of(closed_loop(requests=1200, seed=seed, tokens=20)) for seed in (1, 2)]
    found = row(compare_results(*long), "out_tok_s")
    assert (found.how, found.verdict) == ("seconds resampled in blocks, requests resampled and replayed", "noise")
    assert row(compare_results(*long), "steady_out_tok_s").how == "seconds resampled in blocks"


def test_a_short_open_loop_has_no_interval_of_throughput(base: Result) -> None:
    run = closed_loop(seed=1)
    open_loop = result_of(run_of(run.records, rate=5.0))
    found = row(compare_results(open_loop, open_loop), "out_tok_s")
    assert found.verdict == "unknown"
    assert found.how == "takes 20 steady seconds, or 20 requests of a closed loop, in both runs"
    assert row(compare_results(open_loop, open_loop), "ttft.p50").verdict == "noise"


@pytest.mark.parametrize(
    ("part", "changed", "difference"),
    [
        ("dataset", {"sha256": "cd" * 32}, "the prompts differ"),
        ("server", {"model": "other"}, "the model differs: 'demo' and 'other'"),
        ("host", {"gpu": "GPU B"}, "the GPU differs: 'GPU A' and 'GPU B'"),
        ("host", {}, "the GPU differs: 'GPU A' and unknown"),
    ],
)
def test_other_prompts_models_and_gpus_are_refused(
    base: Result, part: str, changed: dict[str, str], difference: str
) -> None:
    other = result_of(closed_loop(), facts_with(**{part: changed}))
    with pytest.raises(UsageError, match="cannot be compared") as caught:
        compare_results(base, other)
    assert difference in caught.value.message
    assert caught.value.hint == "--force compares them anyway"
    assert difference in compare_results(base, other, force=True).notes[0]


def test_a_reader_is_told_what_makes_the_figures_doubtful(base: Result) -> None:
    run = closed_loop(seed=4, concurrency=4)
    doubtful = result_of(run_of([*run.records, failed(0.1, 0.2)], concurrency=4, partial=True))
    notes = compare_results(base, doubtful).notes
    assert notes[0] == "the load differs: concurrency 8 and concurrency 4"
    assert notes[1] == "the new run was cut short"
    assert notes[2].startswith("1 of 201 requests of the new run failed")


def test_a_run_that_found_its_prompts_cached_is_remarked_on() -> None:
    cold, warm = (result_of(run_of([answer(cached_tokens=share, input_tokens=100)] * 30)) for share in (0, 75))
    (note,) = compare_results(cold, warm).notes
    assert note.startswith("0 % of the base run's prompt tokens were cached, 75 % of the new one's")
    assert compare_results(warm, warm).notes == ()


def test_a_percentile_that_one_run_is_too_small_for_is_unknown(base: Result) -> None:
    small = result_of(closed_loop(requests=12))
    found = row(compare_results(base, small), "ttft.p50")
    assert (found.verdict, found.how) == ("unknown", "new: N=12, and p50 takes 20")
    assert compare_results(base, small).row(choose("ttft.p99")) is None


def test_the_json_form_is_plain(base: Result, slower: Result) -> None:
    document = compare_results(base, slower).to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_attainment_is_compared_by_its_counts() -> None:
    slos = parse_slos(["tpot:11.5"])
    results = [result_of(closed_loop(seed=seed, tpot=tpot), slos=slos) for seed, tpot in ((1, 0.01), (2, 0.013))]
    assert row(compare_results(*results), "slo_attainment").verdict == "worse"


@pytest.mark.parametrize(
    ("rule", "passed"),
    [
        ("out_tok_s<-5%", False),
        ("out_tok_s<-50%", True),
        ("tpot.p50>+10%", False),
        ("tpot>10%", False),
        ("tpot.p50>+50%", True),
        ("ttft.p50>+0.0001%", True),
    ],
)
def test_rules_on_the_change(base: Result, slower: Result, rule: str, passed: bool) -> None:
    parsed = parse_rule(rule)
    comparison = compare_results(base, slower, more=[parsed.choice])
    [outcome] = check_rules([parsed], comparison)
    assert outcome.passed is passed, outcome.why


def test_a_change_within_the_noise_fails_no_rule(base: Result) -> None:
    other = result_of(closed_loop(seed=3))
    change = row(compare_results(base, other), "tpot.p50").change
    assert change is not None
    rule = parse_rule(f"tpot.p50{'>' if change > 0 else '<'}0%")
    [outcome] = check_rules([rule], compare_results(base, other))
    assert outcome.passed
    assert outcome.why.endswith("which is within the noise")


def test_a_rule_on_what_is_not_there_is_not_passed(base: Result) -> None:
    rule = parse_rule("ttft.p99>+10%")
    [outcome] = check_rules([rule], compare_results(base, base))
    assert (outcome.passed, outcome.why) == (False, "ttft.p99 cannot be compared: neither run has it")


def test_failures_that_were_none_before_trip_a_rule(base: Result) -> None:
    bad = result_of(run_of([*closed_loop().records, *[failed()] * 60], concurrency=8))
    [outcome] = check_rules([parse_rule("error_rate>+10%")], compare_results(base, bad))
    assert not outcome.passed
    assert outcome.why == "error_rate went from 0 to 0.2308"


@pytest.mark.parametrize("text", ["", "ttft", "ttft>10", "ttft>10ms", "ttft>--10%", "ttft>%", "ttft==5%", ">5%"])
def test_what_is_no_rule_is_said(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rule(text)
    assert caught.value.hint == "write it as 'out_tok_s<-5%' or 'ttft.p99>+10%'"


def test_interleaved_rounds_are_judged_by_their_spread() -> None:
    base = [result_of(closed_loop(seed=seed)) for seed in range(5)]
    same = [result_of(closed_loop(seed=seed)) for seed in range(5, 10)]
    slower = [result_of(closed_loop(seed=seed, tpot=0.0105)) for seed in range(10, 15)]
    found = row(compare_rounds(base, slower), "tpot.p50")
    assert (found.verdict, found.how) == ("worse", "5 rounds")
    assert row(compare_rounds(base, slower), "e2el.p50").verdict == "worse"
    assert row(compare_rounds(base, same), "tpot.p50").verdict == "noise"
    assert row(compare_rounds(base, same), "error_rate").verdict == "noise"


def test_a_percentile_too_fine_for_a_round_is_taken_over_all() -> None:
    rounds = [result_of(closed_loop(seed=seed, requests=250)) for seed in range(4)]
    found = row(compare_rounds(rounds, rounds), "ttft.p99")
    assert (found.verdict, found.how, found.ratio) == ("noise", "requests of all rounds resampled", 1.0)


def test_one_round_is_a_plain_comparison_and_none_is_a_mistake(base: Result, slower: Result) -> None:
    other = result_of(closed_loop(seed=2, tpot=0.013), facts_with(server={"model": "other"}))
    assert row(compare_rounds([base], [other]), "tpot.p50").verdict == "worse"
    for sides in (([], []), ([base], [])):
        with pytest.raises(ValueError, match="pairs"):
            compare_rounds(*sides)


def test_a_run_of_failures_can_be_compared(base: Result) -> None:
    dead = result_of(run_of([failed()] * 30, concurrency=8))
    comparison = compare_results(base, dead)
    assert row(comparison, "error_rate").verdict == "worse"
    assert row(comparison, "ttft.p50").verdict == "unknown"
    assert row(compare_results(dead, dead), "out_tok_s").verdict == "unknown"


def test_speed_and_normalized_time_have_intervals(base: Result) -> None:
    more = [choose(name) for name in ("user_tok_s.p50", "ntpot.mean", "ttft.max")]
    comparison = compare_results(base, base, more=more)
    assert row(comparison, "user_tok_s.p50").verdict == "noise"
    assert row(comparison, "ntpot.mean").verdict == "noise"
    assert row(comparison, "ttft.max").verdict == "unknown"


def test_the_schedule_is_compared_too() -> None:
    records = [answer(sent=number + 0.1, scheduled=float(number), gaps=[0.01]) for number in range(40)]
    result = result_of(run_of(records, rate=1.0))
    assert row(compare_results(result, result), "ttft_scheduled.p50").verdict == "noise"
