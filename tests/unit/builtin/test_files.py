"""The demonstration model's files: small, complete, and read by us as transformers reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast

from sgl import builtin
from sgl.config.hf import HfConfig, end_token_ids
from sgl.tokenizer.load import Tokenizer

MOST_BYTES: Final = 12_000_000
TOOL: Final = {
    "type": "function",
    "function": {"name": "get_time", "description": "The time.", "parameters": {"type": "object", "properties": {}}},
}
CALL: Final = {"type": "function", "id": "1", "function": {"name": "get_time", "arguments": '{"city": "Rome"}'}}
CONVERSATIONS: Final[list[list[dict[str, Any]]]] = [
    [{"role": "user", "content": "Hello!"}],
    [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "What is 3 + 14?"}],
    [
        {"role": "user", "content": "What is the capital of Côte d'Ivoire?  \n\tTell me 🙂"},
        {"role": "assistant", "content": "Sorry, I do not know that."},
        {"role": "user", "content": "<|im_end|> and 12345?"},
    ],
    [
        {"role": "user", "content": "What time is it in Rome?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "12:00"},
    ],
]


@pytest.fixture(scope="module")
def ours() -> Iterator[Tokenizer]:
    tokenizer = Tokenizer.load(builtin.folder())
    yield tokenizer
    asyncio.run(tokenizer.close())


@pytest.fixture(scope="module")
def theirs() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(builtin.folder())


def test_the_weights_are_small_and_in_half_precision() -> None:
    path = builtin.folder() / "model.safetensors"
    assert path.stat().st_size <= MOST_BYTES
    with safe_open(path, "pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118


def test_it_is_a_plain_llama() -> None:
    config = AutoConfig.from_pretrained(builtin.folder())
    assert config.architectures == ["LlamaForCausalLM"]
    assert config.tie_word_embeddings
    assert str(config.dtype) == "torch.float16"


@pytest.mark.parametrize("messages", CONVERSATIONS)
@pytest.mark.parametrize("tools", [None, [TOOL]], ids=["plain", "tools"])
async def test_prompts_are_those_of_transformers(
    ours: Tokenizer, theirs: PreTrainedTokenizerFast, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None
) -> None:
    text = await ours.render_chat(messages, tools=tools)
    shown = [_with_parsed_arguments(message) for message in messages]
    assert text == theirs.apply_chat_template(shown, tools=tools, tokenize=False, add_generation_prompt=True)
    assert ours.encode(text) == theirs(text)["input_ids"]
    assert ours.decode(ours.encode(text), skip_special_tokens=False) == text


def test_answers_end_with_the_turn_or_the_text(theirs: PreTrainedTokenizerFast) -> None:
    folder = builtin.folder()
    ends = {theirs.convert_tokens_to_ids(token) for token in ("<|im_end|>", "<|endoftext|>")}
    assert set(end_token_ids(HfConfig.load(folder), folder)) == ends


def test_every_digit_is_a_token(theirs: PreTrainedTokenizerFast) -> None:
    assert theirs.tokenize("30000") == ["3", "0", "0", "0", "0"]


def test_the_readme_says_what_it_is_and_how_it_was_made() -> None:
    page = (builtin.folder() / "README.md").read_text(encoding="utf-8")
    for word in ("demonstration model", "benchmarks/builtin_model", "Seed", "Hardware", "facts, exact", "arithmetic"):
        assert word in page


def _with_parsed_arguments(message: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {**call, "function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}}
        for call in message.get("tool_calls", ())
    ]
    return {**message, "tool_calls": calls} if calls else message
