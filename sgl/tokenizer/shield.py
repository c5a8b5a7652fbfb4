"""Keeps what clients write from turning into control tokens.

A message that says ``<|im_end|>`` must not end its turn. Clients' strings hold such text rarely, so the
plain way (render, then encode) is kept for all others and gives exactly transformers' ids. Otherwise:

1. In every string of the request a *break*, digits nobody outside can guess, is put behind the first
   character of each control token's text, and the template renders that. Digits survive what templates do
   with contents (trimming, JSON, changes of case), and templates still see where a content starts. A
   string that ends with the beginning of such text gets a break at its end: the template may put two of
   the client's strings side by side.
2. The rendered text is encoded once to learn where control tokens lie; those are the template's own,
   since a client's are broken. Each is replaced by its *alias*, another unguessable string.
3. The breaks are taken out and the text is encoded by a twin of the tokenizer that knows no control
   tokens, only the aliases, which it cuts out of the text at the same places and with the same effect on
   the text around them. So a client's ``<|im_end|>`` becomes the ids of these ten plain characters.

Only tokens flagged special count: ``<think>`` or ``<tool_call>`` of Qwen3 are ordinary added tokens, and
replayed assistant turns need them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import tokenizers
from tokenizers import AddedToken

from sgl.errors import RequestError

_DIGITS: Final = 38  # 126 bits.
_INDEX_DIGITS: Final = 6
_PREFIX: Final = 2


class ControlShield:
    """Finds and disarms control tokens in clients' strings for one tokenizer.

    The twin shares the vocabulary of ``backend``, so it costs next to nothing.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        self._backend = backend
        added = sorted(backend.get_added_tokens_decoder().items())
        self._special = {token_id: token.content for token_id, token in added if token.special}
        self._break = _nonce()
        self._alias_start = _nonce()
        self._groups = _by_prefix(self._special.values())
        self._beginnings = frozenset(text[:n] for text in self._special.values() for n in range(1, len(text)))
        self._longest_beginning = max(map(len, self._beginnings), default=0)
        self._unknown = backend.token_to_id(getattr(backend.model, "unk_token", None) or "")
        self._twin, self._real_ids = self._make_twin(added)

    def needed(self, value: object) -> bool:
        """Whether any string in ``value`` (nested lists and mappings) holds a control token's text, or its start."""
        if isinstance(value, str):
            return self._unfinished(value) or any(
                prefix in value and any(text in value for text in group) for prefix, group in self._groups
            )
        if isinstance(value, Mapping):
            return any(self.needed(key) or self.needed(inner) for key, inner in value.items())
        return isinstance(value, Sequence) and any(self.needed(inner) for inner in value)

    def broken(self, value: Any) -> Any:
        """A copy of ``value`` in which no string holds a control token's text."""
        if isinstance(value, str):
            return self._broken_text(value)
        if isinstance(value, Mapping):
            return {self.broken(key): self.broken(inner) for key, inner in value.items()}
        return [self.broken(inner) for inner in value] if isinstance(value, Sequence) else value

    def _broken_text(self, value: str) -> str:
        broken = value
        for prefix, group in self._groups:
            if prefix not in broken:
                continue
            for text in group:
                for _ in text:  # Again where occurrences overlap: '[[' in '[[['.
                    if text not in broken:
                        break
                    broken = broken.replace(text, text[0] + self._break + text[1:])
        return broken + self._break if self._unfinished(value) else broken

    def _unfinished(self, text: str) -> bool:
        return any(text[-n:] in self._beginnings for n in range(1, min(len(text), self._longest_beginning) + 1))

    def encode_plain(self, text: str) -> list[int]:
        """Ids of ``text`` with the text of control tokens taken as plain characters, nothing added at the ends."""
        return [self._real_ids.get(token, token) for token in _encode(self._twin, text).ids]

    def encode_rendered(self, text: str) -> list[int]:
        """Ids of a text rendered from `broken` values: the template's control tokens count, clients' do not.

        Raises:
            RequestError: The tokenizer spells a control token from plain characters.
        """
        pieces: list[str] = []
        done = 0
        found = _encode(self._backend, text)
        for token, (start, end) in zip(found.ids, found.offsets, strict=True):
            if start >= done and self._is_control(token, text, start, end):
                pieces += text[done:start], self._alias(token)
                done = end
        pieces.append(text[done:])
        ids = _encode(self._twin, self.readable("".join(pieces))).ids
        if any(token in self._special and token not in self._real_ids and token != self._unknown for token in ids):
            raise RequestError(
                "messages hold the text of a control token that this tokenizer cannot encode as plain text.",
                param="messages",
            )
        return [self._real_ids.get(token, token) for token in ids]

    def readable(self, text: str) -> str:
        """A text rendered from `broken` values without the breaks."""
        return text.replace(self._break, "")

    def _is_control(self, token_id: int, text: str, start: int, end: int) -> bool:
        """Whether the template wrote the control token that was found in ``text[start:end]``."""
        if token_id not in self._special or text.startswith(self._break, end):  # Only the latter breaks one character.
            return False
        # The unknown token also stands for characters that the vocabulary lacks.
        return token_id != self._unknown or text[start:end].strip() == self._special[token_id].strip()

    def _alias(self, token_id: int) -> str:
        return f"{self._alias_start}{token_id:0{_INDEX_DIGITS}d}"

    def _make_twin(self, added: list[tuple[int, AddedToken]]) -> tuple[tokenizers.Tokenizer, dict[int, int]]:
        """The twin, and its ids -> real ids where the two may differ (aliases and added tokens)."""
        twin = tokenizers.Tokenizer(self._backend.model)
        if self._backend.normalizer is not None:
            twin.normalizer = self._backend.normalizer
        if self._backend.pre_tokenizer is not None:
            twin.pre_tokenizer = self._backend.pre_tokenizer
        real_ids: dict[int, int] = {}
        for token_id, token in added:
            content = self._alias(token_id) if token.special else token.content
            twin.add_tokens([AddedToken(content, normalized=False, special=False) if token.special else token])
            twin_id = twin.token_to_id(content)
            if twin_id is not None:  # The library does not add an empty token.
                real_ids[twin_id] = token_id
        return twin, real_ids


def _encode(backend: tokenizers.Tokenizer, text: str) -> tokenizers.Encoding:
    # Of the library's ways to encode with offsets, only the batch lets other threads run meanwhile.
    (encoding,) = backend.encode_batch([text], add_special_tokens=False)
    return encoding


def _by_prefix(texts: Any) -> list[tuple[str, list[str]]]:
    """Groups texts by their first two characters, so that one look for those rules most texts out."""
    groups: dict[str, list[str]] = {}
    for text in sorted(texts, key=len, reverse=True):
        groups.setdefault(text[:_PREFIX], []).append(text)
    return list(groups.items())


def _nonce() -> str:
    return str(secrets.randbelow(10**_DIGITS)).zfill(_DIGITS)
