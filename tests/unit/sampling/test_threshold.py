"""Radix select against a sort."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sgl.sampling.threshold import lowest_kept
from tests.unit.sampling.cases import logits_row, shapes

floats = st.floats(width=32, allow_nan=False)


def by_sorting(logits: Tensor, masses: Tensor, need: int) -> float:
    values = logits.unique().flip(0)
    return next(float(value) for value in values if int(masses[logits >= value].sum()) >= need)


@given(st.lists(st.lists(st.tuples(floats, st.integers(0, 2**40)), min_size=6, max_size=6), min_size=1), st.data())
def test_any_floats(rows: list[list[tuple[float, int]]], data: st.DataObject) -> None:
    logits = torch.tensor([[value for value, _ in row] for row in rows], dtype=torch.float32)
    masses = torch.tensor([[max(mass, 1) for _, mass in row] for row in rows])
    needs = [data.draw(st.integers(1, int(mass.sum()))) for mass in masses]
    found = lowest_kept(logits, masses, torch.tensor(needs).unsqueeze(1))
    expected = [by_sorting(*row) for row in zip(logits, masses, needs, strict=True)]
    assert found.squeeze(1).tolist() == expected


@settings(max_examples=30)
@given(shapes, st.integers(0, 1000), st.sampled_from([1, 2, 3, 17, 500, 999, 1000]))
def test_counts(shape: str, seed: int, count: int) -> None:
    logits = logits_row(shape, 1000, seed)
    found = lowest_kept(logits.unsqueeze(0), torch.ones(1, 1000, dtype=torch.int64), torch.tensor([[count]]))
    assert float(found) == float(logits.sort(descending=True).values[count - 1])
