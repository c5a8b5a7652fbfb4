"""What ``-m`` may name, found without a network, and one clear line for everything else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sgl import builtin
from sgl.errors import CheckpointError, DownloadError, ModelNotFound
from sgl.hub.resolve import check_folder, resolve_model, resolve_tokenizer
from tests.fake_hub import FakeHub

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, and an empty Hub."""
    monkeypatch.chdir(tmp_path)
    return Path(environ["HF_HUB_CACHE"])


def add(cache: Path, name: str, *files: str, revision: str = "main", commit: str = COMMIT) -> Path:
    """Puts a repository with empty files into the cache."""
    folder = cache / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True, exist_ok=True)
    for file in files:
        (snapshot / file).write_text("")
    reference = folder / "refs" / revision
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(commit)
    return snapshot


def test_a_folder_with_a_config_is_itself(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert resolve_model(str(tmp_path)) == tmp_path


def test_builtin_is_the_model_that_comes_with_sgl(cache: Path) -> None:
    Path("builtin").mkdir()
    Path("builtin/config.json").write_text("{}")
    assert resolve_model("builtin") == resolve_tokenizer("builtin") == builtin.folder()
    assert resolve_model("./builtin") == Path("builtin")
    with pytest.raises(ModelNotFound, match="built-in model has no revision 'v1'"):
        resolve_model("builtin", revision="v1")


def test_a_folder_named_like_a_repository_comes_first(cache: Path) -> None:
    add(cache, "owner/name", "config.json", "model.safetensors")
    Path("owner/name").mkdir(parents=True)
    Path("owner/name/config.json").write_text("{}")
    assert resolve_model("owner/name") == Path("owner/name")


@pytest.mark.parametrize(
    "name",
    ["missing", "./owner/name", "../x", "/no/such/folder", "a/b/c", "~/x", "", "owner/", "/name", "a..b/c", "a/b\0"],
)
def test_a_name_that_is_neither_folder_nor_repository(cache: Path, name: str) -> None:
    with pytest.raises(ModelNotFound, match=r"There is no folder|has no config\.json") as caught:
        resolve_model(name)
    assert "\n" not in caught.value.message


def test_a_folder_without_a_config(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"has no config\.json"):
        resolve_model(str(tmp_path))
    assert resolve_tokenizer(str(tmp_path)) == tmp_path


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("")
    with pytest.raises(ModelNotFound, match="is a file"):
        resolve_model(str(tmp_path / "model.safetensors"))


@pytest.mark.parametrize("weights", [("model.safetensors",), ("a-1.safetensors", "a-2.safetensors")])
def test_a_cached_repository_needs_no_network(cache: Path, hub: FakeHub, weights: tuple[str, ...]) -> None:
    snapshot = add(cache, "owner/name", "config.json", *weights)
    assert resolve_model("owner/name") == snapshot
    assert not hub.requests


def test_revisions_are_branches_tags_and_commits(cache: Path) -> None:
    main = add(cache, "owner/name", "config.json", "x.safetensors")
    other = add(cache, "owner/name", "config.json", "x.safetensors", revision="refs/pr/1", commit="f" * 40)
    assert resolve_model("owner/name", revision="main") == main
    assert resolve_model("owner/name@refs/pr/1") == resolve_model("owner/name", revision="refs/pr/1") == other
    assert resolve_model("owner/name@" + "f" * 40) == other
    with pytest.raises(ModelNotFound, match="names the revision 'main', --revision names 'v1'"):
        resolve_model("owner/name@main", revision="v1")


@pytest.mark.parametrize("revision", ["../../x", "a/../b", "", "/", "x y"])
def test_a_revision_cannot_leave_the_cache(cache: Path, revision: str) -> None:
    with pytest.raises(ModelNotFound, match="cannot be a revision"):
        resolve_model(f"owner/name@{revision}")


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_and_not_in_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with pytest.raises(ModelNotFound, match="repository owner/name is not in the cache while downloads are off"):
        resolve_model("owner/name", offline=True)
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ModelNotFound, match="not in the cache"):
        resolve_model("owner/name")


def test_half_a_repository_is_completed_or_refused(cache: Path, hub: FakeHub) -> None:
    snapshot = add(cache, "owner/name", "config.json", "a-1.safetensors")
    index = json.dumps({"weight_map": {"x": "a-1.safetensors", "y": "a-2.safetensors", "z": "a-3.safetensors"}})
    (snapshot / "model.safetensors.index.json").write_text(index)
    with pytest.raises(
        ModelNotFound, match=r"only partly in the cache, without a-2\.safetensors, a-3\.safetensors, while"
    ) as caught:
        resolve_model("owner/name", offline=True)
    assert "sgl download owner/name" in str(caught.value.hint)
    assert resolve_model("owner/name", offline=True, weights=False) == snapshot
    content = {f"a-{number}.safetensors": b"" if number == 1 else b"x" for number in (1, 2, 3)}
    files = {"config.json": b"", "model.safetensors.index.json": index.encode(), **content}
    hub.add("owner/name", files, commit=COMMIT)
    assert resolve_model("owner/name") == snapshot
    assert {path.name for path in snapshot.iterdir()} == files.keys()
    assert not hub.bodies("index.json")


@pytest.mark.parametrize("weights", [True, False])
def test_a_download_takes_safetensors_and_small_files_only(cache: Path, hub: FakeHub, weights: bool) -> None:
    small = {"config.json": b"{}", "chat_template.jinja": b"", "tokenizer.model": b"1"}
    other = {"pytorch_model.bin": b"1", "modeling.py": b"1", "consolidated.safetensors": b"1"}
    hub.add("owner/name", {**small, **other, "model.safetensors": b"1"}, revisions=("v1",))
    folder = resolve_model("owner/name@v1", weights=weights)
    assert {path.name for path in folder.iterdir()} == small.keys() | ({"model.safetensors"} if weights else set())
    assert resolve_tokenizer("owner/name@v1") == folder


def test_a_download_says_what_it_does(cache: Path, hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.add("owner/name", {"config.json": b"{}", "model.safetensors": bytes(1 << 20)})
    resolve_model("owner/name")
    seen = capsys.readouterr()
    assert not seen.out
    assert seen.err.startswith("Downloading owner/name: 1.0 MiB\nDownloaded 1.0 MiB in ")


def test_what_stopped_a_download_is_one_line(cache: Path, hub: FakeHub) -> None:
    with pytest.raises(ModelNotFound, match="no public repository owner/name") as caught:
        resolve_model("owner/name")
    assert "\n" not in caught.value.message
    hub.add("owner/name", {"config.json": b"{}", "pytorch_model.bin": b"1"})
    with pytest.raises(CheckpointError, match="only pickled weights"):
        resolve_model("owner/name")
    with pytest.raises(ModelNotFound, match="no revision 'v2'"):
        resolve_model("owner/name@v2")
    hub.fail("main", status=429, headers={"Retry-After": "900"})
    with pytest.raises(DownloadError, match="takes no more requests"):
        resolve_model("owner/name")


def test_a_model_on_disk_costs_no_import_of_the_hub(stories260k: Path) -> None:
    program = (
        "import sys\nfrom sgl.hub.resolve import resolve_model\nresolve_model(sys.argv[1])\n"
        "assert not {'huggingface_hub', 'torch', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(stories260k)], check=True, timeout=60)


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        (["pytorch_model.bin"], "only pickled weights .pytorch_model.bin.", "save_pretrained"),
        (["model.pt", "model.gguf"], "only pickled weights .model.pt.", "safetensors"),
        (["model.ckpt"], "only pickled weights", "safetensors"),
        (["model.gguf"], "GGUF weights, which are not implemented", None),
        (["config.json", "modeling_x.py"], "no weights: no .*safetensors", "--load-format dummy"),
        ([], "no weights", "--load-format dummy"),
    ],
)
def test_a_folder_without_readable_weights(tmp_path: Path, files: list[str], message: str, hint: str | None) -> None:
    for file in files:
        (tmp_path / file).write_text("")
    with pytest.raises(CheckpointError, match=message) as caught:
        check_folder(tmp_path)
    assert hint is None or hint in str(caught.value.hint)
    (tmp_path / "model-00001-of-00002.safetensors").write_text("")
    check_folder(tmp_path)
