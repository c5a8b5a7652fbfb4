"""Latent attention of new tokens over keys and values by heads, expanded of the compressed vectors, causal.

A key has two parts: one of each head, and one with position that all heads share and that is not copied for them. Keys
and values of all sequences lie one behind the other, head by head, so there is no page table. Rows of a tile are new
tokens of one head; tiles of all sequences are one axis of the grid, as in `sgl.kernels.triton.extend_attention`, and
keys are passed in two loops likewise: those that all rows of a tile see, and those along the diagonal.

A pair of query and key costs 2 * (nope + rope + value) operations a head, 640 with DeepSeek's widths, where compressed
vectors cost 2176: 8192 tokens of DeepSeek V3 are 2.7 TFLOP a layer, 3.5 ms at 790 TFLOP/s, instead of 9.3. In both ways
products with the matrix are 0.3 TFLOP more. Other sequences and heads do not change a row, but whether it is computed
in this way depends on how many came with it: in deterministic mode nothing is. Not run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.latent_expanded_kernel import attend_expanded
from sgl.kernels.triton.mode import INTERPRETED
from sgl.kernels.triton.paged import (
    FIRST_LARGE,
    LARGE_SHARED,
    LOG2_E,
    TYPES,
    compute_capability,
    has_large_blocks,
)
from sgl.kernels.triton.variant import Variant

FEW_ROWS: Final = 32
DEEPSEEK_WIDTH: Final = 128 + 64 + 128
"""Of a key and a value of DeepSeek V2 and V3; wider ones take smaller tiles."""


@dataclass(frozen=True, slots=True)
class ExpandedTiles:
    """How the work is cut.

    Attributes:
        rows: New tokens of a tile, a power of two.
        keys: Keys of a tile, a power of two.
    """

    rows: int
    keys: int
    warps: int
    stages: int


def expanded_tiles(
    longest: int, width: int, element_size: int, capability: int, *, small: bool = INTERPRETED
) -> ExpandedTiles:
    """Chooses by shapes and the GPU; the figures are those at which code keeps to registers and shared memory.

    There are two sizes only, each of which is compiled.

    Args:
        longest: The most rows of a sequence.
        width: Elements of a key and a value together, each part as wide as its tile.
        element_size: Of both, bytes.
        capability: The GPU's compute capability times 10.
    """
    if small or element_size == 4:
        # Tensor cores have no exact float32: this is for comparing, not for speed.
        return ExpandedTiles(16, 16, 4, 1 if small else 2)
    large = has_large_blocks(capability)
    wide = width > DEEPSEEK_WIDTH
    most = (128 if large else 64) // (2 if wide else 1)
    rows = FEW_ROWS if longest <= FEW_ROWS else most
    keys = 64 if large and not wide else 32
    return ExpandedTiles(rows, keys, 8 if large and rows > FEW_ROWS else 4, 3)


def expanded_attention(
    query: Tensor,
    keys: Tensor,
    positional: Tensor,
    values: Tensor,
    seq_lens: Tensor,
    cu_q: Tensor,
    cu_k: Tensor,
    *,
    longest_query: int,
    scale: float,
    out: Tensor,
) -> Tensor:
    """Attends from the last ``cu_q[b + 1] - cu_q[b]`` tokens of each sequence, causally.

    Args:
        query: [tokens, heads, nope + rope]. Rows of sequences of length 0 are padding, whose results are zeros.
        keys: [heads, context, nope], those of all sequences' tokens one behind the other.
        positional: [context, rope], the other part of keys.
        values: [heads, context, value_dim].
        seq_lens: int32 [batch], tokens with this step's; 0 is padding.
        cu_q: int32 [batch + 1], where each sequence's rows begin, and the end, which is ``tokens``.
        cu_k: int32 [batch + 1], where each sequence's keys begin, and the end.
        longest_query: Most rows of a sequence, or more; tiles are chosen by it.
        scale: Scores are multiplied with it.
        out: [tokens, heads, value_dim], written and returned.

    Returns:
        ``out``.

    Raises:
        ValueError: Shapes, types or strides do not fit.
    """
    _check(query, keys, positional, values, out)
    tokens, heads, _ = query.shape
    nope, rope, value_dim = keys.shape[2], positional.shape[1], values.shape[2]
    if not tokens:
        return out
    batch = len(seq_lens)
    shape = _shape(nope, rope, value_dim)
    width = shape["BLOCK_NOPE"] + shape["BLOCK_ROPE"] + shape["BLOCK_VALUE"]
    tiles = expanded_tiles(longest_query, width, keys.element_size(), compute_capability(query.device))
    attend_expanded[(tokens // tiles.rows + batch, heads)](
        query,
        keys,
        positional,
        values,
        seq_lens,
        cu_q,
        cu_k,
        out,
        batch,
        scale * LOG2_E.value,
        query.stride(0),
        query.stride(1),
        keys.stride(0),
        keys.stride(1),
        positional.stride(0),
        values.stride(0),
        values.stride(1),
        out.stride(0),
        out.stride(1),
        **shape,
        ROWS=tiles.rows,
        KEYS=tiles.keys,
        OPERAND=tl.float32 if INTERPRETED else TYPES[keys.dtype],
        num_warps=tiles.warps,
        num_stages=tiles.stages,
    )
    return out


def _check(query: Tensor, keys: Tensor, positional: Tensor, values: Tensor, out: Tensor) -> None:
    tokens, heads, width = query.shape
    tensors = (query, keys, positional, values, out)
    fits = (
        keys.shape[0] == heads
        and values.shape[:2] == keys.shape[:2]
        and positional.shape == (keys.shape[1], width - keys.shape[2])
        and out.shape == (tokens, heads, values.shape[2])
    )
    if not fits:
        raise ValueError(f"shapes of expanded attention do not fit: {[tuple(each.shape) for each in tensors]}")
    if len({each.dtype for each in tensors}) != 1 or query.dtype not in TYPES:
        raise ValueError(f"expanded attention takes floats of one type, not {[each.dtype for each in tensors]}")
    if any(each.stride(-1) != 1 for each in tensors):
        raise ValueError("expanded attention takes tensors whose last dimension is contiguous")


def _shape(nope: int, rope: int, value_dim: int) -> dict[str, int]:
    """Sizes of tiles, of which products take 16 rows and columns or more."""
    sizes = {"NOPE": nope, "ROPE": rope, "VALUE": value_dim}
    return sizes | {f"BLOCK_{name}": max(16, triton.next_power_of_2(size)) for name, size in sizes.items()}


_WHOLE: Final = ("query_row_stride", "query_head_stride", "key_head_stride", "key_stride", "positional_stride")
_WHOLE_TOO: Final = ("value_head_stride", "value_stride", "out_row_stride", "out_head_stride")


def _variant(name: str, widths: tuple[int, int, int], longest: int, capability: int, element: str = "bf16") -> Variant:
    shape = _shape(*widths)
    width = shape["BLOCK_NOPE"] + shape["BLOCK_ROPE"] + shape["BLOCK_VALUE"]
    tiles = expanded_tiles(longest, width, 4 if element == "fp32" else 2, capability, small=False)
    floats = dict.fromkeys(("query", "keys", "positional", "values", "out"), f"*{element}")
    lengths = dict.fromkeys(("seq_lens", "cu_q", "cu_k"), "*i32")
    large = capability == FIRST_LARGE
    given: dict[str, Any] = {**shape, "ROWS": tiles.rows, "KEYS": tiles.keys}
    return Variant(
        name=f"expanded {name} {longest} from sm_{capability}",
        kernel=attend_expanded,
        signature={
            **floats,
            **lengths,
            "batch": "i32",
            "inner": "fp32",
            **dict.fromkeys((*_WHOLE, *_WHOLE_TOO), "i32"),
        },
        constants={**given, "OPERAND": {"bf16": tl.bfloat16, "fp32": tl.float32}[element]},
        divisible=(*_WHOLE, *_WHOLE_TOO),
        warps=tiles.warps,
        stages=tiles.stages,
        wide_loads=True,
        tensor_cores=element != "fp32",
        since=FIRST_LARGE if large else 80,
        before=None if large else FIRST_LARGE,
        shared=LARGE_SHARED if large else 99 * 1024,
    )


def _variants() -> Iterator[Variant]:
    deepseek, wide = (128, 64, 128), (192, 64, 256)
    for capability in (80, FIRST_LARGE):
        for longest in (8192, FEW_ROWS):
            yield _variant("deepseek bf16", deepseek, longest, capability)
        yield _variant("wide bf16", wide, 8192, capability)
    yield _variant("deepseek fp32", deepseek, 8192, 80, "fp32")


VARIANTS: Final = tuple(_variants())
