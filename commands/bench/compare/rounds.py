"""Interleaved rounds: base, new, base, new, ... on one machine, as ``--vs`` runs them.

Drift of the machine meets both sides alike, and the rounds show what one run cannot: how much a repetition differs.
The figure of a side is the mean of its rounds, and the interval of the ratio comes from the rounds' own ratios.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..metrics.definitions import Choice
from ..metrics.percentiles import PERMILLE, needed, quantile
from ..metrics.reading import read
from ..result import Result
from .bootstrap import Interval, ratio_of_pairs, ratio_of_quantiles
from .compatible import check_compatible
from .intervals import values_of
from .rows import ROWS, Comparison, Row, choices, compare_results
from .verdict import judge


def compare_rounds(
    base: Sequence[Result], new: Sequence[Result], more: Iterable[Choice] = (), names: Sequence[str] = ROWS
) -> Comparison:
    """Compares two servers by rounds that were run in turn, pair by pair.

    The two sides may serve different models: that is the reader's affair, and stands among the notes. A percentile
    that one round is too small for is taken over the requests of all rounds together, and then has no interval of
    rounds but one of requests.

    Raises:
        ValueError: There are no rounds, or one side has more.
    """
    if not base or len(base) != len(new):
        raise ValueError(f"rounds come in pairs, not {len(base)} and {len(new)}")
    if len(base) == 1:
        return compare_results(base[0], new[0], True, more, names)
    notes = dict.fromkeys(note for pair in zip(base, new, strict=True) for note in check_compatible(*pair, force=True))
    rows = (_row(choice, base, new) for choice in choices(names, more))
    return Comparison(tuple(row for row in rows if row is not None), tuple(notes))


def _row(choice: Choice, base: Sequence[Result], new: Sequence[Result]) -> Row | None:
    left = [read(result.document, choice).value for result in base]
    right = [read(result.document, choice).value for result in new]
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a is not None and b is not None]
    if len(pairs) < len(base):
        return _row_of_all(choice, base, new)
    means = [math.fsum(side) / len(pairs) for side in zip(*pairs, strict=True)]
    if not any(means):
        return Row(choice, 0.0, 0.0, Interval(1.0, 1.0), "noise", "0 in every round")
    interval = ratio_of_pairs([b / a if a else 0.0 for a, b in pairs])
    how = f"{len(pairs)} rounds" if interval else "0 in some round"
    return Row(choice, means[0], means[1], interval, judge(interval, choice.metric.better), how)


def _row_of_all(choice: Choice, base: Sequence[Result], new: Sequence[Result]) -> Row | None:
    """A percentile of all rounds' requests together; None when there are too few of them even so."""
    sides = [[value for result in results for value in values_of(choice, result)] for results in (base, new)]
    if choice.stat not in PERMILLE or min(map(len, sides)) < needed(choice.stat):
        return None
    share = PERMILLE[choice.stat] / 1000
    values = [quantile(sorted(side), share) for side in sides]
    interval = ratio_of_quantiles(sides[0], sides[1], share)
    how = "requests of all rounds resampled"
    return Row(choice, values[0], values[1], interval, judge(interval, choice.metric.better), how)
