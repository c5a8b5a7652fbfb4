"""Fixed latent attention equals its twin, and a row has the same bits however it comes and whoever else is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from sgl.kernels.triton.fixed_latent import fixed_latent, fixed_latent_tiles
from sgl.kernels.triton.fixed_splits import SMALL_SPLIT, SPLIT_TOKENS
from tests.unit.kernels.triton.test_fixed_attention import workspace
from tests.unit.kernels.triton.test_latent import SCALE, Case, case, check


def computed(each: Case, *, single: bool = False, spare: int = 40, processors: int = 4) -> Tensor:
    room = workspace(each.query.shape[1], each.layer.rank, spare=spare, processors=processors)
    return fixed_latent(
        each.query, each.layer, each.page_table, each.seq_lens, each.cu_q,
        page_size=each.page_size, scale=SCALE, workspace=room, single=single,
    )  # fmt: skip


@pytest.mark.parametrize("single", [False, True], ids=["prompts", "single tokens"])
@pytest.mark.parametrize(
    ("shape"),
    [
        {"dtype": torch.float32},
        {"dtype": torch.bfloat16, "page_size": 16},
        {"storage": "int8", "page_size": 1},
        {"storage": "fp8_e4m3"},
        {"heads": 18, "rank": 24, "rope": 8},
    ],
    ids=["float32", "bfloat16", "int8", "fp8", "widths"],
)
def test_equals_the_plain_twin(shape: dict[str, Any], single: bool) -> None:
    lengths, counts, padding = ([70, 0, 5], None, 0) if single else ([47, 0, 9, 20], [5, 1, 9, 0], 2)
    each = case(lengths, counts, padding=padding, **shape)
    check(computed(each, single=single), each.expected)


def test_bits_are_those_of_the_sequence_alone() -> None:
    """A prompt at once; in chunks beside others; and its last token by itself, shared out in every way."""
    length, others = 2 * SMALL_SPLIT + 5, (SMALL_SPLIT + 9, 0)
    each = case([length, *others], [length, 1, 1])
    whole = computed(each)[:length]

    def part(start: int, stop: int, order: Sequence[int], **ways: Any) -> Tensor:
        rows = [each.query[start:stop], *each.query[length:].split(1)]
        counts = [stop - start if row == 0 else 1 for row in order]
        lengths = [stop, *others]
        at = sum(counts[: order.index(0)])
        one = replace(
            each,
            query=torch.cat([rows[row] for row in order]),
            page_table=each.page_table[list(order)],
            seq_lens=torch.tensor([lengths[row] for row in order]).int(),
            cu_q=torch.tensor([0, *counts]).cumsum(0).int(),
        )
        return computed(one, **ways)[at : at + stop - start]

    assert torch.equal(part(SMALL_SPLIT - 3, SMALL_SPLIT + 6, [1, 0]), whole[SMALL_SPLIT - 3 : SMALL_SPLIT + 6])
    for stop in (length, 2 * SMALL_SPLIT, 1):
        expected = whole[stop - 1 : stop]
        assert torch.equal(part(stop - 1, stop, [2, 0, 1], single=True, processors=1), expected)
    assert torch.equal(part(length - 1, length, [0]), whole[-1:])
    assert torch.equal(part(length - 1, length, [0], single=True, processors=3), whole[-1:])
    assert torch.equal(part(length - 1, length, [1, 2, 0], single=True, spare=1), whole[-1:])


def test_tiles_divide_a_split() -> None:
    for storage in (None, "int8", "fp8_e4m3"):
        assert SPLIT_TOKENS % fixed_latent_tiles(storage, interpreted=False).keys == 0
    assert SMALL_SPLIT % fixed_latent_tiles(None).keys == 0


def test_what_does_not_fit_is_refused() -> None:
    each = case([5, 5])
    with pytest.raises(ValueError, match="workspace"):
        fixed_latent(
            each.query, each.layer, each.page_table, each.seq_lens, each.cu_q,
            page_size=4, scale=SCALE, workspace=workspace(4, each.layer.rank, batch=1), single=True,
        )  # fmt: skip
    with pytest.raises(ValueError, match="one for each"):
        computed(case([5, 5], [1, 2]), single=True)
