"""The ``logit_bias`` field, which OpenAI's and SGLang's requests share."""

from __future__ import annotations

from typing import Final

from sgl.errors import RequestError, echo
from sgl.protocol.fields import Fields

LARGEST_BIAS: Final = 100.0
_MOST_DIGITS: Final = 10
"""Of a token id."""


def read_logit_bias(fields: Fields, most: int) -> dict[int, float]:
    """Reads an object of at most ``most`` entries: token ids in decimal digits, as JSON has no other keys, to biases.

    Raises:
        RequestError: Too many entries, a key that is no token id, or a bias beyond `LARGEST_BIAS`.
    """
    biases = fields.object("logit_bias")
    if biases is None:
        return {}
    param = fields.path("logit_bias")
    names = biases.unread()
    if len(names) > most:
        raise RequestError(
            f"Invalid '{param}': too many properties. Expected an object with at most {most} "
            f"properties, but got an object with {len(names)} properties instead.",
            param=param,
            code="object_above_max_properties",
        )
    result: dict[int, float] = {}
    for name in names:
        if not (name.isascii() and name.isdigit() and len(name) <= _MOST_DIGITS):
            raise RequestError(
                f"Invalid key in '{param}': {echo(name)}. Keys are token ids in decimal digits.",
                param=param,
                code="invalid_value",
            )
        bias = biases.number(name, None, low=-LARGEST_BIAS, high=LARGEST_BIAS)
        if bias is None:
            raise biases.wrong_type(name, "a decimal number")
        result[int(name)] = bias
    return result
