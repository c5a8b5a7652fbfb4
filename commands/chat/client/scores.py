"""OpenAI's ``logprobs`` of a choice to `ScoredToken`s."""

from __future__ import annotations

from typing import Any, Final

from .events import ScoredToken
from .fields import number_in, object_in, objects_in

LOWEST: Final = -9999.0
"""What OpenAI shows for a token that cannot occur: JSON has no minus infinity."""


def scored_tokens(logprobs: object) -> tuple[ScoredToken, ...]:
    """The tokens of a chunk or of a whole answer; one without a text or a number is left out."""
    tokens = []
    for entry in objects_in(object_in(logprobs).get("content")):
        scored = _scored(entry)
        if scored is not None:
            alternatives = [found for each in objects_in(entry.get("top_logprobs")) if (found := _scored(each))]
            alternatives.sort(key=lambda alternative: -alternative[1])
            tokens.append(ScoredToken(*scored, tuple(alternatives)))
    return tuple(tokens)


def _scored(entry: dict[str, Any]) -> tuple[str, float] | None:
    token, logprob = entry.get("token"), number_in(entry.get("logprob"))
    if not isinstance(token, str) or logprob is None:
        return None
    return token, min(0.0, max(LOWEST, logprob))  # Rounding brings some above 0.
