"""Assertions: what a run must reach, such as ``ttft.p99<200ms`` or ``error_rate<1% abort``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sgl.errors import UsageError, echo

from ..metrics.definitions import Choice, Unit, choose
from ..metrics.duration import SECONDS, split_unit
from ..metrics.reading import read
from ..metrics.summary import Summary
from .condition import OPERATORS, split_condition
from .outcome import Outcome

ABORT: Final = "abort"
"""Behind an assertion: a run that fails it stops early."""

PRESETS: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": ("ttft.p99<200ms", "itl.p99<50ms"),
    "code": ("ttft.p99<500ms", "itl.p99<150ms"),
    "content": ("ttft.p99<600ms", "itl.p99<200ms"),
    "rag": ("ttft.p99<300ms", "e2el.p99<3s"),
}
"""What users of four kinds of application are known to expect."""

_BASE_SECONDS: Final[Mapping[str, float]] = {"ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Assertion:
    """One line.

    Attributes:
        text: As it was written.
        choice: The metric and its statistic.
        sign: Of `OPERATORS`.
        limit: In the metric's unit.
        abort: Whether a run that fails it should stop early.
    """

    text: str
    choice: Choice
    sign: str
    limit: float
    abort: bool = False


def parse_assertions(texts: Iterable[str]) -> tuple[Assertion, ...]:
    """Each text is an assertion or the name of a preset.

    Raises:
        UsageError: One is neither.
    """
    parts = [part for text in texts for part in PRESETS.get(text.strip(), (text,))]
    return tuple(parse_assertion(part) for part in parts)


def parse_assertion(text: str) -> Assertion:
    """``metric[.stat] op value[unit] [abort]``; the median is meant when a distribution has no statistic.

    Raises:
        UsageError: It is not of this form, or there is no such metric, statistic or unit.
    """
    condition = split_condition(text)
    if condition is None:
        raise UsageError(f"{echo(text)} is no assertion", hint="write it as 'ttft.p99<200ms' or 'error_rate<1%'")
    choice = choose(condition.left)
    value = condition.right.lower()
    abort = value.endswith(ABORT) and value != ABORT
    value = value.removesuffix(ABORT).strip() if abort else value
    return Assertion(text.strip(), choice, condition.sign, _limit(text, value, choice), abort)


def check(assertion: Assertion, summary: Summary | Mapping[str, Any]) -> Outcome:
    """Whether a run, or a result's JSON form, keeps to it. A figure that the run does not give is not passed."""
    document = summary.to_json() if isinstance(summary, Summary) else summary
    choice, limit = assertion.choice, assertion.limit
    value, why = read(document, choice)
    if value is None:
        return Outcome(assertion.text, False, None, f"{choice.name} is not known: {why}", assertion.abort)
    passed = OPERATORS[assertion.sign](value, limit)
    unit = choice.metric.unit
    why = f"{choice.name} is {shown(value, unit)} (limit: {assertion.sign} {shown(limit, unit)})"
    return Outcome(assertion.text, passed, value, why, assertion.abort)


def check_all(assertions: Iterable[Assertion], summary: Summary | Mapping[str, Any]) -> tuple[Outcome, ...]:
    """`check` for each."""
    document = summary.to_json() if isinstance(summary, Summary) else summary
    return tuple(check(assertion, document) for assertion in assertions)


def shown(value: float, unit: Unit) -> str:
    """A figure with its unit, four digits of it; a share in percent."""
    if unit == "share":
        return f"{value * 100:.4g} %"
    return f"{value:.4g} {unit}" if abs(value) < 10_000 else f"{value:,.0f} {unit}"


def _limit(text: str, value: str, choice: Choice) -> float:
    """The value in the metric's unit."""
    unit = choice.metric.unit
    parts = split_unit(value)
    if parts is None:
        raise UsageError(f"{echo(text)} has no number behind the operator", hint=_example(choice))
    number, suffix = parts
    if unit in _BASE_SECONDS:
        if suffix and suffix not in SECONDS:
            raise UsageError(f"{echo(suffix)} is no unit of time", hint=_example(choice))
        return number if suffix in ("", unit) else number * SECONDS[suffix] / _BASE_SECONDS[unit]
    if unit == "share":
        if suffix not in ("", "%"):
            raise UsageError(f"{choice.metric.name} is a share and has no {echo(suffix)}", hint=_example(choice))
        share = number / 100 if suffix else number
        if share > 1:
            raise UsageError(f"{echo(text)} asks for more than all", hint=_example(choice))
        return share
    if suffix not in ("", unit, unit.replace("tok/s", "tok_s").replace("req/s", "req_s"), "/s"):
        raise UsageError(f"{choice.name} is in {unit}, not in {echo(suffix)}", hint=_example(choice))
    return number


def _example(choice: Choice) -> str:
    value = {"share": "1%", "ms": "200ms", "s": "60s"}.get(choice.metric.unit, "100")
    sign = ">" if choice.metric.better == "higher" else "<"
    return f"write it as '{choice.name}{sign}{value}'"
