"""`sgl models`: the cache as a list, one model in words, and its removal."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from sgl_cli.main import main
from tests.cli.hub.test_download import Sgl
from tests.fake_hub import FakeHub

NAME = "karpathy/stories260k"


class Person(io.StringIO):
    """A terminal at which somebody has typed something."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def sgl(
    capsys: pytest.CaptureFixture[str],
    hub: FakeHub,
    stories260k: Path,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Sgl:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    hub.add(NAME, stories260k)
    hub.add("owner/mamba", {"config.json": b'{"architectures": ["MambaForCausalLM"]}', "model.safetensors": b"1"})
    for name in hub.repos:
        assert main(["download", name, "-q"]) == 0
    capsys.readouterr()
    return Sgl(capsys)


def test_the_list(sgl: Sgl) -> None:
    for words in (["models"], ["models", "ls"]):
        ran = sgl(*words)
        assert ran.code == 0
        rows = [line.split() for line in ran.out.splitlines()]
        assert rows == [
            ["NAME", "SIZE", "FILES", "SERVED", "LAST", "USED"],
            [NAME, "1.0", "MiB", "complete", "yes", "today"],
            ["owner/mamba", "0.0", "KiB", "complete", "no", "(MambaForCausalLM)", "today"],
            ["builtin", "5.4", "MiB", "complete", "yes", "-"],
        ]
    assert sgl("models", "-q").out.split() == [NAME, "owner/mamba", "builtin"]


def test_the_list_as_json(sgl: Sgl) -> None:
    first, mamba, builtin = sgl("models", "--json").document
    assert (first["name"], first["complete"], first["served"], first["removable"]) == (NAME, True, True, True)
    assert (mamba["architecture"], mamba["served"]) == ("MambaForCausalLM", False)
    assert (builtin["name"], builtin["removable"], builtin["last_used"]) == ("builtin", False, None)
    assert sgl("models", "ls", "--json").document == [first, mamba, builtin]


def test_one_model(sgl: Sgl, hub: FakeHub) -> None:
    ran = sgl("models", "show", "stories")
    assert ran.code == 0
    for words in (
        "architecture   LlamaForCausalLM",
        "parameters     0.26 M",
        "dtype          float32",
        "context        512 tokens",
        "weights        1.0 MiB in memory",
        "KV cache       1280 bytes per token",
        "chat template  yes",
        "Fits this machine",
    ):
        assert words in ran.out
    document = sgl("models", "show", NAME, "--json").document
    assert (document["context_length"], document["kv_bytes_per_token"], document["chat_template"]) == (512, 1280, True)
    assert document["commit"] == hub.repos[NAME].commit
    assert document["fit"]["verdict"] == "fits"
    assert "sgl does not serve MambaForCausalLM yet." in sgl("models", "show", "owner/m").out
    assert "context        1024 tokens" in sgl("models", "show", "builtin").out


def test_a_name_that_is_not_there(sgl: Sgl) -> None:
    ran = sgl("models", "show", "storys260k")
    assert ran.code == 2
    assert ran.err == f"error: There is no cached model 'storys260k'.\n  hint: did you mean {NAME}?\n"


def test_nothing_is_removed_where_nobody_can_be_asked(sgl: Sgl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    ran = sgl("models", "rm", "stories")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert NAME in sgl("models", "-q").out


@pytest.mark.parametrize(
    ("answer", "removed"), [("y\n", True), ("yes\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_a_person_is_asked(sgl: Sgl, monkeypatch: pytest.MonkeyPatch, answer: str, removed: bool) -> None:
    monkeypatch.setattr("sys.stdin", Person(answer))
    ran = sgl("models", "rm", "stories", "owner/mamba", NAME)
    assert ran.code == (0 if removed else 1)
    assert ran.err.startswith(f"Remove {NAME} (1.0 MiB), owner/mamba (0.0 KiB)? [y/N] ")
    assert (NAME not in sgl("models", "-q").out) is removed


def test_rm_yes_frees_the_disk(sgl: Sgl, environ: dict[str, str]) -> None:
    ran = sgl("models", "rm", "stories", "--yes")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"removed {NAME}; 1.0 MiB are free again\n"
    assert not list(Path(environ["HF_HUB_CACHE"]).glob("models--karpathy*"))
    assert sgl("models", "-q").out.split() == ["owner/mamba", "builtin"]


def test_the_built_in_model_stays(sgl: Sgl) -> None:
    ran = sgl("models", "rm", "builtin", NAME, "--yes")
    assert ran.code == 2
    assert "builtin comes with sgl and cannot be removed" in ran.err
    assert NAME in sgl("models", "-q").out


def test_a_running_server_is_named(sgl: Sgl, monkeypatch: pytest.MonkeyPatch) -> None:
    from sgl.runs.registry import register
    from sgl.runs.server import Server

    server = Server(
        id="mila", pid=os.getpid(), host="127.0.0.1", port=1, models=(NAME,), model_path=NAME, version="0", started=0.0
    )
    with register(server) as registration:
        assert registration.problem is None
        ran = sgl("models", "rm", NAME, "--yes")
    assert f"warning: the server mila serves {NAME}" in ran.err
    assert ran.code == 0


def test_an_empty_cache_says_how_to_fill_it(sgl: Sgl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    ran = sgl("models")
    assert ran.code == 0
    assert "sgl download Qwen/Qwen3-0.6B" in ran.err
    assert [row["name"] for row in json.loads(sgl("models", "--json").out)] == ["builtin"]
