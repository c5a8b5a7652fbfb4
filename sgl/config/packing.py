"""How a CPU holds the weights of matrix products: in oneDNN's blocked layout or as they are. Torch-free.

`sgl.kernels.matmul` packs by these rules, and the memory plan counts by them. Measured with
``torch.ops.mkldnn._nbytes`` (torch 2.13, oneDNN 3.12): float32 is laid out in blocks of 64 outputs x 16 inputs with
AVX-512; AVX2 takes the same blocks for most shapes and never larger ones; bfloat16 without bfloat16 instructions is
not padded, with AMX it is laid out in blocks of 32 x 32. With AVX512-BF16 alone, and on Arm, it is not measured: the
plan may be off by one block per edge of a weight.
The widths of published models are multiples of 64, so nothing is padded for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sgl.config.held import Holding, products, stack_holding
from sgl.config.layout.decoder import counted_weights
from sgl.config.layout.weight import VOCABULARY_MULTIPLE, ExpertStack, Matrix, shared
from sgl.config.model import ModelConfig

PACK_FROM_ELEMENTS: Final = 1 << 18
"""Smaller weights stay plain: a packed call costs some 15 us more."""
UPCAST_FROM_ROWS: Final = 64
"""bfloat16 weights are multiplied in float32 from this many rows on, where the CPU has no AMX."""
FLOAT32_BLOCK: Final = (64, 16)
BFLOAT16_BLOCK: Final = (32, 32)
"""oneDNN's block with AMX, measured on a Xeon that has it and AVX512-BF16."""
BFLOAT16_PACKERS: Final = frozenset({"avx512bw", "avx_ne_convert", "bf16"})
"""CPU flags of which one is needed to pack bfloat16 (the check in torch's mkldnn_reorder_linear_weight)."""
BFLOAT16_HARDWARE: Final = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
FLOAT32_BLOCKERS: Final = frozenset({"avx2", "avx512f"})


def is_packed(elements: int, *, deterministic: bool) -> bool:
    """Whether a weight of this size is packed, where its type can be."""
    return deterministic or elements >= PACK_FROM_ELEMENTS


def round_up(count: int, multiple: int) -> int:
    """The smallest multiple that is at least ``count``."""
    return -(-count // multiple) * multiple


@dataclass(frozen=True, slots=True)
class Packing:
    """The layout of packed weights.

    Attributes:
        block: Output and input features of one block; edges are padded to whole blocks.
        deterministic: Small weights are packed, too.
    """

    block: tuple[int, int]
    deterministic: bool = False

    @classmethod
    def of(
        cls, element_bytes: int, instructions: frozenset[str], *, float16: bool = False, deterministic: bool = False
    ) -> Packing | None:
        """How a CPU with these flags holds weights of a type; None is as they are.

        Args:
            instructions: As in `sgl.device.DeviceInfo`; empty stands for a CPU with AVX-512.
        """
        if float16:
            return None
        if element_bytes == 4:
            blocked = not instructions or instructions & FLOAT32_BLOCKERS
            return cls(FLOAT32_BLOCK if blocked else (1, 1), deterministic)
        if instructions and not instructions & BFLOAT16_PACKERS:
            return None
        return cls(BFLOAT16_BLOCK if instructions & BFLOAT16_HARDWARE else (1, 1), deterministic)

    def elements(self, outputs: int, inputs: int) -> int | None:
        """Elements of a packed weight [outputs, inputs], padding included; None when it stays plain."""
        if not is_packed(outputs * inputs, deterministic=self.deterministic):
            return None
        return round_up(outputs, self.block[0]) * round_up(inputs, self.block[1])


def packing_bytes(
    model: ModelConfig, element_bytes: int, packing: Packing | None, tp: int = 1, *, exact: bool = True
) -> int:
    """Bytes that packing adds to the parameters of one rank.

    A packed weight replaces the plain one and adds its padding. A tied head is packed beside the embedding, whose
    plain rows are needed for lookup.

    Args:
        exact: The CPU multiplies bytes (`sgl.config.held.multiplies_bytes`).
    """
    added = 0
    for weight, times in counted_weights(model):
        match weight:
            case Matrix() if not weight.apart:
                for outputs, inputs, holding in products(weight, model.quantization, tp):
                    added += times * _added(packing, outputs, inputs, holding, element_bytes, exact=exact)
            case ExpertStack(_, count, inputs, outputs):
                own = stack_holding(weight, model.quantization)
                added += times * count * _added(packing, outputs, inputs, own, element_bytes, exact=exact)
            case _:
                pass
    if model.tie_embeddings and packing is not None:
        rows = shared(model.vocab_size, tp, VOCABULARY_MULTIPLE)
        head = packing.elements(rows, model.hidden_size)
        added += (head or 0) * element_bytes
    return added


def _added(
    packing: Packing | None, outputs: int, inputs: int, holding: Holding | None, element_bytes: int, *, exact: bool
) -> int:
    """Bytes of one product beyond those of its weights, which are codes if there is a ``holding``."""
    added = 0 if holding is None else holding.added(outputs, inputs, exact=exact)
    if packing is None or (holding is not None and holding.kind != "expanded"):
        return added
    packed = packing.elements(outputs, inputs)
    return added if packed is None else added + (packed - outputs * inputs) * element_bytes
