"""Events of SGLang's ``/generate``. Its texts and ids start from the beginning in every chunk unless it is told not to.

A chunk counts when it has more tokens than the one before it: that holds for both ways, and it is how SGLang's own
client counts.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .answer import Answer
from .error_object import status_and_words

_SECONDS: Final = (("queue_time", "queue_ms"), ("e2e_latency", "e2e_ms"))


class _Meta(msgspec.Struct):
    completion_tokens: int | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    finish_reason: Any = None
    queue_time: float | None = None
    e2e_latency: float | None = None
    spec_accept_length: float | None = None


class _Chunk(msgspec.Struct):
    text: str | None = None
    meta_info: _Meta | None = None
    error: Any = None


class _ChunkWithIds(_Chunk):
    output_ids: list[int] | None = None


_DECODER: Final = msgspec.json.Decoder(_Chunk, strict=False)
_DECODER_WITH_IDS: Final = msgspec.json.Decoder(_ChunkWithIds, strict=False)


class NativeReader:
    """Reads chunks; whole answers are chunks to it."""

    def __init__(self, keep: bool) -> None:
        """``keep`` keeps text and ids."""
        self._keep = keep
        self._text = ""

    def event(self, when: float, data: bytes, answer: Answer) -> None:
        """See `EventReader`."""
        chunk = (_DECODER_WITH_IDS if self._keep else _DECODER).decode(data)
        if chunk.error is not None:
            answer.error = status_and_words(chunk.error)
            return
        if chunk.text is None and chunk.meta_info is None:
            raise ValueError("an event has neither text nor meta_info")
        meta = chunk.meta_info or _Meta()
        text, before = chunk.text or "", answer.output_tokens or 0
        grown = meta.completion_tokens > before if meta.completion_tokens is not None else text != self._text
        if grown:
            answer.chunks.append(when)
            if meta.completion_tokens is not None:
                answer.counts.append(meta.completion_tokens)
        if meta.completion_tokens is not None:
            answer.output_tokens = meta.completion_tokens
        self._text = text
        self._note(meta, answer)
        if self._keep:
            answer.texts.append(text)
            self._keep_ids(chunk, answer)

    def _note(self, meta: _Meta, answer: Answer) -> None:
        if meta.prompt_tokens is not None:
            answer.input_tokens = meta.prompt_tokens
        if meta.cached_tokens is not None:
            answer.cached_tokens = meta.cached_tokens
        for name, ours in _SECONDS:
            if (seconds := getattr(meta, name)) is not None:
                answer.server[ours] = 1000.0 * seconds
        if meta.spec_accept_length is not None:
            answer.server["spec_accept_length"] = meta.spec_accept_length
        reason = meta.finish_reason
        if isinstance(reason, dict):
            answer.finish_reason = str(reason.get("type") or "")
            if answer.finish_reason == "abort":
                code = reason.get("status_code")
                words = str(reason.get("message") or "the server aborted the request")
                answer.error = (code if type(code) is int else 0, words)
        elif isinstance(reason, str):
            answer.finish_reason = reason

    def _keep_ids(self, chunk: _Chunk, answer: Answer) -> None:
        ids = chunk.output_ids if isinstance(chunk, _ChunkWithIds) else None
        if ids:
            whole = answer.output_tokens is None or len(ids) == answer.output_tokens
            answer.ids = tuple(ids) if whole else answer.ids + tuple(ids)
