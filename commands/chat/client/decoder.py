"""Server-sent lines of OpenAI's chat API to events; knows no connection, so that threads and asyncio share it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..text.thinking import Split, ThinkSplitter
from .events import Began, Event, Finished, ReasoningDelta, Replaced, TextDelta, ToolCallDelta, Usage
from .failures import failed_in_stream

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
        if not _objects(content.get("choices")):
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
            events.append(Began(_text(chunk.get("model"))))
        for choice in _objects(chunk.get("choices"))[:1]:
            delta = choice.get(key)
            if isinstance(delta, dict):
                events += self._delta(delta)
            if isinstance(choice.get("finish_reason"), str):
                self.ended = True  # Some servers send no [DONE].
                events += [*self.close(), Finished(choice["finish_reason"])]
        if isinstance(chunk.get("usage"), dict):
            events.append(_usage(chunk["usage"]))
        return events

    def _delta(self, delta: Mapping[str, Any]) -> list[Event]:
        events: list[Event] = []
        thoughts = next((text for name in _REASONING if (text := _text(delta.get(name)))), "")
        if thoughts:
            self._has_field = True
            events.append(ReasoningDelta(thoughts))
        if text := _text(delta.get("content")):
            if self._has_field:
                events.append(TextDelta(text))
            else:
                events += self._split_events(self._splitter.feed(text))
        for position, call in enumerate(_objects(delta.get("tool_calls"))):
            function = call.get("function")
            function = function if isinstance(function, dict) else {}
            index = call.get("index")
            parts = (_text(call.get("id")), _text(function.get("name")), _text(function.get("arguments")))
            events.append(ToolCallDelta(index if type(index) is int else position, *parts))
        return events

    def _split_events(self, split: Split) -> list[Event]:
        if split.moved:
            return [Replaced(split.reasoning, split.text)]
        events: list[Event] = [ReasoningDelta(split.reasoning)] if split.reasoning else []
        return [*events, TextDelta(split.text)] if split.text else events


def _usage(usage: Mapping[str, Any]) -> Usage:
    prompt = usage.get("prompt_tokens_details")
    completion = usage.get("completion_tokens_details")
    cached = _count(prompt.get("cached_tokens")) if isinstance(prompt, dict) else None
    reasoning = _count(completion.get("reasoning_tokens")) if isinstance(completion, dict) else None
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), cached, reasoning)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotOfTheApi(text[:80]) from error
    if not isinstance(value, dict):
        raise NotOfTheApi(text[:80])
    return value


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
