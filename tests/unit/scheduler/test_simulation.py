"""Random histories of one engine: submit, abort, step, flush over small pools; nothing is ever wrong or lost.

Each is played step by step or with steps in flight, and the answers are those of one reference: overlap changes
no token.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sgl.batch.batch import Entry
from sgl.protocol.messages import Abort, FlushCache
from tests.fake_runner import ending_token, fake_engine, reference
from tests.harness import generate

EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("submit"),
            st.lists(st.integers(3, 5), min_size=1, max_size=40),
            st.integers(0, 24),
            st.sampled_from([0.0, 0.0, 0.5]),
        ),
        st.tuples(st.just("abort"), st.integers(0, 30)),
        st.tuples(st.just("step"), st.integers(1, 12)),
        st.tuples(st.just("flush")),
    ),
    max_size=40,
)


def breaks(entry: Entry) -> bool:
    """Every seventh request breaks its third draw."""
    return entry.request.rid % 7 == 5 and entry.draws and entry.request.generated + entry.ahead == 2


def poisons(entry: Entry) -> bool:
    """Another seventh has no finite logits at its second."""
    return entry.request.rid % 7 == 3 and entry.draws and entry.request.generated + entry.ahead == 1


@settings(max_examples=150, deadline=None)
@given(
    events=EVENTS,
    page_size=st.sampled_from([1, 2, 4, 16]),
    pages=st.integers(66, 200),
    chunk=st.integers(3, 50),
    running=st.integers(1, 6),
    radix=st.booleans(),
    overlaps=st.booleans(),
    keeps_history=st.booleans(),
    faults=st.booleans(),
)
def test_every_request_is_answered_rightly(
    events: list[tuple[object, ...]],
    page_size: int,
    pages: int,
    chunk: int,
    running: int,
    radix: bool,
    overlaps: bool,
    keeps_history: bool,
    faults: bool,
) -> None:
    engine, runner = fake_engine(
        tokens=max(pages, page_size * 5),
        page_size=page_size,
        chunk=chunk,
        running=running,
        context=64,
        radix=radix,
        follow=ending_token,
        overlaps=overlaps,
        keeps_history=keeps_history,
        **({"breaks": breaks, "poisons": poisons} if faults else {}),
    )
    asked: dict[int, tuple[list[int], int]] = {}
    aborted: set[int] = set()
    for event in events:
        match event:
            case ("submit", list(ids), int(count), float(penalty)):
                rid = len(asked)
                asked[rid] = (ids, count)
                engine.submit(generate(rid, ids, max_new_tokens=count, presence_penalty=penalty))
            case ("abort", int(rid)):
                engine.scheduler.receive(Abort(rid))
                aborted.add(rid)
                engine.collect()
            case ("step", int(count)):
                for _ in range(count):
                    engine.step()
            case _:
                engine.scheduler.receive(FlushCache(0))
    engine.finish(limit=20000)
    for rid, (ids, count) in asked.items():
        answer = engine.answers[rid]
        whole = reference(ids, count, ending_token)
        assert answer.tokens == whole[: len(answer.tokens)]
        # Of the steps in flight, at most one was in vain, and none where the end was foreseen.
        assert runner.wasted[rid] <= 1
        if answer.failure is not None:
            assert faults
            assert len(answer.tokens) == (1 if rid % 7 == 3 else 2)
            assert rid % 7 in (3, 5)
        elif answer.finish is not None and answer.finish.kind == "abort":
            assert rid in aborted
        else:
            assert answer.finish is not None
            assert answer.tokens == whole
            assert not faults or rid % 7 not in (3, 5) or len(whole) <= (1 if rid % 7 == 3 else 2)
            assert answer.finish.kind == "stop" or runner.wasted[rid] == 0
    assert overlaps or not runner.wasted
    assert engine.scheduler.idle
    cache = engine.scheduler._cache
    assert cache.available_tokens == cache.total_tokens
