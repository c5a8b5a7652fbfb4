"""Extend attention equals its twin, and reads nothing it must not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import triton.language as tl
from torch import Tensor

from sgl.attention.reference import attend_dense
from sgl.kernels.triton import extend_kernel
from sgl.kernels.triton.extend_attention import extend_attention, extend_tiles
from sgl.kernels.twins import extend_attention as twin
from tests.unit.kernels.triton.paged_case import UNDEFINED_PAGE, PagedCase, paged_case

SINKS = torch.tensor([-2.0, 0.0, 1.5, 4.0])
LENGTHS, COUNTS, PADDING = [53, 0, 9, 20], [5, 1, 9, 0], 2


def computed(case: PagedCase, **options: Any) -> tuple[Tensor, Tensor]:
    longest = int(case.cu_q.diff().max())
    lse = torch.full(case.query.shape[:2], torch.nan)
    out = extend_attention(case.query, *case.pool, case.cu_q, longest_query=longest, **case.given, lse=lse, **options)
    return out, lse


def expected(case: PagedCase, **options: Any) -> tuple[Tensor, Tensor]:
    return twin.extend_attention(case.query, *case.pool, case.cu_q, **case.given, **options)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ({}, {}),
        ({"page_size": 1}, {"sinks": SINKS, "softcap": 0.7, "window": 7}),
        ({"page_size": 32, "heads": (3, 1), "head_dim": 16}, {"window": 34}),
        ({"storage": "int8", "page_size": 16, "head_dim": 16}, {"sinks": SINKS}),
        ({"storage": "fp8_e4m3", "dtype": torch.bfloat16}, {"softcap": 0.7}),
        ({"head_dim": 24, "value_dim": 40}, {"window": 1}),
        ({"dtype": torch.float16}, {"window": 7, "sinks": SINKS}),
    ],
    ids=["plain", "all", "window", "int8", "fp8", "widths", "float16"],
)
def test_equals_the_plain_twin(shape: dict[str, Any], options: dict[str, Any]) -> None:
    case = paged_case(LENGTHS, COUNTS, padding=PADDING, **shape)
    got, lse = computed(case, **options)
    wanted, wanted_lse = expected(case, **options)
    tolerance = {torch.float32: (2e-6, 1e-5), torch.float16: (1e-3, 2e-3), torch.bfloat16: (8e-3, 2e-2)}
    atol, rtol = tolerance[case.query.dtype]
    torch.testing.assert_close(got, wanted, atol=atol, rtol=rtol)
    torch.testing.assert_close(lse, wanted_lse, atol=2e-6, rtol=1e-5)
    padding = [5, *range(sum(COUNTS), sum(COUNTS) + PADDING)]
    assert not got[padding].any()
    assert bool((lse[padding] == -torch.inf).all())


@pytest.mark.parametrize("storage", [None, "int8", "fp8_e4m3"])
@pytest.mark.parametrize(
    "options", [{}, {"window": 7}, {"softcap": 0.7}, {"sinks": SINKS}], ids=lambda options: "".join(options) or "plain"
)
def test_the_twin_equals_attention_of_a_cpu(options: dict[str, Any], storage: Any) -> None:
    """Whose own twin is held to torch and to transformers."""
    case = paged_case(LENGTHS, COUNTS, page_size=8, storage=storage)
    got, lse = expected(case, **options)
    for row, (key, value) in enumerate(case.full):
        start, stop = case.cu_q[row : row + 2].tolist()
        first = len(key) - (stop - start)
        if first < 0 or start == stop:
            continue
        wanted = attend_dense(case.query[start:stop], key, value, first_position=first, first_key=0, **options)
        torch.testing.assert_close(got[start:stop], wanted.mixed, atol=2e-6, rtol=1e-5)
        torch.testing.assert_close(lse[start:stop], wanted.lse, atol=2e-6, rtol=1e-5)


def test_the_twin_equals_attention_of_torch() -> None:
    case = paged_case([20], [20])
    (key, value) = case.full[0]
    wanted = torch.nn.functional.scaled_dot_product_attention(
        *(states.transpose(0, 1).unsqueeze(0) for states in (case.query, key, value)), is_causal=True, enable_gqa=True
    )
    torch.testing.assert_close(expected(case)[0], wanted[0].transpose(0, 1), atol=2e-6, rtol=1e-5)


def test_nothing_before_a_window_is_read() -> None:
    """Neither K nor V nor the page table."""
    window, count = 9, 6
    case = paged_case([61], [count], heads=(2, 1))
    wanted, _ = computed(case, window=window)
    first = 61 - count - window + 1
    for position in range(first):
        slot = int(case.page_table[0, position // 4]) * 4 + position % 4
        case.keys[slot] = case.values[slot] = torch.nan
    case.page_table[0, : first // 4] = UNDEFINED_PAGE
    got, _ = computed(case, window=window)
    assert torch.equal(got, wanted)


def test_scores_far_beyond_the_cap_are_capped() -> None:
    case = paged_case([20], [2], heads=(2, 1), head_dim=16)
    case.query.mul_(1000.0)
    torch.testing.assert_close(computed(case, softcap=5.0)[0], expected(case, softcap=5.0)[0], atol=2e-5, rtol=1e-4)


def test_sequences_are_searched_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    case = paged_case([9, 3, 20, 5], [9, 3, 1, 5], heads=(2, 1), head_dim=16)
    wanted, _ = computed(case)
    monkeypatch.setattr(extend_kernel, "SEQUENCES", tl.constexpr(2))
    got, _ = computed(case)
    assert torch.equal(got, wanted)


def test_results_go_where_they_are_asked_for() -> None:
    case = paged_case([9], [2], heads=(2, 1), head_dim=16)
    out = torch.full((2, 2, 16), torch.nan)
    got = extend_attention(case.query, *case.pool, case.cu_q, longest_query=2, **case.given, out=out)
    assert got is out
    assert torch.equal(out, computed(case)[0])


@pytest.mark.parametrize("capability", [80, 89, 90, 100])
@pytest.mark.parametrize("element_size", [1, 2, 4])
@pytest.mark.parametrize("head_dim", [64, 80, 128, 192, 256])
def test_tiles_are_powers_of_two(head_dim: int, element_size: int, capability: int) -> None:
    for rows in (1, 5, 64, 9000):
        chosen = extend_tiles(rows, head_dim, element_size, capability, small=False)
        for size in (chosen.rows, chosen.keys):
            assert size >= 16
            assert size & (size - 1) == 0
