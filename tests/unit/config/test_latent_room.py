"""When keys and values are expanded, and how much memory a part of a step may take."""

from __future__ import annotations

from typing import Final

import pytest

from sgl.config.latent import LatentConfig, expanding_pays
from sgl.config.latent_room import LatentRoom

WIDTHS: Final = LatentConfig(q_rank=None, kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128)
"""Of DeepSeek V2 and V3."""
V3: Final = LatentRoom(latent=WIDTHS, heads=128, longest=163840, batch=256)


@pytest.mark.parametrize(
    ("count", "context", "expands"),
    [
        (2, 2, True),
        (8192, 8192, True),
        (8192, 163840, True),
        # 131,072 multiply-adds to expand a cached token, 768 saved with each of its pairs: 170 and two thirds.
        (170, 100_000, False),
        (171, 100_000, True),
        (100, 150, True),
        (100, 10_000, False),
        (1, 1, False),
        (1, 5000, False),
    ],
)
def test_what_is_less_work_is_chosen(count: int, context: int, expands: bool) -> None:
    assert V3.expands(count, context) is expands


def test_wide_heads_of_short_vectors_stay_absorbed() -> None:
    widths = LatentConfig(q_rank=None, kv_rank=16, nope_dim=32, rope_dim=8, value_dim=32)
    assert not LatentRoom(latent=widths, heads=4, longest=1000, batch=1).expands(500, 500)
    assert not expanding_pays(widths, count=500, prefix=0, absorbed=40, expanded=40)


def test_room_is_for_half_the_heads_of_a_usual_step_and_for_some_of_the_longest() -> None:
    assert V3.elements == 2**27 + 2**20 + 8192 * 512
    assert [V3.heads_at_once(context) for context in (1, 4096, 8192, 16384, 163840)] == [128, 128, 64, 32, 2]
    assert V3.rows == 740
    longer = LatentRoom(latent=WIDTHS, heads=128, longest=2**20, batch=256)
    assert longer.heads_at_once(2**20) == 1
    assert longer.heads_at_once(2**21) == 0
    assert not longer.expands(8192, 2**21)


def test_what_is_short_takes_less_and_the_largest_batch_is_one_part() -> None:
    short = LatentRoom(latent=WIDTHS, heads=16, longest=4096, batch=8)
    assert short.elements == 4096 * (512 + 16 * 256 + 64)
    assert short.heads_at_once(4096) == 16
    wide = LatentRoom(latent=WIDTHS, heads=128, longest=4096, batch=2048)
    assert wide.rows == 2048
