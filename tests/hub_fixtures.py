"""A Hub on loopback, and an environment whose cache is a temporary folder."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session

from tests.fake_hub import FakeHub, running_hub

VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HOME", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT")


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """The fake Hub; the client's connections are closed at the end."""
    with running_hub() as running:
        yield running
        close_session()


@pytest.fixture
def environ(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of a user of the fake Hub, set for this process, too."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    variables = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(tmp_path / "hub")}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def weights() -> bytes:
    """A mebibyte that no compression and no accident produces."""
    return random.Random(7).randbytes(1 << 20)
