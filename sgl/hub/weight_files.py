"""`weight_files`: the safetensors files of a model folder, as its index or its names tell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgl.errors import CheckpointError
from sgl.hub.selection import INDEX, SINGLE
from sgl.hub.weights import no_weights


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a checkpoint.

    Attributes:
        promised: The tensors that the index says it holds; None without an index.
    """

    path: Path
    promised: frozenset[str] | None = None

    def check(self, names: Iterable[str]) -> None:
        """Compares the tensors that the file has with the index.

        Raises:
            CheckpointError: One is missing, or is not in the index.
        """
        if self.promised is None:
            return
        wrong = sorted(self.promised.symmetric_difference(names))
        if wrong:
            raise CheckpointError(f"{self.path} and {INDEX} disagree about '{wrong[0]}' ({len(wrong)} names)")


def weight_files(folder: Path) -> tuple[WeightFile, ...]:
    """The files to open: those of the index, else ``model.safetensors``, else all there are.

    Raises:
        CheckpointError: No safetensors (with a hint when there are pickle files), an index that is damaged, or that
            names files outside the folder or missing ones.
    """
    index = folder / INDEX
    if index.is_file():
        files = _read_index(index)
        missing = [name for name in files if not (folder / name).is_file()]
        if missing:
            raise CheckpointError(f"{folder} lacks {missing[0]}, which {INDEX} names ({len(missing)} missing)")
        return tuple(WeightFile(folder / name, frozenset(names)) for name, names in files.items())
    if (folder / SINGLE).is_file():
        return (WeightFile(folder / SINGLE),)
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise no_weights(folder, os.listdir(folder))
    return tuple(map(WeightFile, found))


def _read_index(index: Path) -> dict[str, set[str]]:
    """File -> its tensors, in the order of the files' names."""
    try:
        content: Any = json.loads(index.read_bytes())
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
    return dict(sorted(files.items()))
