"""Finds out with one short request what a server accepts, once and before the run: no request of it is wasted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sgl.errors import SglError

from ..prompt import Prompt
from ..record import Record
from ..wire.ask import Ask
from ..wire.reading import Reading
from ..wire.wire import Limits, connected
from .target import Target

_SECONDS: Final = 120.0
_TEXT: Final = "Hello"

_STEPS: Final[tuple[tuple[str, Callable[[Ask], bool], Callable[[Ask], Ask], str], ...]] = (
    (
        "continuous_usage_stats",
        lambda ask: ask.usage and ask.continuous_usage,
        lambda ask: replace(ask, continuous_usage=False),
        "the server does not count tokens in every chunk: ITL splits a chunk's gap evenly",
    ),
    (
        "stream_options",
        lambda ask: ask.usage,
        lambda ask: replace(ask, usage=False, continuous_usage=False),
        "the server does not count tokens of a stream: chunks are counted in their place",
    ),
    (
        "ignore_eos",
        lambda ask: ask.ignore_eos,
        lambda ask: replace(ask, ignore_eos=False),
        "the server does not know ignore_eos: answers may be shorter than asked",
    ),
)
"""Word in the refusal, whether it was asked for, what to ask without it, and what that means for the figures."""


class ProbeFailed(SglError):
    """The server does not answer a plain request.

    Attributes:
        status: HTTP status of its answer; 0 when there was none.
    """

    def __init__(self, message: str, *, hint: str | None = None, status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True)
class Probed:
    """What the probe found.

    Attributes:
        target: How to ask from now on.
        record: The one request that was answered.
        notes: What the server does not know, in words.
    """

    target: Target
    record: Record
    notes: tuple[str, ...] = ()


def probe(target: Target, prompt: Prompt | None = None, seconds: float = _SECONDS) -> Probed:
    """Asks for two tokens; leaves out what the server refuses by name.

    Args:
        target: How it is to be asked.
        prompt: What to ask; by default a word, which every API takes.
        seconds: How long to wait for each answer.

    Raises:
        ProbeFailed: It fails for any other reason; the message is the server's own.
        UsageError: The API cannot carry such a prompt.
    """
    notes: list[str] = []
    asked = replace(prompt or Prompt(0, 2, text=_TEXT), output_tokens=2)
    while True:
        record = asyncio.run(_once(target, asked, seconds))
        if record.failure is None:
            return Probed(target, record, tuple(notes))
        step = _step(target.ask, record)
        if step is None:
            where = f"{target.root}{target.request_path.removeprefix(target.prefix)}"
            said = f"{where} does not answer a test request: {record.failure.message}"
            raise ProbeFailed(said, hint=_hint(record), status=record.failure.status)
        target = replace(target, ask=step[2](target.ask))
        notes.append(step[3])


def _step(ask: Ask, record: Record) -> tuple[str, Callable[[Ask], bool], Callable[[Ask], Ask], str] | None:
    """What to leave out; None when the refusal names nothing of it."""
    failure = record.failure
    if failure is None or failure.kind != "status" or failure.status not in (400, 422):
        return None
    return next((step for step in _STEPS if step[0] in failure.message and step[1](ask)), None)


def _hint(record: Record) -> str | None:
    failure = record.failure
    if failure is None:
        return None
    if failure.status in (401, 403):
        return "give its key with --api-key KEY or in SGL_API_KEY"
    if failure.status == 404 and "model" in failure.message.lower():
        return "leave out -m to take the model that it serves, or name one of its models"
    if failure.status in (404, 405):
        return "--api says which API is asked, --path where it is"
    return None


async def _once(target: Target, prompt: Prompt, seconds: float) -> Record:
    async with connected(target.address, Limits(min(10.0, seconds), seconds, seconds), reuse=False) as wire:
        exchange = await wire.ask(target.request(prompt))
    reading = Reading(exchange, target.api)
    reading.finish()
    return reading.record(prompt, exchange.sent, scheduled=None, input_tokens=prompt.input_tokens, worker=0)
