"""`Prompt`: one question of a load test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one request asks. Exactly one of `ids`, `text` and `messages` is there.

    Attributes:
        index: Its place in the dataset, from 0.
        output_tokens: Tokens to ask for.
        ids: Token ids.
        text: Text for a completion, or the one message of a chat.
        messages: A chat, in OpenAI's form.
        input_tokens: How many tokens it is; None when only the server knows.
        conversation: Turns with the same number are asked one after the other, each with the answers before it;
            None for a prompt that stands alone.
        turn: Which turn of its conversation, from 0.
        at: When a trace sends it, in seconds after the run's start; None elsewhere.
        extra: More fields of its request, such as a trace's own temperature.
    """

    index: int
    output_tokens: int
    ids: tuple[int, ...] | None = None
    text: str | None = None
    messages: tuple[Mapping[str, Any], ...] | None = None
    input_tokens: int | None = None
    conversation: int | None = None
    turn: int = 0
    at: float | None = None
    extra: Mapping[str, Any] | None = None
