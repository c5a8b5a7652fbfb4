"""``--assume-gpu``: sizes as people write them."""

from __future__ import annotations

import pytest

from sgl.doctor.assume import parse_gpus
from sgl.errors import UsageError


@pytest.mark.parametrize(
    ("text", "memory", "count"),
    [
        ("80Gi", 80 * 2**30, 1),
        ("80GiB", 80 * 2**30, 1),
        ("80g", 80 * 10**9, 1),
        ("80G:8", 80 * 2**30, 8),
        ("1.5Ti:2", 3 * 2**39, 2),
    ],
)
def test_sizes_of_gpus(text: str, memory: int, count: int) -> None:
    gpus = parse_gpus(text)
    assert gpus.place.memory_bytes == gpus.place.available_bytes == memory
    assert gpus.place.kind == "cuda"
    assert gpus.count == count


@pytest.mark.parametrize("text", ["", "80", "big", "80Gi:0", "80Gi:x", "80Gi:", ":8", "-80Gi", "80Gi:9999"])
def test_what_is_no_gpu(text: str) -> None:
    with pytest.raises(UsageError, match="--assume-gpu expects the memory of a GPU"):
        parse_gpus(text)
