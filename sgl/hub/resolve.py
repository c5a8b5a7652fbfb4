"""From what the user typed after ``-m`` to a local folder."""

from __future__ import annotations

from pathlib import Path

from sgl.errors import CheckpointError, ModelNotFound


def resolve_model(name: str, *, revision: str | None = None, offline: bool | None = None) -> Path:
    """The folder of model ``name``: a local folder, or a repository in the Hugging Face cache.

    Raises:
        ModelNotFound: One line says what is missing.
    """
    folder = Path(name)
    if not folder.is_dir():
        raise ModelNotFound(f"no such folder: {name}")
    if not (folder / "config.json").is_file():
        raise ModelNotFound(f"{name} has no config.json")
    return folder


def check_folder(path: Path) -> None:
    """Refuses a folder whose weights cannot be read.

    Raises:
        CheckpointError: No weights, or only pickled ones.
    """
    if not any(path.glob("*.safetensors")):
        raise CheckpointError(f"{path} has no *.safetensors file")
