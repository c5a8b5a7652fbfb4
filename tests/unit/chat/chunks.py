"""A text and ways to cut it, for tools that must not notice the cuts."""

from __future__ import annotations

from hypothesis import strategies as st


def cut(text: str, sizes: list[int]) -> list[str]:
    """The text in pieces of the given sizes, again and again; empty pieces included."""
    if not any(sizes):
        return [text]
    pieces, start, number = [], 0, 0
    while start < len(text):
        size = sizes[number % len(sizes)]
        pieces.append(text[start : start + size])
        start, number = start + size, number + 1
    return pieces


SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=8)
