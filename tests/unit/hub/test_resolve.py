"""What ``-m`` may name, found without a network, and one clear line for everything else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors

from sgl import builtin
from sgl.errors import CheckpointError, ModelNotFound
from sgl.hub.resolve import check_folder, resolve_model, resolve_tokenizer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, and a Hub that must not be asked."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)

    def asked(*args: object, **kwargs: object) -> str:
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", asked)
    return tmp_path / "hub"


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


def hub(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., str]) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", answer)


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
def test_a_cached_repository_needs_no_network(cache: Path, weights: tuple[str, ...]) -> None:
    snapshot = add(cache, "owner/name", "config.json", *weights)
    assert resolve_model("owner/name") == snapshot


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


def test_half_a_repository_is_completed_or_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = add(cache, "owner/name", "config.json", "a-1.safetensors")
    index = {"weight_map": {"x": "a-1.safetensors", "y": "a-2.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelNotFound, match="only partly in the cache"):
        resolve_model("owner/name", offline=True)
    assert resolve_model("owner/name", offline=True, weights=False) == snapshot
    hub(monkeypatch, lambda *args, **kwargs: str(snapshot))
    assert resolve_model("owner/name") == snapshot


@pytest.mark.parametrize("weights", [True, False])
def test_a_download_takes_safetensors_and_small_files_only(
    cache: Path, monkeypatch: pytest.MonkeyPatch, weights: bool
) -> None:
    seen: dict[str, Any] = {}

    def download(name: str, **options: Any) -> str:
        seen.update(options, name=name)
        return str(cache)

    hub(monkeypatch, download)
    assert resolve_model("owner/name@v1", weights=weights) == cache
    assert (seen["name"], seen["revision"]) == ("owner/name", "v1")
    assert ("*.safetensors" in seen["allow_patterns"]) is weights
    assert {"*.json", "*.jinja", "*.model"} <= set(seen["allow_patterns"])
    assert not {"*.bin", "*.pt", "*.py", "*"} & set(seen["allow_patterns"])
    assert "consolidated*" in seen["ignore_patterns"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.GatedRepoError, "owner/name is gated: .* HF_TOKEN"),
        (errors.RepositoryNotFoundError, "no folder and no public repository owner/name"),
        (errors.RevisionNotFoundError, "owner/name has no revision 'main'"),
        (lambda text: errors.LocalEntryNotFoundError(text), "cannot be downloaded: line one$"),
        (lambda text: ConnectionError(text), "not in the cache and cannot be downloaded: line one$"),
        (lambda text: OSError(28, "No space left on device"), "No space left on device$"),
        (lambda text: RuntimeError(""), "cannot be downloaded: RuntimeError$"),
    ],
)
def test_what_stopped_a_download_is_one_line(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: Callable[[str], Exception], message: str
) -> None:
    def download(*args: object, **kwargs: object) -> str:
        if isinstance(error, type) and issubclass(error, errors.HfHubHTTPError):
            failure = error.__new__(error)  # Its constructor wants a whole HTTP response.
            Exception.__init__(failure, "line one\nline two")
            raise failure
        raise error("line one\nline two")

    hub(monkeypatch, download)
    with pytest.raises(ModelNotFound, match=message) as caught:
        resolve_model("owner/name")
    assert "\n" not in caught.value.message


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
