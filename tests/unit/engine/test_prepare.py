"""The inputs of a step: the column of pure decodes equals the one of any batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sgl.batch.batch import Batch
from sgl.engine import prepare as module
from tests.fake_runner import FakeRunner, fake_engine
from tests.harness import generate


@pytest.mark.parametrize("page_size", [1, 4, 16])
def test_decodes_are_laid_out_like_any_batch(page_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, runner = fake_engine(page_size=page_size)
    seen: list[Batch] = []
    launch = runner.launch

    def noting(batch: Batch) -> Any:
        if batch.decode_only and len(batch.entries) > 1:
            seen.append(batch)
            rows = engine.scheduler._cache.rows
            fast, plain = module._decode_columns(batch, rows), module._columns(batch, rows)
            assert all(np.array_equal(mine, theirs) for mine, theirs in zip(fast, plain, strict=True))
            assert all(mine.dtype == np.int64 for mine in fast)
            inputs = module.prepare(batch, rows)
            assert inputs.draw_rows is None
            assert inputs.token_ids.tolist() == fast[0].tolist()
            assert [span.context for span in inputs.spans] == [entry.stop for entry in batch.entries]
        return launch(batch)

    monkeypatch.setattr(FakeRunner, "launch", lambda self, batch: noting(batch))
    engine.submit(*(generate(rid, list(range(3, 8 + 5 * rid)), max_new_tokens=9) for rid in range(4)))
    engine.finish()
    assert len(seen) > 5


def test_a_step_that_only_draws_from_some_rows_names_them() -> None:
    engine, runner = fake_engine(chunk=20)
    engine.submit(generate(1, list(range(3, 12)), max_new_tokens=4), generate(2, list(range(3, 60)), max_new_tokens=4))
    batch = engine.scheduler.planner.plan(0.0)
    assert batch is not None
    inputs = module.prepare(batch, engine.scheduler._cache.rows)
    assert inputs.draw_rows is not None
    assert inputs.draw_rows.tolist() == [8]
    assert [span.query_start for span in inputs.spans] == [0, 9]
    assert inputs.positions.tolist() == [*range(9), *range(11)]
    assert replace(batch.entries[1], count=1).stop == 1
    assert runner.computed == []
