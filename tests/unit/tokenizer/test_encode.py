"""Text to ids: the ids transformers' AutoTokenizer gives."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import processors

from sgl.errors import RequestError
from sgl.tokenizer.load import THREAD_ABOVE, Tokenizer
from tests.unit.tokenizer.folders import SPECIAL, byte_level
from tests.unit.tokenizer.reference import reference

FAMILIES = ("byte-level", "byte-level-bos", "sentencepiece", "llama-2", "llama-2-legacy", "llama-2-no-prefix")

TEXTS = (
    "",
    " ",
    "Once upon a time",
    "  two spaces, a tab\t and\n\nline breaks  ",
    "<|im_start|>user\nHello<|im_end|>\n",
    "Hi </s> there<s>x</s></s> y",
    "<think>no special token</think>",
    "Zażółć 東京 🎉👩‍👩‍👧 \x00 \u2028 \ufffd e\u0301",
    "<0x41><unk>",
    "▁ ▁▁x",
)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_transformers(
    folders: dict[str, Path], loaded: dict[str, Tokenizer], family: str, text: str
) -> None:
    theirs = reference(folders[family])
    ours = loaded[family]
    assert ours.encode(text) == theirs(text)["input_ids"]
    assert ours.encode(text, add_special_tokens=False) == theirs(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", TEXTS)
def test_special_text_can_be_read_as_plain_text(
    folders: dict[str, Path], loaded: dict[str, Tokenizer], family: str, text: str
) -> None:
    plain = loaded[family].encode(text, parse_special=False)
    assert plain == reference(folders[family])(text, split_special_tokens=True)["input_ids"]
    unknown = {reference(folders[family]).unk_token_id}
    inside = set(loaded[family].encode(text, parse_special=False, add_special_tokens=False))
    assert not inside & (loaded[family].special_ids - unknown)


@pytest.mark.parametrize("family", ["byte-level", "sentencepiece", "llama-2"])
def test_any_text_has_the_ids_of_transformers(
    folders: dict[str, Path], loaded: dict[str, Tokenizer], family: str
) -> None:
    theirs = reference(folders[family])

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from([*TEXTS, "a", " ", "\n", "<", "|im_end|>", "é"]) | st.text(max_size=8), max_size=8))
    def check(parts: list[str]) -> None:
        text = "".join(parts)
        assert loaded[family].encode(text) == theirs(text)["input_ids"]

    check()


def test_special_tokens_of_the_folder_are_known(loaded: dict[str, Tokenizer]) -> None:
    tokenizer = loaded["sentencepiece"]
    assert (tokenizer.bos_token, tokenizer.bos_token_id) == ("<s>", 1)
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("</s>", 2)
    assert tokenizer.vocab_size == 512
    assert tokenizer.is_special(1)
    assert not tokenizer.is_special(403)
    assert loaded["byte-level"].bos_token is None
    assert loaded["byte-level"].bos_token_id is None


@pytest.mark.parametrize("form", ["$A", "<|endoftext|> $A", "$A <|im_end|>", "<|im_start|> <|im_start|> $A <|im_end|>"])
def test_tokens_at_the_ends_come_with_plain_text_too(form: str) -> None:
    backend = byte_level()
    ids = [(text, backend.token_to_id(text)) for text in SPECIAL]
    backend.post_processor = processors.TemplateProcessing(single=form, special_tokens=ids)
    tokenizer = Tokenizer(backend)
    assert tokenizer.encode("Hello", parse_special=False) == tokenizer.encode("Hello") == backend.encode("Hello").ids


async def test_a_long_text_leaves_the_event_loop_free(loaded: dict[str, Tokenizer]) -> None:
    tokenizer = loaded["byte-level"]
    text = "The little girl had a red ball. " * 8000
    encoding = asyncio.create_task(tokenizer.encode_async(text))
    turns = 0
    while not encoding.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 5  # It is one where the loop stands still for as long as the text is encoded, and some 200 here.
    assert await encoding == tokenizer.encode(text)


@pytest.mark.parametrize("repeats", [1, THREAD_ABOVE])
async def test_both_ways_to_encode_agree(loaded: dict[str, Tokenizer], repeats: int) -> None:
    for text in TEXTS:
        tokenizer = loaded["sentencepiece"]
        whole = (text + " ") * (repeats // max(len(text), 1) + 1)
        assert await tokenizer.encode_async(whole) == tokenizer.encode(whole)
        plain = await tokenizer.encode_async(whole, parse_special=False, add_special_tokens=False)
        assert plain == tokenizer.encode(whole, parse_special=False, add_special_tokens=False)


@pytest.mark.parametrize("text", ["\ud800", "a\udc00b" * 5000])
async def test_half_a_surrogate_pair_is_refused(loaded: dict[str, Tokenizer], text: str) -> None:
    for parse_special in (True, False):
        with pytest.raises(RequestError, match="not valid Unicode"):
            loaded["byte-level"].encode(text, parse_special=parse_special)
        with pytest.raises(RequestError, match="not valid Unicode"):
            await loaded["byte-level"].encode_async(text, parse_special=parse_special)
