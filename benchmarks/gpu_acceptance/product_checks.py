"""Products with weights of every type on the device, against their twins on the CPU."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from benchmarks.gpu_acceptance.attention_checks import like
from benchmarks.gpu_acceptance.paged import draw, generator
from benchmarks.gpu_acceptance.place import Place
from sgl.selftest.case import Measured, worst

BLOCK: Final = 128
"""Edge of a square of FP8 codes with one scale."""


def few_rows(place: Place) -> Measured:
    """A product of few rows with plain, FP8 and int8 weights."""
    from sgl.kernels.triton import skinny
    from sgl.kernels.twins import skinny as twin

    outputs, columns = place.pick((1536, 4096), (32, 128))
    bias = draw(place, outputs, seed=3)
    results = []
    for rows in place.pick((1, 3, 8), (2,)):
        x, weight = draw(place, rows, columns), draw(place, outputs, columns, seed=1) / 16
        fp8, fp8_scale = _fp8(outputs, columns)
        blocks = _block_scale(outputs, columns)
        int8 = torch.randint(-127, 128, (outputs, columns), generator=generator(), dtype=torch.int8)
        there = [each.to(place.device) for each in (x, weight, fp8, fp8_scale, blocks, int8, bias)]
        results += [
            like(skinny.skinny(there[0], there[1], there[6]), twin.skinny(x, weight, bias)),
            like(skinny.skinny_fp8(there[0], there[2], there[3]), twin.skinny_fp8(x, fp8, fp8_scale)),
            like(skinny.skinny_fp8(there[0], there[2], there[4]), twin.skinny_fp8(x, fp8, blocks)),
            like(skinny.skinny_int8(there[0], there[5], there[3]), twin.skinny_int8(x, int8, fp8_scale)),
        ]
    return worst(results)


def activated(place: Place) -> Measured:
    """The same with the nonlinearity of a feed-forward block behind it, and with 4-bit weights."""
    from sgl.kernels.epilogue import Epilogue
    from sgl.kernels.grouped import pack_int4
    from sgl.kernels.triton import int4, skinny
    from sgl.kernels.twins import int4 as int4_twin
    from sgl.kernels.twins import skinny as twin

    outputs, columns, group = place.pick((3072, 4096, 128), (32, 128, 64))
    weight, bias = draw(place, outputs, columns, seed=1) / 16, draw(place, outputs, seed=3)
    fp8, fp8_scale = _fp8(outputs, columns)
    codes = torch.randint(0, 16, (outputs, columns), generator=generator(), dtype=torch.uint8)
    scale = torch.rand(outputs, columns // group, generator=generator(1)) / 64 + 0.01
    zero = torch.full_like(scale, 7.0)
    there = [each.to(place.device) for each in (weight, bias, fp8, fp8_scale, codes, scale, zero)]
    packed, packed_there = pack_int4(codes, scale, zero, place.dtype), pack_int4(*there[4:], place.dtype)
    results = []
    for epilogue in (Epilogue("silu", True), Epilogue("gelu_tanh", True), Epilogue("gelu", False)):
        for rows in place.pick((1, 8), (2,)):
            x = draw(place, rows, columns) / 8
            on = x.to(place.device)
            results += [
                like(
                    skinny.skinny(on, there[0], there[1], epilogue=epilogue),
                    twin.skinny(x, weight, bias, epilogue=epilogue),
                ),
                like(
                    skinny.skinny_fp8(on, there[2], there[3], epilogue=epilogue),
                    twin.skinny_fp8(x, fp8, fp8_scale, epilogue=epilogue),
                ),
                like(int4.w4a16(on, packed_there, epilogue=epilogue), int4_twin.w4a16(x, packed, epilogue=epilogue)),
            ]
    return worst(results)


def int4(place: Place) -> Measured:
    """4-bit weights in groups, with and without zero points, for few rows and many."""
    from sgl.kernels.grouped import pack_int4
    from sgl.kernels.triton.int4 import w4a16
    from sgl.kernels.twins.int4 import w4a16 as twin

    outputs, columns, group = place.pick((1536, 4096, 128), (32, 128, 64))
    codes = torch.randint(0, 16, (outputs, columns), generator=generator(), dtype=torch.uint8)
    scale = torch.rand(outputs, columns // group, generator=generator(1)) / 64 + 0.01
    uneven = torch.randint(0, 16, scale.shape, generator=generator(2)).float()
    results = []
    for zero in (torch.full_like(scale, 8.0), uneven):
        here = pack_int4(codes, scale, zero, place.dtype)
        there = pack_int4(codes.to(place.device), scale.to(place.device), zero.to(place.device), place.dtype)
        for rows in place.pick((1, 16, 17, 64, 200), (1, 17)):
            x = draw(place, rows, columns, seed=rows)
            results.append(like(w4a16(x.to(place.device), there), twin(x, here)))
    return worst(results)


def int8(place: Place) -> Measured:
    """Activations made int8 row by row, and their product."""
    from sgl.kernels.triton.int8 import int8_matmul
    from sgl.kernels.triton.quantize import per_token_int8
    from sgl.kernels.twins.int8 import int8_matmul as twin
    from sgl.kernels.twins.quantize import per_token_int8 as make

    outputs, columns = place.pick((1536, 4096), (32, 128))
    x = draw(place, place.pick(70, 18), columns)
    weight = torch.randint(-127, 128, (outputs, columns), generator=generator(), dtype=torch.int8)
    scale = torch.rand(outputs, generator=generator(1)) / 1000 + 0.001
    there = per_token_int8(x.to(place.device))
    got = int8_matmul(*there, weight.to(place.device), scale.to(place.device), None, place.dtype)
    return like(got, twin(*make(x), weight, scale, None, place.dtype))


def fp8(place: Place) -> Measured:
    """FP8 by rows and by blocks, as GPUs from compute capability 8.9 on multiply it."""
    from sgl.kernels.triton.fp8 import block_fp8_matmul, fp8_matmul, multiplies_fp8
    from sgl.kernels.triton.quantize import per_group_fp8, per_token_fp8
    from sgl.kernels.twins import fp8 as twin

    if not place.rehearsal and not multiplies_fp8(place.device):
        return Measured("skip", "this GPU does not multiply FP8 in hardware")
    outputs, columns = place.pick((1536, 4096), (32, 128))
    weight, scale = _fp8(outputs, columns)
    blocks = _block_scale(outputs, columns)
    x = draw(place, place.pick(70, 18), columns)
    by_row, by_group = per_token_fp8(x.to(place.device)), per_group_fp8(x.to(place.device))
    there = weight.to(place.device)
    results = []
    for fixed in (False, True):
        got = fp8_matmul(*by_row, there, scale.to(place.device), None, place.dtype, fixed=fixed)
        results.append(like(got, twin.fp8_matmul(*_cpu(by_row), weight, scale, None, place.dtype)))
        got = block_fp8_matmul(*by_group, there, blocks.to(place.device), None, place.dtype, fixed=fixed)
        results.append(like(got, twin.block_fp8_matmul(*_cpu(by_group), weight, blocks, None, place.dtype)))
    return worst(results)


def experts(place: Place) -> Measured:
    """A mixture of experts, few tokens and many, against the sums of a CPU."""
    from sgl.kernels.expert_weight import ExpertWeight
    from sgl.kernels.triton.experts import experts as run
    from sgl.kernels.twins.activation import gated
    from sgl.kernels.twins.combine import combine
    from sgl.kernels.twins.expert_matmul import expert_matmul

    count, hidden, inner, chosen = place.pick((32, 1024, 512, 4), (4, 32, 16, 2))
    up, down = draw(place, count, 2 * inner, hidden, seed=1) / 16, draw(place, count, hidden, inner, seed=2) / 16
    results = []
    for tokens in place.pick((1, 9, 300), (3,)):
        x = draw(place, tokens, hidden, seed=tokens)
        numbers = torch.rand(tokens, count, generator=generator(tokens)).argsort(1)[:, :chosen].int()
        weights = torch.rand(tokens, chosen, generator=generator(3))
        asked = x.to(place.device), weights.to(place.device), numbers.to(place.device)
        got = run(*asked, ExpertWeight(up.to(place.device)), ExpertWeight(down.to(place.device)), activation="silu")
        between = gated(expert_matmul(x.repeat_interleave(chosen, 0), up, numbers.flatten()), "silu")
        rows = expert_matmul(between.to(place.dtype), down, numbers.flatten())
        results.append(like(got, combine(rows, weights, numbers)))
    return worst(results)


def _fp8(outputs: int, columns: int) -> tuple[Tensor, Tensor]:
    codes = torch.randn(outputs, columns, generator=generator(5)).to(torch.float8_e4m3fn)
    return codes, torch.rand(outputs, generator=generator(6)) / 16 + 0.01


def _block_scale(outputs: int, columns: int) -> Tensor:
    return torch.rand(-(-outputs // BLOCK), -(-columns // BLOCK), generator=generator(7)) / 16 + 0.01


def _cpu(coded: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return coded[0].cpu(), coded[1].cpu()
