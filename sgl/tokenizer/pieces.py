"""What one token is in text, and how tokens become text one after another.

The ``tokenizers`` library decodes whole lists; a server needs the same characters piecewise at constant
cost per token. Two families of decoders cover the models this engine serves, and each has its exact
incremental twin here:

* byte level (GPT-2, Llama 3, Qwen): a token is a string of bytes, the text is their UTF-8;
* pieces (SentencePiece: Llama 2, Mistral, Gemma): a token is text, or one byte written ``<0xNN>``.

Any other decoder is refused by name. The tests hold every stream equal to the library's ``decode``.
"""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import Any, Final, Protocol

import tokenizers

from sgl.errors import ModelError

REPLACEMENT: Final = "\ufffd"


class TextStream(Protocol):
    """Text of a growing list of tokens; what has been returned never changes."""

    def push(self, token_id: int) -> str:
        """Takes the next token and returns the characters that are certain now."""
        ...

    def finish(self) -> str:
        """Returns the rest; incomplete characters become U+FFFD."""
        ...


class Pieces(Protocol):
    """The decoding half of one tokenizer. Unknown ids (padded vocabulary rows) have no bytes and no text."""

    def exact_bytes(self, token_id: int) -> bytes:
        """Bytes of one token as it stands inside a text, also of half a character."""
        ...

    def stream(self, *, inside: bool = False) -> TextStream:
        """Starts a text; ``inside`` goes on with one, so that nothing is stripped as its beginning."""
        ...


def read_pieces(backend: tokenizers.Tokenizer) -> Pieces:
    """Reads the decoder of ``backend``.

    Raises:
        ModelError: The decoder is not implemented; the message names it.
    """
    decoder = backend.decoder
    steps = [] if decoder is None else _flatten(json.loads(decoder.__getstate__()))
    kinds = [step["type"] for step in steps]
    if kinds == ["ByteLevel"]:
        return ByteLevelPieces(backend)
    return TextPieces(backend, _read_rules(steps))


def _flatten(decoder: dict[str, Any]) -> list[dict[str, Any]]:
    if decoder["type"] != "Sequence":
        return [decoder]
    return [step for inner in decoder["decoders"] for step in _flatten(inner)]


# -- byte level ------------------------------------------------------------------------------------


def byte_alphabet() -> dict[str, int]:
    """Character -> byte of GPT-2's alphabet (Radford et al. 2019).

    Printable characters of Latin-1 stand for themselves; the other 68 bytes, in order, are U+0100 and on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


class ByteLevelPieces:
    """Tokens are bytes in GPT-2's alphabet; a token with any other character is its own UTF-8."""

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        self._backend = backend
        self._alphabet = byte_alphabet()
        self._known: dict[int, bytes] = {}

    def exact_bytes(self, token_id: int) -> bytes:
        found = self._known.get(token_id)
        if found is None:
            found = self._known[token_id] = self._spell(token_of(self._backend, token_id) or "")
        return found

    def stream(self, *, inside: bool = False) -> TextStream:
        return ByteLevelStream(self)

    def _spell(self, token: str) -> bytes:
        try:
            return bytes([self._alphabet[character] for character in token])
        except KeyError:
            return token.encode()


class ByteLevelStream:
    """UTF-8 decoded as it arrives: each broken sequence is one U+FFFD, at the same places as in one go."""

    def __init__(self, pieces: ByteLevelPieces) -> None:
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token_id: int) -> str:
        return self._decoder.decode(self._pieces.exact_bytes(token_id))

    def finish(self) -> str:
        return self._decoder.decode(b"", final=True)


# -- pieces of text --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextRules:
    """A decoder of the SentencePiece family, read into what it does to one token and to the whole text.

    Attributes:
        replaced: Strings replaced inside every token, in order.
        byte_fallback: Whether ``<0xNN>`` is a byte; a run of bytes that is not UTF-8 as a whole becomes
            one U+FFFD per byte, so a run's text is known only when it ends.
        leading: Character stripped from the start of the text, at most ``leading_count`` times.
        first_drops: Character removed everywhere in the first token, or None.
        separator: Put between tokens.
    """

    replaced: tuple[tuple[str, str], ...] = ()
    byte_fallback: bool = False
    leading: str = " "
    leading_count: int = 0
    first_drops: str | None = None
    separator: str = ""


def _read_rules(steps: list[dict[str, Any]]) -> TextRules:
    """Reads decoder steps in the one order they have in practice: per token, then fused, then stripped."""
    if not steps:
        return TextRules(separator=" ")  # Without a decoder the library joins tokens with spaces.
    replaced: list[tuple[str, str]] = []
    first_drops = None
    fused = fallback = False
    leading, leading_count = " ", 0
    for step in steps:
        match step:
            case {"type": "Replace", "pattern": {"String": str(old)}, "content": str(new)} if not (fallback or fused):
                replaced.append((old, new))
            case {"type": "Metaspace", "replacement": str(mark)} if not (fallback or fused or replaced):
                first_drops = None if step["prepend_scheme"] == "never" else mark
                replaced.append((mark, " "))
            case {"type": "ByteFallback"} if not (fallback or fused):
                fallback = True
            case {"type": "Fuse"}:
                fused = True
            case {"type": "Strip", "content": str(mark), "start": int(count), "stop": 0} if fused and not leading_count:
                leading, leading_count = mark, count
            case _:
                raise ModelError(
                    f"tokenizer.json has a decoder step '{step['type']}' that is not implemented in this place; "
                    f"implemented: ByteLevel, or [Replace, ByteFallback, Fuse, Strip], or Metaspace."
                )
    return TextRules(tuple(replaced), fallback, leading, leading_count, first_drops)


class TextPieces:
    """Tokens are text, or single bytes where the rules have byte fallback."""

    def __init__(self, backend: tokenizers.Tokenizer, rules: TextRules) -> None:
        self.rules = rules
        self._backend = backend
        self._known: dict[int, str | int | None] = {}

    def piece(self, token_id: int) -> str | int | None:
        """The token as text, as one byte, or None for an unknown id."""
        if token_id not in self._known:
            token = token_of(self._backend, token_id)
            self._known[token_id] = None if token is None else self._read(token)
        return self._known[token_id]

    def first_piece(self, token_id: int) -> str | int | None:
        """As `piece`, for the first token of a text."""
        token = token_of(self._backend, token_id)
        if token is None or self.rules.first_drops is None:
            return self.piece(token_id)
        return self._read(token.replace(self.rules.first_drops, ""))

    def exact_bytes(self, token_id: int) -> bytes:
        piece = self.piece(token_id)
        if piece is None:
            return b""
        return bytes([piece]) if isinstance(piece, int) else piece.encode()

    def stream(self, *, inside: bool = False) -> TextStream:
        return TextPieceStream(self, inside=inside)

    def _read(self, token: str) -> str | int:
        for old, new in self.rules.replaced:
            token = token.replace(old, new)
        return _byte_of(token) if self.rules.byte_fallback and _is_byte(token) else token


def _is_byte(token: str) -> bool:
    digits = token[3:5]
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">") and _all_hex(digits)


def _byte_of(token: str) -> int:
    return int(token[3:5], 16)


def _all_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)


class TextPieceStream:
    """Text of the SentencePiece family. Holds a run of byte tokens back until another token ends it."""

    def __init__(self, pieces: TextPieces, *, inside: bool) -> None:
        self._pieces = pieces
        self._run = bytearray()
        self._strip = 0 if inside else pieces.rules.leading_count
        self._started = inside

    def push(self, token_id: int) -> str:
        piece = self._pieces.piece(token_id) if self._started else self._pieces.first_piece(token_id)
        if piece is None:
            return ""
        separator = self._pieces.rules.separator if self._started else ""
        self._started = True
        if isinstance(piece, int):
            self._run.append(piece)
            return ""
        text = self._end_run() + separator + piece
        return self._stripped(text) if self._strip else text

    def finish(self) -> str:
        return self._stripped(self._end_run())

    def _end_run(self) -> str:
        if not self._run:
            return ""
        try:
            text = self._run.decode()
        except UnicodeDecodeError:
            text = REPLACEMENT * len(self._run)
        self._run.clear()
        return text

    def _stripped(self, text: str) -> str:
        """Removes what is still to be stripped from the start of the whole text."""
        leading = self._pieces.rules.leading
        start = 0
        while self._strip and start < len(text):
            if text[start] == leading:
                start += 1
                self._strip -= 1
            else:
                self._strip = 0
        return text[start:]


def token_of(backend: tokenizers.Tokenizer, token_id: int) -> str | None:
    """The vocabulary's spelling of an id; None where the vocabulary has no such id."""
    if not 0 <= token_id < 2**32:  # The library keeps ids in 32 bits.
        return None
    token: str | None = backend.id_to_token(token_id)
    return token
