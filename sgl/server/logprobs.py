"""Log probabilities in OpenAI's two shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from sgl.protocol.messages import TokenLogprob
from sgl.tokenizer.detokenize import Detokenizer
from sgl.tokenizer.load import Tokenizer

LOWEST: Final = -9999.0
"""What OpenAI shows for a token that cannot occur: JSON has no minus infinity."""


class ChatAlternative(msgspec.Struct, frozen=True):
    """A token that could have come."""

    token: str
    logprob: float
    bytes: list[int]


class ChatLogprob(msgspec.Struct, frozen=True):
    """A token of a chat answer."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[ChatAlternative]


class ChatLogprobs(msgspec.Struct, frozen=True):
    """The ``logprobs`` of a chat choice."""

    content: list[ChatLogprob]
    refusal: None = None


class CompletionLogprobs(msgspec.Struct):
    """The ``logprobs`` of a completion choice: parallel lists, one entry per token.

    ``text_offset`` counts characters from the start of the choice's text (of the prompt when it is echoed)
    to where the token begins. A token inside a character begins where the character does. The first token
    of a prompt has no logprob.
    """

    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float] | None] = []
    text_offset: list[int] = []

    def extend(self, more: CompletionLogprobs) -> None:
        """Adds the entries of the next chunk."""
        self.tokens += more.tokens
        self.token_logprobs += more.token_logprobs
        self.top_logprobs += more.top_logprobs
        self.text_offset += more.text_offset


def chat_logprobs(tokenizer: Tokenizer, entries: Sequence[TokenLogprob]) -> ChatLogprobs:
    """Renders the entries of one update."""
    return ChatLogprobs(
        [
            ChatLogprob(
                tokenizer.token_text(entry.token_id),
                _shown(entry.logprob),
                list(tokenizer.token_bytes(entry.token_id)),
                [
                    ChatAlternative(tokenizer.token_text(token), _shown(logprob), list(tokenizer.token_bytes(token)))
                    for token, logprob in entry.top
                ],
            )
            for entry in entries
        ]
    )


class CompletionRenderer:
    """Renders the logprobs of one completion choice in order, keeping count of characters.

    Args:
        tokenizer: The model's.
        skip_special_tokens: As in the request; a token that leaves no text moves no offset.
        inside: The answer goes on with the prompt's text (`Detokenizer`).
    """

    def __init__(self, tokenizer: Tokenizer, *, skip_special_tokens: bool, inside: bool) -> None:
        self._tokenizer = tokenizer
        self._skip = skip_special_tokens
        self._inside = inside
        self._position = 0
        self._text = self._fresh_text(inside)
        self._unsaid = bytearray()

    def prompt(
        self, token_ids: Sequence[int], logprobs: Sequence[TokenLogprob | None], text: str
    ) -> CompletionLogprobs:
        """Renders the tokens of an echoed prompt, whose characters ``text`` go before the answer's."""
        self._text = self._fresh_text(inside=False)
        offsets = self._advance(token_ids)
        # The answer is decoded apart from the prompt, so its characters are counted afresh from here.
        self._position = len(text)
        self._text = self._fresh_text(self._inside)
        self._unsaid.clear()
        return self._render(token_ids, logprobs, [min(offset, len(text)) for offset in offsets])

    def output(self, token_ids: Sequence[int], logprobs: Sequence[TokenLogprob]) -> CompletionLogprobs:
        """Renders the tokens of one update."""
        return self._render(token_ids, logprobs, self._advance(token_ids))

    def _advance(self, token_ids: Sequence[int]) -> list[int]:
        return [self._begin(token) for token in token_ids]

    def _begin(self, token: int) -> int:
        """Where ``token`` begins; counts its characters."""
        text = self._text.feed([token]).text
        spelled = self._tokenizer.token_text(token)
        begin = self._position + len(self._unsaid.decode(errors="ignore"))
        if text:
            # What was held back came out before the token's own text; a token that ends a character, or lost
            # a space at the start of the text, begins where the text that just came out begins.
            begin = self._position + (len(text) - len(spelled) if text.endswith(spelled) else 0)
            self._position += len(text)
            self._unsaid.clear()
        elif not (self._skip and self._tokenizer.is_special(token)):
            self._unsaid += self._tokenizer.token_bytes(token)
        return begin

    def _render(
        self, token_ids: Sequence[int], logprobs: Sequence[TokenLogprob | None], offsets: list[int]
    ) -> CompletionLogprobs:
        return CompletionLogprobs(
            [self._tokenizer.token_text(token) for token in token_ids],
            [None if entry is None else _shown(entry.logprob) for entry in logprobs],
            [None if entry is None else self._alternatives(entry) for entry in logprobs],
            offsets,
        )

    def _alternatives(self, entry: TokenLogprob) -> dict[str, float]:
        """Text -> logprob of the likeliest tokens and the token itself; of equal texts the likeliest stays."""
        found: dict[str, float] = {}
        for token, logprob in (*entry.top, (entry.token_id, entry.logprob)):
            found.setdefault(self._tokenizer.token_text(token), _shown(logprob))
        return found

    def _fresh_text(self, inside: bool) -> Detokenizer:
        return Detokenizer(self._tokenizer, skip_special_tokens=self._skip, stop=(), no_stop_trim=True, inside=inside)


def _shown(logprob: float) -> float:
    return max(logprob, LOWEST)
