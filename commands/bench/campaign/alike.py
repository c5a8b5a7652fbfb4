"""`alike`: two servers that will be asked exactly the same."""

from __future__ import annotations

from dataclasses import replace

from ..flags.plan import BenchPlan
from .asking import Ready
from .questions import MADE, Questions


def alike(first: Ready, second: Ready, plan: BenchPlan) -> tuple[Ready, Ready]:
    """Gives both the same prompts: made so that the smaller vocabulary and context can take them.

    Prompts that a person brings are those of the first; its API has to do for both.
    """
    questions = first.questions
    if plan.data.kind in (*MADE, "trace"):
        left, right = first.questions.facts, second.questions.facts
        facts = replace(
            left,
            takes_ids=left.takes_ids and right.takes_ids,
            vocabulary=_smaller(left.vocabulary, right.vocabulary),
            context=_smaller(left.context, right.context),
        )
        questions = Questions.open(plan, facts, None)
    return replace(first, questions=questions), replace(second, questions=questions)


def _smaller(left: int | None, right: int | None) -> int | None:
    return min((value for value in (left, right) if value is not None), default=None)
