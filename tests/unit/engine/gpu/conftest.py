"""The engine for GPUs runs its kernels in Triton's interpreter here, which is corrected first."""

from __future__ import annotations

import pytest

from tests.interpreter import mend_bfloat16, patch_once, skip_dropped_checks


@pytest.fixture(autouse=True)
def _an_interpreter_like_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bfloat16(monkeypatch)
    patch_once(monkeypatch)
    skip_dropped_checks(monkeypatch)


@pytest.fixture
def unwarmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines start without the two steps that nobody asked for: a third of a short test."""
    monkeypatch.setattr("sgl.scheduler.build.warm_up", lambda engine: None)
