"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout: the folder with pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def stories260k() -> Path:
    """The folder of the small trained model: ``SGL_TEST_MODEL``, or its place beside the checkout.

    A missing model is a failure, not a skip: without it, the end-to-end tests would pass by doing nothing.
    """
    folder = Path(os.environ.get("SGL_TEST_MODEL") or ROOT.parent / "shared" / "models" / "stories260k")
    if not (folder / "config.json").is_file():
        pytest.fail(f"no model in {folder}; set SGL_TEST_MODEL to the folder of stories260k", pytrace=False)
    return folder.resolve()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes ``SGL_*`` variables of the developer's shell away, for this process and those it starts."""
    for name in os.environ:
        if name.startswith("SGL_") and name != "SGL_TEST_MODEL":
            monkeypatch.delenv(name)
