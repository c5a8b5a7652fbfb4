"""Assertions: as they are written, whether they hold, from a file, and as JUnit XML."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.compare.assertions import PRESETS, check, check_all, parse_assertion, parse_assertions
from sgl_cli.bench.compare.junit import junit_xml
from sgl_cli.bench.compare.outcome import Outcome
from sgl_cli.bench.compare.slo_file import parse_slo_file, read_slo_file
from sgl_cli.bench.metrics.slo import parse_slos
from sgl_cli.bench.metrics.summary import Summary, summarize

from .synthetic import answer, failed, run_of


@pytest.fixture(scope="module")
def summary() -> Summary:
    """1,200 requests with a TTFT of 100 ms, 10 tokens at 10 ms each, and 5 % failures."""
    good = [answer(0.1 * number, 0.1, [0.01] * 9, cached_tokens=5) for number in range(1200)]
    return summarize(run_of([*good, *[failed()] * 63]), parse_slos(["ttft:200"]))


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("ttft.p99<200ms", True),
        ("ttft.p99 < 0.2s", True),
        ("ttft.p99<200", True),
        ("ttft.p99<99ms", False),
        ("ttft<=0.1001s", True),
        ("ttft.max>1s", False),
        ("tpot.mean<=10.01ms", True),
        ("itl.p99.9<11ms", True),
        ("e2el.avg<0.5s", True),
        ("latency.median<0.5s", True),
        ("stall.p99<11ms", True),
        ("error_rate<5%", True),
        ("error_rate<0.01", False),
        ("out_tok_s>=50", True),
        ("output_throughput>1000tok/s", False),
        ("req_s>5/s", True),
        ("goodput>5req/s", True),
        ("slo_attainment>95%", True),
        ("slo_attainment>=0.99", False),
        ("cache_hit>49%", True),
        ("duration<10m", True),
        ("user_tok_s.p50>50", True),
        ("peak_in_flight>0", True),
    ],
)
def test_assertions_hold_or_do_not(summary: Summary, text: str, passed: bool) -> None:
    outcome = check(parse_assertion(text), summary)
    assert outcome.passed is passed, outcome.why
    assert outcome.asked == text
    assert outcome.actual is not None


def test_the_outcome_says_figure_and_limit(summary: Summary) -> None:
    assert check(parse_assertion("ttft.p99<99ms"), summary).why == "ttft.p99 is 100 ms (limit: < 99 ms)"
    assert check(parse_assertion("error_rate<10%"), summary).why == "error_rate is 4.988 % (limit: < 10 %)"


def test_abort_is_a_word_behind() -> None:
    assert parse_assertion("error_rate<10% abort").abort
    assert parse_assertion("ttft.p99<2sabort").limit == 2000
    assert not parse_assertion("error_rate<10%").abort


def test_a_percentile_that_the_sample_does_not_allow_is_not_passed() -> None:
    small = summarize(run_of([answer()] * 40))
    outcome = check(parse_assertion("ttft.p99<200ms"), small)
    assert (outcome.passed, outcome.actual) == (False, None)
    assert outcome.why == "ttft.p99 is not known: N=40, and p99 takes 1,000"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("goodput>1", "goodput is not known: no service level objective was given (--goodput)"),
        ("queue<5ms", "queue is not known: the server did not tell its queue time"),
        ("cache_hit>10%", "cache_hit is not known: no answer said what was cached"),
        ("tpot.p50<9", "tpot.p50 is not known: no answer had two tokens"),
        ("ttft_scheduled<9", "ttft_scheduled.p50 is not known: there is no schedule in a closed loop"),
    ],
)
def test_a_figure_that_is_not_there_is_not_passed(text: str, reason: str) -> None:
    outcome = check(parse_assertion(text), summarize(run_of([answer()] * 40)))
    assert (outcome.passed, outcome.why) == (False, reason)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("ttft.p99", "'ttft.p99' is no assertion", "write it as 'ttft.p99<200ms' or 'error_rate<1%'"),
        ("<200ms", "'<200ms' is no assertion", "write it as 'ttft.p99<200ms' or 'error_rate<1%'"),
        ("tftt.p99<200ms", "there is no metric 'tftt'", "did you mean ttft?"),
        ("zzz<1", "there is no metric 'zzz'", None),
        ("ttft.p98<200ms", "ttft has no statistic 'p98'", "did you mean ttft.p99?"),
        ("out_tok_s.p99>5", "out_tok_s is a single figure and has no 'p99'", "write out_tok_s"),
        ("ttft.p99<fast", "'ttft.p99<fast' has no number behind the operator", "write it as 'ttft.p99<200ms'"),
        ("ttft.p99<abort", "'ttft.p99<abort' has no number behind the operator", "write it as 'ttft.p99<200ms'"),
        ("ttft.p99<5%", "'%' is no unit of time", "write it as 'ttft.p99<200ms'"),
        ("error_rate<5ms", "error_rate is a share and has no 'ms'", "write it as 'error_rate<1%'"),
        ("error_rate<5", "'error_rate<5' asks for more than all", "write it as 'error_rate<1%'"),
        ("req_s>5ms", "req_s is in req/s, not in 'ms'", "write it as 'req_s>100'"),
    ],
)
def test_what_is_no_assertion_is_said(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        parse_assertion(text)
    assert caught.value.message == message
    assert hint is None or caught.value.hint == hint


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_are_assertions(preset: str, summary: Summary) -> None:
    outcomes = check_all(parse_assertions([preset]), summary)
    assert [outcome.asked for outcome in outcomes] == list(PRESETS[preset])
    assert all(outcome.passed for outcome in outcomes)


def test_a_file_has_assertions_and_limits(tmp_path: Path) -> None:
    path = tmp_path / "slo.toml"
    path.write_text('assert = ["chat", "error_rate<1%"]\ngoodput = "ttft:200 tpot:25"\n')
    found = read_slo_file(path)
    assert [assertion.text for assertion in found.assertions] == [*PRESETS["chat"], "error_rate<1%"]
    assert [slo.name for slo in found.slos] == ["ttft", "tpot"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("assert = [", "slo.toml"),
        ("asert = []", "slo.toml: there is no key 'asert'"),
        ("assert = [1]", "slo.toml: assert has to be a list of texts"),
        ('assert = ["tft<1"]', "slo.toml: there is no metric 'tft'"),
        ('goodput = ["tft:1"]', "slo.toml: 'tft:1' is no service level objective"),
    ],
)
def test_a_wrong_file_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_slo_file(text, "slo.toml")
    assert caught.value.message.startswith(message)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read nowhere\.toml"):
        read_slo_file(tmp_path / "nowhere.toml")


def test_junit_xml_is_xml_whatever_is_in_it() -> None:
    outcomes = [
        Outcome("a<1", True, 0.5, "a is 0.5"),
        Outcome('b"<&>\x00\x1b', False, None, "not known: 'x' <y> \ud800"),
    ]
    text = junit_xml(outcomes, seconds=12.5)
    [suite] = ElementTree.fromstring(text)
    assert (suite.get("tests"), suite.get("failures"), suite.get("time")) == ("2", "1", "12.500")
    assert [case.get("name") for case in suite] == ["a<1", 'b"<&>??']
    failure = suite[1].find("failure")
    assert failure is not None
    assert failure.get("message") == "not known: 'x' <y> ?"
