"""Fixtures of the tokenizer tests: one folder per family, and the tokenizers loaded from them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sgl.tokenizer.load import Tokenizer
from tests.unit.tokenizer.folders import byte_level_folder, llama2_folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, stories260k: Path) -> dict[str, Path]:
    """Family -> folder."""
    made = tmp_path_factory.mktemp("tokenizers")
    return {
        "byte-level": byte_level_folder(made / "byte-level"),
        "byte-level-bos": byte_level_folder(made / "byte-level-bos", bos=True),
        "sentencepiece": stories260k,
        "llama-2": llama2_folder(made / "llama-2", stories260k),
        "llama-2-legacy": llama2_folder(made / "llama-2-legacy", stories260k, legacy=True),
        "llama-2-no-prefix": llama2_folder(made / "llama-2-no-prefix", stories260k, add_prefix_space=False),
    }


@pytest.fixture(scope="session")
def loaded(folders: dict[str, Path]) -> Iterator[dict[str, Tokenizer]]:
    """Family -> tokenizer; the template helpers end with the session."""
    tokenizers = {name: Tokenizer.load(folder) for name, folder in folders.items()}
    yield tokenizers
    for tokenizer in tokenizers.values():
        asyncio.run(tokenizer.close())
