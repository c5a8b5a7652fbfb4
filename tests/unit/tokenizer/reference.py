"""transformers' own tokenizer, which says what is right."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase


@functools.cache
def reference(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of ``folder`` as transformers loads it."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(folder))
    return tokenizer


def chat_ids(folder: Path, messages: list[dict[str, Any]], **options: Any) -> list[int]:
    """Ids of a chat prompt."""
    options = {"add_generation_prompt": True} | options
    ids: list[int] = reference(folder).apply_chat_template(messages, tokenize=True, return_dict=False, **options)
    return ids


def chat_text(folder: Path, messages: list[dict[str, Any]], **options: Any) -> str:
    """Text of a chat prompt."""
    options = {"add_generation_prompt": True} | options
    text: str = reference(folder).apply_chat_template(messages, tokenize=False, **options)
    return text
