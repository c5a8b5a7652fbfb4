"""Kernels run in Triton's interpreter here, which is corrected first."""

from __future__ import annotations

import pytest

from tests.interpreter import mend_bfloat16, patch_once, skip_dropped_checks


@pytest.fixture(autouse=True)
def _bfloat16_as_a_gpu_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bfloat16(monkeypatch)
    patch_once(monkeypatch)
    skip_dropped_checks(monkeypatch)
