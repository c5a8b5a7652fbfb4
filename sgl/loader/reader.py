"""`Reader`: bytes of a checkpoint into parameters, each byte read once, with one small buffer.

Files are read, not mapped: pages of a mapping count as this process's memory until it is closed, and a checkpoint
would be resident twice while it loads.
"""

from __future__ import annotations

from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sgl.errors import CheckpointError
from sgl.loader.checkpoint import StoredTensor

PIECE: Final = 1 << 20
"""Bytes read at once: they are still in the processor's cache when they are checked and converted."""

_INFINITE: Final[dict[torch.dtype, tuple[npt.DTypeLike, npt.DTypeLike, int]]] = {
    torch.float64: (np.int64, np.uint64, 0x7FF0000000000000),
    torch.float32: (np.int32, np.uint32, 0x7F800000),
    torch.bfloat16: (np.int16, np.uint16, 0x7F80),
    torch.float16: (np.int16, np.uint16, 0x7C00),
    torch.float8_e5m2: (np.int8, np.uint8, 0x7C),
    torch.float8_e4m3fn: (np.int8, np.uint8, 0x7F),
}
"""Whole numbers of a float's width, and the bits of its infinity (of NaN in the type that has no infinity)."""


class Reader:
    """Reads tensors; a file stays open until another one is asked for."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: FileIO | None = None
        self._buffer = torch.empty(PIECE, dtype=torch.uint8)

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def fill(self, tensor: StoredTensor, target: Tensor) -> None:
        """Reads a tensor into ``target`` [the same elements], converted into its type.

        Raises:
            CheckpointError: The file ends too early or cannot be read, or a number is NaN or infinite.
        """
        dtype = tensor.dtype
        assert dtype is not None, "the type was checked"
        try:
            file = self._open(tensor.path)
            file.seek(tensor.start)
            if not target.numel():
                return
            # A single number has as many dimensions as its writer liked.
            room = target.reshape(1) if target.numel() == 1 else target
            if room.dtype == dtype and room.is_contiguous() and room.device.type == "cpu":
                self._straight(file, tensor, room.view(-1))
            else:
                self._converted(file, tensor, room, dtype)
        except OSError as error:
            raise tensor.wrong(f"cannot be read ({error.strerror or error})") from error

    def _straight(self, file: FileIO, tensor: StoredTensor, room: Tensor) -> None:
        """Into the parameter itself."""
        for piece in torch.split(room, max(1, PIECE // room.element_size())):
            _read(file, tensor, piece)

    def _converted(self, file: FileIO, tensor: StoredTensor, room: Tensor, dtype: torch.dtype) -> None:
        """Through the buffer, some rows at a time."""
        row_bytes = dtype.itemsize * (room.numel() // len(room))
        if row_bytes > len(self._buffer):
            self._buffer = torch.empty(row_bytes, dtype=torch.uint8)
        for rows in torch.split(room, len(self._buffer) // row_bytes):
            piece = self._buffer[: len(rows) * row_bytes].view(dtype)
            _read(file, tensor, piece)
            rows.copy_(piece.view(rows.shape))

    def _open(self, path: Path) -> FileIO:
        if self._file is None or path != self._path:
            self._close()
            self._path, self._file = path, FileIO(path)
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _read(file: FileIO, tensor: StoredTensor, piece: Tensor) -> None:
    """Fills contiguous ``piece`` with the next bytes of the file.

    Raises:
        CheckpointError: There are not as many, or a number is NaN or infinite.
    """
    content: npt.NDArray[np.uint8] = piece.view(torch.uint8).numpy()
    rest = content.data
    while rest:
        count = file.readinto(rest)
        if not count:
            raise CheckpointError(f"{tensor.path} ends within '{tensor.name}'; was it changed while it was read?")
        rest = rest[count:]
    if not _is_finite(content, piece.dtype):
        raise tensor.wrong("holds NaN or infinite numbers; the file is damaged, or was saved from a run that failed")


def _is_finite(content: npt.NDArray[np.uint8], dtype: torch.dtype) -> bool:
    """Whether no float has all bits of its exponent set, by its bits: several times as fast as `torch.isfinite`.

    As signed numbers, positive NaN and infinity are the largest ones; as unsigned ones, those with a sign are.
    """
    if dtype not in _INFINITE:
        return True
    signed, unsigned, infinity = _INFINITE[dtype]
    sign = 1 << (8 * dtype.itemsize - 1)
    return bool(content.view(signed).max() < infinity and content.view(unsigned).max() < sign + infinity)
