"""Time on a device, from kernels that may overlap."""

from __future__ import annotations

import pytest

from benchmarks.gpu_acceptance.busy import Ran, kind_of, summed


def test_kernels_that_overlap_count_once() -> None:
    found = summed([Ran("norm", 30, 40), Ran("gemm", 0, 10), Ran("attend", 5, 20)])
    assert found.busy == pytest.approx(30e-6)
    assert found.span == pytest.approx(40e-6)
    assert found.kinds == pytest.approx({"products": 10e-6, "attention": 15e-6, "other": 10e-6})


def test_shares_and_idle_are_the_whole_wall() -> None:
    shares = summed([Ran("gemm", 0, 60), Ran("attend", 60, 80)]).divided(2).shares(50e-6)
    assert shares == pytest.approx({"products": 0.6, "attention": 0.2, "idle": 0.2})


def test_more_busy_than_wall_is_not_idle() -> None:
    assert summed([Ran("gemm", 0, 60)]).shares(50e-6)["idle"] == 0.0


def test_nothing_ran() -> None:
    assert summed([]).shares(1.0) == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nvjet_hsh_128x256_64x4_1x2_h_bz_coopA_NTT", "products"),
        ("skinny_product", "products"),
        ("attend_split", "attention"),
        ("place_heads", "other"),
        ("draw_candidates", "sampling"),
    ],
)
def test_kinds(name: str, kind: str) -> None:
    assert kind_of(name) == kind
