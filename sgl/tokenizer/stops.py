"""Stop strings in a text that arrives in pieces: found across any boundary, in linear time.

Each stop string runs its own Knuth-Morris-Pratt automaton (Knuth, Morris and Pratt 1977), whose state is
the length of the longest beginning of the stop string that the text so far ends with. The largest state
of all is exactly how much text must be held back.
"""

from __future__ import annotations


class StopScanner:
    """Watches one text for several stop strings.

    The match that *ends* first wins, so the outcome does not depend on how the text was cut into pieces;
    of two that end together, the longer one, so that nothing of a stop string is left in the text.
    """

    def __init__(self, stop: tuple[str, ...], *, keep_match: bool = False) -> None:
        """``stop`` holds non-empty strings; ``keep_match`` leaves the matched one in the text."""
        self._automata = [_Automaton(text) for text in stop]
        self._keep_match = keep_match
        self._held = ""

    def push(self, text: str) -> tuple[str, str | None]:
        """Takes the next text; returns what is certain to stay, and the stop string that was completed.

        After a match the scanner has done its work and must not be fed again.
        """
        end, matched = len(text), None
        for automaton in self._automata:
            found = automaton.advance(text, end)
            if found is not None and (matched is None or found < end or len(automaton.wanted) > len(matched)):
                end, matched = found, automaton.wanted
        whole = self._held + text[:end]
        if matched is not None:
            self._held = ""
            return whole if self._keep_match else whole[: len(whole) - len(matched)], matched
        kept = len(whole) - max(automaton.state for automaton in self._automata)
        self._held = whole[kept:]
        return whole[:kept], None

    def finish(self) -> str:
        """Returns the beginning of a stop string that never came to its end."""
        held, self._held = self._held, ""
        return held


class _Automaton:
    """One stop string; ``state`` characters of it are matched at the end of the text so far."""

    __slots__ = ("_fallback", "state", "wanted")

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.state = 0
        self._fallback = _fallbacks(wanted)

    def advance(self, text: str, end: int) -> int | None:
        """Reads ``text[:end]``; returns the offset just behind the first completion, or None."""
        wanted, fallback, state, position = self.wanted, self._fallback, self.state, 0
        while position < end:
            if state == 0:
                position = text.find(wanted[0], position, end)
                if position < 0:
                    break
            while state and text[position] != wanted[state]:
                state = fallback[state]
            if text[position] == wanted[state]:
                state += 1
            position += 1
            if state == len(wanted):
                return position
        self.state = state
        return None


def _fallbacks(wanted: str) -> list[int]:
    """For each state, the longest shorter beginning of ``wanted`` that the matched text also ends with."""
    fallback = [0] * (len(wanted) + 1)
    length = 0
    for index in range(1, len(wanted)):
        while length and wanted[index] != wanted[length]:
            length = fallback[length]
        if wanted[index] == wanted[length]:
            length += 1
        fallback[index + 1] = length
    return fallback
