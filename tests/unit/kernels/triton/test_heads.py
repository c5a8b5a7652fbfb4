"""Heads between projection and attention: the kernel against its twin, and the twin against layers and pools."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
import torch
from torch import Tensor

from sgl.config.kv import KvStorage
from sgl.config.model import NormKind
from sgl.config.rope import RopeConfig
from sgl.kernels.fused import HeadNorms, HeadTurn, KvTarget
from sgl.kernels.triton import heads as kernels
from sgl.kernels.twins import heads as twin
from sgl.kernels.twins.norm import rms_norm
from sgl.kvcache.codec import CODECS
from sgl.kvcache.scaled import Codes
from sgl.layers.rope import Rope
from tests.unit.kernels.triton.padded import among_nan, untouched_around

SLOTS: Final = 12
POSITIONS: Final = 30
DTYPES: Final = (torch.float32, torch.bfloat16)
each_dtype: Final = pytest.mark.parametrize("dtype", DTYPES, ids=str)
SHAPES: Final[dict[str, dict[str, Any]]] = {
    "neox": {},
    "neox part": {"rotary": 8},
    "interleaved": {"interleaved": True},
    "interleaved part": {"rotary": 8, "interleaved": True},
    "still": {"rotary": 0},
    "normed": {"kind": "rms"},
    "normed float": {"kind": "rms_float", "rotary": 8},
    "normed plus one, still": {"kind": "rms_plus_one", "rotary": 0},
    "normed interleaved": {"kind": "rms", "interleaved": True},
    "many odd heads": {"heads": 40, "kv_heads": 1, "dim": 20, "rotary": 12, "kind": "rms"},
}
"""The last: several programs of queries, and heads that are no power of two."""


@dataclass(frozen=True)
class Case:
    """What one call takes."""

    qkv: Tensor
    heads: int
    norms: HeadNorms | None
    turn: HeadTurn | None
    target: KvTarget

    def with_own_pool(self) -> Case:
        """The same with a copy of the pool."""
        names = ("keys", "values", "key_multipliers", "value_multipliers")
        pools = {name: getattr(self.target, name) for name in names}
        copies = {name: None if pool is None else pool.clone() for name, pool in pools.items()}
        return replace(self, target=replace(self.target, **copies))

    def run(self, write: Any, **options: Any) -> Tensor:
        result: Tensor = write(self.qkv, self.heads, self.norms, self.turn, self.target, **options)
        return result


def case_of(
    dtype: torch.dtype,
    *,
    heads: int = 4,
    kv_heads: int = 2,
    dim: int = 16,
    rotary: int | None = None,
    interleaved: bool = False,
    kind: NormKind | None = None,
    storage: KvStorage | None = None,
    slots: tuple[int, ...] = (5, -1, 11),
) -> Case:
    """Tokens at distant positions, of which the second is not kept."""
    torch.manual_seed(dim + heads)
    tokens = len(slots)
    qkv = torch.randn(tokens, (heads + 2 * kv_heads) * dim).to(dtype)
    rotary = dim if rotary is None else rotary
    angles = torch.outer(torch.arange(POSITIONS).float(), 0.7 ** torch.arange(rotary // 2))
    positions = torch.randint(0, POSITIONS, (tokens,))
    weights = [(torch.rand(dim) + 0.5).to(dtype) for _ in range(2)]
    shape = (SLOTS, kv_heads, dim)
    if storage is None:
        pool = {name: torch.full(shape, torch.nan, dtype=dtype) for name in ("keys", "values")}
    else:
        pool = {name: torch.full(shape, 99, dtype=torch.int8) for name in ("keys", "values")}
        pool |= {f"{name}_multipliers": torch.full(shape[:2], torch.nan) for name in ("key", "value")}
    return Case(
        qkv,
        heads,
        None if kind is None else HeadNorms(weights[0], weights[1], 1e-5, kind),
        HeadTurn(angles.cos(), angles.sin(), interleaved, positions) if rotary else None,
        KvTarget(slots=torch.tensor(slots), storage=storage, **pool),
    )


def close(got: Tensor, expected: Tensor) -> None:
    assert got.dtype == expected.dtype
    eps = torch.finfo(got.dtype).eps
    # Two products of any size are added, so an error may be one of the larger ones' last place.
    torch.testing.assert_close(got.float(), expected.float(), rtol=2 * eps, atol=6 * eps, equal_nan=True)


@pytest.mark.parametrize(
    ("shape", "dtype"), [*((shape, dtype) for shape in SHAPES for dtype in DTYPES), ("normed", torch.float16)], ids=str
)
def test_kernel_is_its_twin(shape: str, dtype: torch.dtype) -> None:
    plain = case_of(dtype, **SHAPES[shape])
    case = replace(plain.with_own_pool(), qkv=among_nan(plain.qkv))
    tokens, dim = len(plain.qkv), plain.target.keys.shape[2]
    wide = among_nan(torch.zeros(tokens, case.heads * dim, dtype=dtype))
    queries = case.run(kernels.write_heads, out=wide.unflatten(1, (case.heads, dim)))
    assert untouched_around(wide)
    close(queries, plain.run(twin.write_heads))
    close(case.target.keys, plain.target.keys)
    close(case.target.values, plain.target.values)
    kept = case.target.keys.isfinite().flatten(1).all(dim=1)
    assert kept.nonzero().flatten().tolist() == [5, 11]
    assert torch.equal(case.target.values.isfinite().flatten(1).all(dim=1), kept)


@pytest.mark.parametrize("storage", CODECS)
@pytest.mark.parametrize("kind", [None, "rms"])
@each_dtype
def test_coded_keys_and_values_are_those_of_the_twin(
    storage: KvStorage, kind: NormKind | None, dtype: torch.dtype
) -> None:
    plain = case_of(dtype, storage=storage, kind=kind, kv_heads=3, dim=20)
    case = plain.with_own_pool()
    close(case.run(kernels.write_heads), plain.run(twin.write_heads))
    assert torch.equal(case.target.values, plain.target.values)
    for got, expected in (
        (case.target.key_multipliers, plain.target.key_multipliers),
        (case.target.value_multipliers, plain.target.value_multipliers),
    ):
        torch.testing.assert_close(got, expected, rtol=4 * torch.finfo(dtype).eps, atol=0, equal_nan=True)
    assert (case.target.keys == plain.target.keys).float().mean() > 0.97


@pytest.mark.parametrize("storage", CODECS)
def test_codes_are_those_the_pool_on_a_cpu_keeps(storage: KvStorage) -> None:
    case = case_of(torch.bfloat16, storage=storage, rotary=0, kv_heads=3, dim=20, slots=(5, 2, 11))
    case.qkv[1] = 0
    queries = case.run(kernels.write_heads)
    whole = case.qkv.view(3, -1, 20)
    assert torch.equal(queries, whole[:, : case.heads])
    assert case.target.key_multipliers is not None
    pool = Codes((SLOTS, 3, 20), 0, torch.device("cpu"))
    pool.write(case.target.slots, whole[:, case.heads : -3], CODECS[storage])
    slots = case.target.slots
    expected = pool.gather(slots, CODECS[storage])
    got = CODECS[storage].decode(case.target.keys[slots], case.target.key_multipliers[slots])
    assert torch.equal(got, expected)
    assert not got[1].any()


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("rotary", [16, 8])
def test_twin_is_norm_and_rotation_of_the_layers(rotary: int, interleaved: bool) -> None:
    case = case_of(torch.float32, rotary=rotary, interleaved=interleaved, kind="rms", slots=(3, 1, 7))
    assert case.turn is not None
    assert case.norms is not None
    rope = Rope(RopeConfig(dim=rotary, interleaved=interleaved), 16, POSITIONS, torch.device("cpu"))
    angles = torch.outer(torch.arange(POSITIONS).float(), 1e4 ** (-torch.arange(0, rotary, 2) / rotary))
    case = replace(case, turn=replace(case.turn, cos=angles.cos(), sin=angles.sin()))
    queries = case.run(twin.write_heads)
    rotation = rope.at(case.turn.positions, torch.float32)
    whole = case.qkv.view(3, -1, 16)
    torch.testing.assert_close(queries, rotation.turn(rms_norm(whole[:, :4], case.norms.query, 1e-5)))
    keys = rotation.turn(rms_norm(whole[:, 4:6], case.norms.key, 1e-5))
    torch.testing.assert_close(case.target.keys[case.target.slots], keys)
    assert torch.equal(case.target.values[case.target.slots], whole[:, 6:])


def test_slots_of_pools_that_are_views_have_their_own_strides() -> None:
    plain = case_of(torch.float32)
    both = torch.full((SLOTS, 2, 2, 16), torch.nan)
    case = replace(plain, target=replace(plain.target, keys=both[:, 0], values=both[:, 1]))
    close(case.run(kernels.write_heads), plain.run(twin.write_heads))
    close(both, torch.stack([plain.target.keys, plain.target.values], dim=1))


@pytest.mark.parametrize("storage", CODECS)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_what_is_not_finite_stays_so_in_codes(storage: KvStorage) -> None:
    case = case_of(torch.float32, storage=storage, rotary=0, slots=(0, 1))
    case.qkv[0, 4 * 16 + 3] = torch.nan
    case.qkv[1, 7 * 16 + 3] = torch.inf
    case.run(kernels.write_heads)
    assert case.target.key_multipliers is not None
    assert case.target.value_multipliers is not None
    assert case.target.key_multipliers[:2].isfinite().tolist() == [[False, True], [True, True]]
    assert case.target.value_multipliers[:2].isfinite().tolist() == [[True, True], [True, False]]


def test_no_tokens_are_no_launch() -> None:
    assert case_of(torch.float32, slots=()).run(kernels.write_heads).shape == (0, 4, 16)
