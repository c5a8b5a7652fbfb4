"""Token ids to text, a few at a time: never broken UTF-8, never a leaked stop string."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgl.tokenizer.stops import StopScanner

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
    """The text of one request, token by token, at a cost linear in the number of tokens.

    All texts returned, put together, are ``tokenizer.decode`` of all ids (up to the stop string). Text is
    held back while it is not certain: the first bytes of a character, a run of SentencePiece byte tokens
    (one broken byte spoils the whole run), and what may be the beginning of a stop string. A stop string
    that lies in such a run is therefore found at the token that ends the run.

    Args:
        inside: The text goes on with that of a prompt, so its first space is kept (SentencePiece).

    Attributes:
        matched: The stop string that ended the text, or None; `finish` can still set it.
        inside: As given.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        skip_special_tokens: bool = True,
        stop: tuple[str, ...] = (),
        no_stop_trim: bool = False,
        inside: bool = False,
    ) -> None:
        self.matched: str | None = None
        self.inside = inside
        self._stream = tokenizer.text_stream(inside=inside)
        self._skipped = tokenizer.special_ids if skip_special_tokens else frozenset[int]()
        self._scanner = StopScanner(stop, keep_match=no_stop_trim) if stop else None

    def feed(self, ids: Sequence[int]) -> Fed:
        """Takes the next ids. Once a stop string matched, further ids are ignored (``used`` is 0)."""
        if self.matched is not None:
            return Fed("", self.matched, 0)
        parts: list[str] = []
        for used, token in enumerate(ids, 1):
            if token in self._skipped:
                continue
            text = self._stream.push(token)
            if text and self._scanner is not None:
                text, self.matched = self._scanner.push(text)
            parts.append(text)
            if self.matched is not None:
                return Fed("".join(parts), self.matched, used)
        return Fed("".join(parts), None, len(ids))

    def finish(self) -> str:
        """Ends the text and returns what was held back, cut at a stop string that it completes (`matched`)."""
        if self.matched is not None:
            return ""
        rest = self._stream.finish()
        if self._scanner is None:
            return rest
        text, self.matched = self._scanner.push(rest)
        return text if self.matched is not None else text + self._scanner.finish()
