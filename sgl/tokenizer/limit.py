"""Refuses texts that are far too long for the model before all of them is encoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sgl.errors import ContextLengthExceeded

CHARACTERS_PER_TOKEN: Final = 8
"""Twice what English text has: a part of so many characters per allowed token normally settles it."""

SLACK: Final = 64


def refuse_hopeless(text: str, at_most: int, count: Callable[[str], int]) -> None:
    """Counts the tokens of growing beginnings of ``text`` while they are at most half of it.

    A cut changes only the tokens around it, so a beginning with a quarter more tokens than allowed proves
    that the whole has too many. The beginnings double, so all counting together costs no more than
    encoding the whole text once.

    Args:
        text: The prompt.
        at_most: Tokens the model can take.
        count: Gives the number of tokens of a text.

    Raises:
        ContextLengthExceeded: A beginning already has too many; the message has the numbers.
    """
    length = at_most * CHARACTERS_PER_TOKEN + SLACK
    while 2 * length <= len(text):
        tokens = count(text[:length])
        if tokens > at_most + at_most // 4 + SLACK:
            raise ContextLengthExceeded(
                f"This model's maximum context length is {at_most} tokens. However, the first {length} of the "
                f"prompt's {len(text)} characters have {tokens} tokens. Please reduce the length of the prompt.",
                param="prompt",
            )
        length *= 2
