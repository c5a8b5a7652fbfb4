from __future__ import annotations

import pytest

from sgl.errors import EngineFailure
from sgl.protocol.messages import Generate
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.journal import JournalEntry


@pytest.fixture
def entry() -> JournalEntry:
    return JournalEntry(Generate(rid=1, input_ids=b"\1\0\0\0", sampling=SamplingParams(), seed=7))


def test_ids_are_appended_in_order(entry: JournalEntry) -> None:
    assert entry.append(0, [5, 6]) == [5, 6]
    assert entry.append(2, [7]) == [7]
    assert entry.emitted == [5, 6, 7]


def test_what_was_seen_is_neither_repeated_nor_rewritten(entry: JournalEntry) -> None:
    entry.append(0, [5, 6])
    assert entry.append(0, [5, 6]) == []
    assert entry.append(1, [9, 7]) == [7]
    assert entry.append(3, []) == []
    assert entry.emitted == [5, 6, 7]


def test_a_gap_is_an_error_and_adds_nothing(entry: JournalEntry) -> None:
    entry.append(0, [5])
    with pytest.raises(EngineFailure, match="from output position 1 to 3"):
        entry.append(3, [8])
    assert entry.emitted == [5]


def test_ids_after_a_stop_string_are_taken_back(entry: JournalEntry) -> None:
    entry.append(0, [5, 6, 7])
    entry.drop_last(0)
    assert entry.emitted == [5, 6, 7]
    entry.drop_last(2)
    assert entry.emitted == [5]
