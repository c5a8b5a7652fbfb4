"""``/think``: what a request says about reasoning.

There is no one way. Chat templates read ``enable_thinking`` (Qwen, GLM, DeepSeek and others), OpenAI's models
and gpt-oss ``reasoning_effort``, Qwen's own service ``thinking_budget``; a server passes over what it does not know,
or refuses it with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sgl.config.values import human_integer
from sgl.errors import UsageError, echo

LEVELS: Final = ("low", "medium", "high")
_TEMPLATE: Final = "chat_template_kwargs"
_EFFORT: Final = "reasoning_effort"
_BUDGET: Final = "thinking_budget"
_HINT: Final = "/think on, off, low, medium, high or budget N"


def thinking_options(word: str) -> dict[str, object]:
    """The request's fields for ``on``, ``off``, ``low``, ``medium``, ``high`` or ``budget N`` (8k = 8000 tokens).

    Raises:
        UsageError: It is none of them.
    """
    match word.lower().split():
        case ["on" | "off" as switch]:
            return {_TEMPLATE: {"enable_thinking": switch == "on"}}
        case [level] if level in LEVELS:
            return {_TEMPLATE: {"enable_thinking": True}, _EFFORT: level}
        case ["budget", *_]:  # The number is read as it was typed: 8k and 8K differ.
            return {_TEMPLATE: {"enable_thinking": True}, _BUDGET: _budget(word.split()[1:])}
    raise UsageError(f"thinking is {', '.join(LEVELS)}, on, off or budget N, got {echo(word)}", hint=_HINT)


def with_thinking(options: Mapping[str, object], word: str) -> dict[str, object]:
    """Options with those of `thinking_options` in place of what was said about reasoning before.

    Raises:
        UsageError: As `thinking_options`.
    """
    fields = thinking_options(word)
    merged = {key: value for key, value in options.items() if key not in (_EFFORT, _BUDGET)}
    before, now = options.get(_TEMPLATE), fields[_TEMPLATE]
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        fields[_TEMPLATE] = {**before, **now}
    return {**merged, **fields}


def _budget(words: list[str]) -> int:
    try:
        (text,) = words
        tokens = human_integer(text)
    except ValueError as error:
        raise UsageError(f"a budget is a number of tokens, got {echo(' '.join(words))}", hint=_HINT) from error
    if tokens < 1:
        raise UsageError(f"a budget is at least 1 token, got {echo(words[0])}", hint="/think off")
    return tokens
