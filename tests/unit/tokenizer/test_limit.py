"""A prompt that cannot fit is refused at a cost that depends on the model, not on the prompt."""

from __future__ import annotations

import asyncio

import pytest

from sgl.errors import ContextLengthExceeded
from sgl.tokenizer.limit import refuse_hopeless
from sgl.tokenizer.load import Tokenizer


def test_a_hopeless_text_is_refused_after_a_small_part() -> None:
    seen: list[int] = []

    def count(text: str) -> int:
        seen.append(len(text))
        return len(text) // 4

    with pytest.raises(ContextLengthExceeded, match=r"maximum context length is 1000 .* 4000000 characters"):
        refuse_hopeless("x" * 4_000_000, 1000, count)
    assert seen == [8064]


def test_a_text_of_few_long_tokens_is_looked_at_further() -> None:
    seen: list[int] = []

    def count(text: str) -> int:
        seen.append(len(text))
        return len(text) // 100

    refuse_hopeless("x" * 100_000, 1000, count)
    assert sum(seen) < 100_000
    with pytest.raises(ContextLengthExceeded):
        refuse_hopeless("x" * 1_000_000, 1000, count)


@pytest.mark.parametrize("text", ["Once upon a time. " * 10_000, "🎉" * 50_000, "a" * 200_000, "\n" * 100_000])
async def test_long_prompts_of_every_kind(loaded: dict[str, Tokenizer], text: str) -> None:
    for tokenizer in (loaded["sentencepiece"], loaded["byte-level"]):
        with pytest.raises(ContextLengthExceeded):
            await tokenizer.encode_async(text, at_most=512)
        ids = tokenizer.encode(text)
        assert await tokenizer.encode_async(text, at_most=len(ids)) == ids


@pytest.mark.parametrize("content", ["Once upon a time. ", "Once <s> upon </s>"])
async def test_long_messages(loaded: dict[str, Tokenizer], content: str) -> None:
    talk = [{"role": "user", "content": content * 10_000}]
    with pytest.raises(ContextLengthExceeded):
        await loaded["sentencepiece"].encode_chat(talk, at_most=512)
    assert await loaded["sentencepiece"].encode_chat(talk, at_most=1_000_000)


async def test_many_hopeless_prompts_are_cheap(loaded: dict[str, Tokenizer]) -> None:
    tasks = [loaded["sentencepiece"].encode_async("Once upon a time. " * 200_000, at_most=512) for _ in range(20)]
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert all(isinstance(outcome, ContextLengthExceeded) for outcome in outcomes)
