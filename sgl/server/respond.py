"""From generations to an HTTP answer, the same way for every route, streamed or whole."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Protocol

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sgl.errors import SglError
from sgl.protocol.openai import Generating
from sgl.protocol.seeds import sample_seed
from sgl.runtime.client import GenerateSpec, Generation, Update
from sgl.runtime.group import merged, whole
from sgl.server.auth import cache_namespace
from sgl.server.errors import ClientGone, internal_error
from sgl.server.requestid import request_id
from sgl.server.sse import EventStream, error_event
from sgl.server.watch import Deadlines, Watch

logger = logging.getLogger(__name__)


class Answer(Protocol):
    """One route's wire format. The same updates go either to `chunks` or, all of them, to `add`."""

    def opening(self) -> bytes:
        """Events that come before any text."""
        ...

    def chunks(self, index: int, update: Update) -> bytes:
        """Events that tell of one update of choice ``index``; nothing when it has no news for the client."""
        ...

    def closing(self) -> bytes:
        """Events after the last update."""
        ...

    def add(self, index: int, update: Update) -> None:
        """Folds one update of choice ``index`` into the whole answer."""
        ...

    def body(self) -> object:
        """The whole answer as JSON-like data, after every choice's last update was added."""
        ...


def specs_of(
    scope: Scope, request: Generating, prompts: Sequence[Sequence[int]], *, continues: bool = True
) -> Iterator[GenerateSpec]:
    """What to generate: the choices of the first prompt, then those of the second, and so on.

    Args:
        continues: Whether the answer's text goes on with the prompt's; see `GenerateSpec`.
    """
    namespace = cache_namespace(scope, *request.cache_salts)
    for prompt in prompts:
        for choice in range(request.choices):
            yield GenerateSpec(
                prompt_ids=prompt,
                sampling=msgspec.structs.replace(request.sampling, seed=sample_seed(request.sampling.seed, choice)),
                logprobs=request.logprobs,
                namespace=namespace,
                continues=continues,
                priority=request.priority,
                label=request.rid or request_id(scope),
            )


async def respond(
    scope: Scope,
    receive: Receive,
    send: Send,
    generations: Sequence[Generation],
    answer: Answer,
    *,
    stream: bool,
    deadlines: Deadlines,
    aborts_are_answers: bool = False,
) -> None:
    """Sends ``answer`` as the generations go on; none of them outlives this call.

    Args:
        aborts_are_answers: Whether ``answer`` can tell of an abort; otherwise it becomes an error.

    Raises:
        SglError: The request failed before anything was sent, so it can still get a status of its own.
        ClientGone: The client left.
    """
    async with Watch(generations, receive, deadlines, aborts_are_answers=aborts_are_answers) as watch:
        if stream:
            await _stream(scope, send, generations, answer, watch)
        else:
            async for index, update in whole(generations):
                watch.check(update.finish)
                answer.add(index, update)
            response = Response(msgspec.json.encode(answer.body()), media_type="application/json")
            await response(scope, receive, send)


async def _stream(scope: Scope, send: Send, generations: Sequence[Generation], answer: Answer, watch: Watch) -> None:
    async with aclosing(merged(generations)) as updates:
        # Headers wait for the first update: until then a refusal by the engine is a real HTTP error.
        index, update = await anext(updates)
        watch.check(update.finish)
        async with EventStream(send) as stream:
            try:
                await stream.write(answer.opening() + answer.chunks(index, update))
                async for index, update in updates:
                    watch.check(update.finish)
                    if events := answer.chunks(index, update):
                        await stream.write(events)
                last = answer.closing()
            except SglError as error:
                last = error_event(error)
            except ClientGone:
                raise
            except Exception:
                logger.exception("request %s failed by a bug of ours", request_id(scope))
                last = error_event(internal_error(request_id(scope)))
            await stream.finish(last)
