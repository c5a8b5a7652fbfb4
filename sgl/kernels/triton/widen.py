"""8-bit and 4-bit codes of weights, inside kernels, in the type of activations: few instructions a code.

A GPU reads 4.3e12 bytes of weights in a second and has some 120 instructions of a thread for every cycle and
multiprocessor: at 4 bits that is 38 codes a cycle, so 3 instructions a code are as many as there are. The way with
inline assembly (ASM) works on two or four codes at a time; the plain way is for other types and for the interpreter,
and both give the same numbers.
"""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

E4M3_UNIT: Final = 256.0
"""What `from_e4m3` returns means this much more; see `sgl.kvcache.codec.FP16_PER_FP8`."""

# In both: a byte goes to the top of 16 bits, its exponent moves to where the type has it, and its sign stays.
_E4M3_TO_FP16: Final = tl.constexpr(
    """{
    .reg .b32 moved, high;
    prmt.b32 high, $2, 0, 0x1404;
    shr.u32 moved, high, 1;
    and.b32 moved, moved, 0x3f803f80;
    lop3.b32 $0, high, 0x80008000, moved, 0xEA;
    prmt.b32 high, $2, 0, 0x3424;
    shr.u32 moved, high, 1;
    and.b32 moved, moved, 0x3f803f80;
    lop3.b32 $1, high, 0x80008000, moved, 0xEA;
    }"""
)
# bfloat16's exponent has a bias of 127, E4M3's one of 7: times 2**112 leaves what float16's bias of 15 does.
_E4M3_TO_BF16: Final = tl.constexpr(
    """{
    .reg .b32 moved, high, unit, zero;
    mov.b32 unit, 0x77807780;
    mov.b32 zero, 0x80008000;
    prmt.b32 high, $2, 0, 0x1404;
    shr.u32 moved, high, 4;
    and.b32 moved, moved, 0x07f007f0;
    lop3.b32 moved, high, 0x80008000, moved, 0xEA;
    fma.rn.bf16x2 $0, moved, unit, zero;
    prmt.b32 high, $2, 0, 0x3424;
    shr.u32 moved, high, 4;
    and.b32 moved, moved, 0x07f007f0;
    lop3.b32 moved, high, 0x80008000, moved, 0xEA;
    fma.rn.bf16x2 $1, moved, unit, zero;
    }"""
)
# Four bits below the exponent of a number whose last place is 1 are that number plus the code: 128 and 1024.
_INT4_TO_BF16: Final = tl.constexpr(
    """{
    .reg .b32 code;
    lop3.b32 $0, $4, 0x000f000f, 0x43004300, 0xEA;
    shr.u32 code, $4, 4;
    lop3.b32 $1, code, 0x000f000f, 0x43004300, 0xEA;
    shr.u32 code, $4, 8;
    lop3.b32 $2, code, 0x000f000f, 0x43004300, 0xEA;
    shr.u32 code, $4, 12;
    lop3.b32 $3, code, 0x000f000f, 0x43004300, 0xEA;
    }"""
)
_INT4_TO_FP16: Final = tl.constexpr(
    """{
    .reg .b32 code, middle;
    mov.b32 middle, 0xe408e408;
    lop3.b32 code, $4, 0x000f000f, 0x64006400, 0xEA;
    add.rn.f16x2 $0, code, middle;
    shr.u32 code, $4, 4;
    lop3.b32 code, code, 0x000f000f, 0x64006400, 0xEA;
    add.rn.f16x2 $1, code, middle;
    shr.u32 code, $4, 8;
    lop3.b32 code, code, 0x000f000f, 0x64006400, 0xEA;
    add.rn.f16x2 $2, code, middle;
    shr.u32 code, $4, 12;
    lop3.b32 code, code, 0x000f000f, 0x64006400, 0xEA;
    add.rn.f16x2 $3, code, middle;
    }"""
)


@triton.jit
def from_e4m3(codes: tl.tensor, TYPE: tl.constexpr, ASM: tl.constexpr) -> tl.tensor:
    """int8 bits of E4M3 -> numbers of TYPE, `E4M3_UNIT` times too small, exactly."""
    if ASM and tl.bfloat16 == TYPE:
        return tl.inline_asm_elementwise(_E4M3_TO_BF16, "=r,=r,r", [codes], dtype=tl.bfloat16, is_pure=True, pack=4)
    elif ASM and tl.float16 == TYPE:
        return tl.inline_asm_elementwise(_E4M3_TO_FP16, "=r,=r,r", [codes], dtype=tl.float16, is_pure=True, pack=4)
    else:
        # As in `sgl.kvcache.codec`: the product moves all bits and doubles the sign, of which the mask takes one.
        bits = (codes.to(tl.int16) * 128) & -0x4001
        return bits.to(tl.float16, bitcast=True).to(tl.float32).to(TYPE)


@triton.jit
def from_int8(codes: tl.tensor, TYPE: tl.constexpr) -> tl.tensor:
    """int8 -> TYPE, exactly. The compiler finds the short way itself."""
    return codes.to(tl.float32).to(TYPE)


@triton.jit
def from_int4(words: tl.tensor, TYPE: tl.constexpr, ASM: tl.constexpr):  # type: ignore[no-untyped-def]
    """The four codes of int16 words, lowest first, as four tensors of TYPE, each less `int4_offset`."""
    if ASM and tl.bfloat16 == TYPE:
        return tl.inline_asm_elementwise(
            _INT4_TO_BF16,
            "=r,=r,=r,=r,r",
            [words],
            dtype=(tl.bfloat16, tl.bfloat16, tl.bfloat16, tl.bfloat16),
            is_pure=True,
            pack=2,
        )
    elif ASM and tl.float16 == TYPE:
        return tl.inline_asm_elementwise(
            _INT4_TO_FP16,
            "=r,=r,=r,=r,r",
            [words],
            dtype=(tl.float16, tl.float16, tl.float16, tl.float16),
            is_pure=True,
            pack=2,
        )
    else:
        lowest = (words & 15).to(tl.float32) - 8.0
        second = ((words >> 4) & 15).to(tl.float32) - 8.0
        third = ((words >> 8) & 15).to(tl.float32) - 8.0
        highest = ((words >> 12) & 15).to(tl.float32) - 8.0
        return lowest.to(TYPE), second.to(TYPE), third.to(TYPE), highest.to(TYPE)


@triton.constexpr_function
def int4_offset(TYPE: tl.dtype, ASM: bool) -> float:
    """What `from_int4` takes off a code: where that would cost an instruction, the 128 of bfloat16 stays.

    Sums of ``(128 + code) * x`` lose 4 of float32's 24 bits to it; float16's 1024 would take 7.
    """
    return -128.0 if ASM and tl.bfloat16 == TYPE else 8.0


@triton.jit
def fetch_early(pointers: tl.tensor, inside: tl.tensor, DEPENDENT: tl.constexpr) -> None:
    """Moves lines of weights to the L2 cache while the kernel in front still runs; only a hint."""
    if DEPENDENT:
        tl.inline_asm_elementwise(
            """{
            .reg .pred wanted;
            setp.ne.b32 wanted, $2, 0;
            @wanted prefetch.global.L2 [$1];
            mov.b32 $0, 0;
            }""",
            "=r,l,r",
            [pointers, inside.to(tl.int32)],
            dtype=tl.int32,
            is_pure=False,
            pack=1,
        )
