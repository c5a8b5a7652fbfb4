"""Several generations as one answer: submitting all or none, one stream of updates, token counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from sgl.errors import SglError
from sgl.runtime.client import EngineClient, GenerateSpec, Generation, Update

MERGE_BUFFER: Final = 64
"""Updates that may wait between many generations and their one reader; beyond, generations coalesce."""


class Indexed(NamedTuple):
    """An update and the number of the choice it belongs to."""

    choice: int
    update: Update


class Usage(msgspec.Struct, frozen=True):
    """OpenAI's token counts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int]


def usage_of(generations: Sequence[Generation], choices: int) -> Usage:
    """Counts so far; of the ``choices`` generations that share a prompt, the first stands for the prompt."""
    prompt = sum(generation.prompt_tokens for generation in generations[::choices])
    cached = sum(generation.cached_tokens for generation in generations[::choices])
    completion = sum(generation.completion_tokens for generation in generations)
    return Usage(prompt, completion, prompt + completion, {"cached_tokens": cached})


def submit_all(client: EngineClient, specs: Iterable[GenerateSpec]) -> list[Generation]:
    """Submits every spec; when one is refused, those before it are aborted.

    Raises:
        SglError: What `EngineClient.submit` raised.
    """
    generations: list[Generation] = []
    try:
        for spec in specs:
            generations.append(client.submit(spec))
    except SglError:
        for generation in generations:
            generation.abort()
        raise
    return generations


async def merged(generations: Sequence[Generation]) -> AsyncGenerator[Indexed, None]:
    """The updates of all generations as they come, each generation's in order.

    Raises:
        SglError: What the first failing generation raised.
    """
    if len(generations) == 1:
        async for update in generations[0]:
            yield Indexed(0, update)
        return
    queue: asyncio.Queue[Indexed | Exception | None] = asyncio.Queue(MERGE_BUFFER)
    pumps = [asyncio.create_task(_pump(index, one, queue)) for index, one in enumerate(generations)]
    running = len(pumps)
    try:
        while running:
            item = await queue.get()
            if item is None:
                running -= 1
            elif isinstance(item, Exception):
                raise item
            else:
                yield item
    finally:
        for pump in pumps:
            pump.cancel()


async def _pump(index: int, generation: Generation, queue: asyncio.Queue[Indexed | Exception | None]) -> None:
    try:
        async for update in generation:
            await queue.put(Indexed(index, update))
    except Exception as error:
        # Whatever it is, it belongs to the reader of the queue, who raises it.
        await queue.put(error)
    else:
        await queue.put(None)


async def whole(generations: Sequence[Generation]) -> AsyncGenerator[Indexed, None]:
    """One update per generation that holds everything: the stream of a reader who only wants the end.

    Raises:
        SglError: What the first failing generation raised.
    """
    for index, generation in enumerate(generations):
        await generation.wait()
        yield Indexed(
            index,
            Update(generation.text, generation.output_ids, generation.output_logprobs, generation.finish),
        )
