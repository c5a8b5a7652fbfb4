"""Ids to text, at once and bit by bit: the characters of the tokenizers library, whatever the ids."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models

from sgl.errors import ModelError
from sgl.tokenizer.detokenize import Detokenizer
from sgl.tokenizer.load import Tokenizer
from tests.unit.tokenizer.reference import reference

FAMILIES = ("byte-level", "sentencepiece", "llama-2", "llama-2-no-prefix")


def streamed(tokenizer: Tokenizer, ids: list[int], cut: int, skip: bool) -> list[str]:
    """Texts of feeding ``ids`` in pieces of ``cut``."""
    text = Detokenizer(tokenizer, skip_special_tokens=skip)
    return [text.feed(ids[n : n + cut]).text for n in range(0, len(ids), cut)] + [text.finish()]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("skip", [True, False])
def test_any_ids_leave_the_text_of_transformers(
    folders: dict[str, Path], loaded: dict[str, Tokenizer], family: str, skip: bool
) -> None:
    theirs, ours = reference(folders[family]), loaded[family]
    token = st.integers(0, ours.vocab_size + 3) | st.integers(0, 260)  # The second: bytes, mostly.

    @settings(max_examples=200, deadline=None)
    @given(st.lists(token, max_size=40), st.integers(1, 5))
    def check(ids: list[int], cut: int) -> None:
        expected = theirs.decode(ids, skip_special_tokens=skip)
        assert ours.decode(ids, skip_special_tokens=skip) == expected
        parts = streamed(ours, ids, cut, skip)
        assert "".join(parts) == expected
        for part in parts:
            part.encode()

    check()


@pytest.mark.parametrize("family", FAMILIES)
def test_any_text_comes_back(loaded: dict[str, Tokenizer], family: str) -> None:
    tokenizer = loaded[family]

    @settings(max_examples=100, deadline=None)
    @given(st.text(max_size=30).filter(lambda text: "\u2581" not in text))
    def check(text: str) -> None:
        ids = tokenizer.encode(text, add_special_tokens=False, parse_special=False)
        whole = tokenizer.decode(ids, skip_special_tokens=False)
        assert "".join(streamed(tokenizer, ids, 1, False)) == whole
        # SentencePiece's own rules (equal to transformers', tested above) can lose a space that begins a text.
        assert family == "byte-level" or text.startswith(" ") or whole == text

    check()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_that_goes_on_with_another_keeps_its_space(loaded: dict[str, Tokenizer], family: str) -> None:
    tokenizer = loaded[family]
    ids = tokenizer.encode("Once upon a time", add_special_tokens=False)
    for cut in range(1, len(ids)):
        rest = Detokenizer(tokenizer, inside=True)
        assert tokenizer.decode(ids[:cut]) + rest.feed(ids[cut:]).text + rest.finish() == "Once upon a time"


DECODERS = {
    "none": None,
    "metaspace": decoders.Metaspace(),
    "metaspace-never": decoders.Metaspace(prepend_scheme="never"),
    "gemma": decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]),
    "two-strips": decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 3, 0)]),
    "nested": decoders.Sequence([decoders.Sequence([decoders.ByteFallback()]), decoders.Fuse()]),
    "byte-level-in-sequence": decoders.Sequence([decoders.ByteLevel()]),
}


@pytest.mark.parametrize("name", DECODERS)
def test_other_decoders_of_both_families(name: str) -> None:
    pieces = ["▁", "▁▁a", "b▁", "▁c", "é", "日", "<0xE2>", "<0x82>", "<0xAC>", "<0x41>", "<0xg1>", "Ġx", "Ã", "©"]
    backend = tokenizers.Tokenizer(models.WordLevel({piece: n for n, piece in enumerate(pieces)}, unk_token="é"))
    if DECODERS[name] is not None:
        backend.decoder = DECODERS[name]
    backend.add_tokens([AddedToken("▁<sp>", special=True), AddedToken("", special=False)])
    tokenizer = Tokenizer(backend)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.integers(0, len(pieces) + 1), max_size=12), st.booleans())
    def check(ids: list[int], skip: bool) -> None:
        assert "".join(streamed(tokenizer, ids, 1, skip)) == backend.decode(ids, skip_special_tokens=skip)

    check()


@pytest.mark.parametrize(
    ("decoder", "named"),
    [
        (decoders.WordPiece(), "WordPiece"),
        (decoders.CTC(), "CTC"),
        (decoders.Sequence([decoders.Fuse(), decoders.Replace("a", "b")]), "Replace"),
        (decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 0, 1)]), "Strip"),
        (decoders.Sequence([decoders.ByteLevel(), decoders.Fuse()]), "ByteLevel"),
    ],
)
def test_a_decoder_without_an_exact_twin_is_refused_by_name(decoder: decoders.Decoder, named: str) -> None:
    backend = tokenizers.Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    backend.decoder = decoder
    with pytest.raises(ModelError, match=f"'{named}'.*implemented: ByteLevel"):
        Tokenizer(backend)


@pytest.mark.parametrize("text", ["€", "🎉", "👩‍👩‍👧", "日本語"])
def test_a_character_comes_out_whole_with_its_last_byte(loaded: dict[str, Tokenizer], text: str) -> None:
    tokenizer = Tokenizer(byte_only())
    ids = [tokenizer.encode(byte_character, add_special_tokens=False)[0] for byte_character in alphabet_of(text)]
    feeder = Detokenizer(tokenizer)
    parts = [feeder.feed([token]).text for token in ids]
    assert "".join(parts) == text
    assert feeder.finish() == ""
    assert [len(part) for part in parts if part] == [1] * len(text)


def byte_only() -> tokenizers.Tokenizer:
    """A byte-level tokenizer that merges nothing; its input is the alphabet itself."""
    backend = tokenizers.Tokenizer(models.WordLevel({chr(n): n for n in range(0x200)}, unk_token="?"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    backend.decoder = decoders.ByteLevel()
    return backend


def alphabet_of(text: str) -> str:
    """``text`` in GPT-2's byte alphabet, by the library."""
    pieces = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
    return "".join(piece for piece, _ in pieces)


def test_a_cut_character_ends_as_replacement(loaded: dict[str, Tokenizer]) -> None:
    sentencepiece, cut = loaded["sentencepiece"], [3 + 0xF0, 3 + 0x9F]  # <0xF0> <0x9F>
    assert streamed(sentencepiece, [*cut], 1, True) == ["", "", "\ufffd\ufffd"]
    assert streamed(sentencepiece, [*cut, 403], 1, True) == ["", "", "\ufffd\ufffd Once", ""]


@pytest.mark.parametrize("family", FAMILIES)
def test_bytes_of_tokens_are_exact(loaded: dict[str, Tokenizer], family: str) -> None:
    tokenizer = loaded[family]
    for text in ("Once upon a time", "naïve 東京 🎉 \x00\n", "  x"):
        ids = tokenizer.encode(text, add_special_tokens=False)
        spelled = b"".join(tokenizer.token_bytes(token) for token in ids).decode()
        assert spelled in (text, f" {text}")


def test_tokens_as_shown_in_logprobs(loaded: dict[str, Tokenizer]) -> None:
    tokenizer = loaded["sentencepiece"]
    assert tokenizer.token_text(403) == " Once"
    assert tokenizer.token_text(1) == "<s>"
    assert tokenizer.token_bytes(3 + 0xE2) == b"\xe2"
    assert tokenizer.token_text(3 + 0xE2) == "\ufffd"
    assert loaded["byte-level"].token_bytes(loaded["byte-level"].encode("<|im_end|>")[0]) == b"<|im_end|>"


@pytest.mark.parametrize("token", [512, 10**6, 2**32, 2**70, -1])
def test_ids_beyond_the_tokenizer_leave_nothing(loaded: dict[str, Tokenizer], token: int) -> None:
    tokenizer = loaded["sentencepiece"]
    assert tokenizer.decode([403, token, 407]) == "Once upon"
    assert tokenizer.token_text(token) == ""
    assert tokenizer.token_bytes(token) == b""
    assert not tokenizer.is_special(token)
    assert Detokenizer(tokenizer).feed([token]).text == ""


@pytest.mark.parametrize("family", ["byte-level", "sentencepiece"])
def test_cost_per_token_does_not_grow(loaded: dict[str, Tokenizer], family: str) -> None:
    tokenizer = loaded[family]
    ids = tokenizer.encode("Once upon a time 🎉 there was " * 40)

    def seconds(repeats: int) -> float:
        text = Detokenizer(tokenizer, stop=("never there",))
        started = time.process_time()
        for _ in range(repeats):
            for token in ids:
                text.feed([token])
        return time.process_time() - started

    seconds(1)
    short, long = min(seconds(4) for _ in range(3)), min(seconds(40) for _ in range(3))
    assert long < 30 * short
