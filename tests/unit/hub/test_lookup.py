"""Names as people type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgl.errors import ModelNotFound
from sgl.hub.lookup import choose_cached, repository_to_download

NAMES = ["Qwen/Qwen3-0.6B", "Qwen/Qwen3-8B", "meta-llama/Llama-3.1-8B", "other/Qwen3-8B-fp8", "builtin"]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("qwen3-0", "Qwen/Qwen3-0.6B"),
        ("Qwen/Qwen3-0", "Qwen/Qwen3-0.6B"),
        ("qwen3-8b", "Qwen/Qwen3-8B"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("meta", "meta-llama/Llama-3.1-8B"),
        ("built", "builtin"),
    ],
)
def test_the_beginning_is_enough_when_only_one_begins_so(typed: str, name: str) -> None:
    assert choose_cached(typed, NAMES) == name


def test_more_than_one_and_none() -> None:
    with pytest.raises(ModelNotFound, match=r"begins 3 cached models: Qwen/Qwen3-0\.6B, Qwen/Qwen3-8B, other"):
        choose_cached("qwen3", NAMES)
    with pytest.raises(ModelNotFound, match=r"no cached model .qwen3-0\.6v.") as caught:
        choose_cached("qwen3-0.6v", NAMES)
    assert caught.value.hint == "did you mean Qwen/Qwen3-0.6B?"
    with pytest.raises(ModelNotFound) as caught:
        choose_cached("zzz", NAMES)
    assert "there is Qwen/Qwen3-0.6B" in str(caught.value.hint)


def test_what_to_download(tmp_path: Path) -> None:
    environ = {"HF_HUB_CACHE": str(tmp_path)}
    (tmp_path / "models--Qwen--Qwen3-0.6B" / "snapshots" / "x").mkdir(parents=True)
    assert str(repository_to_download("a/b@v1", None, environ)) == "a/b@v1"
    assert str(repository_to_download("a/b", "v2", environ)) == "a/b@v2"
    assert str(repository_to_download("qwen3", None, environ)) == "Qwen/Qwen3-0.6B"
    assert str(repository_to_download("qwen3@v1", None, environ)) == "Qwen/Qwen3-0.6B@v1"
    with pytest.raises(ModelNotFound, match="'llama' is no repository: those are written owner/name"):
        repository_to_download("llama", None, environ)
    with pytest.raises(ModelNotFound, match="is no repository"):
        repository_to_download("", None, environ)
    with pytest.raises(ModelNotFound, match="nothing to download"):
        repository_to_download("builtin", None, environ)
