"""Tiles follow the shared memory of a block: the newest GPUs of desktops have as little as older ones."""

from __future__ import annotations

import pytest

from sgl.kernels.triton.extend_attention import extend_tiles
from sgl.kernels.triton.fixed_attention import fixed_tiles
from sgl.kernels.triton.latent_expanded import expanded_tiles

SMALL, LARGE = (80, 89, 120, 121), (90, 100, 103)


@pytest.mark.parametrize("capability", SMALL + LARGE)
def test_blocks_of_desktop_gpus_are_small(capability: int) -> None:
    alike = 89 if capability in SMALL else 90
    assert extend_tiles(4096, 128, 2, capability, small=False) == extend_tiles(4096, 128, 2, alike, small=False)
    assert fixed_tiles(128, 2, capability, small=False) == fixed_tiles(128, 2, alike, small=False)
    assert expanded_tiles(4096, 320, 2, capability, small=False) == expanded_tiles(4096, 320, 2, alike, small=False)


def test_the_two_kinds_differ() -> None:
    assert extend_tiles(4096, 128, 2, 120, small=False) != extend_tiles(4096, 128, 2, 90, small=False)
    assert fixed_tiles(128, 2, 120, small=False) != fixed_tiles(128, 2, 90, small=False)
    assert expanded_tiles(4096, 320, 2, 120, small=False) != expanded_tiles(4096, 320, 2, 90, small=False)
