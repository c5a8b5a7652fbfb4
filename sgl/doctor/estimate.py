"""What a model that this version does not serve would need, from its headers and its config.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sgl.config.hf import HfConfig
from sgl.config.kv import KvFormat
from sgl.config.sizes import gib
from sgl.doctor.finding import Datum, Finding
from sgl.doctor.subject import Subject
from sgl.errors import UnsupportedModel
from sgl.plan.header import TensorHeader
from sgl.plan.kv import request_bytes, token_bytes
from sgl.plan.kv_reader import read_kv_layers
from sgl.plan.place import Place

CONTEXT: Final = 8192
"""Tokens of the request that is counted in."""
_ESTIMATE: Final = Subject("SGL804", "fit", "estimate")


@dataclass(frozen=True, kw_only=True)
class Rank:
    """One of the ranks that would share the model.

    Attributes:
        place: Where it lives.
        tp: How many there are.
        fraction: Share of the memory for weights and KV cache.
        kv: What the KV cache takes.
    """

    place: Place
    tp: int
    fraction: float
    kv: KvFormat


def estimate(headers: Sequence[TensorHeader], config: HfConfig, rank: Rank) -> Finding:
    """Estimates weights as they are stored, shared out evenly, and the KV cache; a step's tensors are left out."""
    stored = sum(header.stored_bytes for header in headers)
    weights = -(-stored // rank.tp)
    room = int(rank.fraction * rank.place.memory_bytes) - weights
    shared = f"weights {gib(stored)}" if rank.tp == 1 else f"weights {gib(stored)}, {gib(weights)} on each of {rank.tp}"
    data: dict[str, Datum] = {"stored_bytes": stored, "weight_bytes": weights, "room_bytes": room}
    try:
        layers = read_kv_layers(config)
    except UnsupportedModel as error:
        return _skip(f"{shared}; its KV cache cannot be estimated: {_reason(error, config)}", data)
    each = token_bytes(layers, rank.kv.element_bytes, rank.tp, rank.kv.scale_bytes)
    request = request_bytes(layers, CONTEXT, rank.kv.element_bytes, rank.tp, rank.kv.scale_bytes)
    data |= {"kv_bytes_per_token": each, "request_bytes": request}
    cache = f"KV cache {each / 1024:.4g} KiB a token"
    size = gib(rank.place.memory_bytes)
    if room < request:
        return _skip(f"{shared}; {cache}: it would not fit in {size}", data)
    detail = f"{shared}; {cache}: {size} would hold {room // request} requests of {CONTEXT // 1024}K tokens"
    return _skip(f"{detail}, less what a step needs", data)


def _skip(detail: str, data: Mapping[str, Datum]) -> Finding:
    return dataclasses.replace(_ESTIMATE.skip(detail), data=data)


def _reason(error: UnsupportedModel, config: HfConfig) -> str:
    return error.message.replace(config.source, "config.json")
