"""A file holds one noun: when it grows past this, it holds two."""

from __future__ import annotations

from typing import Final

import pytest

from tests.source import Module, modules

MOST_LINES: Final = 400


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_no_file_is_longer_than_400_lines(module: Module) -> None:
    assert len(module.path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
