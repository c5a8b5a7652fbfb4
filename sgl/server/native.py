"""POST and PUT /generate: SGLang's own way to ask for tokens."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from sgl.config.server import ServerConfig
from sgl.protocol.native import NativeItem, NativeRequest, parse_generate
from sgl.runtime.client import EngineClient, FinishReason, GenerateSpec, Generation, Update
from sgl.runtime.group import submit_all
from sgl.runtime.native_reply import NativeReply
from sgl.runtime.native_spec import generate_spec
from sgl.server.auth import cache_namespace
from sgl.server.body import read_request
from sgl.server.requestid import request_id
from sgl.server.respond import respond
from sgl.server.sse import data_event
from sgl.server.watch import Deadlines


class Generate:
    """The route, as an ASGI application."""

    def __init__(self, client: EngineClient, config: ServerConfig) -> None:
        self._client = client
        self._deadlines = Deadlines.of(config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        vocab_size = self._client.info.vocab_size
        request = await read_request(scope, receive, lambda body: parse_generate(body, vocab_size))
        specs = await self._specs(scope, request)
        generations = submit_all(self._client, specs)
        await respond(
            scope,
            receive,
            send,
            generations,
            NativeAnswer(request, generations, self._client),
            stream=request.stream,
            deadlines=self._deadlines,
            aborts_are_answers=True,
        )

    async def _specs(self, scope: Scope, request: NativeRequest) -> list[GenerateSpec]:
        encoded: dict[str, list[int]] = {}  # the samples of a prompt share its ids
        specs: list[GenerateSpec] = []
        for item in request.items:
            namespace = cache_namespace(scope, item.cache_salt, item.extra_key)
            label = item.rid or request_id(scope)
            prompt_ids = await self._prompt_ids(item, encoded)
            specs.append(generate_spec(item, prompt_ids, self._client.info, namespace=namespace, label=label))
        return specs

    async def _prompt_ids(self, item: NativeItem, encoded: dict[str, list[int]]) -> list[int]:
        if not isinstance(item.prompt, str):
            return item.prompt
        if item.prompt not in encoded:
            encoded[item.prompt] = await self._client.tokenizer.encode_async(
                item.prompt, at_most=self._client.info.max_model_len
            )
        return encoded[item.prompt]


class NativeAnswer:
    """SGLang's wire format. Text, ids and log probabilities of a stream are cumulative in every chunk."""

    def __init__(self, request: NativeRequest, generations: Sequence[Generation], client: EngineClient) -> None:
        token_text = client.tokenizer.token_text if request.text_in_logprobs else None
        self._is_list = request.is_list
        self._intervals = [item.stream_interval for item in request.items]
        self._generations = generations
        self._told = [0] * len(generations)
        self._finishes: list[FinishReason | None] = [None] * len(generations)
        self._replies = [
            NativeReply(generation, rid=item.rid, token_text=token_text, with_prompt_ids=request.return_prompt_ids)
            for item, generation in zip(request.items, generations, strict=True)
        ]

    def opening(self) -> bytes:
        """Nothing: the first chunk comes with the first token."""
        return b""

    def chunks(self, index: int, update: Update) -> bytes:
        """One chunk with the whole answer so far; nothing while fewer than ``stream_interval`` tokens are new."""
        tokens = self._generations[index].completion_tokens
        if update.finish is None and tokens - self._told[index] < self._intervals[index]:
            return b""
        self._told[index] = tokens
        chunk = self._replies[index].render(update.finish)
        if self._is_list:
            chunk["index"] = index
        return data_event(chunk)

    def closing(self) -> bytes:
        """Nothing: each last chunk says why it is the last."""
        return b""

    def add(self, index: int, update: Update) -> None:
        """Notes the end; the generation itself holds the rest."""
        self._finishes[index] = update.finish

    def body(self) -> object:
        """One object, or a list with one per answer."""
        objects = [reply.render(finish) for reply, finish in zip(self._replies, self._finishes, strict=True)]
        return objects if self._is_list else objects[0]
