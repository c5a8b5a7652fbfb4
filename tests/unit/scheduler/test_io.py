from __future__ import annotations

from sgl.protocol.messages import Abort, Probe, Stats, Stop
from sgl.scheduler.io import Io, ListIO


def test_a_script_is_played_batch_by_batch_and_then_it_is_over() -> None:
    io: Io = ListIO([[Probe(1), Abort(2)], [], [Probe(3)]])
    assert io.recv(0.0) == [Probe(1), Abort(2)]
    assert io.recv(0.0) == []
    assert io.recv(None) == [Probe(3)]
    assert io.recv(0.0) == []
    assert io.recv(None) == [Stop()]


def test_what_is_sent_is_kept_and_more_can_be_pushed() -> None:
    io = ListIO()
    io.send(Stats(ticket=1))
    io.push(Probe(2))
    assert io.recv() == [Probe(2)]
    assert io.sent == [Stats(ticket=1)]
