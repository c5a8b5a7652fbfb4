"""What lies between products, and what draws tokens, on the device against its twins on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Final

import torch
from torch import Tensor

from benchmarks.gpu_acceptance.attention_checks import like
from benchmarks.gpu_acceptance.paged import draw, generator
from benchmarks.gpu_acceptance.place import Place
from sgl.config.kv import KvStorage
from sgl.kernels.fused import HeadNorms, HeadTurn, KvTarget
from sgl.kvcache.codec import CODECS
from sgl.selftest.case import Measured, compare_ids, worst

EPS: Final = 1e-5


def norms(place: Place) -> Measured:
    """RMSNorm of wide rows, plain, added to, and in FP8."""
    from sgl.kernels.triton import norm
    from sgl.kernels.twins import norm as twin

    width = place.pick(4096, 48)
    x, added, weight = (draw(place, 5, width, seed=seed) for seed in range(3))
    weight = weight[0]
    hidden, here = x.to(place.device), x.clone()
    there = [each.to(place.device) for each in (x, added, weight)]
    results = [
        like(norm.rms_norm(there[0], there[2], EPS), twin.rms_norm(x, weight, EPS)),
        like(norm.add_rms_norm(hidden, there[1], there[2], EPS), twin.add_rms_norm(here, added, weight, EPS)),
        like(hidden, here.float()),
    ]
    (codes, scale), (plain, plain_scale) = norm.rms_norm_fp8(there[0], there[2], EPS), twin.rms_norm_fp8(x, weight, EPS)
    # A code may be the neighbour of the twin's: 3 bits of mantissa, so an eighth of the number, and of the largest one.
    wide = plain.float() * plain_scale.unsqueeze(1)
    off = (codes.float().cpu() * scale.cpu().unsqueeze(1) - wide).abs().max() / wide.abs().max()
    results.append(Measured("ok" if off <= 1 / 8 else "error", f"FP8 is off by {off:.1e} of the largest", float(off)))
    return worst(results)


def heads(storage: KvStorage | None) -> Callable[[Place], Measured]:
    """Norms of heads, rotation, and writing keys and values to slots, some of which are padding."""

    def run(place: Place) -> Measured:
        from sgl.kernels.triton.heads import write_heads
        from sgl.kernels.twins.heads import write_heads as twin

        queries, kept, dim = place.pick((32, 8, 128), (4, 2, 16))
        qkv = draw(place, 3, (queries + 2 * kept) * dim)
        angles = torch.outer(torch.arange(64).float(), 0.7 ** torch.arange(dim // 2))
        turn = HeadTurn(angles.cos(), angles.sin(), False, torch.tensor([3, 60, 7]))
        scale = torch.rand(dim, generator=generator()).to(place.dtype) + 0.5
        norms = HeadNorms(scale, scale.flip(0), EPS, "rms")
        kind = place.dtype if storage is None else torch.int8
        multipliers = [None if storage is None else torch.zeros(12, kept) for _ in range(2)]
        sides = [torch.zeros(12, kept, dim, dtype=kind) for _ in range(2)]
        target = KvTarget(sides[0], sides[1], torch.tensor([5, -1, 11]), storage, multipliers[0], multipliers[1])
        on_device, turned, normed = (_on(place.device, each) for each in (target, turn, norms))
        got = write_heads(qkv.to(place.device), queries, normed, turned, on_device)
        results = [like(got, twin(qkv, queries, norms, turn, target).float())]
        for name in ("key", "value"):
            pair = [_read(each, name) for each in (on_device, target)]
            results.append(like(*pair) if storage is None else _about(*pair))
        return worst(results)

    return run


def _on(device: torch.device, parts: Any) -> Any:
    """The same dataclass with copies of its tensors on a device."""
    tensors = {field.name: getattr(parts, field.name) for field in fields(parts)}
    return replace(
        parts, **{name: each.clone().to(device) for name, each in tensors.items() if isinstance(each, Tensor)}
    )


def _read(target: KvTarget, side: str) -> Tensor:
    """Keys or values as attention reads them, float32 on the CPU."""
    codes: Tensor = getattr(target, f"{side}s").cpu()
    multipliers: Tensor | None = getattr(target, f"{side}_multipliers")
    if target.storage is None or multipliers is None:
        return codes.float()
    return CODECS[target.storage].decode(codes, multipliers.cpu())


def _about(got: Tensor, wanted: Tensor) -> Measured:
    """Codes may be neighbours where roundings differ: an eighth of a number in FP8, less in int8."""
    off = float((got - wanted).abs().max() / wanted.abs().max())
    return Measured("ok" if off <= 1 / 8 else "error", f"off by {off:.1e} of the largest", off)


def drawn(place: Place) -> Measured:
    """Tokens by temperature, top-k, top-p and min-p: exactly those of the definition, row by row."""
    from sgl.kernels.triton.draw import sample
    from sgl.kernels.twins.draw import sample as twin

    vocabulary, rows = place.pick((32_000, 12), (70, 4))
    logits = 3 * torch.randn(rows, vocabulary, generator=generator())
    draws = torch.arange(rows)
    columns = [
        torch.tensor([0.0, 0.6, 1.0, 1.3])[draws % 4],
        torch.tensor([vocabulary, 20, vocabulary])[draws % 3],
        torch.tensor([1.0, 1.0, 0.9, 0.95])[draws % 4],
        torch.tensor([0, 0, 0, 1 << 34])[draws % 4],
        draws * 7919 - 3,
        draws + 5,
    ]
    got, finite = sample(logits.to(place.device), *(column.to(place.device) for column in columns))
    if not bool(finite.all()):
        return Measured("error", "logits are finite, and the kernel says that they are not")
    return compare_ids(got.tolist(), twin(logits, *columns)[0].tolist())
