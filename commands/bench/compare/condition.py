"""``ttft.p99 < 200ms`` taken apart."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
"""Longer ones first: ``<=`` begins with ``<``."""


class Condition(NamedTuple):
    """What stands left of the operator, the operator, and what stands right of it."""

    left: str
    sign: str
    right: str


def split_condition(text: str) -> Condition | None:
    """None when there is no operator, or nothing on one side."""
    places = [(text.find(sign), -len(sign), sign) for sign in OPERATORS if sign in text]
    if not places:
        return None
    place, _, sign = min(places)
    left, right = text[:place].strip(), text[place + len(sign) :].strip()
    return Condition(left, sign, right) if left and right else None
