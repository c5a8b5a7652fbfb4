"""Which build of torch runs on which GPU."""

from __future__ import annotations

import pytest

from sgl.gpu import has_code


@pytest.mark.parametrize(
    ("arch_list", "capability", "runs"),
    [
        (("sm_80", "sm_90"), (9, 0), True),
        (("sm_80",), (8, 9), True),  # Same major version, lower minor one.
        (("sm_86",), (8, 0), False),
        (("sm_90",), (12, 0), False),
        (("sm_90", "compute_90"), (12, 0), True),  # Portable code is compiled by the driver.
        (("compute_90",), (8, 9), False),
        (("sm_90a",), (9, 0), True),
        (("sm_100a", "compute_100a"), (12, 0), False),
        (("sm_120", "compute_120"), (12, 1), True),
        (("nonsense", "sm_"), (9, 0), False),
        ((), (9, 0), False),
    ],
)
def test_code_for_a_gpu(arch_list: tuple[str, ...], capability: tuple[int, int], runs: bool) -> None:
    assert has_code(arch_list, 10 * capability[0] + capability[1]) is runs
