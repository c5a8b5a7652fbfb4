"""One line of a file of prompts as a `Prompt`: OpenAI's batch format, a chat, a prompt, or a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sgl.errors import UsageError, echo

from ..prompt import Prompt
from .reading import Place, Row

DEFAULT_OUTPUT: Final = 256
"""Tokens to ask for where a line does not say: what SGLang's and vLLM's bench take."""

_LENGTHS: Final = ("output_len", "output_tokens", "max_tokens", "max_completion_tokens", "output_length")
_OWN: Final = frozenset(
    {
        *_LENGTHS,
        *("custom_id", "method", "url", "id", "timestamp", "input_length", "input_len", "prompt_len"),
        *("model", "messages", "prompt", "text", "input_ids", "conversations", "conversation"),
        *("stream", "stream_options", "n", "best_of"),
    }
)
"""Fields that are read here, are the load client's to decide, or are no fields of a request."""


def read_row(row: Row, index: int, output_tokens: int | None) -> Prompt:
    """Makes a prompt of a line.

    Args:
        row: ``{"body": {...}}`` of OpenAI's batches, ``{"messages": [...]}``, ``{"prompt": "..." or ids}`` or
            ``{"conversations": [...]}``.
        index: Its place.
        output_tokens: Tokens to ask for; None takes the line's own number, else `DEFAULT_OUTPUT`.

    Raises:
        UsageError: It is none of them; it says which line.
    """
    place, fields = row
    nested = "body" in fields
    if nested:
        fields = _mapping(fields["body"], place, "body")
    answer = output_tokens or _length(fields, place)
    extra = {name: value for name, value in fields.items() if name not in _OWN} or None
    if "messages" in fields:
        messages = _messages(fields["messages"], place)
        return Prompt(index, answer, messages=messages, extra=extra)
    if "conversations" in fields or "conversation" in fields:
        # The other fields of such a line describe the conversation, they are none of a request.
        return Prompt(index, answer, text=first_turns(row)[0])
    asked = next((fields[name] for name in ("prompt", "text", "input_ids") if name in fields), None)
    if isinstance(asked, str) and asked:
        return Prompt(index, answer, text=asked, extra=extra)
    if isinstance(asked, list) and asked and all(type(number) is int and number >= 0 for number in asked):
        return Prompt(index, answer, ids=tuple(asked), input_tokens=len(asked), extra=extra)
    if asked is not None:
        raise UsageError(f"{place}: a prompt is a text or a list of token ids, got {echo(asked)}")
    raise UsageError(f"{place}: no 'messages', 'prompt', 'conversations' or 'body' in it")


def first_turns(row: Row) -> tuple[str, str]:
    """Question and answer of a conversation's first two turns, in ShareGPT's form; empty ones when it has fewer.

    Raises:
        UsageError: It is not in that form.
    """
    place, fields = row
    turns = fields.get("conversations", fields.get("conversation"))
    if not isinstance(turns, list):
        raise UsageError(f"{place}: no list 'conversations' in it")
    if len(turns) < 2:
        return "", ""
    return _said(turns[0], place), _said(turns[1], place)


def _said(turn: object, place: Place) -> str:
    fields = _mapping(turn, place, "a turn")
    said = fields.get("value", fields.get("content"))
    if not isinstance(said, str):
        raise UsageError(f"{place}: a turn has no text in 'value'")
    return said


def _length(fields: Mapping[str, Any], place: Place) -> int:
    for name in _LENGTHS:
        value = fields.get(name)
        if value is None:
            continue
        if type(value) is not int or value < 1:
            raise UsageError(f"{place}: {name} must be a whole number of at least 1, got {echo(value)}")
        return value
    return DEFAULT_OUTPUT


def _messages(value: object, place: Place) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not value:
        raise UsageError(f"{place}: 'messages' must be a list that is not empty")
    return tuple(_message(message, place) for message in value)


def _message(value: object, place: Place) -> Mapping[str, Any]:
    fields = _mapping(value, place, "a message")
    if not isinstance(fields.get("role"), str):
        raise UsageError(f"{place}: a message has no 'role'")
    if not isinstance(fields.get("content"), (str, Sequence, type(None))):
        raise UsageError(f"{place}: a message's 'content' is neither text nor a list of parts")
    return fields


def _mapping(value: object, place: Place, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{place}: {what} must be a JSON object, got {echo(value)}")
    return value
