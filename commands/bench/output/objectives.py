"""Service level objectives and what was asked of a run: how much of it was kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..compare.outcome import Outcome
from ..result import Result
from . import words
from .lookup import cleaned, number, part


class ObjectiveRow(NamedTuple):
    """One limit and the share of requests that kept to it, as text."""

    label: str
    limit: str
    attained: str


def objective_rows(result: Result) -> list[ObjectiveRow]:
    """A row for each limit, and one for all of them together; empty when none was given."""
    if result.slo is None:
        return []
    limits = part(result.slo, "per_slo")
    rows = [
        ObjectiveRow(
            cleaned(name),
            words.milliseconds(number(limits, name, "limit_ms")),
            words.percent(number(limits, name, "attainment")),
        )
        for name in limits
    ]
    return [*rows, ObjectiveRow("all of them", "", words.percent(number(result.slo, "attainment")))]


def goodput(result: Result) -> str:
    """Requests per second that kept to every limit, and out of how many; empty when no limit was given."""
    if result.slo is None:
        return ""
    good, sent = number(result.slo, "good"), number(result.slo, "sent")
    rate = words.plain(number(result.slo, "goodput_req_s"))
    return f"goodput {rate} req/s: {words.count(good)} of {words.count(sent)} requests kept to every limit"


class OutcomeRow(NamedTuple):
    """One assertion or rule, as text."""

    passed: bool
    asked: str
    why: str


def outcome_rows(outcomes: Iterable[Outcome]) -> list[OutcomeRow]:
    """In the order they were asked."""
    return [OutcomeRow(outcome.passed, cleaned(outcome.asked), cleaned(outcome.why)) for outcome in outcomes]
