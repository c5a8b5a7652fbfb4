"""Random histories of one engine: submit, abort, step, flush over small pools; nothing is ever wrong or lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sgl.protocol.messages import Abort, FlushCache
from tests.fake_runner import fake_engine, reference
from tests.harness import generate

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.lists(st.integers(3, 5), min_size=1, max_size=40), st.integers(0, 24)),
        st.tuples(st.just("abort"), st.integers(0, 30)),
        st.tuples(st.just("step"), st.integers(1, 12)),
        st.tuples(st.just("flush")),
    ),
    max_size=40,
)


@settings(max_examples=120, deadline=None)
@given(
    events=EVENTS,
    page_size=st.sampled_from([1, 2, 4, 16]),
    pages=st.integers(66, 200),
    chunk=st.integers(3, 50),
    running=st.integers(1, 6),
    radix=st.booleans(),
)
def test_every_request_is_answered_rightly(
    events: list[tuple[object, ...]], page_size: int, pages: int, chunk: int, running: int, radix: bool
) -> None:
    engine, _ = fake_engine(
        tokens=max(pages, page_size * 5), page_size=page_size, chunk=chunk, running=running, context=64, radix=radix
    )
    asked: dict[int, tuple[list[int], int]] = {}
    aborted: set[int] = set()
    for event in events:
        match event:
            case ("submit", list(ids), int(count)):
                rid = len(asked)
                asked[rid] = (ids, count)
                engine.submit(generate(rid, ids, max_new_tokens=count))
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
        assert answer.failure is None
        assert answer.finish is not None
        if answer.finish.kind == "abort":
            assert rid in aborted
            assert answer.tokens == reference(ids, count)[: len(answer.tokens)]
        else:
            assert answer.tokens == reference(ids, count)
    cache = engine.scheduler._cache
    assert cache.available_tokens == cache.total_tokens
