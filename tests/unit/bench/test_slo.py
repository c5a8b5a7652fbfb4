"""Goodput: limits as they are written, and the requests that keep to them."""

from __future__ import annotations

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.metrics.latency import latency_of
from sgl_cli.bench.metrics.slo import PRESETS, Slo, goodput, parse_slos
from sgl_cli.bench.record import Record

from .synthetic import answer


def test_limits_have_units_and_milliseconds_without_one() -> None:
    assert parse_slos(["ttft:200", "tpot:25 itl_p99:50us", "e2el:3s,icl_max:1m"]) == (
        Slo("ttft", 0.2),
        Slo("tpot", 0.025),
        Slo("itl", pytest.approx(50e-6), "p99"),  # type: ignore[arg-type]
        Slo("e2el", 3.0),
        Slo("icl", 60.0, "max"),
    )


def test_gaps_mean_their_p99() -> None:
    assert parse_slos(["itl:50"]) == parse_slos(["itl_p99:50"]) == parse_slos(["itl.p99:50ms"])


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_stand_for_their_limits(preset: str) -> None:
    assert parse_slos([preset]) == parse_slos(PRESETS[preset])


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ("ttfs:200", "'ttfs:200' is no service level objective", "did you mean ttft?"),
        ("chatt", "'chatt' is no service level objective", "did you mean chat?"),
        ("ttft", "'ttft' needs a limit", "write ttft:200 for 200 ms, or ttft:3s"),
        ("ttft:soon", "'ttft:soon' needs a limit", "write ttft:200 for 200 ms, or ttft:3s"),
        ("ttft:-5", "'ttft:-5' needs a limit", "write ttft:200 for 200 ms, or ttft:3s"),
        ("ttft:nan", "'ttft:nan' needs a limit", "write ttft:200 for 200 ms, or ttft:3s"),
        ("ttft_p99:200", "'ttft_p99' is not of a single request", "a request has one ttft; write ttft:200"),
        ("itl_p98:9", "'itl_p98' has no such statistic", "itl_ takes p50, p90, p95, p99, p99.9, mean, max"),
        ("ttft:1 ttft:2", "ttft has two limits", "give each metric one"),
    ],
)
def test_what_is_no_limit_is_said(spec: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_slos([spec])
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_failures_are_misses_and_every_limit_is_counted() -> None:
    answered = [
        latency_of(answer(ttft=0.1, gaps=[0.01] * 9)),
        latency_of(answer(ttft=0.3, gaps=[0.01] * 9)),
        latency_of(answer(ttft=0.1, gaps=[0.05] * 9)),
        latency_of(answer(ttft=0.1)),
    ]
    found = goodput(answered, parse_slos(["ttft:200", "tpot:25"]), sent=8, duration=4.0)
    assert (found.good, found.goodput, found.attainment) == (2, 0.5, 0.25)
    assert found.per_slo == (3, 3)
    assert found.to_json()["per_slo"]["ttft"] == {"limit_ms": 200.0, "attainment": 3 / 8}


def test_one_stall_breaks_the_limit_on_gaps_and_not_the_mean() -> None:
    answered = [latency_of(answer(gaps=[0.01] * 30 + [0.5]))]
    assert goodput(answered, parse_slos(["icl_max:100"]), 1, 1.0).good == 0
    assert goodput(answered, parse_slos(["itl_mean:100"]), 1, 1.0).good == 1
    assert goodput(answered, parse_slos(["tpot:100"]), 1, 1.0).good == 1


def test_a_late_client_cannot_make_good_requests() -> None:
    late = [latency_of(answer(sent=1.0, ttft=0.1, scheduled=0.5))]
    assert goodput(late, parse_slos(["ttft:200"]), 1, 1.0).good == 0
    assert goodput(late, parse_slos(["ttft:700"]), 1, 1.0).good == 1


def test_an_answer_without_text_misses_ttft() -> None:
    empty = [latency_of(Record(0, 0.0, 0.1))]
    assert goodput(empty, parse_slos(["ttft:200"]), 1, 1.0).good == 0
