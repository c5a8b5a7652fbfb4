"""Attention of real models, as `benchmarks.kernel_gate` compiles it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import triton.language as tl

from sgl.config.kv import KvStorage
from sgl.kernels.triton.codec import storage_code
from sgl.kernels.triton.variant import Variant

_FLOATS: Final = {"bf16": tl.bfloat16, "fp16": tl.float16, "fp32": tl.float32}
_INT_TENSORS: Final = ("page_table", "seq_lens", "cu_q", "arrivals")
_MULTIPLIERS: Final = ("key_multipliers", "value_multipliers")
_FLOAT_TENSORS: Final = (*_MULTIPLIERS, "sinks", "partial", "sums", "peaks", "totals", "lse")
_NOT_ALIGNED: Final = ("key_multiplier_stride", "value_multiplier_stride", "table_stride")
"""A pool of 8 heads has as many multipliers a slot, and a page table may have any number of columns."""


@dataclass(frozen=True, kw_only=True)
class AttentionCase:
    """One model's attention and how its cache is kept.

    Attributes:
        group: Query heads of a KV head.
        element: Type of activations, and of K and V unless ``storage`` says otherwise.
    """

    name: str
    group: int
    head_dim: int
    value_dim: int
    window: int | None = None
    capped: bool = False
    sinks: bool = False
    storage: KvStorage | None = None
    element: str = "bf16"

    @property
    def element_size(self) -> int:
        """Bytes of an element of the pool."""
        return 1 if self.storage else 4 if self.element == "fp32" else 2

    @property
    def switches(self) -> dict[str, object]:
        """Constants that all kernels of attention over the pool have in common; pages have 16 tokens."""
        return {
            "GROUP": self.group,
            "HEAD": self.head_dim,
            "VALUE": self.value_dim,
            "PAGE": 16,
            "OPERAND": _FLOATS[self.element],
            "STORAGE": storage_code(self.storage),
            "CAPPED": self.capped,
            "WINDOWED": self.window is not None,
            "DEPENDENT": True,
        }

    def variant(
        self, kernel: object, label: str, constants: dict[str, object], *, warps: int, stages: int, matrix: bool
    ) -> Variant:
        """A kernel of this case.

        Args:
            constants: Beside `switches`.
            matrix: The kernel reads K and V and multiplies.
        """
        names: Iterable[str] = kernel.arg_names  # type: ignore[attr-defined]
        absent = {"lse"} | (set(_MULTIPLIERS) if self.storage is None else set())
        absent |= set() if self.sinks else {"sinks"}
        given = {**self.switches, **constants, **dict.fromkeys(absent)}
        signature = {name: self._type(name) for name in names if name not in given}
        return Variant(
            name=f"{label} {self.name}",
            kernel=kernel,
            signature=signature,
            constants={name: value for name, value in given.items() if name in names},
            divisible=tuple(name for name in signature if name.endswith("stride") and name not in _NOT_ALIGNED),
            warps=warps,
            stages=stages,
            dependent=True,
            wide_loads=matrix,
            tensor_cores=matrix and self.element != "fp32",
        )

    def _type(self, name: str) -> str:
        if name in _INT_TENSORS:
            return "*i32"
        if name in _FLOAT_TENSORS:
            return "*fp32"
        if name in ("keys", "values"):
            return "*i8" if self.storage else f"*{self.element}"
        if name in ("query", "out"):
            return f"*{self.element}"
        return "fp32" if name in ("inner", "outer") else "i32"


LLAMA: Final = AttentionCase(name="llama-8b bf16", group=4, head_dim=128, value_dim=128)
GEMMA: Final = AttentionCase(name="gemma-2 bf16", group=2, head_dim=256, value_dim=256, window=4096, capped=True)
GPT_OSS: Final = AttentionCase(name="gpt-oss bf16", group=8, head_dim=64, value_dim=64, window=128, sinks=True)
CASES: Final = (
    LLAMA,
    replace(LLAMA, name="llama-8b fp8", storage="fp8_e4m3"),
    replace(LLAMA, name="llama-8b int8", storage="int8"),
    replace(LLAMA, name="llama-8b fp32", element="fp32"),
    GEMMA,
    replace(GEMMA, name="gemma-2 fp8", storage="fp8_e4m3"),
    GPT_OSS,
    AttentionCase(name="head 80 bf16", group=1, head_dim=80, value_dim=80),
    AttentionCase(name="deepseek expanded bf16", group=1, head_dim=192, value_dim=128),
)
"""Each makes other code; Qwen3-0.6B's differs from Llama's in which rows of a tile are real."""
