"""Fixed attention equals its twin, and a row has the same bits however it comes and whoever else is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import triton.language as tl
from torch import Tensor

from sgl.config.splits import fixed_rows
from sgl.kernels.triton import fixed_splits
from sgl.kernels.triton.fixed_attention import fixed_attention, fixed_tiles
from sgl.kernels.triton.fixed_splits import SMALL_SPLIT, FixedWorkspace
from sgl.kernels.twins import fixed_attention as twin
from tests.unit.kernels.triton.paged_case import UNDEFINED_PAGE, PagedCase, paged_case

SINKS = torch.tensor([-2.0, 0.0, 1.5, 4.0])
CPU = torch.device("cpu")
TOLERANCES = {torch.float32: (2e-6, 1e-5), torch.float16: (1e-3, 2e-3), torch.bfloat16: (8e-3, 2e-2)}


def workspace(heads: int, value_dim: int, *, batch: int = 4, spare: int = 40, processors: int = 4) -> FixedWorkspace:
    """Full of NaN."""
    rows = batch + spare
    mixed = torch.full((rows, heads, value_dim), torch.nan)
    return FixedWorkspace(mixed, mixed[..., 0].clone(), mixed[..., 0].clone(), batch, processors)


def computed(
    case: PagedCase, *, spare: int = 40, processors: int = 4, single: bool = False, **options: Any
) -> tuple[Tensor, Tensor]:
    lse = torch.full(case.query.shape[:2], torch.nan)
    room = workspace(case.query.shape[1], case.values.shape[2], spare=spare, processors=processors)
    given = {**case.given, "workspace": room, "single": single, **options}
    return fixed_attention(case.query, *case.pool, case.cu_q, lse=lse, **given), lse


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ({}, {}),
        ({"page_size": 1}, {"sinks": SINKS, "softcap": 0.7, "window": 7}),
        ({"storage": "int8", "page_size": 16, "head_dim": 16}, {"sinks": SINKS}),
        ({"storage": "fp8_e4m3", "dtype": torch.bfloat16}, {"softcap": 0.7}),
        ({"head_dim": 24, "value_dim": 40}, {"window": 40}),
        ({"dtype": torch.float16, "heads": (3, 1)}, {"window": 1}),
    ],
    ids=["plain", "all", "int8", "fp8", "widths", "float16"],
)
@pytest.mark.parametrize("single", [False, True], ids=["prompts", "single tokens"])
def test_equals_the_plain_twin(shape: dict[str, Any], options: dict[str, Any], single: bool) -> None:
    lengths, counts, padding = ([70, 0, 5], None, 0) if single else ([53, 0, 9, 20], [5, 1, 9, 0], 2)
    case = paged_case(lengths, counts, padding=padding, **shape)
    got, lse = computed(case, single=single, **options)
    wanted, wanted_lse = twin.fixed_attention(case.query, *case.pool, case.cu_q, **case.given, **options)
    atol, rtol = TOLERANCES[case.query.dtype]
    torch.testing.assert_close(got, wanted, atol=atol, rtol=rtol)
    torch.testing.assert_close(lse, wanted_lse, atol=2e-6, rtol=1e-5)
    padding_rows = [1] if single else [5, 15, 16]
    assert not got[padding_rows].any()
    assert bool((lse[padding_rows] == -torch.inf).all())


def test_a_group_of_heads_may_fill_several_tiles() -> None:
    case = paged_case([0, 40], heads=(18, 1), head_dim=8)
    wanted, _ = twin.fixed_attention(case.query, *case.pool, case.cu_q, **case.given)
    torch.testing.assert_close(computed(case, single=True)[0], wanted, atol=2e-6, rtol=1e-5)


LENGTH = 2 * SMALL_SPLIT + 13
OTHERS = (SMALL_SPLIT + 7, 0, 19)


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (torch.float32, {"window": SMALL_SPLIT + 11, "sinks": SINKS[:2]}),
        (torch.bfloat16, {}),
    ],
    ids=["window", "bfloat16"],
)
def test_bits_are_those_of_the_sequence_alone(dtype: torch.dtype, options: dict[str, Any]) -> None:
    """A prompt at once; in chunks beside another; and its last tokens one by one, shared out in every way."""
    case = paged_case([LENGTH, *OTHERS], [LENGTH, 1, 1, 1], heads=(2, 1), dtype=dtype, head_dim=16)
    whole = computed(case, **options)[0][:LENGTH]

    def part(start: int, stop: int, order: Sequence[int], **ways: Any) -> Tensor:
        """Positions from ``start`` to ``stop`` among sequences in this order, of which others have one row."""
        rows = [case.query[start:stop], *case.query[LENGTH:].split(1)]
        counts = [stop - start if row == 0 else 1 for row in order]
        lengths = [stop, *OTHERS]
        at = sum(counts[: order.index(0)])
        one = PagedCase(
            torch.cat([rows[row] for row in order]),
            case.keys,
            case.values,
            case.page_table[list(order)],
            torch.tensor([lengths[row] for row in order], dtype=torch.int32),
            torch.tensor([0, *counts]).cumsum(0).to(torch.int32),
            [],
            case.given,
        )
        return computed(one, **ways, **options)[0][at : at + stop - start]

    assert torch.equal(part(SMALL_SPLIT - 3, SMALL_SPLIT + 20, [3, 0]), whole[SMALL_SPLIT - 3 : SMALL_SPLIT + 20])
    for stop in (LENGTH, 2 * SMALL_SPLIT + 1, SMALL_SPLIT):
        expected = whole[stop - 1 : stop]
        assert torch.equal(part(stop - 1, stop, [1, 0, 2, 3], single=True, processors=1), expected)
    expected = whole[-1:]
    assert torch.equal(part(LENGTH - 1, LENGTH, [0]), expected)
    assert torch.equal(part(LENGTH - 1, LENGTH, [0], single=True, processors=2), expected)
    assert torch.equal(part(LENGTH - 1, LENGTH, [2, 1, 0], single=True, spare=0), expected)


@pytest.mark.parametrize("options", [{}, {"window": 4 * SMALL_SPLIT, "sinks": SINKS[:1]}], ids=["plain", "window"])
def test_bits_do_not_say_who_computed_a_split(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]) -> None:
    """One program all of them, or several of them one or more; with rows for all single splits, or for a few."""
    case = paged_case([7 * SMALL_SPLIT + 9, 3 * SMALL_SPLIT], heads=(1, 1), head_dim=16)
    monkeypatch.setattr(FixedWorkspace, "parts", lambda *_: 1)
    wanted, wanted_lse = computed(case, single=True, **options)
    for parts, spare in ((2, 40), (3, 40), (8, 40), (20, 40), (8, 4)):
        monkeypatch.setattr(FixedWorkspace, "parts", lambda *_, parts=parts: parts)
        got, lse = computed(case, single=True, spare=spare, **options)
        assert torch.equal(got, wanted)
        torch.testing.assert_close(lse, wanted_lse)


def test_what_has_seen_no_key_changes_no_bit() -> None:
    """Of softmaxes that are put together: their twin says what they are, and here they are some."""
    torch.manual_seed(0)
    state = (torch.randn(3), torch.rand(3), torch.randn(3, 4))
    empty = (torch.full((3,), -torch.inf), torch.zeros(3), torch.zeros(3, 4))
    for one in (twin.put_together(*state, *empty), twin.put_together(*empty, *state)):
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(one, state, strict=True))


def test_a_batch_is_shared_out_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    case = paged_case([70, 0, 41, 99], heads=(2, 1), head_dim=16)
    wanted, _ = computed(case, single=True)
    monkeypatch.setattr(fixed_splits, "SEQUENCES", tl.constexpr(2))
    got, _ = computed(case, single=True)
    assert torch.equal(got, wanted)


@pytest.mark.parametrize("single", [False, True])
def test_nothing_before_a_window_is_read(single: bool) -> None:
    """Neither K nor V nor the page table."""
    window, count = 9, 1 if single else 6
    case = paged_case([81], [count], heads=(2, 1))
    wanted, _ = computed(case, window=window, single=single)
    first = 81 - count - window + 1
    for position in range(first):
        slot = int(case.page_table[0, position // 4]) * 4 + position % 4
        case.keys[slot] = case.values[slot] = torch.nan
    case.page_table[0, : first // 4] = UNDEFINED_PAGE
    got, _ = computed(case, window=window, single=single)
    assert torch.equal(got, wanted)


def test_results_go_where_they_are_asked_for() -> None:
    case = paged_case([40], heads=(2, 1))
    out = torch.full((1, 2, 32), torch.nan)
    room = workspace(2, 32)
    got = fixed_attention(case.query, *case.pool, case.cu_q, **case.given, workspace=room, single=True, out=out)
    assert got is out
    assert torch.equal(out, computed(case)[0])


def test_what_does_not_fit_is_refused() -> None:
    case = paged_case([20, 20])
    for room in (workspace(4, 32, batch=1), workspace(4, 16), workspace(2, 32)):
        with pytest.raises(ValueError, match="workspace"):
            fixed_attention(case.query, *case.pool, case.cu_q, **case.given, workspace=room, single=True)
    longer = paged_case([20, 20], [1, 2])
    with pytest.raises(ValueError, match="one for each"):
        computed(longer, single=True)


def test_a_workspace_has_rows_for_every_batch_and_for_single_splits() -> None:
    made = FixedWorkspace.allocate(largest_batch=3, num_heads=2, value_dim=4, multiprocessors=132, device=CPU)
    assert made.mixed.shape == (fixed_rows(3), 2, 4)
    assert made.peaks.shape == made.totals.shape == (fixed_rows(3), 2)
    assert made.spare == fixed_rows(3) - 3 > 0
    assert [made.parts(batch, 8) for batch in (1, 8, 64, 256)] == [66, 9, 4, 4]


@pytest.mark.parametrize("capability", [80, 89, 90, 100])
@pytest.mark.parametrize("element_size", [1, 2, 4])
@pytest.mark.parametrize("head_dim", [64, 80, 128, 192, 256])
def test_tiles_are_powers_of_two_that_divide_a_split(head_dim: int, element_size: int, capability: int) -> None:
    tiles = fixed_tiles(head_dim, element_size, capability, small=False)
    for size in (tiles.rows, tiles.keys):
        assert size >= 16
        assert size & (size - 1) == 0
    assert tiles.split % tiles.keys == 0
