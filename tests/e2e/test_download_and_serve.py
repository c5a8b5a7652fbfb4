"""From a name on the Hub to an answer: download, then serve without a network; and serve that downloads by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.conftest import ROOT
from tests.e2e.server_process import starting
from tests.fake_hub import FakeHub, running_hub

NAME: Final = "karpathy/stories260k"
SERVE: Final = ["-m", "sgl_cli", "serve", "--port", "0"]
STORY: Final = {"prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}


@pytest.fixture
def hub(stories260k: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub with one model, and an empty cache."""
    for name in ("HF_HOME", "HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with running_hub() as running:
        running.add(NAME, stories260k)
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        yield running


def sgl(*words: str) -> str:
    """Runs ``sgl``; returns what it printed."""
    ran = subprocess.run(
        [sys.executable, "-m", "sgl_cli", *words], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def story_of(model: str) -> str:
    """Serves a model and asks it for the beginning of a story."""
    with tempfile.TemporaryDirectory(prefix="rt") as folder, starting([*SERVE, "-m", model], Path(folder)) as server:
        server.until("curl ")
        (served, *_) = httpx.get(f"{server.url}/v1/models", timeout=30).json()["data"]
        answer = httpx.post(f"{server.url}/v1/completions", json={**STORY, "model": served["id"]}, timeout=60)
        assert answer.status_code == 200, answer.text
        text: str = answer.json()["choices"][0]["text"]
        return text


def test_a_downloaded_model_is_served_without_a_network(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stories260k: Path
) -> None:
    hub.fail("stories260k/model.safetensors", cut=300_000, times=2)
    cached = sgl("download", NAME, "-q")
    plain = sgl("download", NAME, "--local-dir", str(tmp_path / "plain"), "-q")
    assert (Path(cached).parent.name, Path(plain)) == ("snapshots", tmp_path / "plain")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.requests.clear()
    expected = story_of(str(stories260k))
    assert expected.strip()
    assert story_of(NAME) == story_of(plain) == expected
    assert not hub.requests


def test_serve_downloads_what_is_missing_and_says_so(hub: FakeHub, stories260k: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="rt") as folder, starting([*SERVE, "-m", NAME], Path(folder)) as server:
        server.until("curl ")
        assert f"Downloading {NAME}: 1.0 MiB" in server.output
        assert "Downloaded 1.0 MiB in " in server.output
    (snapshot,) = (tmp_path / "hub").glob("models--*/snapshots/*")
    assert (snapshot / "model.safetensors").read_bytes() == (stories260k / "model.safetensors").read_bytes()
