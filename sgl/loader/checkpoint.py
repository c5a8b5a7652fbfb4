"""A checkpoint folder as a stream of named tensors: safetensors, single file or sharded with an index.

Files are memory-mapped, so a tensor costs its bytes only when it is copied out. Headers are checked before
anything is trusted (sizes against the file, names against the index). Pickle files are never opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open
from torch import Tensor

from sgl.errors import CheckpointError

INDEX: Final = "model.safetensors.index.json"
SINGLE: Final = "model.safetensors"
PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


class Checkpoint:
    """The weight files of one model folder.

    Raises:
        CheckpointError: No safetensors (with a hint when there are pickle files), an index that names
            files outside the folder or missing ones.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._expected: dict[str, set[str]] | None = None
        index = folder / INDEX
        if index.is_file():
            self._expected = _read_index(index)
            self.files = [folder / name for name in sorted(self._expected)]
            missing = [path.name for path in self.files if not path.is_file()]
            if missing:
                raise CheckpointError(f"{folder} lacks {missing[0]}, which {INDEX} names ({len(missing)} missing)")
        elif (folder / SINGLE).is_file():
            self.files = [folder / SINGLE]
        else:
            self.files = sorted(folder.glob("*.safetensors"))
        if not self.files:
            raise CheckpointError(_no_weights(folder))

    @property
    def bytes_total(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor by name, file by file; a tensor is a view of the mapped file.

        Raises:
            CheckpointError: A file is damaged, or its names are not those the index promises.
        """
        for path in self.files:
            try:
                with safe_open(path, framework="pt") as file:
                    names = list(file.keys())
                    self._check_names(path, names)
                    for name in names:
                        yield name, file.get_tensor(name)
            except (SafetensorError, OSError) as error:
                raise CheckpointError(f"{path} cannot be read ({error}); download it again") from error

    def _check_names(self, path: Path, names: list[str]) -> None:
        if self._expected is None:
            return
        promised = self._expected[path.name]
        wrong = sorted(promised.symmetric_difference(names))
        if wrong:
            raise CheckpointError(f"{path} and {INDEX} disagree about '{wrong[0]}' ({len(wrong)} names)")


def _read_index(index: Path) -> dict[str, set[str]]:
    try:
        content: Any = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{index} cannot be read: {error}") from error
    weight_map = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{index} has no 'weight_map'")
    files: dict[str, set[str]] = {}
    for name, file in weight_map.items():
        if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
            raise CheckpointError(f"{index} names {file!r}, which is no safetensors file of this folder")
        files.setdefault(file, set()).add(name)
    return files


def _no_weights(folder: Path) -> str:
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        return (
            f"{folder} has only pickle weights ({pickles[0]}), which can run code when opened and are refused; "
            "convert them with transformers: model.save_pretrained(folder, safe_serialization=True)"
        )
    return f"{folder} has no *.safetensors files"
