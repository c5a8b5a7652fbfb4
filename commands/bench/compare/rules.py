"""Rules of ``--fail-if``: how much worse a comparison may come out, such as ``out_tok_s<-5%`` or ``ttft.p99>+10%``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sgl.errors import UsageError, echo

from ..metrics.definitions import Choice, choose
from .condition import OPERATORS, split_condition
from .outcome import Outcome
from .rows import Comparison


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        text: As it was written.
        choice: The metric and its statistic.
        sign: Of `OPERATORS`.
        percent: Change from base to new that it speaks of, with its sign.
    """

    text: str
    choice: Choice
    sign: str
    percent: float


def parse_rule(text: str) -> Rule:
    """``metric[.stat] op +-percent%``.

    Raises:
        UsageError: It is not of this form, or there is no such metric or statistic.
    """
    condition = split_condition(text)
    hint = "write it as 'out_tok_s<-5%' or 'ttft.p99>+10%'"
    if condition is None or condition.sign == "==":
        raise UsageError(f"{echo(text)} is no rule for a change", hint=hint)
    choice = choose(condition.left)
    number = condition.right.removesuffix("%").strip()
    digits = number.lstrip("+-")
    if not condition.right.endswith("%") or len(number) - len(digits) > 1 or not digits.replace(".", "", 1).isdecimal():
        raise UsageError(f"{echo(text)} needs a change in percent", hint=hint)
    return Rule(text.strip(), choice, condition.sign, float(number))


def check_rules(rules: Iterable[Rule], comparison: Comparison) -> tuple[Outcome, ...]:
    """Whether the comparison stays clear of each rule.

    A change that is within the noise fails no rule, or a rule would fail every tenth time on two equal servers; where
    no interval is known the change alone decides. A figure that one side does not have is not passed.
    """
    return tuple(_check(rule, comparison) for rule in rules)


def _check(rule: Rule, comparison: Comparison) -> Outcome:
    row = comparison.row(rule.choice)
    if row is None or row.base is None or row.new is None:
        why = row.how if row is not None else "neither run has it"
        return Outcome(rule.text, False, None, f"{rule.choice.name} cannot be compared: {why}")
    if row.change is None:
        changed = row.new > 0
        why = f"{rule.choice.name} went from 0 to {row.new:.4g}"
        tripped = changed and OPERATORS[rule.sign](float("inf"), rule.percent) and row.verdict != "noise"
        return Outcome(rule.text, not tripped, None, why)
    percent = 100 * row.change
    tripped = OPERATORS[rule.sign](percent, rule.percent)
    why = f"{rule.choice.name} changed by {percent:+.2f} %"
    if tripped and row.verdict == "noise":
        return Outcome(rule.text, True, percent, f"{why}, which is within the noise")
    return Outcome(rule.text, not tripped, percent, why)
