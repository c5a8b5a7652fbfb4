"""Parameters of a request as a person types them: ``temperature=0.2``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final, Literal

from sgl.config.values import human_integer
from sgl.env import parse_switch
from sgl.errors import UsageError, echo

Kind = Literal["number", "integer", "switch", "text", "texts", "json"]

OPTIONS: Final[Mapping[str, Kind]] = {
    "temperature": "number",
    "top_p": "number",
    "top_k": "integer",
    "min_p": "number",
    "max_tokens": "integer",
    "min_tokens": "integer",
    "seed": "integer",
    "stop": "texts",
    "presence_penalty": "number",
    "frequency_penalty": "number",
    "repetition_penalty": "number",
    "ignore_eos": "switch",
    "reasoning_effort": "text",
    "thinking_budget": "integer",
    "chat_template_kwargs": "json",
}
"""What may be set, by its name in the request."""

_OTHER_NAMES: Final = {
    "temp": "temperature",
    "max_new_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "num_predict": "max_tokens",
    "presence": "presence_penalty",
    "frequency": "frequency_penalty",
    "repeat_penalty": "repetition_penalty",
}
_EXPECTS: Final[Mapping[Kind, str]] = {
    "number": "a number",
    "integer": "a whole number",
    "switch": "on or off",
    "text": "some text",
    "texts": "some text",
    "json": "a JSON object",
}


def read_options(words: Iterable[str]) -> dict[str, object]:
    """Reads ``key=value`` words; ``stop`` may come several times, of others the last counts.

    Raises:
        UsageError: A word is no ``key=value``, or the key or the value is none.
    """
    options: dict[str, object] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"an option is KEY=VALUE, got {echo(word)}", hint="such as temperature=0.2")
        key = option_name(name)
        value = _read(key, text)
        if OPTIONS[key] == "texts":
            known = options.get(key)
            value = [*(known if isinstance(known, list) else []), value]
        options[key] = value
    return options


def option_name(text: str) -> str:
    """The name in the request for what a person calls it.

    Raises:
        UsageError: There is no such option.
    """
    name = text.strip().lower().replace("-", "_")
    name = _OTHER_NAMES.get(name, name)
    if name in OPTIONS:
        return name
    near = get_close_matches(name, [*OPTIONS, *_OTHER_NAMES], n=1)
    hint = f"did you mean {near[0]}?" if near else f"options: {', '.join(OPTIONS)}"
    raise UsageError(f"there is no option {echo(text)}", hint=hint)


def _read(key: str, text: str) -> object:
    kind = OPTIONS[key]
    try:
        match kind:
            case "number":
                number = float(text)
                if not math.isfinite(number):
                    raise ValueError(text)
                return number
            case "integer":
                return human_integer(text)
            case "switch":
                return parse_switch(text)
            case "json":
                value = json.loads(text)
                if not isinstance(value, dict):
                    raise ValueError(text)
                return value
            case "text" | "texts":
                if not text:
                    raise ValueError(text)
                return text.replace("\\n", "\n").replace("\\t", "\t")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{key} expects {_EXPECTS[kind]}, got {echo(text)}") from error
