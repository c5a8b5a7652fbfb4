"""Bytes of a file into parameters of any type and layout; what is no number, or not there, is named."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sgl.errors import CheckpointError
from sgl.loader.checkpoint import StoredTensor, stored_tensors
from sgl.loader.reader import PIECE, Reader

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.float8_e5m2, torch.float8_e4m3fn)


def stored(folder: Path, **tensors: torch.Tensor) -> dict[str, StoredTensor]:
    save_file(tensors, folder / "model.safetensors")
    return {tensor.name: tensor for tensor in stored_tensors(folder)}


def read(tensor: StoredTensor, target: torch.Tensor) -> torch.Tensor:
    with Reader() as reader:
        reader.fill(tensor, target)
    return target


@pytest.mark.parametrize("source", FLOATS)
@pytest.mark.parametrize("target", [torch.float32, torch.bfloat16, torch.float16])
def test_every_type_is_read_as_safetensors_reads_it(tmp_path: Path, source: torch.dtype, target: torch.dtype) -> None:
    values = torch.randn(37, 5, generator=torch.Generator().manual_seed(1)).to(source)
    tensor = stored(tmp_path, first=torch.zeros(3), second=values)["second"]
    wanted = load_file(tmp_path / "model.safetensors")["second"].to(target)
    assert torch.equal(read(tensor, torch.empty(37, 5, dtype=target)), wanted)
    assert torch.equal(read(tensor, torch.empty(5, 37, dtype=target).T), wanted), "a transposed parameter"


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8, torch.int8])
def test_codes_keep_their_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    limits = torch.iinfo(dtype)
    codes = torch.tensor([[limits.min, limits.max], [0, 7]], dtype=dtype)
    assert torch.equal(read(stored(tmp_path, codes=codes)["codes"], torch.empty(2, 2, dtype=dtype)), codes)


def test_tensors_of_many_pieces(tmp_path: Path) -> None:
    wide = torch.arange(3 * PIECE, dtype=torch.float32).view(3, PIECE) % 1000
    tall = torch.arange(2 * PIECE + 77, dtype=torch.float32)
    tensors = stored(tmp_path, wide=wide, tall=tall)
    assert torch.equal(read(tensors["wide"], torch.empty(3, PIECE)), wide)
    assert torch.equal(read(tensors["wide"], torch.empty(3, PIECE, dtype=torch.float64)), wide.double())
    assert torch.equal(read(tensors["tall"], torch.empty(len(tall))), tall)
    assert torch.equal(read(tensors["tall"], torch.empty(len(tall), dtype=torch.float64)), tall.double())


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_number_has_any_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tensor = stored(tmp_path, scale=torch.full(shape, 2.5))["scale"]
    for target in (torch.empty(1), torch.empty(()), torch.empty(1, 1, dtype=torch.bfloat16)):
        assert read(tensor, target).item() == 2.5


def test_an_empty_tensor_is_nothing_to_read(tmp_path: Path) -> None:
    assert read(stored(tmp_path, nothing=torch.empty(0, 4))["nothing"], torch.empty(0, 4)).numel() == 0


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (dtype, value)
        for dtype in FLOATS
        for value in (math.nan, -math.nan, math.inf, -math.inf)
        if math.isnan(value) or dtype != torch.float8_e4m3fn  # which has no infinity
    ],
)
@pytest.mark.parametrize("target", [torch.float32, None])
def test_what_is_no_number_is_named(
    tmp_path: Path, dtype: torch.dtype, value: float, target: torch.dtype | None
) -> None:
    largest = torch.finfo(dtype).max
    values = torch.tensor([[largest, -largest, 0.0, -0.0]], dtype=torch.float64).to(dtype)
    tensor = stored(tmp_path, w=values)["w"]
    assert torch.equal(read(tensor, torch.empty(1, 4, dtype=dtype)).double(), values.double())
    values[0, 2] = value
    tensor = stored(tmp_path, w=values)["w"]
    with pytest.raises(CheckpointError, match=r"model\.safetensors: 'w' holds NaN or infinite numbers"):
        read(tensor, torch.empty(1, 4, dtype=target or dtype))


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path: Path) -> None:
    tensor = stored(tmp_path, w=torch.zeros(1000))["w"]
    with (tmp_path / "model.safetensors").open("rb+") as file:
        file.truncate(tensor.start + 100)
    with pytest.raises(CheckpointError, match="ends within 'w'"):
        read(tensor, torch.empty(1000))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="'w' cannot be read"):
        read(tensor, torch.empty(1000))
