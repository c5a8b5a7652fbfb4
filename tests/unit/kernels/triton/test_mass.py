"""Searches among the tokens of one program, in as many ways as a GPU takes and as the interpreter takes."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

from sgl.kernels.triton.mass import column_of, highest_key, order_key

VALUES = [3.5, -1e-40, 0.0, -0.0, 1e-40, -3.5, -torch.inf, 3.5, 7e37, -7e37, 1.0, 1.0000001, -1.0, 2.0, -2.0, 0.5]
MASSES = [5, 1, 2, 3, 0, 7, 1, 2**40, 1, 1, 9, 4, 4, 2**41, 0, 6]


@triton.jit
def _search(
    values: tl.tensor,
    masses: tl.tensor,
    needs: tl.tensor,
    keys: tl.tensor,
    highest: tl.tensor,
    columns: tl.tensor,
    N: tl.constexpr,
    WAYS_LOG2: tl.constexpr,
) -> None:
    place = tl.arange(0, N)
    key = order_key(tl.load(values + place))
    mass = tl.load(masses + place)
    row = tl.program_id(0)
    need = tl.load(needs + row)
    tl.store(keys + place, key)
    tl.store(highest + row, highest_key(key, mass, need, 32 // WAYS_LOG2, WAYS_LOG2))
    # Columns in no order: 3 is prime to 16.
    tl.store(columns + row, column_of(place * 3 % N, mass, need - 1, WAYS_LOG2))


@pytest.mark.parametrize("ways_log2", [1, 2, 4])
def test_what_is_found_is_what_a_sort_finds(ways_log2: int) -> None:
    total = sum(MASSES)
    needs = [1, 2, 7, 2**40, 2**41, 2**41 + 1, total - 1, total]
    keys = torch.empty(16, dtype=torch.int32)
    highest, columns = torch.empty(len(needs), dtype=torch.int32), torch.empty(len(needs), dtype=torch.int64)
    values = torch.tensor(VALUES)
    _search[(len(needs),)](
        values, torch.tensor(MASSES), torch.tensor(needs), keys, highest, columns, N=16, WAYS_LOG2=ways_log2
    )
    pairs = [(a, b) for a in range(16) for b in range(16)]
    assert all((keys[a] < keys[b]) == (values[a] < values[b]) for a, b in pairs)
    order = sorted(range(16), key=lambda place: -VALUES[place])
    by_column = sorted(range(16), key=lambda place: place * 3 % 16)
    for need, found, column in zip(needs, highest.tolist(), columns.tolist(), strict=True):
        running = [sum(MASSES[place] for place in order[: count + 1]) for count in range(16)]
        last = next(place for place, mass in zip(order, running, strict=True) if mass >= need)
        assert found == keys[last]
        running = [sum(MASSES[place] for place in by_column[: count + 1]) for count in range(16)]
        assert column == next(index for index, mass in enumerate(running) if mass >= need)
