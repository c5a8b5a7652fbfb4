"""Token ids to text, a few at a time: never broken UTF-8, never a leaked stop string."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sgl.tokenizer.load import Tokenizer


@dataclass(frozen=True, slots=True)
class Fed:
    """What one `Detokenizer.feed` brought.

    Attributes:
        text: New text, safe to send; may be empty.
        matched: The stop string that ended the text, or None.
        used: How many of the fed ids count: all, or those up to and including the one that completed ``matched``.
    """

    text: str
    matched: str | None
    used: int


class Detokenizer:
    """The text of one request. ``matched`` is the stop string that ended it, or None."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        skip_special_tokens: bool = True,
        stop: tuple[str, ...] = (),
        no_stop_trim: bool = False,
    ) -> None:
        self.matched: str | None = None
        self._tokenizer = tokenizer
        self._skip = skip_special_tokens
        self._stop = stop
        self._no_stop_trim = no_stop_trim
        self._ids: list[int] = []
        self._sent = 0

    def feed(self, ids: list[int]) -> Fed:
        """Takes the next ids; after a match further ids are ignored (``used`` 0)."""
        if self.matched is not None:
            return Fed("", self.matched, 0)
        for used, token in enumerate(ids, 1):
            self._ids.append(token)
            text = self._tokenizer.decode(self._ids, skip_special_tokens=self._skip)
            found = self._cut(text)
            if found is not None:
                return Fed(found, self.matched, used)
        text = self._tokenizer.decode(self._ids, skip_special_tokens=self._skip)
        hold = max((k for s in self._stop for k in range(1, len(s)) if text.endswith(s[:k])), default=0)
        end = len(text) - hold
        while end > self._sent and text[end - 1] == "\ufffd":
            end -= 1
        new = text[self._sent : max(end, self._sent)]
        self._sent += len(new)
        return Fed(new, None, len(ids))

    def finish(self) -> str:
        """Ends the text: returns what was held back. A stop string it completes is cut (see ``matched``)."""
        if self.matched is not None:
            return ""
        text = self._tokenizer.decode(self._ids, skip_special_tokens=self._skip)
        found = self._cut(text)
        return text[self._sent :] if found is None else found

    def _cut(self, text: str) -> str | None:
        hits = [(text.find(s, self._sent) + len(s), -len(s), s) for s in self._stop if s in text[self._sent :]]
        if not hits:
            return None
        end, _, self.matched = min(hits)
        return text[self._sent : end if self._no_stop_trim else end - len(self.matched)]
