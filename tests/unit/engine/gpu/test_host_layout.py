"""The lengths of a step as the host knows them."""

from __future__ import annotations

from typing import Any

import pytest

from sgl.batch.batch import Batch, Entry
from sgl.engine.gpu.graphs import Decoded, DecodeGraphs, Run
from sgl.engine.gpu.inputs import Layout, host_layout


def test_tokens_that_are_still_drawn_count_and_padding_has_a_row() -> None:
    nobody: Any = None
    decode = Entry(nobody, nobody, start=6, count=1, draws=True, ahead=1)
    prompt = Entry(nobody, nobody, start=2, count=3, draws=True)
    host = host_layout(Batch((decode, decode)), Layout.decode(4))
    assert (host.seq_lens.tolist(), host.counts.tolist()) == ([7, 7, 0, 0], [1, 1, 1, 1])
    batch = Batch((decode, prompt))
    host = host_layout(batch, Layout.of(batch))
    assert (host.seq_lens.tolist(), host.counts.tolist(), host.sequences) == ([7, 5], [1, 3], 2)


def test_a_size_is_prepared_before_it_is_captured() -> None:
    order: list[Any] = []

    class Recorder:
        def record(self, run: Run) -> Run:
            order.append("capture")
            return run

    numbers: Any = range(3)
    room = Decoded(numbers, numbers, numbers)
    DecodeGraphs((1, 3), lambda _: pytest.fail("nothing runs here"), room, Recorder(), order.append)
    assert order == [3, "capture", 1, "capture"]
