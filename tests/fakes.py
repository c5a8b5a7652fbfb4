"""Stand-ins for the engine: the real client, server and offline `Engine` run in front of them.

`FakeEngine` is deterministic and torch-free. Token ``i`` of an answer is a pure function of (prompt, i),
or scripted per request; everything else of the protocol (ends, log probabilities, aborts, flush, probe,
failures, death) behaves as the real engine's does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sgl.errors import EngineDead, SglError
from sgl.ipc.token_ids import unpack_ids
from sgl.protocol.messages import (
    Abort,
    Delta,
    EngineInfo,
    Failed,
    Finish,
    FlushCache,
    Flushed,
    FromEngine,
    Generate,
    Outputs,
    Probe,
    Stats,
    Stop,
    Timings,
    ToEngine,
    TokenLogprob,
)

FIRST_PIECE = 259
"""stories260k's ids below this are special tokens and single bytes; from here on they are word pieces."""


def fake_info(**changes: object) -> EngineInfo:
    """An `EngineInfo` shaped like stories260k's, with small limits; ``changes`` replace fields."""
    fields: dict[str, object] = {
        "architecture": "LlamaForCausalLM",
        "model_type": "llama",
        "vocab_size": 512,
        "max_model_len": 512,
        "max_request_tokens": 512,
        "kv_tokens": 4096,
        "page_size": 1,
        "max_running_requests": 16,
        "chunked_prefill_size": 512,
        "eos_token_ids": (2,),
        "dtype": "float32",
        "device": "cpu",
        "weight_bytes": 1_000_000,
        "kv_bytes": 1_000_000,
        "settings": {"max_queued_requests": 64, "schedule_policy": "fcfs"},
    }
    return EngineInfo(**{**fields, **changes})  # type: ignore[arg-type]


def fake_token(prompt: Sequence[int], position: int, vocab_size: int) -> int:
    """The fake model: output token ``position`` of ``prompt``; never a special token."""
    first = FIRST_PIECE if vocab_size > FIRST_PIECE else 3
    return first + (sum(prompt) * 31 + len(prompt) * 17 + position * 101) % (vocab_size - first)


def fake_logprob(token_id: int) -> float:
    """A made-up log probability: a fixed function of the token, exact in binary."""
    return -0.25 - (token_id % 8) / 4


@dataclass
class _Active:
    request: Generate
    prompt: list[int]
    script: Sequence[int] | None
    cached_tokens: int
    emitted: list[int] = field(default_factory=list)


class FakeEngine:
    """A deterministic engine behind the `sgl.runtime.transport.Transport` protocol.

    Args:
        info: What it claims to be; see `fake_info`.
        step_delay: Seconds per step; 0 only yields to the event loop.
        tokens_per_step: Tokens each running request gains per step.
        answers: Prompt ids -> output ids; prompts that are not listed get `fake_token`. A script that
            runs out repeats its last id. End tokens in a script end the request unless ignored.
        script: Output ids of every request whose prompt is not in ``answers``.
        failures: Prompt ids -> error the request is answered with.
        die_after_steps: The engine is gone after this many steps.
        held: While True no step is taken: requests stay queued. May be set at any time.

    Attributes:
        requests: Every `Generate` received, in order.
        aborts: The rid of every `Abort` received, in order.
        stopped: Whether a `Stop` was received.
        closed: Whether the client closed the line.
        steps: Steps taken.
    """

    def __init__(
        self,
        info: EngineInfo | None = None,
        *,
        step_delay: float = 0.0,
        tokens_per_step: int = 1,
        answers: Mapping[tuple[int, ...], Sequence[int]] | None = None,
        script: Sequence[int] | None = None,
        failures: Mapping[tuple[int, ...], SglError] | None = None,
        die_after_steps: int | None = None,
        held: bool = False,
    ) -> None:
        self.info = info or fake_info()
        self.step_delay = step_delay
        self.tokens_per_step = tokens_per_step
        self.answers = dict(answers or {})
        self.script = script
        self.failures = dict(failures or {})
        self.die_after_steps = die_after_steps
        self.held = held
        self.requests: list[Generate] = []
        self.aborts: list[int] = []
        self.stopped = False
        self.closed = False
        self.steps = 0
        self._active: dict[int, _Active] = {}
        self._seen: list[list[int]] = []
        self._outbox: deque[FromEngine] = deque()
        self._arrived = asyncio.Event()
        self._dead = False
        self._handlers: dict[type, Callable[..., None]] = {
            Generate: self._on_generate,
            Abort: self._on_abort,
            FlushCache: self._on_flush,
            Probe: self._on_probe,
            Stop: self._on_stop,
        }

    # -- Transport ---------------------------------------------------------------------------------

    def send(self, body: ToEngine) -> None:
        if self._dead:
            raise EngineDead("the fake engine is dead")
        self._handlers[type(body)](body)
        self._arrived.set()

    async def recv(self) -> FromEngine:
        while True:
            if self._outbox:
                return self._outbox.popleft()
            if self._dead:
                raise EngineDead("the fake engine is dead")
            if self._active and not self.held:
                await asyncio.sleep(self.step_delay)
                self.step()
            else:
                self._arrived.clear()
                await self._arrived.wait()

    async def close(self) -> None:
        self.closed = True
        self._active.clear()

    # -- what tests do to it -----------------------------------------------------------------------

    @property
    def running(self) -> int:
        """Requests that hold resources now."""
        return len(self._active)

    def die(self) -> None:
        """The engine is gone, now; what it said before is still delivered."""
        self._dead = True
        self._arrived.set()

    def release(self) -> None:
        """Ends a hold: steps are taken again."""
        self.held = False
        self._arrived.set()

    def say(self, body: FromEngine) -> None:
        """Puts a message of the test's own into the stream."""
        self._outbox.append(body)
        self._arrived.set()

    def take_messages(self) -> list[FromEngine]:
        """What it said since the last call; for a synchronous driver in place of `recv`."""
        messages = list(self._outbox)
        self._outbox.clear()
        return messages

    def step(self) -> None:
        """One step: every request that is running gains tokens."""
        deltas = [self._advance(active) for active in list(self._active.values())]
        if deltas:
            self._outbox.append(Outputs(deltas))
        self.steps += 1
        if self.die_after_steps is not None and self.steps >= self.die_after_steps:
            self.die()

    # -- messages ----------------------------------------------------------------------------------

    def _on_generate(self, request: Generate) -> None:
        self.requests.append(request)
        prompt = list(unpack_ids(request.input_ids))
        error = self.failures.get(tuple(prompt))
        if error is not None:
            self._outbox.append(
                Failed(
                    rid=request.rid,
                    message=error.message,
                    http_status=error.http_status,
                    type=error.type,
                    code=error.code,
                    param=error.param,
                )
            )
            return
        script = self.answers.get(tuple(prompt), self.script)
        self._active[request.rid] = _Active(request, prompt, script, self._cached_tokens(prompt))
        self._seen.append(prompt)

    def _on_abort(self, abort: Abort) -> None:
        self.aborts.append(abort.rid)
        self._active.pop(abort.rid, None)

    def _on_flush(self, flush: FlushCache) -> None:
        if self._active:
            self._outbox.append(Flushed(flush.ticket, False, f"{len(self._active)} requests are running"))
        else:
            self._seen.clear()
            self._outbox.append(Flushed(flush.ticket, True, "Cache flushed."))

    def _on_probe(self, probe: Probe) -> None:
        running = 0 if self.held else len(self._active)
        self._outbox.append(
            Stats(
                ticket=probe.ticket,
                running=running,
                queued=len(self._active) - running,
                kv_tokens=self.info.kv_tokens,
                steps_total=self.steps,
            )
        )

    def _on_stop(self, _: Stop) -> None:
        self.stopped = True
        self.die()

    def _cached_tokens(self, prompt: list[int]) -> int:
        """Longest prefix shared with an earlier prompt; the last token is always computed."""
        return max((_shared_prefix(prompt, seen) for seen in self._seen), default=0)

    # -- computing ---------------------------------------------------------------------------------

    def _advance(self, active: _Active) -> Delta:
        request = active.request
        start = len(active.emitted)
        finish: Finish | None = None
        if request.sampling.max_new_tokens == 0:
            finish = Finish("length")
        while finish is None and len(active.emitted) - start < self.tokens_per_step:
            active.emitted.append(self._next_token(active))
            finish = self._finish_of(active)
        new = active.emitted[start:]
        if finish is not None:
            del self._active[request.rid]
        return Delta(
            request.rid,
            start,
            new,
            finish,
            [_logprob(request, token, self.info.vocab_size) for token in new] if request.logprobs.output else [],
            active.cached_tokens if start == 0 else 0,
            self._prompt_logprobs(active) if start == 0 else None,
            Timings(0.001, 0.002, 0.003) if finish is not None else None,
        )

    def _next_token(self, active: _Active) -> int:
        position = len(active.emitted)
        token = fake_token(active.prompt, position, self.info.vocab_size)
        if active.script:
            token = active.script[min(position, len(active.script) - 1)]
        if token in self._end_tokens(active) and position < active.request.sampling.min_new_tokens:
            return fake_token(active.prompt, position, self.info.vocab_size)
        return token

    def _end_tokens(self, active: _Active) -> tuple[int, ...]:
        sampling = active.request.sampling
        return sampling.stop_token_ids + (() if sampling.ignore_eos else self.info.eos_token_ids)

    def _finish_of(self, active: _Active) -> Finish | None:
        token = active.emitted[-1]
        sampling = active.request.sampling
        if token in self._end_tokens(active) and len(active.emitted) > sampling.min_new_tokens:
            return Finish("stop", token)
        if sampling.max_new_tokens is not None and len(active.emitted) >= sampling.max_new_tokens:
            return Finish("length")
        return None

    def _prompt_logprobs(self, active: _Active) -> list[TokenLogprob | None] | None:
        start = active.request.logprobs.prompt_start
        if start < 0:
            return None
        return [
            None if position == 0 else _logprob(active.request, active.prompt[position], self.info.vocab_size)
            for position in range(start, len(active.prompt))
        ]


def _shared_prefix(prompt: list[int], seen: list[int]) -> int:
    length = 0
    for left, right in zip(prompt[:-1], seen, strict=False):
        if left != right:
            break
        length += 1
    return length


def _logprob(request: Generate, token: int, vocab_size: int) -> TokenLogprob:
    """The token's logprob, its neighbours as alternatives (likeliest first), and the ids asked for."""
    top = [(token, fake_logprob(token))]
    top += [((token + step) % vocab_size, fake_logprob(token) - step) for step in range(1, request.logprobs.top)]
    return TokenLogprob(
        token,
        fake_logprob(token),
        top[: request.logprobs.top],
        [(chosen, fake_logprob(chosen)) for chosen in request.logprobs.token_ids],
    )
