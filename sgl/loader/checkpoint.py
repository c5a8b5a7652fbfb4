"""A checkpoint folder as a stream of named tensors: safetensors, single file or sharded with an index.

Files are memory-mapped, so a tensor costs its bytes only when it is copied out. Headers are checked before
anything is trusted (sizes against the file, names against the index). Pickle files are never opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from sgl.errors import CheckpointError
from sgl.hub.weight_files import weight_files


class Checkpoint:
    """The weight files of one model folder.

    Raises:
        CheckpointError: As `sgl.hub.weight_files.weight_files` says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = weight_files(folder)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor by name, file by file; a tensor is a view of the mapped file.

        Raises:
            CheckpointError: A file is damaged, or its names are not those the index promises.
        """
        for weights in self._files:
            try:
                with safe_open(weights.path, framework="pt") as file:
                    names = list(file.keys())
                    weights.check(names)
                    for name in names:
                        yield name, file.get_tensor(name)
            except (SafetensorError, OSError) as error:
                raise CheckpointError(f"{weights.path} cannot be read ({error}); download it again") from error
