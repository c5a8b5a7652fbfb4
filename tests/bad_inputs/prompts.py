"""Section I: prompts of /v1/completions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bad_inputs.case import Case, bad, good
from tests.serving import COMPLETIONS

CONTEXT = 512
"""Tokens of context of the fake engine; a text gets one token before it."""

BAD: dict[str, tuple[Any, str, str]] = {
    "of-empty-array": ([[]], "empty_array", "prompt[0]"),
    "of-null": ([None], "invalid_type", "prompt[0]"),
    "mixed": ([1, "a"], "invalid_type", "prompt[1]"),
    "negative-id": ([-1], "invalid_value", "prompt[0]"),
    "id-512": ([512], "invalid_value", "prompt"),
    "id-2^31": ([2**31], "invalid_value", "prompt"),
    "id-2^63": ([2**63], "invalid_value", "prompt[0]"),
    "id-10^400": ([10**400], "invalid_value", "prompt[0]"),
    "id-1.5": ([1.5], "invalid_type", "prompt[0]"),
    "id-true": ([True], "invalid_type", "prompt[0]"),
    "id-in-second": ([[1], [1, "x"]], "invalid_type", "prompt[1][1]"),
    "nested-too-deep": ([[[1]]], "invalid_type", "prompt[0][0]"),
    "65-texts": (["a"] * 65, "array_above_max_length", "prompt"),
    "65-arrays": ([[1]] * 65, "array_above_max_length", "prompt"),
    "as-long-as-the-context": ([1] * CONTEXT, "context_length_exceeded", "prompt"),
    "longer-than-the-context": ([1] * (CONTEXT + 1), "context_length_exceeded", "prompt"),
    "million-ids": ([1] * 1_000_000, "context_length_exceeded", "prompt"),
    "three-MB-of-a": ("a" * 3_000_000, "context_length_exceeded", "prompt"),
    "half-a-million-emoji": ("😀" * 500_000, "context_length_exceeded", "prompt"),
    "newlines": ("\n" * 100_000, "context_length_exceeded", "prompt"),
    "zero-width-joiners": ("\u200d" * 10_000, "context_length_exceeded", "prompt"),
    "combining-marks": ("a" + "\u0301" * 10_000, "context_length_exceeded", "prompt"),
    "one-of-many-too-long": (["a", "b" * 10_000], "context_length_exceeded", "prompt"),
}

GOOD: dict[str, Any] = {
    "empty": "",
    "of-empty": [""],
    "64-texts": ["a"] * 64,
    "64-arrays": [[1]] * 64,
    "one-less-than-the-context": [1] * (CONTEXT - 4),
    "nul": "\x00" * 100,
    "right-to-left": "\u202eabc\u202c \u05d0\u05d1",
    "unassigned": "\U000e0fff\U0003fffd\uffff",
    "private-use": "\ue000\U0010fffd",
    "every-byte-token": list(range(3, 259)),
    "every-kind-of-token": [0, 1, 2, 3, 258, 259, 511],
    "looks-like-a-token": "<s></s><unk><0x0A>",
    "mixed-shapes": ["a", [1, 2]],
}


def cases() -> Iterator[Case]:
    """All of them."""
    for name, (prompt, code, param) in BAD.items():
        yield bad(f"I-{name}", COMPLETIONS, code, param, prompt=prompt)
    for name, prompt in GOOD.items():
        yield good(f"I-{name}", COMPLETIONS, prompt=prompt)
