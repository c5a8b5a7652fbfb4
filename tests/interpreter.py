"""Triton's interpreter, with bfloat16 as a GPU has it.

As it is, it multiplies the bits of bfloat16 operands as if they were whole numbers, and cuts float32 off where a GPU
rounds to the nearest, without a word (Triton 3.9).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from triton import language as tl
from triton.language.semantic import TritonSemantic
from triton.runtime import interpreter
from triton.runtime.interpreter import InterpreterBuilder, TensorHandle


def widened(handle: TensorHandle) -> TensorHandle:
    """Operands of a product in float32, which holds every bfloat16."""
    if handle.dtype.scalar != tl.bfloat16:
        return handle
    return TensorHandle((handle.data.astype(np.uint32) << 16).view(np.float32), tl.float32)


def rounded(wide: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """The bits of the nearest bfloat16 numbers, ties to even; NaN stays NaN."""
    bits = wide.view(np.uint32)
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(wide), (bits >> 16) | 0x40, nearest).astype(np.uint16)


def mend_bfloat16(patch: pytest.MonkeyPatch) -> None:
    """Corrects the interpreter for as long as ``patch`` lasts."""
    multiply, convert = InterpreterBuilder.create_dot, InterpreterBuilder.cast_impl
    move = InterpreterBuilder.create_fp_to_fp

    def create_dot(self: InterpreterBuilder, a: TensorHandle, b: TensorHandle, *rest: Any) -> TensorHandle:
        return multiply(self, widened(a), widened(b), *rest)

    def narrows(src: TensorHandle, dst_type: Any) -> bool:
        return src.dtype.scalar == tl.float32 and dst_type.scalar == tl.bfloat16

    def cast_impl(self: InterpreterBuilder, src: TensorHandle, dst_type: Any) -> TensorHandle:
        if narrows(src, dst_type):
            return TensorHandle(rounded(np.ascontiguousarray(src.data)), dst_type.scalar)
        return convert(self, src, dst_type)

    def create_fp_to_fp(self: InterpreterBuilder, src: TensorHandle, dst_type: Any, mode: Any) -> TensorHandle:
        return cast_impl(self, src, dst_type) if narrows(src, dst_type) else move(self, src, dst_type, mode)

    patch.setattr(InterpreterBuilder, "create_dot", create_dot)
    patch.setattr(InterpreterBuilder, "cast_impl", cast_impl)
    patch.setattr(InterpreterBuilder, "create_fp_trunc", cast_impl)
    patch.setattr(InterpreterBuilder, "create_fp_to_fp", create_fp_to_fp)


def patch_once(patch: pytest.MonkeyPatch) -> None:
    """Makes calls between functions of a kernel cheap, for as long as ``patch`` lasts.

    The interpreter replaces all of Triton's language anew at every such call, ``tl.sum`` included, though the launch
    has done so: two thirds of the time of a kernel that calls many.
    """
    replace_all = interpreter._patch_lang

    def replace_what_is_not(fn: Any) -> Any:
        languages = [value for value in fn.__globals__.values() if value is tl or value is tl.core]
        if languages and not any(tl.core.is_builtin(each.load) for each in (tl, *languages)):
            return interpreter._LangPatchScope()
        return replace_all(fn)

    patch.setattr(interpreter, "_patch_lang", replace_what_is_not)


def skip_dropped_checks(patch: pytest.MonkeyPatch) -> None:
    """Leaves out work whose result nobody looks at, for as long as ``patch`` lasts.

    The interpreter computes every sum and product of whole numbers again in 64 bits, to see whether it overflowed, and
    then drops what it found unless it was asked to debug: a third of the time of most kernels.
    """
    assert not interpreter.interpreter_builder.options.debug, "its checks of overflows are made, and would be left out"
    patch.setattr(TritonSemantic, "binary_op_sanitize_overflow_impl", lambda *_: None)
