"""Counts of the tokens a penalised request has seen."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sgl.protocol.sampling import SamplingParams
from sgl.sampling.history import TokenHistory

tokens = st.lists(st.integers(0, 200), max_size=300)


@given(tokens, tokens, tokens)
def test_counts_equal_those_of_the_whole_output(prompt: list[int], resumed: list[int], appended: list[int]) -> None:
    history = TokenHistory(prompt, resumed)
    for token in appended:
        history.append(token)
    output = Counter(resumed + appended)
    seen = dict.fromkeys(prompt + resumed + appended)
    assert dict(zip(history.ids.tolist(), history.counts.tolist(), strict=True)) == {t: output[t] for t in seen}
    assert len(history.ids) == len(seen)


def test_only_penalised_requests_have_one_and_only_repetition_looks_at_the_prompt() -> None:
    assert TokenHistory.when_penalised(SamplingParams(), [1, 2]) is None
    repetition = TokenHistory.when_penalised(SamplingParams(repetition_penalty=1.1), [1, 2], [3])
    presence = TokenHistory.when_penalised(SamplingParams(presence_penalty=0.5), [1, 2], [3])
    assert repetition is not None
    assert repetition.ids.tolist() == [1, 2, 3]
    assert presence is not None
    assert presence.ids.tolist() == [3]
