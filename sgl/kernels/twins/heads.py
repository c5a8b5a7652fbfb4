"""Twin of `sgl.kernels.triton.heads`."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.kernels.fused import HeadNorms, HeadTurn, KvTarget
from sgl.kernels.twins.norm import rms_norm
from sgl.kernels.twins.quantize import FP8_LARGEST, INT8_LARGEST


def write_heads(qkv: Tensor, heads: int, norms: HeadNorms | None, turn: HeadTurn | None, target: KvTarget) -> Tensor:
    """See `sgl.kernels.triton.heads.write_heads`."""
    _, kv_heads, dim = target.keys.shape
    query, key, value = torch.split(qkv.view(len(qkv), -1, dim), [heads, kv_heads, kv_heads], dim=1)
    if norms is not None:
        query = rms_norm(query, norms.query, norms.eps, norms.kind)
        key = rms_norm(key, norms.key, norms.eps, norms.kind)
    if turn is not None:
        query, key = _turned(query, turn), _turned(key, turn)
    kept = target.slots >= 0
    slots = target.slots[kept]
    _store(key[kept], slots, target.keys, target.key_multipliers, target.storage)
    _store(value[kept], slots, target.values, target.value_multipliers, target.storage)
    return query.contiguous()


def _turned(heads: Tensor, turn: HeadTurn) -> Tensor:
    """Each pair (a, b) of the rotated part becomes (a cos - b sin, b cos + a sin)."""
    cos, sin = turn.cos[turn.positions].unsqueeze(1), turn.sin[turn.positions].unsqueeze(1)
    dim = 2 * cos.shape[-1]
    part, rest = heads[..., :dim].float(), heads[..., dim:]
    a, b = (part[..., 0::2], part[..., 1::2]) if turn.interleaved else part.chunk(2, dim=-1)
    pair = (a * cos - b * sin, b * cos + a * sin)
    rotated = torch.stack(pair, dim=-1).flatten(-2) if turn.interleaved else torch.cat(pair, dim=-1)
    return torch.cat([rotated.to(heads.dtype), rest], dim=-1)


def _store(states: Tensor, slots: Tensor, pool: Tensor, multipliers: Tensor | None, storage: KvStorage | None) -> None:
    """Writes [tokens, kv_heads, head_dim], coded as `sgl.kvcache.codec` does it."""
    if storage is None or multipliers is None:
        pool[slots] = states.to(pool.dtype)
        return
    most = FP8_LARGEST if storage == "fp8_e4m3" else INT8_LARGEST
    wide = states.float()
    unit = wide.abs().amax(dim=-1) / most
    units = wide / unit.clamp_min(torch.finfo(torch.float32).tiny).unsqueeze(-1)
    if storage == "fp8_e4m3":
        pool[slots] = units.clamp(-most, most).to(torch.float8_e4m3fn).view(torch.int8)
        multipliers[slots] = unit * 256
    else:
        pool[slots] = units.round().to(torch.int8)
        multipliers[slots] = unit
