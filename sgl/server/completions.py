"""POST /v1/completions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from sgl.config.server import ServerConfig
from sgl.protocol.openai import CompletionRequest, read_completion
from sgl.runtime.client import EngineClient, FinishReason, Generation, Update
from sgl.runtime.group import submit_all
from sgl.server.body import read_request
from sgl.server.chunks import ChunkFrame, Identity, fingerprint, finish_fields
from sgl.server.logprobs import CompletionLogprobs, CompletionRenderer
from sgl.server.respond import respond, specs_of
from sgl.server.served import ServedModel
from sgl.server.watch import Deadlines
from sgl.tokenizer.load import Tokenizer

_TEXT_TAIL: Final = b',"logprobs":null,"finish_reason":null}'


class Completions:
    """The route, as an ASGI application."""

    def __init__(self, client: EngineClient, config: ServerConfig, served: ServedModel) -> None:
        self._client = client
        self._served = served
        self._deadlines = Deadlines.of(config)
        self._fingerprint = fingerprint(client.info)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive, read_completion)
        model = self._served.resolve(request.generating.model)
        tokenizer = self._client.tokenizer
        prompts = [
            await tokenizer.encode_async(prompt, at_most=self._client.info.max_model_len)
            if isinstance(prompt, str)
            else prompt
            for prompt in request.prompts
        ]
        generations = submit_all(self._client, specs_of(scope, request.generating, prompts))
        identity = Identity.fresh("cmpl", model, self._fingerprint)
        await respond(
            scope,
            receive,
            send,
            generations,
            CompletionAnswer(identity, request, generations, tokenizer),
            stream=request.generating.stream,
            deadlines=self._deadlines,
        )


class CompletionAnswer:
    """OpenAI's completion wire format; the answers to the first prompt come first in ``choices``."""

    def __init__(
        self, identity: Identity, request: CompletionRequest, generations: Sequence[Generation], tokenizer: Tokenizer
    ) -> None:
        self._identity = identity
        self._frame = ChunkFrame(identity, "text_completion", request.generating, generations)
        self._text_heads = [b'{"index":%d,"text":' % index for index in range(len(generations))]
        self._choices = [
            _Choice(request, request.prompts[index // request.generating.choices], generation, tokenizer)
            for index, generation in enumerate(generations)
        ]

    def opening(self) -> bytes:
        """Nothing: a completion begins with its text."""
        return b""

    def chunks(self, index: int, update: Update) -> bytes:
        """One chunk for everything the update brings; before a choice's first one, a chunk that echoes the prompt."""
        return b"".join(self._chunk(index, piece) for piece in self._choices[index].pieces(update))

    def closing(self) -> bytes:
        """The chunk of token counts, when it was asked for."""
        return self._frame.closing()

    def add(self, index: int, update: Update) -> None:
        """Folds one update into the whole answer."""
        choice = self._choices[index]
        for piece in choice.pieces(update):
            choice.fold(piece)

    def body(self) -> dict[str, object]:
        """The whole answer."""
        return {
            **self._identity.fields("text_completion"),
            "choices": [_rendered(index, choice.whole) for index, choice in enumerate(self._choices)],
            **self._frame.totals(),
        }

    def _chunk(self, index: int, piece: _Piece) -> bytes:
        if piece.logprobs is not None or piece.finish is not None:
            return self._frame.event(msgspec.json.encode(_rendered(index, piece)))
        # The hot path: nothing but the text is encoded.
        return self._frame.event(b"".join((self._text_heads[index], msgspec.json.encode(piece.text), _TEXT_TAIL)))


@dataclass(slots=True)
class _Piece:
    """Part of one choice, or all of it."""

    text: str
    logprobs: CompletionLogprobs | None
    finish: FinishReason | None


def _rendered(index: int, piece: _Piece) -> dict[str, object]:
    return {"index": index, "text": piece.text, "logprobs": piece.logprobs, **finish_fields(piece.finish)}


class _Choice:
    """Cuts one generation into pieces: the echoed prompt when it is wanted, then what is generated.

    Attributes:
        whole: The pieces that were folded.
    """

    def __init__(
        self, request: CompletionRequest, prompt: str | list[int], generation: Generation, tokenizer: Tokenizer
    ) -> None:
        skip = request.generating.sampling.skip_special_tokens
        wanted = request.generating.logprobs.output
        self._generation = generation
        self._renderer = (
            CompletionRenderer(tokenizer, skip_special_tokens=skip, inside=generation.inside) if wanted else None
        )
        self._echo: str | None = None
        if request.echo:
            self._echo = prompt if isinstance(prompt, str) else tokenizer.decode(prompt, skip_special_tokens=skip)
        self.whole = _Piece("", CompletionLogprobs() if wanted else None, None)

    def pieces(self, update: Update) -> Iterator[_Piece]:
        """What an update says; pieces without news are left out."""
        if self._echo is not None:
            yield _Piece(self._echo, self._prompt_logprobs(self._echo), None)
            self._echo = None
        logprobs = None
        if self._renderer is not None and update.token_ids:
            logprobs = self._renderer.output(update.token_ids, update.logprobs)
        if update.text or logprobs is not None or update.finish is not None:
            yield _Piece(update.text, logprobs, update.finish)

    def fold(self, piece: _Piece) -> None:
        """Adds a piece to `whole`."""
        self.whole.text += piece.text
        self.whole.finish = piece.finish
        if self.whole.logprobs is not None and piece.logprobs is not None:
            self.whole.logprobs.extend(piece.logprobs)

    def _prompt_logprobs(self, text: str) -> CompletionLogprobs | None:
        # They come with the first update, as asked for by ``prompt_start`` 0.
        logprobs = self._generation.prompt_logprobs
        if self._renderer is None or logprobs is None:
            return None
        return self._renderer.prompt(self._generation.prompt_ids, logprobs, text)
