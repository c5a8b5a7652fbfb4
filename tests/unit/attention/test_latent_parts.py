"""How a step's latent attention is cut into parts."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
import torch

from sgl.attention.latent_parts import Part, cut_parts
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.config.latent import LatentConfig
from sgl.config.latent_room import LatentRoom

WIDTHS: Final = LatentConfig(q_rank=None, kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128)
"""Of DeepSeek V2 and V3."""
V3: Final = LatentRoom(latent=WIDTHS, heads=128, longest=163840, batch=256)


def cut(*sequences: tuple[int, int], first: int = 0, room: LatentRoom = V3, expands: bool = True) -> list[Part]:
    """Of sequences of so many new tokens of so many."""
    counts, lengths = zip(*sequences, strict=True)
    host = HostLayout(np.array(lengths, dtype=np.int32), np.array(counts, dtype=np.int32))
    return cut_parts(host, first, room, expands=expands)


def test_short_prompts_are_one_part_and_what_is_absorbed_between_them_another() -> None:
    prompt, question = (1000, 1000), (100, 9000)
    assert cut((1, 50), (1, 60), prompt, prompt, question, prompt, first=2) == [
        Part(slice(2, 4), slice(2, 2002), True, 2000, 1000),
        Part(slice(4, 5), slice(2002, 2102), False, 9000, 100),
        Part(slice(5, 6), slice(2102, 3102), True, 1000, 1000),
    ]


def test_a_part_has_keys_and_values_of_all_heads_or_one_sequence() -> None:
    parts = cut((2000, 2000), (2000, 2000), (2000, 2000), (8192, 100_000), (600, 600))
    assert [part.sequences for part in parts] == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 5)]
    assert [V3.heads_at_once(part.context) for part in parts] == [128, 128, 5, 128]


def test_rows_that_are_absorbed_are_cut_within_sequences() -> None:
    """As in deterministic mode: a part of one sequence begins where another ended."""
    small = LatentRoom(latent=WIDTHS, heads=128, longest=64, batch=4, most=1, gathered=1)
    assert small.rows == 4
    assert cut((1, 1), (10, 30), (2, 2), (3, 9), (6, 6), first=1, room=small, expands=False) == [
        Part(slice(1, 2), slice(1, 5), False, 30, 4, behind=6),
        Part(slice(1, 2), slice(5, 9), False, 30, 4, behind=2),
        Part(slice(1, 3), slice(9, 13), False, 32, 2),
        Part(slice(3, 4), slice(13, 16), False, 9, 3),
        Part(slice(4, 5), slice(16, 20), False, 6, 4, behind=2),
        Part(slice(4, 5), slice(20, 22), False, 6, 2),
    ]


@pytest.mark.parametrize("expands", [False, True])
def test_the_step_that_memory_is_measured_with_takes_all_the_room(expands: bool) -> None:
    """A prompt that is told no tokens: expanded it takes the room whatever its length, absorbed all rows that fit."""
    batch = PagedBatch.padding((8192,), torch.device("cpu"))
    assert batch.host is not None
    parts = cut_parts(batch.host, 0, V3, expands=expands)
    if expands:
        assert parts == [Part(slice(0, 1), slice(0, 8192), True, 8192, 8192)]
    else:
        assert parts[0].count == V3.rows
        assert sum(part.count for part in parts) == 8192
