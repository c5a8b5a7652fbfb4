"""`sgl.Engine`: an engine without a server, with the arguments and answers of SGLang's.

with sgl.Engine(model_path="Qwen/Qwen3-0.6B") as engine:
    print(engine.generate("Once upon a time", {"temperature": 0})["text"])
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import msgspec

from sgl.errors import EngineDead, UnsupportedParameter
from sgl.protocol.native import NativeRequest, parse_generate
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.launch import ENGINE_MODULE
from sgl.runtime.loop_thread import LoopThread
from sgl.runtime.offline_options import read_options
from sgl.runtime.offline_session import Answer, OfflineSession

Result = TypeVar("Result")

Sampling = Mapping[str, object] | SamplingParams
"""One request's sampling parameters: SGLang's dict, or our struct (whose ``seed`` is ``sampling_seed``)."""


@dataclass(frozen=True, slots=True)
class FlushResult:
    """Whether the prefix cache was emptied, and a line for people."""

    success: bool
    message: str


class Engine:
    """One model, loaded in a process of its own.

    Every method may be called from any thread, and also from inside a running event loop (the ones without
    ``async`` block it). The process ends with `shutdown`, at the end of a ``with`` block, when the object is
    collected, or with the program.
    """

    _engine_module: ClassVar[str] = ENGINE_MODULE
    """What runs as the engine process; tests put another one here."""

    def __init__(self, model_path: str | None = None, **options: object) -> None:
        """Starts the engine and waits until it is ready.

        Args:
            model_path: A folder, or a repository id; the demonstration model that comes with sgl if not given.
            options: The flags of ``sgl serve`` with underscores, which include SGLang's names: ``dtype``,
                ``page_size``, ``max_total_tokens``, ``mem_fraction_static``, ``max_running_requests``,
                ``chunked_prefill_size``, ``schedule_policy``, ``disable_radix_cache``, ``context_length``,
                ``load_format``, ``random_seed``, ``log_level`` (error unless given) and so on. None and
                False are as good as leaving an option out.

        Raises:
            UsageError: An option is unknown or its value cannot be understood.
            ModelError: The model cannot be served.
            StartupError: The machine refuses.
        """
        config = read_options(model_path, options)
        self._thread = LoopThread("sgl-engine")
        try:
            self._session = self._thread.run(OfflineSession.open(config, self._engine_module))
        except BaseException:
            self._thread.stop()
            raise
        # Not a method: it must not keep this object alive, and it runs at the program's end as well.
        self._finalizer = weakref.finalize(self, _end, self._thread, self._session)

    def generate(
        self,
        prompt: str | Sequence[str] | None = None,
        sampling_params: Sampling | Sequence[Sampling] | None = None,
        input_ids: Sequence[int] | Sequence[Sequence[int]] | None = None,
        *,
        return_logprob: bool | Sequence[bool] | None = None,
        logprob_start_len: int | Sequence[int] | None = None,
        top_logprobs_num: int | Sequence[int] | None = None,
        token_ids_logprob: Sequence[int] | Sequence[Sequence[int]] | None = None,
        rid: str | Sequence[str] | None = None,
        stream: bool = False,
        **more: object,
    ) -> Answer | list[Answer] | Iterator[Answer]:
        """Answers one prompt or a list of prompts.

        Args:
            prompt: Text or texts; or give ``input_ids``.
            sampling_params: One for all prompts or a list with one each; see
                `sgl.protocol.sampling.SamplingParams`. Without ``max_new_tokens`` it is at most 128.
            input_ids: Token ids of one prompt or of several.
            return_logprob: Whether tokens carry log probabilities.
            logprob_start_len: First prompt position that does, too; -1 is none.
            top_logprobs_num: How many of the likeliest tokens stand at each position.
            token_ids_logprob: Token ids whose log probability stands at each position.
            rid: The caller's ids, shown in ``meta_info``.
            stream: Whether to return an iterator of answers so far, each with the whole text.
            more: Other fields of SGLang's ``/generate``.

        Returns:
            ``{"text", "output_ids", "meta_info"}``; a list of them for a list of prompts or ``n`` above 1;
            an iterator with ``stream``, where answers to a list carry their ``index``.

        Raises:
            RequestError: An argument is wrong, or prompt and answer do not fit the context.
            EngineDead: The engine is gone.
        """
        request = self._request(
            more,
            text=prompt,
            input_ids=input_ids,
            sampling_params=sampling_params,
            return_logprob=return_logprob,
            logprob_start_len=logprob_start_len,
            top_logprobs_num=top_logprobs_num,
            token_ids_logprob=token_ids_logprob,
            rid=rid,
        )
        return self._iterate(request) if stream else self._run(self._session.answer(request))

    async def async_generate(
        self,
        prompt: str | Sequence[str] | None = None,
        sampling_params: Sampling | Sequence[Sampling] | None = None,
        input_ids: Sequence[int] | Sequence[Sequence[int]] | None = None,
        *,
        stream: bool = False,
        **more: object,
    ) -> Answer | list[Answer] | AsyncIterator[Answer]:
        """As `generate`, without blocking the caller's event loop; cancelling it aborts the request.

        With ``stream`` it returns an asynchronous iterator.
        """
        request = self._request(more, text=prompt, input_ids=input_ids, sampling_params=sampling_params)
        return self._aiterate(request) if stream else await self._bridge(self._session.answer(request))

    def encode(self, *_: object, **__: object) -> None:
        """Refused: this version has no embedding models.

        Raises:
            UnsupportedParameter: Always.
        """
        raise UnsupportedParameter("encode is not in this version: models generate text only; use generate")

    def flush_cache(self, timeout: float = 0.0) -> FlushResult:
        """Empties the prefix cache; waits up to ``timeout`` seconds for running requests to end."""
        return FlushResult(*self._run(self._session.client.flush_cache(timeout)))

    def get_server_info(self) -> Answer:
        """The resolved settings and the engine's counters."""
        return self._run(self._session.server_info())

    def shutdown(self) -> None:
        """Ends the engine; requests still running end with EngineDead. Harmless when called twice."""
        self._finalizer()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def _request(self, more: Mapping[str, object], **fields: object) -> NativeRequest:
        """Reads the arguments as the body of ``/generate``; None is a field that is not there."""
        body = {name: value for name, value in {**fields, **more}.items() if value is not None}
        sampling = body.get("sampling_params")
        if isinstance(sampling, list | tuple):
            body["sampling_params"] = [_sampling_fields(item) for item in sampling]
        elif sampling is not None:
            body["sampling_params"] = _sampling_fields(sampling)
        return parse_generate(_plain(body), self._session.client.info.vocab_size)

    def _iterate(self, request: NativeRequest) -> Iterator[Answer]:
        answers = self._session.stream(request)
        try:
            while (answer := self._run(_next(answers))) is not None:
                yield answer
        finally:
            if self._finalizer.alive:
                self._run(_close(answers))

    async def _aiterate(self, request: NativeRequest) -> AsyncIterator[Answer]:
        answers = self._session.stream(request)
        try:
            while (answer := await self._bridge(_next(answers))) is not None:
                yield answer
        finally:
            if self._finalizer.alive:
                await self._bridge(_close(answers))

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        self._check_open(work)
        return self._thread.run(work)

    async def _bridge(self, work: Coroutine[Any, Any, Result]) -> Result:
        self._check_open(work)
        return await self._thread.bridge(work)

    def _check_open(self, work: Coroutine[Any, Any, Result]) -> None:
        if not self._finalizer.alive:
            work.close()
            raise EngineDead("The engine was shut down.")


def _end(thread: LoopThread, session: OfflineSession) -> None:
    if thread.is_current:  # the collector may run in any thread; this one cannot wait for itself
        thread.stop_after(session.close())
    else:
        thread.run(session.close())
        thread.stop()


async def _next(answers: AsyncGenerator[Answer, None]) -> Answer | None:
    return await anext(answers, None)


async def _close(answers: AsyncGenerator[Answer, None]) -> None:
    await answers.aclose()


def _sampling_fields(sampling: object) -> object:
    """SGLang's dict for ``sampling``."""
    if isinstance(sampling, SamplingParams):
        fields = msgspec.to_builtins(sampling, str_keys=True)
        fields["sampling_seed"] = fields.pop("seed")
        return fields
    return sampling


def _plain(value: object) -> Any:
    """``value`` as JSON would have it: lists for tuples, text for the keys of dicts."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
