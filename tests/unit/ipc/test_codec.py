from __future__ import annotations

import random

import pytest

from sgl.ipc.codec import (
    MAX_FRAME_BYTES,
    BadFrame,
    FrameGap,
    Inbound,
    Outbound,
    decode_from_engine,
    decode_to_engine,
)
from sgl.ipc.token_ids import pack_ids
from sgl.protocol.messages import (
    Abort,
    Delta,
    Failed,
    Finish,
    FlushCache,
    Flushed,
    FromEngine,
    FromEngineFrame,
    Generate,
    LogprobRequest,
    Outputs,
    Phase,
    Probe,
    Ready,
    StartupFailed,
    Stats,
    Stop,
    Timings,
    ToEngine,
    ToEngineFrame,
    TokenLogprob,
)
from sgl.protocol.sampling import SamplingParams
from tests.fakes import fake_info

EPOCH = 0x1234_5678_9ABC_DEF0

TO_ENGINE: list[ToEngine] = [
    Generate(
        rid=7,
        input_ids=pack_ids(range(300)),
        sampling=SamplingParams(stop=("é", "</s>"), logit_bias={5: -1.5}, seed=-3, max_new_tokens=9),
        seed=2**62,
        logprobs=LogprobRequest(output=True, top=5, prompt_start=0, token_ids=(1, 2)),
        namespace="tenant",
    ),
    Abort(3),
    FlushCache(1),
    Probe(2),
    Stop(),
]
LOGPROB = TokenLogprob(5, -0.5, [(5, -0.5), (6, -1.5)], [(1, -9.0)])
FROM_ENGINE: list[FromEngine] = [
    Phase("loading weights", "3 of 7", 1.5),
    Ready(fake_info()),
    StartupFailed("no", 2, "do"),
    Outputs(
        [
            Delta(1, 0, [5, 6], None, [LOGPROB, LOGPROB], 16, [None, LOGPROB]),
            Delta(2, 7, [9], Finish("stop", 9), timings=Timings(0.1, 0.2, 0.3), retractions=1),
        ]
    ),
    Failed(rid=1, message="m", http_status=400, type="invalid_request_error", code="c", param="p"),
    Flushed(1, False, "2 running"),
    Stats(ticket=4, running=3, generation_rate=1.25),
]


def to_engine(epoch: int = EPOCH) -> Outbound[ToEngine]:
    return Outbound(epoch, ToEngineFrame)


def from_engine(epoch: int = EPOCH) -> Outbound[FromEngine]:
    return Outbound(epoch, FromEngineFrame)


def test_every_message_round_trips_in_order() -> None:
    engine_in, server_in = Inbound(EPOCH, decode_to_engine), Inbound(EPOCH, decode_from_engine)
    there, back = to_engine(), from_engine()
    assert [engine_in.accept(there.pack(body)) for body in TO_ENGINE] == TO_ENGINE
    assert [server_in.accept(back.pack(body)) for body in FROM_ENGINE] == FROM_ENGINE


def test_a_frame_of_another_epoch_is_dropped_and_counted() -> None:
    inbound = Inbound(EPOCH, decode_to_engine)
    assert inbound.accept(to_engine(EPOCH + 1).pack(Stop())) is None
    assert inbound.foreign == 1
    assert inbound.accept(to_engine().pack(Stop())) == Stop()


def test_a_repeated_frame_is_dropped_and_counted() -> None:
    inbound, outbound = Inbound(EPOCH, decode_to_engine), to_engine()
    first, second = outbound.pack(Probe(1)), outbound.pack(Probe(2))
    assert [inbound.accept(data) for data in (first, first, second, first)] == [Probe(1), None, Probe(2), None]
    assert inbound.repeated == 2


def test_a_lost_frame_is_an_error_that_names_it() -> None:
    inbound, outbound = Inbound(EPOCH, decode_to_engine), to_engine()
    inbound.accept(outbound.pack(Probe(1)))
    outbound.pack(Probe(2))
    with pytest.raises(FrameGap, match="frames 1 to 1 "):
        inbound.accept(outbound.pack(Probe(3)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",  # an array that claims 4 billion items
        b"\x93\x01\x00" + b"\x91" * 100_000,  # nested without end
        b"\x93\x01\x00\x82\xa4kind\xa6failed\xa7message\xa2\xff\xfe",  # text that is not UTF-8
        b"\x93\x01\x00\x82\xa4kind\xa4stop\xa5extra\x01",  # an unknown field
        b"\x93\x01\x00\x81\xa4kind\xa6reboot",  # an unknown message
        b"\x94\x01\x00\x81\xa4kind\xa4stop\x01",  # an unknown frame field
    ],
)
def test_what_is_no_frame_is_counted_and_the_next_good_one_is_taken(data: bytes) -> None:
    for decode, good in ((decode_to_engine, to_engine()), (decode_from_engine, from_engine())):
        inbound = Inbound(EPOCH, decode)
        assert inbound.accept(data) is None
        assert inbound.bad == 1
        body = Stats() if decode is decode_from_engine else Stop()
        assert inbound.accept(good.pack(body)) == body  # type: ignore[arg-type]


def test_half_a_token_id_is_no_frame() -> None:
    broken = Generate(rid=1, input_ids=b"\1\0\0", sampling=SamplingParams(), seed=0)
    with pytest.raises(BadFrame, match="3 bytes"):
        decode_to_engine(to_engine().pack(broken))


def test_a_frame_the_other_side_would_refuse_is_not_sent_and_leaves_no_gap() -> None:
    outbound, inbound = to_engine(), Inbound(EPOCH, decode_to_engine)
    huge = Generate(rid=1, input_ids=bytes(MAX_FRAME_BYTES), sampling=SamplingParams(), seed=0)
    with pytest.raises(BadFrame, match="over 67108864"):
        outbound.pack(huge)
    assert inbound.accept(outbound.pack(Stop())) == Stop()


def mutated(chance: random.Random, data: bytes) -> bytes:
    """``data`` with a few bytes changed, cut out, doubled or put in."""
    buffer = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(buffer) + 1)
        span = chance.randint(1, 8)
        match chance.randrange(4):
            case 0:
                buffer[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del buffer[at : at + span]
            case 2:
                buffer[at:at] = buffer[at : at + span]
            case _:
                buffer[at:at] = chance.randbytes(span)
    return bytes(buffer)


def test_twenty_thousand_random_and_mutated_frames_are_survived() -> None:
    chance = random.Random(2)
    stranger_to, stranger_from = to_engine(EPOCH ^ 1), from_engine(EPOCH ^ 1)
    templates_to = [stranger_to.pack(body) for body in TO_ENGINE]
    templates_from = [stranger_from.pack(body) for body in FROM_ENGINE]
    engine_in, server_in = Inbound(EPOCH, decode_to_engine), Inbound(EPOCH, decode_from_engine)
    there, back = to_engine(), from_engine()
    for round_ in range(10_000):
        if chance.random() < 0.3:
            noise_to = noise_from = chance.randbytes(chance.randrange(80))
        else:
            noise_to, noise_from = (
                mutated(chance, chance.choice(templates_to)),
                mutated(chance, chance.choice(templates_from)),
            )
        assert engine_in.accept(noise_to) is None
        assert server_in.accept(noise_from) is None
        if round_ % 100 == 0:
            assert engine_in.accept(there.pack(Probe(round_))) == Probe(round_)
            assert server_in.accept(back.pack(Stats(ticket=round_))) == Stats(ticket=round_)
    assert engine_in.bad > 1000
    assert server_in.bad > 1000
    assert engine_in.bad + engine_in.foreign == 10_000
    assert server_in.bad + server_in.foreign == 10_000


def test_mutations_that_know_the_epoch_raise_nothing_but_a_gap() -> None:
    chance = random.Random(3)
    template = [to_engine().pack(body) for body in TO_ENGINE]
    for _ in range(5_000):
        inbound = Inbound(EPOCH, decode_to_engine)
        try:
            inbound.accept(mutated(chance, chance.choice(template)))
        except FrameGap:
            continue
