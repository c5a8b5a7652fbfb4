"""The warm-up: requests before the run, of which nothing is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from sgl.errors import SglError

from ..prompt import Prompt
from ..record import Failure, Record
from ..target.target import Target
from ..wire.reading import Reading
from ..wire.wire import Wire, connected
from .plan import LoadPlan


class WarmupFailed(SglError):
    """The server answered no request of the warm-up: a run would only measure how fast it fails."""


async def warm_up(target: Target, prompts: Sequence[Prompt], plan: LoadPlan) -> list[Record]:
    """Asks all of them, at the run's concurrency; turns of conversations stand alone.

    Raises:
        WarmupFailed: All failed; the message is that of the first.
        UsageError: The API cannot carry a prompt.
    """
    places = asyncio.Semaphore(plan.concurrency or len(prompts))

    async def one(wire: Wire, prompt: Prompt) -> Record:
        async with places:
            exchange = await wire.ask(target.request(replace(prompt, conversation=None, turn=0)))
        reading = Reading(exchange, target.api)
        reading.finish()
        return reading.record(prompt, exchange.sent, scheduled=None, input_tokens=prompt.input_tokens, worker=0)

    async with connected(target.address, plan.limits, reuse=plan.reuse) as wire:
        records = await asyncio.gather(*(one(wire, prompt) for prompt in prompts))
    failures: list[Failure] = [record.failure for record in records if record.failure is not None]
    if failures and len(failures) == len(records):
        raise WarmupFailed(f"no request of the warm-up was answered: {failures[0].message}")
    return list(records)
