"""`EngineClient`: submits requests to an engine and streams their answers; the HTTP side's only door to it.

Torch-free. One task per client reads the engine's messages and hands each delta to its `Generation`;
everything here runs in the thread of one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Final

from sgl.errors import Draining, EngineDead, EngineFailure, SglError
from sgl.ipc.token_ids import pack_ids
from sgl.protocol.messages import (
    Abort,
    Delta,
    EngineInfo,
    Failed,
    FlushCache,
    Flushed,
    FromEngine,
    Generate,
    Outputs,
    Probe,
    Stats,
)
from sgl.runtime.admission import resolve_sampling
from sgl.runtime.backlog import Backlog
from sgl.runtime.failures import error_of
from sgl.runtime.generation import FinishReason, GenerateSpec, Generation, Observer, Update
from sgl.runtime.journal import JournalEntry
from sgl.runtime.tickets import Tickets
from sgl.runtime.transport import Transport
from sgl.tokenizer.detokenize import Detokenizer
from sgl.tokenizer.load import Tokenizer

__all__ = ["EngineClient", "FinishReason", "GenerateSpec", "Generation", "Observer", "Transport", "Update"]

log = logging.getLogger(__name__)

DEFAULT_QUEUE_LIMIT: Final = 256
ANSWER_TIMEOUT: Final = 10.0
"""Seconds an engine may take to answer a `FlushCache`; it answers between two steps."""
FLUSH_RETRY_INTERVAL: Final = 0.05
DRAIN_POLL_INTERVAL: Final = 0.02

DeathCallback = Callable[[EngineDead], None]


class EngineClient:
    """The asynchronous client of one engine.

    Attributes:
        info: What the engine said about itself when it was ready.
        tokenizer: Turns text into ids and back.
        stats: The latest counters the engine sent.
        observer: Told how the requests fare that are submitted from now on; may be set at any time.
    """

    def __init__(
        self, transport: Transport, info: EngineInfo, tokenizer: Tokenizer, *, max_queued_requests: int | None = None
    ) -> None:
        """Wraps a line to a started engine; the first use, or `start`, begins to read it.

        Args:
            max_queued_requests: Bound of the queue; None takes the engine's own setting.
        """
        self.info = info
        self.tokenizer = tokenizer
        self.stats = Stats(kv_tokens=info.kv_tokens)
        self.observer: Observer | None = None
        self._transport = transport
        if max_queued_requests is None:
            setting = info.settings.get("max_queued_requests")
            max_queued_requests = setting if isinstance(setting, int) else DEFAULT_QUEUE_LIMIT
        self._backlog = Backlog(info.max_running_requests, max_queued_requests)
        self._live: dict[int, Generation] = {}
        self._last_rid = 0
        self._probes: Tickets[Stats] = Tickets()
        self._flushes: Tickets[Flushed] = Tickets()
        self._pump: asyncio.Task[None] | None = None
        self._draining = False
        self._closing = False
        self._death: EngineDead | None = None
        self._death_callbacks: list[DeathCallback] = []

    @property
    def alive(self) -> bool:
        """Whether the engine is there, as far as is known."""
        return self._death is None

    @property
    def draining(self) -> bool:
        """Whether new requests are refused because the server is going down."""
        return self._draining

    @property
    def in_flight(self) -> int:
        """Requests submitted and not ended."""
        return len(self._live)

    def start(self) -> None:
        """Begins to read the engine's messages in the running event loop; harmless when it does already."""
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._read_messages(), name="sgl-engine-client")

    # -- requests ----------------------------------------------------------------------------------

    def submit(self, spec: GenerateSpec) -> Generation:
        """Checks a request and sends it to the engine; to be called from a running event loop.

        Raises:
            RequestError: A parameter or a prompt id is out of range, or the prompt is empty.
            ContextLengthExceeded: Prompt and requested output do not fit.
            QueueFull: Too many requests are waiting.
            Draining: The server is going down.
            EngineDead: There is no engine any more.
        """
        self.start()
        self._check_open()
        sampling = resolve_sampling(spec, self.info)
        self._backlog.check(len(self._live))
        self._last_rid += 1
        rid = self._last_rid
        request = Generate(
            rid=rid,
            input_ids=pack_ids(spec.prompt_ids),
            sampling=sampling,
            seed=secrets.randbits(63) if sampling.seed is None else sampling.seed,
            logprobs=spec.logprobs,
            namespace=spec.namespace,
            priority=spec.priority,
        )
        detokenizer = Detokenizer(
            self.tokenizer,
            skip_special_tokens=sampling.skip_special_tokens,
            stop=sampling.stop,
            no_stop_trim=sampling.no_stop_trim,
            inside=spec.continues and any(not self.tokenizer.is_special(token) for token in spec.prompt_ids),
        )
        generation = Generation(spec, JournalEntry(request), detokenizer, self._abort, self.observer)
        self._transport.send(request)
        self._live[rid] = generation
        return generation

    def abort_matching(self, label: str) -> int:
        """Aborts the live requests whose label is exactly ``label``; returns how many."""
        return self._abort_each([generation for generation in self._live.values() if generation.label == label])

    def abort_all(self) -> int:
        """Aborts every live request; returns how many."""
        return self._abort_each(list(self._live.values()))

    def _abort_each(self, generations: list[Generation]) -> int:
        for generation in generations:
            generation.abort()
        return len(generations)

    def _abort(self, generation: Generation, message: str) -> None:
        self._forget(generation)
        if self._death is None:
            self._send_abort(generation)
        generation.end(FinishReason("abort", message=message))

    def _send_abort(self, generation: Generation) -> None:
        try:
            self._transport.send(Abort(generation.journal.request.rid))
        except EngineDead as death:
            self._die(death)

    def _forget(self, generation: Generation) -> None:
        if self._live.pop(generation.journal.request.rid, None) is not None:
            self._backlog.ended()

    def _check_alive(self) -> None:
        if self._death is not None:
            raise EngineDead(self._death.message)

    def _check_open(self) -> None:
        self._check_alive()
        if self._draining:
            raise Draining("The server is shutting down and takes no new requests.")

    # -- questions ---------------------------------------------------------------------------------

    async def probe(self, timeout: float) -> Stats:
        """Asks the engine for its counters: proof that its loop turns.

        Raises:
            Unavailable: No answer within ``timeout`` seconds.
            EngineDead: The engine is gone.
        """
        self.start()
        self._check_alive()
        return await self._probes.ask(lambda ticket: self._transport.send(Probe(ticket)), timeout)

    async def flush_cache(self, timeout: float) -> tuple[bool, str]:
        """Empties the prefix cache; waits up to ``timeout`` seconds for running requests to end.

        Returns:
            Whether it was emptied, and a line for people.

        Raises:
            EngineDead: The engine is gone.
            Unavailable: The engine does not answer.
        """
        self.start()
        deadline = time.monotonic() + timeout
        while True:
            self._check_alive()
            answer = await self._flushes.ask(lambda ticket: self._transport.send(FlushCache(ticket)), ANSWER_TIMEOUT)
            if answer.ok or time.monotonic() >= deadline:
                return answer.ok, answer.message
            await asyncio.sleep(FLUSH_RETRY_INTERVAL)

    # -- going down --------------------------------------------------------------------------------

    def begin_drain(self) -> None:
        """Refuses new requests from now on; the ones in flight go on."""
        self._draining = True

    async def drained(self, timeout: float) -> bool:
        """Waits until nothing is in flight; False when that took longer than ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while self._live and time.monotonic() < deadline:
            await asyncio.sleep(DRAIN_POLL_INTERVAL)
        return not self._live

    async def close(self) -> None:
        """Aborts what is in flight and ends the engine; not reported to `on_death`."""
        self._closing = True
        self.abort_all()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        await self._transport.close()
        self._die(EngineDead("The engine was shut down."))

    def on_death(self, callback: DeathCallback) -> None:
        """Registers a call for when the engine is gone unexpectedly; at once when it is gone already."""
        if self._death is not None and not self._closing:
            callback(self._death)
        else:
            self._death_callbacks.append(callback)

    def _die(self, death: EngineDead) -> None:
        if self._death is not None:
            return
        self._death = death
        for generation in list(self._live.values()):
            self._forget(generation)
            generation.fail(EngineDead(death.message))
        self._probes.fail(lambda: EngineDead(death.message))
        self._flushes.fail(lambda: EngineDead(death.message))
        if not self._closing:
            log.error("%s", death.message)
            for callback in self._death_callbacks:
                callback(death)

    # -- messages from the engine ------------------------------------------------------------------

    async def _read_messages(self) -> None:
        try:
            while True:
                self._dispatch(await self._transport.recv())
        except EngineDead as death:
            self._die(death)
        except Exception as error:
            # Without this task nobody would ever be answered again, so everyone is told now.
            log.exception("reading the engine's messages failed")
            self._die(EngineDead(f"The connection to the engine failed ({type(error).__name__})."))

    def _dispatch(self, body: FromEngine) -> None:
        if isinstance(body, Outputs):
            for delta in body.deltas:
                # A request that ended here is unknown: its last deltas cross its abort.
                generation = self._live.get(delta.rid)
                if generation is not None:
                    self._deliver(generation, delta)
        elif isinstance(body, Failed):
            generation = self._live.get(body.rid)
            if generation is not None:
                self._forget(generation)
                generation.fail(error_of(body))
        elif isinstance(body, Stats):
            self.stats = body
            self._probes.answer(body.ticket, body)
        elif isinstance(body, Flushed):
            self._flushes.answer(body.ticket, body)
        else:
            log.warning("unexpected %s from a started engine", type(body).__name__)

    def _deliver(self, generation: Generation, delta: Delta) -> None:
        """One request's news; whatever goes wrong with it ends that request alone."""
        try:
            generation.accept(delta)
        except Exception as error:
            self._forget(generation)
            self._send_abort(generation)
            if isinstance(error, SglError):
                generation.fail(error)
            else:
                log.exception("request %s: its output could not be read", generation.id)
                generation.fail(EngineFailure("The output of this request could not be turned into text."))
            return
        if generation.ended:
            self._forget(generation)
            if delta.finish is None:  # a stop string ended it; the engine does not know yet
                self._send_abort(generation)
