"""Server-sent lines of OpenAI's chat API to events; knows no connection, so that threads and asyncio share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..text.thinking import Split, ThinkSplitter
from .events import (
    Began,
    Event,
    Finished,
    ReasoningDelta,
    Replaced,
    TextDelta,
    TokenScores,
    ToolCallDelta,
    Usage,
)
from .failures import failed_in_stream
from .fields import count_in, duration_in, json_object, object_in, objects_in, text_in
from .scores import scored_tokens

_REASONING = ("reasoning_content", "reasoning")
"""Names of the field: DeepSeek's and SGLang's, then newer vLLM's and OpenRouter's."""


class NotOfTheApi(Exception):
    """A line or a body that no OpenAI server sends."""


class Decoder:
    """Reads one answer, streamed or whole.

    Attributes:
        ended: Whether the server said that the answer is complete.
    """

    def __init__(self) -> None:
        self.ended = False
        self._began = False
        self._splitter = ThinkSplitter()
        self._has_field = False  # The server parts reasoning itself: a tag in the text is then just text.

    def line(self, line: str) -> list[Event]:
        """Reads one line of the stream.

        Raises:
            NotOfTheApi: It is something else.
            Refused: The server reports an error in place of the rest.
        """
        name, _, value = line.partition(":")
        if name != "data":
            if name and name not in ("event", "id", "retry"):
                raise NotOfTheApi(line[:80])
            return []  # A comment, a blank line, or a field that says nothing here.
        value = value.strip()
        if value == "[DONE]":
            return self._end()
        chunk = _object(value)
        if chunk.get("error"):
            raise failed_in_stream(chunk["error"])
        return self._chunk(chunk, "delta")

    def body(self, text: str) -> list[Event]:
        """Reads an answer that came whole.

        Raises:
            NotOfTheApi: It is something else.
        """
        content = _object(text)
        if not objects_in(content.get("choices")):
            raise NotOfTheApi("no choices")
        return [*self._chunk(content, "message"), *self._end()]

    def close(self) -> list[Event]:
        """The connection has ended: gives what was held back."""
        return self._split_events(self._splitter.close())

    def _end(self) -> list[Event]:
        self.ended = True
        return self.close()

    def _chunk(self, chunk: Mapping[str, Any], key: str) -> list[Event]:
        events: list[Event] = []
        if not self._began:
            self._began = True
            events.append(Began(text_in(chunk.get("model"))))
        for choice in objects_in(chunk.get("choices"))[:1]:
            delta = choice.get(key)
            if isinstance(delta, dict):
                events += self._delta(delta)
            if tokens := scored_tokens(choice.get("logprobs")):
                events.append(TokenScores(tokens))
            if isinstance(choice.get("finish_reason"), str):
                self.ended = True  # Some servers send no [DONE].
                events += [*self.close(), Finished(choice["finish_reason"])]
        if isinstance(chunk.get("usage"), dict):
            events.append(_usage(chunk, chunk["usage"]))
        return events

    def _delta(self, delta: Mapping[str, Any]) -> list[Event]:
        events: list[Event] = []
        thoughts = next((text for name in _REASONING if (text := text_in(delta.get(name)))), "")
        if thoughts:
            self._has_field = True
            events.append(ReasoningDelta(thoughts))
        if text := text_in(delta.get("content")):
            if self._has_field:
                events.append(TextDelta(text))
            else:
                events += self._split_events(self._splitter.feed(text))
        for position, call in enumerate(objects_in(delta.get("tool_calls"))):
            function = object_in(call.get("function"))
            index = call.get("index")
            parts = (text_in(call.get("id")), text_in(function.get("name")), text_in(function.get("arguments")))
            events.append(ToolCallDelta(index if type(index) is int else position, *parts))
        return events

    def _split_events(self, split: Split) -> list[Event]:
        if split.moved:
            return [Replaced(split.reasoning, split.text)]
        events: list[Event] = [ReasoningDelta(split.reasoning)] if split.reasoning else []
        return [*events, TextDelta(split.text)] if split.text else events


def _usage(chunk: Mapping[str, Any], usage: Mapping[str, Any]) -> Usage:
    cached = count_in(object_in(usage.get("prompt_tokens_details")).get("cached_tokens"))
    reasoning = count_in(object_in(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    tokens = (count_in(usage.get("prompt_tokens")), count_in(usage.get("completion_tokens")))
    return Usage(*tokens, cached, reasoning, _queue_ms(chunk, usage))


def _queue_ms(chunk: Mapping[str, Any], usage: Mapping[str, Any]) -> float | None:
    """Ours are milliseconds in ``timings``; Groq has seconds in ``usage``, Cerebras in ``time_info``."""
    ours = duration_in(object_in(chunk.get("timings")).get("queue_ms"))
    if ours is not None:
        return ours
    for place in (usage, object_in(chunk.get("time_info"))):
        seconds = duration_in(place.get("queue_time"))
        if seconds is not None:
            return 1000 * seconds
    return None


def _object(content: str) -> dict[str, Any]:
    value = json_object(content)
    if value is None:
        raise NotOfTheApi(content[:80])
    return value
