"""A checkpoint folder as a list of tensors: safetensors, single file or sharded with an index.

Headers are checked before anything is read: sizes against the file, names against the index. Pickle files are never
opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from sgl.errors import CheckpointError
from sgl.hub.headers import file_headers
from sgl.hub.weight_files import weight_files

DTYPES: Final = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "F8_E8M0": torch.float8_e8m0fnu,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""Types by the names that safetensors gives them."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a file, and where its bytes are.

    Attributes:
        dtype: None where sgl has no such type (``type_name`` names it).
        start: Its first byte in the file.
    """

    path: Path
    name: str
    type_name: str
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def dtype(self) -> torch.dtype | None:
        """As torch names it."""
        return DTYPES.get(self.type_name)

    def wrong(self, what: str) -> CheckpointError:
        """The error about this tensor."""
        return CheckpointError(f"{self.path}: '{self.name}' {what}")


def stored_tensors(folder: Path) -> Iterator[StoredTensor]:
    """Every tensor of a model folder, file by file in the order of the data.

    Raises:
        CheckpointError: As `sgl.hub.weight_files.weight_files` says; a file is damaged or cut off, or its names are
            not those that the index promises.
    """
    for file in weight_files(folder):
        headers = file_headers(file.path)
        file.check(header.name for header in headers)
        start = file.path.stat().st_size - sum(header.stored_bytes for header in headers)
        for header in headers:
            yield StoredTensor(file.path, header.name, header.dtype, header.shape, start, header.stored_bytes)
            start += header.stored_bytes
