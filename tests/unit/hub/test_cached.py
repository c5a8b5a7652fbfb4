"""The cache, read without the Hub's client."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sgl.hub.cached import cache_folder, cached_names, cached_snapshot, is_offline


def add(cache: Path, name: str, sizes: tuple[int, ...] = (1000,), commit: str = "c" * 40) -> Path:
    folder = cache / f"models--{name.replace('/', '--')}"
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "blobs").mkdir()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    for number, size in enumerate(sizes):
        (folder / "blobs" / f"{number:040d}").write_bytes(bytes(size))
    return folder


def test_names_with_sizes_in_order(tmp_path: Path) -> None:
    add(tmp_path, "Qwen/Qwen3-0.6B", (1000, 24))
    add(tmp_path, "a/dash--dash")
    add(tmp_path, "gpt2")
    (tmp_path / "datasets--a--b" / "snapshots" / "x").mkdir(parents=True)
    (tmp_path / "models--empty--one" / "snapshots").mkdir(parents=True)
    (tmp_path / "version.txt").write_text("1")
    assert cached_names({"HF_HUB_CACHE": str(tmp_path)}) == [
        ("a/dash--dash", 1000),
        ("gpt2", 1000),
        ("Qwen/Qwen3-0.6B", 1024),
    ]


def test_no_cache_and_unknown_sizes(tmp_path: Path) -> None:
    assert cached_names({"HF_HUB_CACHE": str(tmp_path / "nothing")}) == []
    (tmp_path / "models--a--b" / "snapshots" / "x").mkdir(parents=True)
    assert cached_names({"HF_HUB_CACHE": str(tmp_path)}) == [("a/b", None)]


def test_a_hundred_models_in_ten_milliseconds(tmp_path: Path) -> None:
    for number in range(100):
        add(tmp_path, f"owner/model-{number}", (10,) * 12)
    environ = {"HF_HUB_CACHE": str(tmp_path)}

    def seconds() -> float:
        started = time.process_time()
        assert len(cached_names(environ)) == 100
        return time.process_time() - started

    assert min(seconds() for _ in range(5)) < 0.010


def test_it_imports_only_the_standard_library() -> None:
    program = (
        "import sys\nimport sgl.hub.cached\n"
        "assert not {'huggingface_hub', 'httpx', 'typer', 'rich', 'msgspec', 'asyncio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HUB_CACHE": "/a/b"}, "/a/b"),
        ({"HUGGINGFACE_HUB_CACHE": "/c"}, "/c"),
        ({"HF_HOME": "/home/hf", "XDG_CACHE_HOME": "/x"}, "/home/hf/hub"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
        ({"HF_HOME": "$SOMEWHERE/hf"}, "/else/hf/hub"),
    ],
)
def test_the_folder_is_where_the_hubs_client_has_it(
    variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEWHERE", "/else")
    assert cache_folder(variables) == Path(folder)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "XDG_CACHE"))}
    theirs = subprocess.run(
        [sys.executable, "-c", "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"],
        env={**clean, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert theirs.stdout.strip() == folder


def test_offline() -> None:
    assert is_offline({"HF_HUB_OFFLINE": "1"})
    assert is_offline({"TRANSFORMERS_OFFLINE": "yes"})
    assert not is_offline({"HF_HUB_OFFLINE": "0"})
    assert not is_offline({})


def test_a_reference_cannot_lead_out_of_the_cache(tmp_path: Path) -> None:
    folder = add(tmp_path, "a/b")
    environ = {"HF_HUB_CACHE": str(tmp_path)}
    assert cached_snapshot("a/b", "main", environ) == folder / "snapshots" / ("c" * 40)
    (folder / "refs" / "main").write_text("../../..")
    assert cached_snapshot("a/b", "main", environ) is None
