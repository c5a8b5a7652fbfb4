from __future__ import annotations

import asyncio
import os
import random
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from sgl.errors import EngineDead
from sgl.ipc.codec import Outbound
from sgl.ipc.directory import FROM_ENGINE, TO_ENGINE, SocketDirectory, address
from sgl.ipc.sockets import EngineEnd, ServerEnd
from sgl.protocol.messages import Abort, FromEngine, FromEngineFrame, Outputs, Probe, Stats, Stop, ToEngine

EPOCH = 2**62 + 1


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    # pytest's own folder names can be too long for a socket.
    directory = SocketDirectory.create(os.environ)
    yield directory.path
    directory.remove()


async def connected(folder: Path) -> tuple[ServerEnd, EngineEnd]:
    server, engine = ServerEnd(folder, EPOCH), EngineEnd(folder, EPOCH)
    engine.send(Stats(ticket=0))
    await server.recv()
    return server, engine


async def test_messages_arrive_in_order_both_ways(folder: Path) -> None:
    server, engine = await connected(folder)
    for ticket in range(500):
        server.send(Probe(ticket))
    got: list[ToEngine] = []
    while len(got) < 500:
        got += engine.recv(5.0)
    assert got == [Probe(ticket) for ticket in range(500)]
    for ticket in range(500):
        engine.send(Stats(ticket=ticket))
    assert [(await server.recv()) for _ in range(500)] == [Stats(ticket=ticket) for ticket in range(500)]
    engine.close()
    server.close()


async def test_a_waiting_receiver_wakes_for_every_message(folder: Path) -> None:
    server, engine = await connected(folder)

    def speak() -> None:
        for ticket in range(200):
            engine.send(Stats(ticket=ticket))
            time.sleep(random.random() / 500)

    speaker = threading.Thread(target=speak)
    speaker.start()
    for ticket in range(200):
        assert await asyncio.wait_for(server.recv(), 5.0) == Stats(ticket=ticket)
    speaker.join()
    engine.close()
    server.close()


async def test_waiting_costs_no_cpu_time_on_either_side(folder: Path) -> None:
    server, engine = await connected(folder)
    receiver = asyncio.ensure_future(server.recv())
    before = resource.getrusage(resource.RUSAGE_SELF)
    assert await asyncio.to_thread(engine.recv, 0.5) == []
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.05
    engine.send(Stats(ticket=1))
    assert await receiver == Stats(ticket=1)
    engine.close()
    server.close()


async def test_recv_without_waiting_and_with_a_limit(folder: Path) -> None:
    server, engine = await connected(folder)
    assert engine.recv(0.0) == []
    started = time.monotonic()
    assert engine.recv(0.05) == []
    assert 0.03 < time.monotonic() - started < 5.0
    server.send(Stop())
    assert engine.recv(None) == [Stop()]
    engine.close()
    server.close()


async def test_sending_to_nobody_fails_at_once(folder: Path) -> None:
    server = ServerEnd(folder, EPOCH)
    with pytest.raises(EngineDead):
        server.send(Stop())
    server.close()


async def test_what_arrived_before_the_end_is_delivered_and_then_the_end(folder: Path) -> None:
    server, engine = await connected(folder)
    engine.send(Outputs([]))
    engine.send(Stats(ticket=1))
    engine.close()
    assert await server.recv() == Outputs([])
    server.hang_up(EngineDead("gone"))
    assert await server.recv() == Stats(ticket=1)
    with pytest.raises(EngineDead, match="gone"):
        await server.recv()
    with pytest.raises(EngineDead, match="gone"):
        server.send(Stop())
    server.close()


async def test_hanging_up_wakes_a_waiting_receiver(folder: Path) -> None:
    server = ServerEnd(folder, EPOCH)
    receiver = asyncio.ensure_future(server.recv())
    await asyncio.sleep(0.01)
    server.hang_up(EngineDead("gone"))
    with pytest.raises(EngineDead, match="gone"):
        await receiver
    server.close()


async def test_a_lost_frame_ends_the_line_with_a_clear_error(folder: Path) -> None:
    server = ServerEnd(folder, EPOCH)
    context = zmq.Context()
    engine = context.socket(zmq.PUSH)
    engine.connect(address(folder, FROM_ENGINE))
    frames: Outbound[FromEngine] = Outbound(EPOCH, FromEngineFrame)
    first, _lost, third = (frames.pack(Stats(ticket=ticket)) for ticket in range(3))
    engine.send(first)
    engine.send(third)
    assert await server.recv() == Stats(ticket=0)
    with pytest.raises(EngineDead, match=r"The line to the engine broke: frames 1 to 1"):
        await server.recv()
    with pytest.raises(EngineDead, match="broke"):
        server.send(Stop())
    engine.close(linger=0)
    context.term()
    server.close()


async def test_a_stranger_on_the_socket_changes_nothing(folder: Path) -> None:
    server, engine = await connected(folder)
    context = zmq.Context()
    stranger = context.socket(zmq.PUSH)
    stranger.connect(address(folder, FROM_ENGINE))
    chance = random.Random(1)
    for number in range(2000):
        stranger.send(chance.randbytes(chance.randrange(100)))
        if number % 100 == 0:
            engine.send(Stats(ticket=number))
    for number in range(0, 2000, 100):
        assert await server.recv() == Stats(ticket=number)
    # The noise may still be on its way; the line works beside it.
    while server.inbound.bad + server.inbound.foreign < 2000:
        engine.send(Stats(ticket=5))
        assert await asyncio.wait_for(server.recv(), 5.0) == Stats(ticket=5)
    stranger.close(linger=0)
    context.term()
    engine.close()
    server.close()


async def test_a_message_over_the_limit_from_a_stranger_is_refused(folder: Path) -> None:
    server, engine = await connected(folder)
    context = zmq.Context()
    stranger = context.socket(zmq.PUSH)
    stranger.connect(address(folder, FROM_ENGINE))
    stranger.send(bytes(65 * 1024 * 1024))
    engine.send(Stats(ticket=1))
    assert await asyncio.wait_for(server.recv(), 5.0) == Stats(ticket=1)
    stranger.close(linger=0)
    context.term()
    engine.close()
    server.close()


async def test_an_abort_storm_does_not_block(folder: Path) -> None:
    server, engine = await connected(folder)
    started = time.monotonic()
    for rid in range(5000):
        server.send(Abort(rid))
    assert time.monotonic() - started < 8.0  # 0.05 on a machine with nothing else to do.
    got: list[ToEngine] = []
    while len(got) < 5000:
        got += engine.recv(5.0)
    assert got[-1] == Abort(4999)
    engine.close()
    server.close()


def test_the_sockets_lie_in_the_folder(folder: Path) -> None:
    server = ServerEnd(folder, EPOCH)
    assert (folder / TO_ENGINE).is_socket()
    server.close()
    server.close()
