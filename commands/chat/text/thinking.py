"""Parts reasoning from answer where a server leaves ``<think>...</think>`` in the text.

A tag counts only where a template puts it: an opening one at the very start of the reply, a closing one after it.
Some templates write the opening tag into the prompt, so that the reply begins inside; then a closing tag alone on
its line tells, and what was taken for the answer until then was reasoning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Mode = Literal["auto", "inside", "off"]
"""``inside``: the prompt ended with an opening tag. ``auto``: find out. ``off``: everything is answer."""

TAGS: Final = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
)
"""Pairs that models in the wild were trained on."""

_BLANK: Final = " \t\r\n"
_STARTING, _INSIDE, _AFTER_TAG, _ANSWER = range(4)


@dataclass(frozen=True)
class Split:
    """What one chunk brought.

    Attributes:
        reasoning: More of the reasoning.
        text: More of the answer.
        moved: What was given as answer before was reasoning. Then the two texts are all of each, and replace
            what is shown.
    """

    reasoning: str = ""
    text: str = ""
    moved: bool = False


class ThinkSplitter:
    """Splits a stream; any cut of the stream into chunks gives the same reasoning and the same answer.

    Blank space around the reasoning is dropped, as are the newlines before the answer that follows it.
    """

    def __init__(self, mode: Mode = "auto") -> None:
        self._reasoning: list[str] = []
        self._text: list[str] = []
        self._held = ""
        self._line_start = True
        self._closing = tuple(closing for _, closing in TAGS)
        self._state = {"auto": _STARTING, "inside": _INSIDE, "off": _ANSWER}[mode]
        # Whether a closing tag in the answer would mean that the answer was reasoning.
        self._may_move = mode == "auto"

    @property
    def reasoning(self) -> str:
        """All reasoning so far."""
        return "".join(self._reasoning)

    @property
    def text(self) -> str:
        """All of the answer so far."""
        return "".join(self._text)

    @property
    def thinking(self) -> bool:
        """Whether the reply is inside its reasoning now."""
        return self._state == _INSIDE

    def feed(self, chunk: str) -> Split:
        """Takes the next chunk; what may be the beginning of a tag is held back until it is certain."""
        return self._run(chunk, at_end=False)

    def close(self) -> Split:
        """Ends the stream and gives what was held back."""
        return self._run("", at_end=True)

    def _run(self, chunk: str, *, at_end: bool) -> Split:
        self._held += chunk
        reasoning_before, text_before, moved = len(self._reasoning), len(self._text), False
        while True:
            state, held = self._state, self._held
            if state == _STARTING:
                self._start(at_end)
            elif state == _INSIDE:
                self._inside(at_end)
            elif state == _AFTER_TAG:
                self._after_tag()
            else:
                moved = self._answer(at_end) or moved
            if (state, held) == (self._state, self._held) or not self._held:
                break
        if moved:
            return Split(self.reasoning, self.text, moved=True)
        return Split("".join(self._reasoning[reasoning_before:]), "".join(self._text[text_before:]))

    def _start(self, at_end: bool) -> None:
        begun = self._held.lstrip(_BLANK)
        for opening, closing in TAGS:
            if begun.startswith(opening):
                self._closing, self._may_move = (closing,), False
                self._held, self._state = begun[len(opening) :], _INSIDE
                return
        undecided = not begun or any(tag.startswith(begun) for pair in TAGS for tag in pair)
        if at_end or not undecided:
            self._state = _ANSWER

    def _inside(self, at_end: bool) -> None:
        at, tag = _find_first(self._held, self._closing)
        if tag:
            self._add_reasoning(self._held[:at].rstrip(_BLANK))
            self._held, self._state = self._held[at + len(tag) :], _AFTER_TAG
            return
        end = len(self._held) if at_end else len(self._held) - _unfinished(self._held, self._closing)
        # Blank space is held back, too: at the end of the reasoning it is dropped.
        end = len(self._held[:end].rstrip(_BLANK))
        self._add_reasoning(self._held[:end])
        self._held = "" if at_end else self._held[end:]

    def _after_tag(self) -> None:
        self._held = self._held.lstrip("\r\n")
        if self._held:
            self._state = _ANSWER

    def _answer(self, at_end: bool) -> bool:
        """Passes the answer on; returns whether it turned out to be reasoning."""
        end = len(self._held)
        if self._may_move:
            tag, start = self._lone_tag(at_end)
            if tag:
                thoughts = self.text + self._held[:start]
                self._text.clear()
                self._add_reasoning(thoughts.strip(_BLANK))
                self._held, self._state, self._may_move = self._held[start + len(tag) :], _AFTER_TAG, False
                return True
            end = start
        if end:
            self._text.append(self._held[:end])
            self._line_start = self._held[end - 1] == "\n"
        self._held = self._held[end:]
        return False

    def _lone_tag(self, at_end: bool) -> tuple[str, int]:
        """The first closing tag that has a line for itself, and where it is; or none, and what is certain."""
        held, end = self._held, len(self._held)
        start = 0 if self._line_start else held.find("\n") + 1 or end
        while start < end:
            line_end = held.find("\n", start)
            line = held[start : end if line_end < 0 else line_end].rstrip(_BLANK)
            whole = at_end or line_end >= 0
            if whole and line in self._closing and not _inside_fence(self.text + held[:start]):
                return line, start
            if not whole and any(tag.startswith(line) for tag in self._closing):
                return "", start
            start = end if line_end < 0 else line_end + 1
        return "", end

    def _add_reasoning(self, text: str) -> None:
        text = text if self._reasoning else text.lstrip(_BLANK)
        if text:
            self._reasoning.append(text)


def _inside_fence(text: str) -> bool:
    return sum(line.startswith("```") for line in text.split("\n")) % 2 == 1


def _find_first(text: str, tags: Sequence[str]) -> tuple[int, str]:
    """Where the first of ``tags`` stands and which it is; the empty tag when there is none."""
    found = [(at, tag) for tag in tags if (at := text.find(tag)) >= 0]
    return min(found) if found else (len(text), "")


def _unfinished(text: str, tags: Sequence[str]) -> int:
    """How many characters at the end of ``text`` may be the beginning of one of ``tags``."""
    longest = max(map(len, tags)) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(tag.startswith(text[-length:]) for tag in tags):
            return length
    return 0
