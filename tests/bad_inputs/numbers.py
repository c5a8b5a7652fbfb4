"""Section D: every numeric field with every kind of number, and with things that are none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from tests.bad_inputs.case import Case, bad, good
from tests.serving import CHAT, COMPLETIONS

INT32 = 2**31 - 1
INT64 = 2**63 - 1


class Range(NamedTuple):
    """What a field takes, written down here a second time, from OpenAI's and SGLang's documents."""

    integer: bool
    low: float
    high: float
    forbidden: float | None = None


COMMON = {
    "temperature": Range(False, 0, 2),
    "top_p": Range(False, 0, 1),
    "top_k": Range(True, -1, INT32),
    "min_p": Range(False, 0, 1),
    "presence_penalty": Range(False, -2, 2),
    "frequency_penalty": Range(False, -2, 2),
    "repetition_penalty": Range(False, 0.01, 2),
    "n": Range(True, 1, 16),
    "seed": Range(True, -INT64 - 1, INT64),
    "priority": Range(True, -INT32, INT32),
}
FIELDS = {
    CHAT: {
        **COMMON,
        "max_tokens": Range(True, 1, INT32),
        "max_completion_tokens": Range(True, 1, INT32),
        "top_logprobs": Range(True, 0, 20),
    },
    COMPLETIONS: {**COMMON, "max_tokens": Range(True, 0, INT32), "logprobs": Range(True, 0, 5)},
}

VALUES: dict[str, object] = {
    "null": None,
    "-1": -1,
    "-0.0": -0.0,
    "0": 0,
    "1": 1,
    "1.0": 1.0,
    "1.5": 1.5,
    "2.0000001": 2.0000001,
    "1e-320": 1e-320,
    "1e308": 1e308,
    "-1e308": -1e308,
    "2^31": 2**31,
    "2^53+1": 2**53 + 1,
    "2^63": 2**63,
    "-2^63-1": -(2**63) - 1,
    "2^64": 2**64,
    "10^400": 10**400,
    "text-1": "1",
    "text-empty": "",
    "text-NaN": "NaN",
    "true": True,
    "array": [],
    "object": {},
    "array-of-1": [1],
}


def cases() -> Iterator[Case]:
    """Every field with every value on its route."""
    for path, fields in FIELDS.items():
        for field, allowed in fields.items():
            beside = {"logprobs": True} if field == "top_logprobs" else {}
            if field == "max_completion_tokens":
                beside = {"max_tokens": None}
            for name, value in VALUES.items():
                code = _expected(allowed, value)
                # 512 tokens of context cannot be exceeded by these: what is too large is out of range already.
                changes = {**beside, field: value}
                if code is None:
                    yield good(f"D-{field}-{name}", path, **changes)
                else:
                    yield bad(f"D-{field}-{name}", path, code, field, **changes)


def _expected(allowed: Range, value: object) -> str | None:
    """The code of the refusal; None when the value is fine."""
    if value is None:
        return None
    kind = "integer" if allowed.integer else "decimal"
    if type(value) is not int and (allowed.integer or type(value) is not float):
        return "invalid_type"
    assert isinstance(value, int | float)
    if value < allowed.low:
        return f"{kind}_below_min_value"
    if value > allowed.high:
        return f"{kind}_above_max_value"
    if allowed.forbidden is not None and math.isclose(value, allowed.forbidden, abs_tol=0.0):
        return "invalid_value"
    return None
