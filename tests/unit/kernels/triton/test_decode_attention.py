"""Decode attention equals its twin, and reads nothing it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import triton.language as tl
from torch import Tensor
from triton.runtime.interpreter import InterpreterBuilder

from sgl.config.splits import decode_splits, head_blocks
from sgl.kernels.triton import decode_kernels
from sgl.kernels.triton.decode_attention import decode_attention
from sgl.kernels.triton.decode_splits import DecodeWorkspace, decode_tiles, merges_itself
from sgl.kernels.twins import decode_attention as twin
from tests.unit.kernels.triton.paged_case import UNDEFINED_PAGE, PagedCase, paged_case

SINKS = torch.tensor([-2.0, 0.0, 1.5, 4.0])
LENGTHS = [70, 0, 5]


def workspace(case: PagedCase, multiprocessors: int = 4) -> DecodeWorkspace:
    """As large as the batch needs, and full of NaN."""
    made = DecodeWorkspace.allocate(
        largest_batch=len(case.query),
        num_heads=case.query.shape[1],
        num_kv_heads=case.keys.shape[1],
        value_dim=case.values.shape[2],
        multiprocessors=multiprocessors,
        device=torch.device("cpu"),
    )
    made.partial.fill_(torch.nan)
    made.sums.fill_(torch.nan)
    return made


def computed(case: PagedCase, *, multiprocessors: int = 4, **options: Any) -> tuple[Tensor, Tensor]:
    lse = torch.full(case.query.shape[:2], torch.nan)
    room = workspace(case, multiprocessors)
    return decode_attention(case.query, *case.pool, **case.given, workspace=room, lse=lse, **options), lse


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ({}, {}),
        ({"page_size": 1}, {"sinks": SINKS, "softcap": 0.7, "window": 7}),
        ({"storage": "int8", "page_size": 16, "head_dim": 16}, {"sinks": SINKS}),
        ({"storage": "fp8_e4m3"}, {"softcap": 0.7}),
        ({"head_dim": 24, "value_dim": 40}, {"window": 40}),
        ({"dtype": torch.bfloat16, "page_size": 32}, {"window": 1}),
        ({"dtype": torch.float16, "storage": "fp8_e4m3"}, {}),
    ],
    ids=["plain", "all", "int8", "fp8", "widths", "bfloat16", "float16"],
)
def test_equals_the_plain_twin(shape: dict[str, Any], options: dict[str, Any]) -> None:
    compare(paged_case(LENGTHS, **shape), options)


def test_a_group_of_heads_may_fill_several_tiles() -> None:
    compare(paged_case([0, 20], heads=(66, 1), head_dim=8), {})


def compare(case: PagedCase, options: dict[str, Any]) -> None:
    got, lse = computed(case, **options)
    expected, expected_lse = twin.decode_attention(case.query, *case.pool, **case.given, **options)
    tolerance = {torch.float32: (2e-6, 1e-5), torch.float16: (1e-3, 2e-3), torch.bfloat16: (8e-3, 2e-2)}
    atol, rtol = tolerance[case.query.dtype]
    torch.testing.assert_close(got, expected, atol=atol, rtol=rtol)
    torch.testing.assert_close(lse, expected_lse, atol=2e-6, rtol=1e-5)
    padding = case.seq_lens == 0
    assert bool(padding.any())
    assert not got[padding].any()
    assert bool((lse[padding] == -torch.inf).all())


def test_nothing_before_a_window_is_read() -> None:
    """Neither K nor V nor the page table."""
    window = 9
    case = paged_case([70, 30], page_size=4)
    expected, _ = computed(case, window=window)
    for row, length in enumerate(case.seq_lens.tolist()):
        for position in range(length - window):
            slot = int(case.page_table[row, position // 4]) * 4 + position % 4
            case.keys[slot] = case.values[slot] = torch.nan
        case.page_table[row, : (length - window) // 4] = UNDEFINED_PAGE
    got, _ = computed(case, window=window)
    assert torch.equal(got, expected)


def test_a_batch_is_added_up_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    case = paged_case([33, 20, 9], heads=(2, 1))
    expected, _ = computed(case)
    monkeypatch.setattr(decode_kernels, "SEQUENCES", tl.constexpr(2))
    got, _ = computed(case)
    assert torch.equal(got, expected)


@pytest.fixture
def in_two_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """No merge is small enough for the kernel that computes the splits."""
    monkeypatch.setattr("sgl.kernels.triton.decode_splits.LARGEST_MERGE", 0)


@pytest.mark.usefixtures("in_two_stages")
@pytest.mark.parametrize("options", [{}, {"sinks": SINKS, "softcap": 0.7, "window": 40}], ids=["plain", "all"])
def test_a_merge_of_its_own_equals_the_plain_twin(options: dict[str, Any]) -> None:
    compare(paged_case(LENGTHS), options)


def test_one_kernel_merges_what_is_not_much() -> None:
    llama, qwen, glm, one_head = (4, 66, 128), (2, 66, 128), (16, 128, 128), (8, 128, 256)
    assert [merges_itself(*shape) for shape in (llama, qwen, glm, one_head)] == [True, True, False, False]
    assert merges_itself(16, 4, 128)


def test_the_order_in_which_programs_end_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    case = paged_case(LENGTHS)
    expected, expected_lse = computed(case, sinks=SINKS)
    place = InterpreterBuilder.set_grid_idx

    def from_the_end(self: InterpreterBuilder, *index: int) -> None:
        place(self, *(count - 1 - at for count, at in zip(self.grid_dim, index, strict=True)))

    monkeypatch.setattr(InterpreterBuilder, "set_grid_idx", from_the_end)
    got, lse = computed(case, sinks=SINKS)
    assert torch.equal(got, expected)
    assert torch.equal(lse, expected_lse)


def test_a_step_leaves_nothing_counted_to_the_next_one() -> None:
    case = paged_case([70, 40], heads=(2, 1))
    room = workspace(case)
    assert room.arrivals is not None
    counted = room.arrivals.clone()
    results = []
    for _ in range(2):
        room.partial.fill_(torch.nan)
        results.append(decode_attention(case.query, *case.pool, **case.given, workspace=room))
        assert torch.equal(room.arrivals, counted)
    assert not counted.any()
    assert torch.equal(*results)
    assert torch.equal(results[0], computed(case)[0])


def test_results_go_where_they_are_asked_for() -> None:
    case = paged_case([20], heads=(2, 1))
    out = torch.full((1, 2, 32), torch.nan)
    got = decode_attention(case.query, *case.pool, **case.given, workspace=workspace(case), out=out)
    assert got is out
    assert torch.equal(out, computed(case)[0])


def test_a_workspace_holds_every_batch_up_to_the_largest() -> None:
    heads, kv_heads, processors = 32, 8, 132
    made = DecodeWorkspace.allocate(
        largest_batch=64,
        num_heads=heads,
        num_kv_heads=kv_heads,
        value_dim=2,
        multiprocessors=processors,
        device=torch.device("cpu"),
    )
    for batch in range(1, 65):
        rows = batch * heads * decode_splits(batch, kv_heads, processors)
        assert rows <= made.sums.numel()
        assert 2 * rows <= made.partial.numel()


@pytest.mark.parametrize(("side", "elements"), [("partial", 31), ("sums", 31), ("arrivals", 3)])
def test_a_workspace_that_is_too_small_is_refused(side: str, elements: int) -> None:
    case = paged_case([20, 20])
    room = replace(workspace(case), **{side: torch.empty(elements)})
    with pytest.raises(ValueError, match="fewer than 2 sequences"):
        decode_attention(case.query, *case.pool, **case.given, workspace=room)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": torch.zeros(1, 3, 32)}, "heads are a multiple"),
        ({"query": torch.zeros(1, 32, 4).transpose(1, 2)}, "last dimension"),
        ({"page_size": 3}, "power of two"),
        ({"storage": "int8"}, "not torch.float32"),
        ({"key_multipliers": torch.zeros(1, 2)}, "multipliers"),
        ({"out": torch.zeros(1, 32, 4).transpose(1, 2)}, "contiguous"),
        ({"lse": torch.zeros(1, 4, dtype=torch.float64)}, "log-sum-exps"),
    ],
    ids=["heads", "strides", "pages", "storage", "multipliers", "out", "lse"],
)
def test_what_would_be_read_as_something_else_is_refused(change: dict[str, Any], message: str) -> None:
    case = paged_case([9])
    given = {"query": case.query, **case.given, **change}
    with pytest.raises(ValueError, match=message):
        decode_attention(given.pop("query"), *case.pool, **given, workspace=workspace(case))


def test_splits_fill_the_gpu_and_depend_on_the_batch_size_alone() -> None:
    assert [decode_splits(batch, 8, 132) for batch in (1, 8, 64, 256)] == [66, 9, 4, 4]


@pytest.mark.parametrize("element_size", [1, 2, 4])
@pytest.mark.parametrize("head_dim", [64, 80, 128, 192, 256])
def test_tiles_are_powers_of_two(head_dim: int, element_size: int) -> None:
    for group in (1, 4, 5, 16, 71):
        tiles = decode_tiles(group, head_dim, element_size, small=False)
        assert tiles.rows * head_blocks(group) >= group
        assert tiles.shortest % tiles.keys == 0
        for size in (tiles.rows, tiles.keys):
            assert size >= 16
            assert size & (size - 1) == 0
