"""Rows and batches."""

from __future__ import annotations

import pytest

from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import SamplingParams
from sgl.sampling.arrays import SampleRow, SamplingBatch


def test_a_row_starts_after_its_prompt_and_moves_with_each_token() -> None:
    row = SampleRow.start(SamplingParams(frequency_penalty=1.0), 5, [4, 4, 6])
    row.append(9)
    row.append(9)
    assert (row.position, row.generated) == (5, 2)
    assert row.history is not None
    assert row.history.counts.tolist() == [2.0]


def test_a_resumed_row_stands_where_the_first_one_stood() -> None:
    params = SamplingParams(repetition_penalty=1.2)
    first, resumed = SampleRow.start(params, 5, [4, 6]), SampleRow.start(params, 5, [4, 6], output_ids=[1, 6])
    first.append(1)
    first.append(6)
    assert (first.position, first.generated) == (resumed.position, resumed.generated)
    assert first.history is not None
    assert resumed.history is not None
    assert first.history.ids.tolist() == resumed.history.ids.tolist()
    assert first.history.counts.tolist() == resumed.history.counts.tolist()


def test_a_batch_serves_its_own_rows_in_their_order_only() -> None:
    rows = [SampleRow.start(SamplingParams(), seed, [1]) for seed in range(3)]
    batch = SamplingBatch(rows)
    assert batch.serves(list(rows))
    assert not batch.serves(rows[:2])
    assert not batch.serves(rows[::-1])
    assert not batch.serves([*rows[:2], SampleRow.start(SamplingParams(), 2, [1])])


def test_rows_that_break_the_contract_are_refused() -> None:
    with pytest.raises(ValueError, match="TokenHistory"):
        SampleRow(params=SamplingParams(presence_penalty=1.0), seed=0, position=1)
    with pytest.raises(ValueError, match="0 to 20"):
        SampleRow.start(SamplingParams(), 0, [1], logprobs=LogprobRequest(top=21))
