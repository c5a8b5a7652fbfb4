"""From what the user typed after ``-m`` to a local folder.

A name is ``builtin`` for the model that comes with sgl, a folder, or a repository ``owner/name`` of the
Hugging Face Hub, which is looked for in the shared cache on disk (plain directory reads) before anything is
downloaded. Either way one commit is chosen once, and every file comes from its folder.
"""

from __future__ import annotations

import json
import os
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sgl import builtin
from sgl.errors import CheckpointError, ModelNotFound

SMALL_FILES: Final = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
"""Config, tokenizer and chat template files of a repository."""

WEIGHT_FILES: Final = ("*.safetensors",)

IGNORED: Final = ("consolidated*", "original/*", "*/original/*", "onnx/*", "openvino/*")
"""The same weights again, in layouts that nothing here reads."""

PICKLED: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
"""Endings of weight files whose loading runs code."""

_REPOSITORY_LETTERS: Final = frozenset(string.ascii_letters + string.digits + "._-")
_TRUE: Final = frozenset({"1", "true", "yes", "on"})


def resolve_model(name: str, *, revision: str | None = None, offline: bool | None = None, weights: bool = True) -> Path:
    """The folder of a model.

    Args:
        name: ``builtin``, a local folder with config.json, or ``owner/name`` or ``owner/name@revision``. A
            folder that is called builtin is written ``./builtin``.
        revision: Branch, tag or commit of the repository; None is ``main``.
        offline: Never ask the Hub; None follows ``HF_HUB_OFFLINE``.
        weights: Whether the weight files are needed, too.

    Raises:
        ModelNotFound: There is no such folder or repository; one line says what is missing.
    """
    if name == builtin.NAME:
        if revision is not None:
            raise ModelNotFound(
                f"The built-in model has no revision '{revision}'.", hint="--revision belongs to a repository: add -m."
            )
        return builtin.folder()
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelNotFound(
                f"{name} has no config.json.",
                hint="Give the folder that holds config.json and the *.safetensors files.",
            )
        return folder
    return _resolve_repository(name, revision, offline, weights=weights)


def resolve_tokenizer(name: str, *, revision: str | None = None, offline: bool | None = None) -> Path:
    """The folder of a tokenizer: as `resolve_model`, without weights; a local folder needs no config.json."""
    if name == builtin.NAME:
        return builtin.folder()
    folder = Path(name)
    return folder if folder.is_dir() else _resolve_repository(name, revision, offline, weights=False)


def check_folder(path: Path) -> None:
    """Refuses a model folder without weights that can be read.

    Raises:
        CheckpointError: No ``*.safetensors``; the message says what is there instead, the hint what to do.
    """
    names = sorted(os.listdir(path))
    if any(name.endswith(".safetensors") for name in names):
        return
    pickled = next((name for name in names if name.endswith(PICKLED)), None)
    if pickled is not None:
        raise CheckpointError(
            f"{path} has only pickled weights ({pickled}), which can run code when they are loaded; "
            f"sgl reads *.safetensors.",
            hint="Convert them once, in a place you trust: transformers' "
            "AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder) writes safetensors.",
        )
    if any(name.endswith(".gguf") for name in names):
        raise CheckpointError(f"{path} has GGUF weights, which are not implemented; sgl reads *.safetensors.")
    raise CheckpointError(f"{path} has no weights: no *.safetensors file.", hint="--load-format dummy needs none.")


# -- repositories ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Repository:
    """A repository of the Hub at one revision."""

    owner: str
    name: str
    revision: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}" + ("" if self.revision == "main" else f"@{self.revision}")


def _resolve_repository(name: str, revision: str | None, offline: bool | None, *, weights: bool) -> Path:
    repository = _parse(name, revision)
    cached = _cached_snapshot(repository, os.environ)
    if cached is not None and _complete(cached, weights=weights):
        return cached
    if _offline(os.environ) if offline is None else offline:
        state = "not in the cache" if cached is None else f"only partly in the cache ({cached})"
        raise ModelNotFound(
            f"There is no folder {name}, and the repository {repository} is {state} while downloads are off.",
            hint="Unset HF_HUB_OFFLINE, or give the path of a local folder.",
        )
    return _download(repository, weights=weights)


def _parse(name: str, revision: str | None) -> _Repository:
    """Reads ``owner/name[@revision]``.

    Raises:
        ModelNotFound: It is something else, so it was meant as a path.
    """
    if Path(name).exists():
        raise ModelNotFound(f"{name} is a file.", hint="Give the folder that holds config.json.")
    identity, mark, suffix = name.partition("@")
    owner, slash, short = identity.partition("/")
    if not slash or not _is_name(owner) or not _is_name(short):
        raise ModelNotFound(
            f"There is no folder {name}.", hint="A repository of the Hugging Face Hub is written owner/name."
        )
    chosen = suffix if mark else revision or "main"
    if mark and revision is not None and revision != suffix:
        raise ModelNotFound(f"{name} names the revision '{suffix}', --revision names '{revision}'; give one.")
    if not all(_is_name(part) for part in chosen.split("/")):
        raise ModelNotFound(f"'{chosen}' cannot be a revision of {owner}/{short}.")
    return _Repository(owner, short, chosen)


def _is_name(text: str) -> bool:
    return bool(text) and set(text) <= _REPOSITORY_LETTERS and text[0] not in ".-" and ".." not in text


def _offline(environ: Mapping[str, str]) -> bool:
    value = environ.get("HF_HUB_OFFLINE") or environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.lower() in _TRUE


def _cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the Hugging Face libraries keep repositories."""
    hub = environ.get("HF_HUB_CACHE")
    if hub:
        return Path(hub).expanduser()
    home = environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    return Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"


def _cached_snapshot(repository: _Repository, environ: Mapping[str, str]) -> Path | None:
    """The folder of the repository's files in the cache, for the commit that the revision stood for."""
    folder = _cache_folder(environ) / f"models--{repository.owner}--{repository.name}"
    reference = folder / "refs" / repository.revision
    commit = reference.read_text("utf-8").strip() if reference.is_file() else repository.revision
    snapshot = folder / "snapshots" / commit
    return snapshot if _is_name(commit) and snapshot.is_dir() else None


def _complete(snapshot: Path, *, weights: bool) -> bool:
    """Whether a snapshot has config.json and, if wanted, every weight file; the cache links finished files only."""
    if not (snapshot / "config.json").is_file():
        return False
    if not weights:
        return True
    index = snapshot / "model.safetensors.index.json"
    if not index.is_file():
        return any(name.endswith(".safetensors") for name in os.listdir(snapshot))
    try:
        files = set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return True  # The loader says what is wrong with the index.
    return all((snapshot / str(file)).is_file() for file in files)


def _download(repository: _Repository, *, weights: bool) -> Path:
    """Downloads the repository into the cache.

    Raises:
        ModelNotFound: The Hub does not have it, does not give it, or cannot be reached.
    """
    # Imported here: a model in a folder or in the cache needs none of it, and it takes a third of a second.
    from huggingface_hub import errors, snapshot_download

    try:
        folder = snapshot_download(
            f"{repository.owner}/{repository.name}",
            revision=repository.revision,
            allow_patterns=[*SMALL_FILES, *(WEIGHT_FILES if weights else ())],
            ignore_patterns=list(IGNORED),
            library_name="sgl",
        )
    except errors.GatedRepoError as error:
        raise ModelNotFound(
            f"{repository} is gated: accept its terms on its page on the Hugging Face Hub and set HF_TOKEN."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelNotFound(
            f"There is no folder and no public repository {repository}; for a private one, set HF_TOKEN."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelNotFound(f"{repository.owner}/{repository.name} has no revision '{repository.revision}'.") from error
    except Exception as error:  # Network, disk, transfer: the Hub's client has many kinds of failure.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelNotFound(
            f"There is no folder {repository}, and the repository of this name is not in the cache "
            f"and cannot be downloaded: {reason}"
        ) from error
    return Path(folder)
