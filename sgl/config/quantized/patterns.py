"""Lists of modules in a ``quantization_config``."""

from __future__ import annotations

import re

from sgl.config.hf import HfConfig
from sgl.config.quantization import REGEX
from sgl.errors import UnsupportedModel


def strings(own: HfConfig, name: str) -> tuple[str, ...]:
    """A list of names; absent is empty.

    Raises:
        UnsupportedModel: It is not a list of strings.
    """
    value = own.raw(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UnsupportedModel(f"{own.source}: '{name}' must be a list of module names")
    return tuple(value)


def patterns(own: HfConfig, name: str) -> tuple[str, ...]:
    """The same as patterns of `sgl.config.quantization.matches`; a name with a ``*`` is a regular expression.

    Raises:
        UnsupportedModel: It is not a list of strings, or one is no regular expression.
    """
    return tuple(_pattern(own, name, each) for each in strings(own, name))


def regex(own: HfConfig, name: str, pattern: str) -> str:
    """A pattern that matches what ``re.match(pattern, ...)`` does.

    Raises:
        UnsupportedModel: It is no regular expression.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        message = f"{own.source}: '{name}' holds '{pattern}', which is no regular expression: {error}"
        raise UnsupportedModel(message) from None
    return REGEX + pattern


def _pattern(own: HfConfig, name: str, text: str) -> str:
    if text.startswith(REGEX):
        return regex(own, name, text[len(REGEX) :])
    if "*" in text:
        # As transformers reads ``model.layers.*.self_attn``: up to a whole part of the name.
        return regex(own, name, rf"(?:{text})(?:\.|$)")
    return text
