"""POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from sgl.config.server import ServerConfig
from sgl.protocol.openai import ChatRequest, read_chat
from sgl.runtime.client import EngineClient, FinishReason, Generation, Update
from sgl.runtime.group import submit_all
from sgl.server.body import read_request
from sgl.server.chunks import ChunkFrame, Identity, fingerprint, finish_fields
from sgl.server.logprobs import ChatLogprob, ChatLogprobs, chat_logprobs
from sgl.server.respond import respond, specs_of
from sgl.server.served import ServedModel
from sgl.server.watch import Deadlines
from sgl.tokenizer.load import Tokenizer

_TEXT_TAIL: Final = b'},"logprobs":null,"finish_reason":null}'


class ChatCompletions:
    """The route, as an ASGI application."""

    def __init__(self, client: EngineClient, config: ServerConfig, served: ServedModel) -> None:
        self._client = client
        self._served = served
        self._deadlines = Deadlines.of(config)
        self._fingerprint = fingerprint(client.info)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive, read_chat)
        model = self._served.resolve(request.generating.model)
        prompt = await self._client.tokenizer.encode_chat(
            request.messages,
            add_generation_prompt=request.add_generation_prompt,
            continue_final_message=request.continue_final_message,
            template_kwargs=request.template_kwargs,
            at_most=self._client.info.max_model_len,
        )
        specs = specs_of(scope, request.generating, [prompt], continues=request.continue_final_message)
        generations = submit_all(self._client, specs)
        identity = Identity.fresh("chatcmpl", model, self._fingerprint)
        await respond(
            scope,
            receive,
            send,
            generations,
            ChatAnswer(identity, request, generations, self._client.tokenizer),
            stream=request.generating.stream,
            deadlines=self._deadlines,
        )


class ChatAnswer:
    """OpenAI's chat wire format: the role first, then text, then each choice's end in a chunk of its own."""

    def __init__(
        self, identity: Identity, request: ChatRequest, generations: Sequence[Generation], tokenizer: Tokenizer
    ) -> None:
        self._identity = identity
        self._tokenizer = tokenizer
        self._logprobs = request.generating.logprobs.output
        self._frame = ChunkFrame(identity, "chat.completion.chunk", request.generating, generations)
        self._text_heads = [b'{"index":%d,"delta":{"content":' % index for index in range(len(generations))]
        self._folds = [_Fold() for _ in generations]

    def opening(self) -> bytes:
        """One chunk per choice that names the role."""
        role = {"role": "assistant", "content": "", "refusal": None}
        return b"".join(self._chunk(index, role, None) for index in range(len(self._folds)))

    def chunks(self, index: int, update: Update) -> bytes:
        """A chunk for new text, or for new tokens when they carry logprobs, and one for the end."""
        events = b""
        if self._logprobs and update.token_ids:
            events = self._chunk(index, {"content": update.text}, chat_logprobs(self._tokenizer, update.logprobs))
        elif update.text:
            # The hot path: nothing but the text is encoded.
            choice = b"".join((self._text_heads[index], msgspec.json.encode(update.text), _TEXT_TAIL))
            events = self._frame.event(choice)
        if update.finish is not None:
            events += self._chunk(index, {}, None, update.finish)
        return events

    def closing(self) -> bytes:
        """The chunk of token counts, when it was asked for."""
        return self._frame.closing()

    def add(self, index: int, update: Update) -> None:
        """Folds one update into the whole answer."""
        fold = self._folds[index]
        fold.text += update.text
        fold.finish = update.finish
        if self._logprobs:
            fold.logprobs += chat_logprobs(self._tokenizer, update.logprobs).content

    def body(self) -> dict[str, object]:
        """The whole answer."""
        return {
            **self._identity.fields("chat.completion"),
            "choices": [
                {
                    "index": index,
                    "message": {"role": "assistant", "content": fold.text, "refusal": None},
                    "logprobs": ChatLogprobs(fold.logprobs) if self._logprobs else None,
                    **finish_fields(fold.finish),
                }
                for index, fold in enumerate(self._folds)
            ],
            **self._frame.totals(),
        }

    def _chunk(
        self,
        index: int,
        delta: dict[str, str | None],
        logprobs: ChatLogprobs | None,
        finish: FinishReason | None = None,
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, **finish_fields(finish)}
        return self._frame.event(msgspec.json.encode(choice))


@dataclass(slots=True)
class _Fold:
    text: str = ""
    logprobs: list[ChatLogprob] = field(default_factory=list)
    finish: FinishReason | None = None
