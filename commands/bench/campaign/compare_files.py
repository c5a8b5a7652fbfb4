"""``sgl bench compare``: two result files, level by level, and whether the change is acceptable."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from sgl.errors import UsageError

from ..compare.junit import junit_xml
from ..compare.outcome import Outcome
from ..compare.rows import Comparison, compare_results
from ..compare.rules import Rule, check_rules, parse_rule
from ..output.facts import load
from ..output.json_file import comparison_text, read_results
from ..output.lookup import cleaned
from ..output.markdown import comparison_markdown
from ..output.table import print_comparison, print_outcomes
from ..output.writing import write_text
from ..result import Result
from .ends import ASSERTION, DONE

Form: TypeAlias = Literal["table", "markdown", "json"]
_SIGNS: Final = ("<", ">")
_ROUNDS: Final = "they have been compared already: sgl bench report FILE shows them"


@dataclass(frozen=True)
class CompareWish:
    """What was asked for.

    Attributes:
        rules: Changes that fail the comparison.
        force: Whether what differs in prompts, model or GPU is compared, too.
        form: How it is printed.
        junit: File for the outcome of the rules.
    """

    rules: tuple[str, ...] = ()
    force: bool = False
    form: Form = "table"
    junit: Path | None = None


@dataclass(frozen=True)
class _Pair:
    """One load in both files."""

    label: str
    comparison: Comparison
    outcomes: tuple[Outcome, ...]


def compare_files(words: Sequence[str], wish: CompareWish) -> int:
    """Compares and prints; returns the exit code.

    Args:
        words: Two files; rules may stand among them, as a shell makes of ``--fail-if RULE RULE``.
        wish: What was asked for.

    Raises:
        UsageError: There are not two files, one is no result, or they must not be compared.
    """
    files = [Path(word) for word in words if not _is_rule(word)]
    rules = [parse_rule(text) for text in (*wish.rules, *(word for word in words if _is_rule(word)))]
    if len(files) != 2:
        hint = "sgl bench compare BASE NEW; --fail-if takes rules such as 'ttft.p99>+10%'"
        raise UsageError(f"compare takes two files, got {len(files)}", hint=hint)
    base, new = (read_results(path.expanduser()) for path in files)
    names = _names(base[0], new[0], files)
    pairs = [_compared(left, right, rules, wish.force, len(base) > 1) for left, right in _pairs(base, new)]
    if wish.form == "json":
        documents = [comparison_text(pair.comparison, pair.outcomes).rstrip("\n") for pair in pairs]
        print(documents[0] if len(pairs) == 1 else f"[{', '.join(documents)}]")
    for pair in pairs if wish.form != "json" else ():
        _print(pair, wish.form, names if len(pairs) == 1 else (f"{names[0]}, {pair.label}", names[1]))
    outcomes = [outcome for pair in pairs for outcome in pair.outcomes]
    if wish.junit is not None:
        write_text(wish.junit, junit_xml(outcomes, "sgl bench compare"))
    return DONE if all(outcome.passed for outcome in outcomes) else ASSERTION


def _pairs(base: Sequence[Result], new: Sequence[Result]) -> list[tuple[Result, Result]]:
    """Results of the same load; one and one are always a pair.

    Raises:
        UsageError: No load is in both files.
    """
    if len(base) == len(new) == 1:
        return [(base[0], new[0])]
    for results in (base, new):
        loads = [tuple(result.load.items()) for result in results]
        if len(set(loads)) < len(loads):
            raise UsageError("a file has several runs with the same load, as the rounds of --vs", hint=_ROUNDS)
    found = [(left, right) for left in base for right in new if left.load == right.load]
    if not found:
        raise UsageError("the two files have no load in common", hint="measure both with the same --concurrency list")
    lost = len(base) + len(new) - 2 * len(found)
    if lost > 0:
        print(f"note: {lost} levels are in one of the files only", file=sys.stderr)
    return found


def _compared(base: Result, new: Result, rules: Sequence[Rule], force: bool, several: bool) -> _Pair:
    comparison = compare_results(base, new, force, [rule.choice for rule in rules])
    outcomes = check_rules(rules, comparison)
    label = load(base)
    if several:
        outcomes = tuple(replace(outcome, asked=f"{outcome.asked} ({label})") for outcome in outcomes)
    return _Pair(label, comparison, outcomes)


def _print(pair: _Pair, form: Form, names: tuple[str, str]) -> None:
    if form == "markdown":
        sys.stdout.write(comparison_markdown(pair.comparison, pair.outcomes, names))
    else:
        print_comparison(pair.comparison, sys.stdout, names)
        if pair.outcomes:
            print()
            print_outcomes(pair.outcomes, sys.stdout)


def _names(base: Result, new: Result, files: Sequence[Path]) -> tuple[str, str]:
    left, right = (cleaned(result.name) or path.stem for result, path in zip((base, new), files, strict=True))
    return (left, right) if left != right else (str(files[0]), str(files[1]))


def _is_rule(word: str) -> bool:
    return any(sign in word for sign in _SIGNS) and not Path(word).exists()
