"""Events of OpenAI's two APIs. Only what is measured is decoded; the rest of a chunk is passed over."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .answer import Answer
from .error_object import status_and_words

_ENDS_BADLY: Final = ("abort", "error")
_MILLISECONDS: Final = ("queue_ms", "prompt_ms", "predicted_ms")


class _Delta(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None


class _Choice(msgspec.Struct):
    text: Any = None
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    timings: dict[str, Any] | None = None
    object: Any = None
    message: Any = None


_DECODER: Final = msgspec.json.Decoder(_Chunk, strict=False)


class OpenAiReader:
    """Reads chunks of completions and of chats; whole answers are chunks to it."""

    def __init__(self, keep: bool) -> None:
        """``keep`` keeps the text."""
        self._keep = keep

    def event(self, when: float, data: bytes, answer: Answer) -> None:
        """See `EventReader`."""
        chunk = _DECODER.decode(data)
        if chunk.error is not None or chunk.object == "error":
            answer.error = status_and_words(chunk.error if chunk.error is not None else chunk.message)
            return
        if chunk.choices is None and chunk.usage is None:
            raise ValueError("an event has neither choices nor usage")
        usage = chunk.usage
        if usage is not None:
            _count(usage, answer)
        carries = False
        for choice in chunk.choices or ():
            delta = choice.delta or choice.message
            text = choice.text or (delta.content if delta is not None else None)
            if text or (delta is not None and _carries(delta)):
                carries = True
                if self._keep and isinstance(text, str):
                    answer.texts.append(text)
            if choice.finish_reason:
                answer.finish_reason = choice.finish_reason
                if choice.finish_reason in _ENDS_BADLY:
                    answer.error = (0, f"the answer was ended by the server: {choice.finish_reason}")
        if carries:
            answer.chunks.append(when)
            if usage is not None and usage.completion_tokens is not None:
                answer.counts.append(usage.completion_tokens)
        if chunk.timings is not None:
            for name in _MILLISECONDS:
                if isinstance(value := chunk.timings.get(name), int | float):
                    answer.server[name] = float(value)


def _carries(delta: _Delta) -> bool:
    return bool(delta.reasoning_content or delta.reasoning or delta.refusal or delta.tool_calls or delta.function_call)


def _count(usage: _Usage, answer: Answer) -> None:
    if usage.prompt_tokens is not None:
        answer.input_tokens = usage.prompt_tokens
    if usage.completion_tokens is not None:
        answer.output_tokens = usage.completion_tokens
    details = usage.prompt_tokens_details
    if details is not None and details.cached_tokens is not None:
        answer.cached_tokens = details.cached_tokens
