"""/tokenize and /detokenize: the served model's tokenizer over HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sgl.errors import RequestError, UnsupportedParameter
from sgl.protocol.conversation import Message, read_messages
from sgl.protocol.fields import Fields, check_count, check_token_ids, wrong_type
from sgl.runtime.client import EngineClient
from sgl.server.body import read_request

MAX_BATCH: Final = 1024
DECODE_IN_THREAD: Final = 16384
"""Token ids from which decoding leaves the event loop to the other requests."""


@dataclass(frozen=True, slots=True)
class TokenizeRequest:
    """A body of /tokenize: texts, or the messages of one chat."""

    texts: list[str]
    is_list: bool
    messages: list[Message] | None
    add_special_tokens: bool
    add_generation_prompt: bool
    continue_final_message: bool
    template_kwargs: dict[str, object]


@dataclass(frozen=True, slots=True)
class DetokenizeRequest:
    """A body of /detokenize."""

    sequences: list[list[int]]
    is_list: bool
    skip_special_tokens: bool


class Tokenize:
    """Both routes, each under SGLang's two names."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client

    def routes(self) -> list[Route]:
        """The four routes."""
        return [
            Route("/tokenize", self._tokenize, methods=["POST"]),
            Route("/v1/tokenize", self._tokenize, methods=["POST"]),
            Route("/detokenize", self._detokenize, methods=["POST"]),
            Route("/v1/detokenize", self._detokenize, methods=["POST"]),
        ]

    async def _tokenize(self, request: Request) -> Response:
        asked = await read_request(request.scope, request.receive, read_tokenize)
        tokens = [await self._encode(text, asked) for text in asked.texts]
        if asked.messages is not None:
            tokens.append(await self._encode_chat(asked.messages, asked))
        counts = [len(ids) for ids in tokens]
        return _json(
            {
                "tokens": tokens if asked.is_list else tokens[0],
                "count": counts if asked.is_list else counts[0],
                "max_model_len": self._client.info.max_model_len,
            }
        )

    async def _encode(self, text: str, asked: TokenizeRequest) -> list[int]:
        return await self._client.tokenizer.encode_async(text, add_special_tokens=asked.add_special_tokens)

    async def _encode_chat(self, messages: list[Message], asked: TokenizeRequest) -> list[int]:
        return await self._client.tokenizer.encode_chat(
            messages,
            add_generation_prompt=asked.add_generation_prompt,
            continue_final_message=asked.continue_final_message,
            template_kwargs=asked.template_kwargs,
        )

    async def _detokenize(self, request: Request) -> Response:
        vocab_size = self._client.info.vocab_size
        asked = await read_request(request.scope, request.receive, lambda body: read_detokenize(body, vocab_size))
        if sum(map(len, asked.sequences)) >= DECODE_IN_THREAD:
            texts = await asyncio.to_thread(self._decode, asked)
        else:
            texts = self._decode(asked)
        return _json({"text": texts if asked.is_list else texts[0]})

    def _decode(self, asked: DetokenizeRequest) -> list[str]:
        decode = self._client.tokenizer.decode
        return [decode(ids, skip_special_tokens=asked.skip_special_tokens) for ids in asked.sequences]


def read_tokenize(body: dict[str, object]) -> TokenizeRequest:
    """Checks a body of /tokenize.

    Raises:
        RequestError: Not exactly one of ``prompt`` and ``messages``, or a field of the wrong type.
    """
    fields = Fields(body)
    prompt = fields.value("prompt")
    if (prompt is None) == (not fields.has("messages")):
        raise RequestError(
            "Give exactly one of 'prompt' and 'messages'.", param="prompt", code="missing_required_parameter"
        )
    if fields.array("tools", []):
        raise UnsupportedParameter("'tools' is not implemented by this server; leave it out.", param="tools")
    continue_final = fields.boolean("continue_final_message", False)
    return TokenizeRequest(
        texts=[] if prompt is None else _read_texts(fields),
        is_list=isinstance(prompt, list),
        messages=None if prompt is not None else read_messages(fields),
        add_special_tokens=fields.boolean("add_special_tokens", True),
        add_generation_prompt=fields.boolean("add_generation_prompt", not continue_final),
        continue_final_message=continue_final,
        template_kwargs=fields.mapping("chat_template_kwargs", {}),
    )


def _read_texts(fields: Fields) -> list[str]:
    value = fields.value("prompt")
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise fields.wrong_type("prompt", "a string or an array of strings")
    check_count(value, "prompt", 1, MAX_BATCH)
    texts: list[str] = []
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise wrong_type(f"prompt[{index}]", "a string", item)
        texts.append(item)
    return texts


def read_detokenize(body: dict[str, object], vocab_size: int) -> DetokenizeRequest:
    """Checks a body of /detokenize; ids must be below ``vocab_size``.

    Raises:
        RequestError: ``tokens`` is missing or is not token ids.
    """
    fields = Fields(body)
    values = fields.array("tokens", None)
    if values is None:
        raise fields.missing("tokens")
    skip = fields.boolean("skip_special_tokens", True)
    if not values or not isinstance(values[0], list):
        return DetokenizeRequest([check_token_ids(values, "tokens", vocab_size)], False, skip)
    check_count(values, "tokens", 1, MAX_BATCH)
    sequences: list[list[int]] = []
    for index, item in enumerate(values):
        if not isinstance(item, list):
            raise wrong_type(f"tokens[{index}]", "an array", item)
        sequences.append(check_token_ids(item, f"tokens[{index}]", vocab_size))
    return DetokenizeRequest(sequences, True, skip)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
