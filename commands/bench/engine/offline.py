"""`run_offline`: all prompts at once on an engine of its own, without HTTP: what `sgl.Engine` reaches.

The engine is the one of `sgl.Engine`, a process of its own; this process hands over token ids, turns the answers into
text and notes when they came. The clock starts when the first prompt is handed over and ends with the last token.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from sgl._version import __version__
from sgl.errors import EngineDead, SglError, UsageError
from sgl.protocol.messages import EngineInfo
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.client import EngineClient, GenerateSpec
from sgl.runtime.offline_session import OfflineSession

from ..data.dataset import sha256
from ..data.synthetic import PUBLIC_PROMPTS
from ..prompt import Prompt
from ..run import Run
from .arrivals import INTERRUPTED, Arrivals
from .offline_prompts import PUBLIC
from .offline_result import OfflineResult, Workload
from .settings import Settings

LOOK_SECONDS: Final = 0.1
"""How often a run looks whether it is to stop."""
FLUSH_SECONDS: Final = 5.0
PROBE_SECONDS: Final = 60.0
"""An engine answers between two steps, and the last step of a run that was cut short may be a long one."""
WARM_UP_TOKENS: Final = 16
SHORTEST_RUN: Final = 1e-6
"""Seconds: a run whose requests all failed at once still has rates, and they are 0."""

Result = TypeVar("Result")


class Cancelled(Exception):
    """It was told to stop before anything was measured."""


@dataclass(frozen=True)
class OfflineOptions:
    """What to run.

    Attributes:
        settings: The engine.
        prompts: What to ask; each stands alone.
        name: Of the dataset.
        seed: That its prompts were drawn with, and that the answers are.
        scale: That the prompts were shortened by, see `sgl_cli.bench.engine.offline_prompts.scaled`.
        temperature: Of the draws, 0 is greedy; None leaves it to the prompts, and is 0 where they do not say.
        ignore_eos: Whether answers get their full length whatever the model says.
        warm_up: Whether the first prompt is answered, at most 16 tokens of it, before the clock starts.
    """

    settings: Settings
    prompts: Sequence[Prompt]
    name: str
    seed: int = 0
    scale: float = 1.0
    temperature: float | None = None
    ignore_eos: bool = True
    warm_up: bool = True


def run_offline(
    options: OfflineOptions,
    show: Callable[[str], None] = lambda text: None,
    stopped: Callable[[], bool] = lambda: False,
) -> OfflineResult:
    """Loads the model, answers all prompts and ends the engine.

    Args:
        show: Told in words how far it is.
        stopped: Asked ten times a second whether to end early; what was measured so far is the result, then.

    Raises:
        UsageError: A prompt does not fit, or is no prompt that stands alone.
        ModelError: The model cannot be served.
        StartupError: The machine refuses.
        EngineDead: The engine ended while it computed.
        Cancelled: ``stopped`` before anything was asked.
    """
    if not options.prompts:
        raise UsageError("there is no prompt to run")
    if any(prompt.turn or prompt.conversation is not None for prompt in options.prompts):
        raise UsageError("offline runs take prompts that stand alone, not the turns of conversations")
    return asyncio.run(_run(options, show, stopped))


async def _run(options: OfflineOptions, show: Callable[[str], None], stopped: Callable[[], bool]) -> OfflineResult:
    began = time.monotonic()
    show(f"loading {options.settings.model}")
    session = await _unless(stopped, OfflineSession.open(options.settings.config))
    try:
        loaded = time.monotonic() - began
        client = session.client
        prompts, notes = await _prepared(options.prompts, session)
        specs = [_spec(prompt, options) for prompt in prompts]
        if options.warm_up:
            show("warming up")
            await _unless(stopped, _warm_up(client, specs[0]))
        run = await _measured(client, prompts, specs, show, stopped)
        if not client.alive:
            raise EngineDead("the engine ended in the middle of the run; its words are above")
        retractions = (await client.probe(PROBE_SECONDS)).retractions_total
        return OfflineResult(
            model=options.settings.model,
            workload=_workload(options, notes),
            run=run,
            engine=_engine(client.info),
            load_seconds=loaded,
            retractions=retractions,
            version=__version__,
        )
    finally:
        await session.close()


async def _unless(stopped: Callable[[], bool], work: Awaitable[Result]) -> Result:
    """Waits for ``work``; when it is time to stop, cancels it and waits until it has cleaned up."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait([task], timeout=LOOK_SECONDS)
        if stopped() and not task.done():  # What is done at this moment has something to close.
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
            raise Cancelled
    return task.result()


async def _prepared(prompts: Sequence[Prompt], session: OfflineSession) -> tuple[list[Prompt], tuple[str, ...]]:
    """The prompts as token ids that the model knows, and what had to be done for that."""
    client = session.client
    size = client.info.vocab_size
    ready: list[Prompt] = []
    folded = 0
    for prompt in prompts:
        ids = await _ids(prompt, client)
        known = tuple(token % size for token in ids)
        folded += known != ids
        ready.append(replace(prompt, ids=known, text=None, messages=None, input_tokens=len(known)))
    _check_fit(ready, client.info)
    note = f"token ids of {folded} prompts were folded into the model's vocabulary of {size}"
    return ready, (note,) if folded else ()


async def _ids(prompt: Prompt, client: EngineClient) -> tuple[int, ...]:
    most = client.info.max_model_len
    if prompt.ids is not None:
        return prompt.ids
    if prompt.messages is not None:
        return tuple(await client.tokenizer.encode_chat(prompt.messages, at_most=most))
    return tuple(await client.tokenizer.encode_async(prompt.text or "", at_most=most))


def _check_fit(prompts: Sequence[Prompt], info: EngineInfo) -> None:
    longest = max(prompts, key=_length)
    if _length(longest) <= info.max_request_tokens:
        return
    by_pool = info.max_request_tokens < info.max_model_len
    room = ", or give the KV pool more room (--max-total-tokens)" if by_pool else ""
    part = math.floor(100 * info.max_request_tokens / (_length(longest) + 1)) / 100
    raise UsageError(
        f"prompt {longest.index} and its answer are {_length(longest)} tokens, and this engine takes "
        f"{info.max_request_tokens} at most",
        hint=f"shorten all of them (--scale {part:g}){room}",
    )


def _length(prompt: Prompt) -> int:
    return len(prompt.ids or ()) + prompt.output_tokens


def _spec(prompt: Prompt, options: OfflineOptions) -> GenerateSpec:
    sampling = SamplingParams(
        max_new_tokens=prompt.output_tokens,
        temperature=_temperature(prompt, options),
        ignore_eos=options.ignore_eos,
        # One key per prompt: the same run draws the same tokens again.
        seed=options.seed * 2**32 + prompt.index,
    )
    return GenerateSpec(prompt.ids or (), sampling)


def _temperature(prompt: Prompt, options: OfflineOptions) -> float:
    return float((prompt.extra or {}).get("temperature", 0)) if options.temperature is None else options.temperature


async def _warm_up(client: EngineClient, spec: GenerateSpec) -> None:
    """Answers one prompt, and forgets it: its prefix must not help when it is asked again."""
    short = min(WARM_UP_TOKENS, spec.sampling.max_new_tokens or WARM_UP_TOKENS)
    fields = {name: getattr(spec.sampling, name) for name in spec.sampling.__struct_fields__}
    sampling = SamplingParams(**{**fields, "max_new_tokens": short})
    await client.submit(replace(spec, sampling=sampling)).wait()
    await client.flush_cache(FLUSH_SECONDS)


async def _measured(
    client: EngineClient,
    prompts: Sequence[Prompt],
    specs: Sequence[GenerateSpec],
    show: Callable[[str], None],
    stopped: Callable[[], bool],
) -> Run:
    arrivals = Arrivals()
    client.observer = arrivals
    started, start = time.time(), time.monotonic()
    generations = [client.submit(spec) for spec in specs]
    partial = False
    ends = asyncio.gather(*(one.wait() for one in generations), return_exceptions=True)
    while not ends.done():
        await asyncio.wait([ends], timeout=LOOK_SECONDS)
        show(_words(arrivals, len(prompts), time.monotonic() - start))
        if stopped() and not ends.done():
            partial = True
            for one in generations:
                one.abort(INTERRUPTED)
    for outcome in await ends:  # A request that fails is a record; anything else is a mistake of ours.
        if isinstance(outcome, BaseException) and not isinstance(outcome, SglError):
            raise outcome
    records = arrivals.records(prompts, generations, start)
    duration = max(arrivals.last - start, SHORTEST_RUN)
    return Run(records, started, duration, concurrency=len(prompts), partial=partial)


def _words(arrivals: Arrivals, prompts: int, seconds: float) -> str:
    rate = arrivals.tokens / seconds if seconds > 0 else 0.0
    return f"{arrivals.ended_count}/{prompts} answered, {arrivals.tokens:,} tokens, {rate:,.0f} tok/s, {seconds:.0f} s"


def _workload(options: OfflineOptions, notes: tuple[str, ...]) -> Workload:
    temperatures = {_temperature(prompt, options) for prompt in options.prompts}
    own = {_temperature(prompt, replace(options, temperature=None)) for prompt in options.prompts}
    whole = options.name == PUBLIC and options.scale == 1 and len(options.prompts) == PUBLIC_PROMPTS
    return Workload(
        name=options.name,
        seed=options.seed,
        scale=options.scale,
        published=whole and options.ignore_eos and temperatures == own and not notes,
        sha256=sha256(options.prompts),
        prompts=len(options.prompts),
        temperature=temperatures.pop() if len(temperatures) == 1 else None,
        ignore_eos=options.ignore_eos,
        notes=notes,
    )


def _engine(info: EngineInfo) -> dict[str, Any]:
    sizes = ("architecture", "weight_bytes", "kv_bytes", "kv_tokens", "max_request_tokens")
    return {**info.settings, **{name: getattr(info, name) for name in sizes}}
