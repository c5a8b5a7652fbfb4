"""`Work`: a prompt and when it is to be sent; and the stream of it that a run works off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from ..prompt import Prompt
from .arrivals import Trace
from .plan import LoadPlan


@dataclass(frozen=True, slots=True)
class Work:
    """One request to be.

    Attributes:
        prompt: What is asked.
        at: When, in seconds after the run's start; None as soon as there is room.
    """

    prompt: Prompt
    at: float | None = None


class Source(Protocol):
    """Where a loop takes its work from."""

    async def next(self) -> Work | None:
        """The next; None when there is no more."""
        ...

    def encoded(self, prompt: Prompt) -> bytes:
        """The bytes of its request, made before if there was time."""
        ...


def works(prompts: Iterable[Prompt], plan: LoadPlan) -> Iterator[Work]:
    """Gives each prompt its time.

    A later turn of a conversation has no time of its own, unless a trace gives it one: its user answers at once.
    With a duration, prompts that end too early are repeated, see `endless`.
    """
    source = endless(prompts) if plan.duration is not None and not isinstance(plan.arrivals, Trace) else iter(prompts)
    times = None if plan.arrivals is None else plan.arrivals.times()
    for prompt in islice(source, plan.requests):
        at: float | None = None
        if isinstance(plan.arrivals, Trace):
            at = (prompt.at or 0.0) * plan.arrivals.scale
        elif times is not None and prompt.turn == 0:
            at = next(times, None)
            if at is None:
                return
        if at is not None and plan.duration is not None and at >= plan.duration:
            return
        yield Work(prompt, at)


def endless(prompts: Iterable[Prompt]) -> Iterator[Prompt]:
    """The prompts, and from the start again when they end; a dataset that makes them endlessly never repeats.

    A conversation that is repeated is another one.
    """
    kept: list[Prompt] = []
    conversations = 0
    for prompt in prompts:
        kept.append(prompt)
        conversations = max(conversations, (prompt.conversation or 0) + 1)
        yield prompt
    again = 0
    while kept:
        again += 1
        for prompt in kept:
            if prompt.conversation is None:
                yield prompt
            else:
                yield replace(prompt, conversation=prompt.conversation + again * conversations)
