"""The asynchronous half of `sgl.Engine`: an engine process, its client, and SGLang's answers.

Everything here runs in one event loop; `sgl.runtime.offline` is the half that other threads touch.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from sgl._version import __version__
from sgl.config.server import ServerConfig
from sgl.protocol.native import NativeRequest
from sgl.runtime.client import EngineClient
from sgl.runtime.generation import FinishReason, GenerateSpec, Generation
from sgl.runtime.group import merged, submit_all
from sgl.runtime.launch import ENGINE_MODULE, launch_engine
from sgl.runtime.native_reply import NativeReply
from sgl.runtime.native_spec import generate_spec
from sgl.tokenizer.load import Tokenizer

Answer = dict[str, object]


class OfflineSession:
    """One engine and its client."""

    def __init__(self, client: EngineClient, config: ServerConfig) -> None:
        """Takes over a client; use `open`."""
        self.client = client
        self._config = config

    @classmethod
    async def open(cls, config: ServerConfig, module: str = ENGINE_MODULE) -> OfflineSession:
        """Loads the tokenizer, starts an engine and waits until it is ready.

        Raises:
            ModelError: The model folder cannot be used.
            StartupError: The machine refuses.
        """
        template = None if config.chat_template is None else Path(config.chat_template)
        tokenizer = Tokenizer.load(Path(config.tokenizer_path or config.engine.model_path), template)
        try:
            handle = await launch_engine(config.engine, module=module)
        except BaseException:
            await tokenizer.close()
            raise
        limit = config.engine.max_queued_requests
        client = EngineClient(handle.transport, handle.info, tokenizer, max_queued_requests=limit)
        client.start()
        return cls(client, config)

    async def answer(self, request: NativeRequest) -> Answer | list[Answer]:
        """Whole answers: one object, or a list when the request asked for several."""
        generations = submit_all(self.client, await self._specs(request))
        replies = self._replies(request, generations)
        try:
            for generation in generations:
                await generation.wait()
        finally:
            _abort(generations)
        answers = [_snapshot(reply, one.finish) for reply, one in zip(replies, generations, strict=True)]
        return answers if request.is_list else answers[0]

    async def stream(self, request: NativeRequest) -> AsyncGenerator[Answer, None]:
        """Answers so far, again and again; of several, each says its ``index``."""
        generations = submit_all(self.client, await self._specs(request))
        replies = self._replies(request, generations)
        told = [0] * len(generations)
        try:
            async for index, update in merged(generations):
                tokens = generations[index].completion_tokens
                if update.finish is None and tokens - told[index] < request.items[index].stream_interval:
                    continue
                told[index] = tokens
                answer = _snapshot(replies[index], update.finish)
                if request.is_list:
                    answer["index"] = index
                yield answer
        finally:
            _abort(generations)

    async def server_info(self) -> Answer:
        """The resolved settings and the engine's counters, as SGLang's /server_info nests them."""
        info = self.client.info
        stats = await self.client.probe(timeout=10.0)
        return {
            **info.settings,
            "max_total_num_tokens": info.kv_tokens,
            "max_req_input_len": info.max_request_tokens - 1,
            "internal_states": [
                {
                    "last_gen_throughput": stats.generation_rate,
                    "running": stats.running,
                    "queued": stats.queued,
                    "memory_usage": {
                        "weight": info.weight_bytes / 2**30,
                        "kvcache": info.kv_bytes / 2**30,
                        "token_capacity": info.kv_tokens,
                    },
                }
            ],
            "version": __version__,
        }

    async def close(self) -> None:
        """Ends the engine and the tokenizer's helper."""
        await self.client.close()
        await self.client.tokenizer.close()

    async def _specs(self, request: NativeRequest) -> list[GenerateSpec]:
        encoded: dict[str, list[int]] = {}  # the samples of a prompt share its ids
        specs: list[GenerateSpec] = []
        for item in request.items:
            prompt = item.prompt
            if isinstance(prompt, str):
                if prompt not in encoded:
                    encoded[prompt] = await self.client.tokenizer.encode_async(
                        prompt, at_most=self.client.info.max_model_len
                    )
                prompt = encoded[prompt]
            namespace = "\0".join((item.cache_salt, item.extra_key)) if item.cache_salt or item.extra_key else ""
            specs.append(generate_spec(item, prompt, self.client.info, namespace=namespace))
        return specs

    def _replies(self, request: NativeRequest, generations: Sequence[Generation]) -> list[NativeReply]:
        token_text = self.client.tokenizer.token_text if request.text_in_logprobs else None
        return [
            NativeReply(one, rid=item.rid, token_text=token_text, with_prompt_ids=request.return_prompt_ids)
            for item, one in zip(request.items, generations, strict=True)
        ]


def _abort(generations: Sequence[Generation]) -> None:
    for generation in generations:
        generation.abort()


def _snapshot(reply: NativeReply, finish: FinishReason | None) -> Answer:
    """The answer with lists of its own: it goes to another thread while the generation goes on growing."""
    return {name: _own(value) for name, value in reply.render(finish).items()}


def _own(value: object) -> object:
    if isinstance(value, dict):
        return {name: _own(item) for name, item in value.items()}
    return list(value) if isinstance(value, list) else value
