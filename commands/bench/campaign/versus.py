"""`versus`: two servers asked the same in turns, A B A B: what changes on the machine meanwhile meets both alike.

Every round has prompts of its own, so that none finds the last one's in a prefix cache; within a round both servers
get the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sgl.errors import UsageError

from ..compare.rounds import compare_rounds
from ..compare.rows import Comparison
from ..metrics.definitions import Choice
from .levels import Level
from .runner import Finished, Runner

ROUNDS: Final = 5
"""Fewer give no interval that is worth its name."""

BASE: Final = "A"
NEW: Final = "B"


@dataclass(frozen=True)
class Versus:
    """What the rounds came to.

    Attributes:
        base: Rounds of the first server.
        new: Rounds of the second; one less than of the first when it was interrupted between the two.
        comparison: Of the whole rounds; None without one.
    """

    base: tuple[Finished, ...]
    new: tuple[Finished, ...]
    comparison: Comparison | None

    @property
    def all(self) -> tuple[Finished, ...]:
        """In the order they were run, nearly."""
        return (*self.base, *self.new)


def versus(
    base: Runner, new: Runner, level: Level, report: Callable[[str, Finished], None], more: Sequence[Choice] = ()
) -> Versus:
    """Runs `ROUNDS` rounds; Ctrl-C ends it after the run under way, and what is whole is compared.

    Args:
        base: The first server.
        new: The second.
        level: The load.
        report: Told of each run that is over, with its side.
        more: Metrics to compare besides the usual ones.

    Raises:
        UsageError: The two would not be asked the same.
    """
    sides: dict[str, list[Finished]] = {BASE: [], NEW: []}
    over = False
    for number in range(ROUNDS):
        for side, runner in ((BASE, base), (NEW, new)):
            title = f"round {number + 1} of {ROUNDS}, {side} {runner.ready.found.url}"
            more_config = {"versus": {"side": side, "round": number + 1}}
            finished = runner.run(level, number, title=title, more=more_config)
            sides[side].append(finished)
            report(side, finished)
            over = finished.is_last
            if over:
                break
        if not over and not number:
            _check_alike(sides[BASE][0], sides[NEW][0])
        if over:
            break
    whole = [
        (left.result, right.result)
        for left, right in zip(sides[BASE], sides[NEW], strict=False)
        if not left.is_last and not right.is_last
    ]
    comparison = None
    if whole:
        comparison = compare_rounds([left for left, _ in whole], [right for _, right in whole], more)
    return Versus(tuple(sides[BASE]), tuple(sides[NEW]), comparison)


def _check_alike(left: Finished, right: Finished) -> None:
    if left.result.dataset["sha256"] != right.result.dataset["sha256"]:
        raise UsageError(
            "the two servers would be asked different prompts: they take different APIs, or fewer tokens",
            hint="give --api chat, and an --input-len that fits both",
        )
