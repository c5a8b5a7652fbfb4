"""Prompts that are made: the same for the same seed, of the lengths asked for, and never twice."""

from __future__ import annotations

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.data.conversations import Conversations
from sgl_cli.bench.data.counting import ESTIMATE, calibrated
from sgl_cli.bench.data.dataset import Dataset, one_pass, sha256
from sgl_cli.bench.data.filler import HIGHEST_ID, LOWEST_ID, IdFiller, WordFiller, as_prompt, safe_ids
from sgl_cli.bench.data.grouped import SharedPrefix
from sgl_cli.bench.data.lengths import Fixed, LogNormal, Normal, Uniform
from sgl_cli.bench.data.open import DataFacts, open_dataset
from sgl_cli.bench.data.synthetic import (
    PUBLIC_INPUT_TOKENS,
    PUBLIC_OUTPUT_TOKENS,
    PublicPrompts,
    RandomPrompts,
)
from sgl_cli.bench.data.wish import DataWish

IDS = IdFiller(range(1000, 30000))
WORDS = WordFiller()

HASHES: dict[str, tuple[Dataset, str]] = {
    "random": (RandomPrompts(0, Uniform(100, 1024), Fixed(256), IDS), "b37e0a414fe68de9"),
    "drawn": (RandomPrompts(1, Normal(512, 128), LogNormal(256, 300), IDS), "03d1a5f88ed82f72"),
    "words": (RandomPrompts(0, Fixed(20), Fixed(8), WORDS), "a5a5a17fe55cba94"),
    "shared": (SharedPrefix(0, 4, 3, Fixed(64), Uniform(8, 32), Fixed(16), IDS), "3c1f27ab29240d43"),
    "zipf": (SharedPrefix(0, 8, 4, Fixed(16), Fixed(4), Fixed(4), IDS, zipf=1.1), "aa3cc2384f3a9ca8"),
    "talks": (Conversations(3, Uniform(2, 4), Fixed(20), Fixed(5), Normal(32, 8), WORDS), "12aaf2426a997730"),
}
"""Datasets, and what their first 40 prompts hash to on Python 3.10, 3.11, 3.12 and 3.13."""


@pytest.mark.parametrize("name", HASHES)
def test_prompts_never_change(name: str) -> None:
    dataset, start = HASHES[name]
    assert sha256(dataset.prompts(40)).startswith(start)


@pytest.mark.parametrize("name", HASHES)
def test_any_part_of_a_dataset_is_what_stands_there(name: str) -> None:
    dataset, _ = HASHES[name]
    every = list(dataset.prompts(40))
    assert [prompt.index for prompt in every] == list(range(40))
    assert list(dataset.prompts(10, start=17)) == every[17:27]
    endless = dataset.prompts()
    assert [next(endless) for _ in range(40)] == every
    assert dataset.repeats_after is None


@pytest.mark.parametrize("name", HASHES)
def test_no_prompt_comes_twice(name: str) -> None:
    dataset, _ = HASHES[name]
    seen = [(prompt.ids, prompt.text) for prompt in dataset.prompts(300)]
    assert len(set(seen)) == 300


def test_another_seed_makes_others() -> None:
    first, second = (RandomPrompts(seed, Fixed(8), Fixed(8), IDS) for seed in (0, 1))
    assert sha256(first.prompts(5)) != sha256(second.prompts(5))


def test_the_hash_does_not_depend_on_the_place() -> None:
    dataset = RandomPrompts(0, Fixed(8), Fixed(8), IDS)
    moved = [as_prompt([prompt.ids or ()], index=9, output_tokens=8) for prompt in dataset.prompts(3)]
    assert sha256(dataset.prompts(3)) == sha256(moved)


def test_the_public_workload_has_its_published_totals() -> None:
    prompts = list(PublicPrompts().prompts(256))
    assert sum(len(prompt.ids or ()) for prompt in prompts) == PUBLIC_INPUT_TOKENS == 142_827
    assert sum(prompt.output_tokens for prompt in prompts) == PUBLIC_OUTPUT_TOKENS == 133_966
    assert max(prompt.output_tokens for prompt in prompts) <= 1024
    assert sha256(prompts).startswith("995c79d2665ad431")
    assert len(list(one_pass(PublicPrompts()))) == 256


def test_token_ids_have_exactly_the_length_and_fit_the_context() -> None:
    for prompt in RandomPrompts(0, Fixed(1000), Fixed(256), IDS, context=512).prompts(20):
        assert prompt.input_tokens == len(prompt.ids or ()) == 256
        assert prompt.output_tokens == 256


def test_safe_ids_stay_clear_of_special_tokens() -> None:
    assert safe_ids(None) == range(LOWEST_ID, HIGHEST_ID)
    assert safe_ids(151_936) == range(LOWEST_ID, HIGHEST_ID)
    assert safe_ids(512) == range(128, 512)
    left = safe_ids(5000, special={2000, 2, 4999})
    assert 2000 not in left
    assert 4999 not in left
    assert len(left) == 3998
    with pytest.raises(UsageError, match="too small"):
        safe_ids(0)


def test_words_are_about_one_token_each_or_as_they_were_counted() -> None:
    class Doubled:
        exact = True

        def count(self, text: str) -> int:
            return 2 * len(text.split())

    prompt = next(RandomPrompts(0, Fixed(100), Fixed(1), calibrated(Doubled())).prompts())
    assert len((prompt.text or "").split()) == 50
    assert prompt.input_tokens is None
    assert calibrated(ESTIMATE) == WordFiller(1.0)


def test_groups_share_their_prefix_and_nothing_else() -> None:
    data = SharedPrefix(5, 3, 4, Uniform(30, 40), Fixed(6), Fixed(2), IDS)
    prompts = [prompt.ids or () for prompt in data.prompts(12)]
    by_prefix: dict[tuple[int, ...], int] = {}
    for ids in prompts:
        by_prefix[ids[:30]] = by_prefix.get(ids[:30], 0) + 1
    assert sorted(by_prefix.values()) == [4, 4, 4]
    assert {ids[:30] for ids in prompts} == {(prompt.ids or ())[:30] for prompt in data.prompts(12, start=12)}


def test_groups_in_order_and_by_zipf() -> None:
    def groups(data: SharedPrefix, count: int) -> list[tuple[int, ...]]:
        return [(prompt.ids or ())[:16] for prompt in data.prompts(count)]

    ordered = groups(SharedPrefix(5, 3, 2, Fixed(16), Fixed(1), Fixed(1), IDS, in_order=True), 6)
    assert ordered[0] == ordered[1] != ordered[2] == ordered[3] != ordered[4] == ordered[5]
    hot = groups(SharedPrefix(5, 8, 2, Fixed(16), Fixed(1), Fixed(1), IDS, zipf=1.5), 400)
    counts = sorted((hot.count(group) for group in set(hot)), reverse=True)
    assert counts[0] > 150
    assert counts[-1] < 40


def test_a_long_prefix_leaves_the_question_one_token() -> None:
    prompt = next(SharedPrefix(0, 1, 1, Fixed(90), Fixed(50), Fixed(10), IDS, context=100).prompts())
    assert prompt.input_tokens == 91


def test_turns_follow_each_other_and_stay_within_the_context() -> None:
    talks = Conversations(0, Fixed(5), Fixed(20), Fixed(10), Fixed(10), WORDS, context=75)
    prompts = list(talks.prompts(9))
    assert [(prompt.conversation, prompt.turn) for prompt in prompts] == [
        *((0, turn) for turn in range(3)),
        *((1, turn) for turn in range(3)),
        *((2, turn) for turn in range(3)),
    ]
    assert [len((prompt.text or "").split()) for prompt in prompts[:3]] == [20, 10, 10]


def test_a_shared_prefix_may_begin_a_conversation() -> None:
    wish = DataWish(
        kind="shared-prefix", groups=2, per_group=2, prefix_len=Fixed(8), input_len=Fixed(3), turns=Fixed(2)
    )
    prompts = list(open_dataset(wish, DataFacts()).prompts(4))
    assert [(prompt.conversation, prompt.turn) for prompt in prompts] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [len((prompt.text or "").split()) for prompt in prompts] == [11, 3, 11, 3]


def test_a_chat_gets_words_and_cannot_have_the_public_workload() -> None:
    chat = DataFacts(takes_ids=False)
    assert next(open_dataset(DataWish(), chat).prompts()).text
    with pytest.raises(UsageError, match="token ids"):
        open_dataset(DataWish(kind="public-256"), chat)
    with pytest.raises(UsageError, match="only 512"):
        open_dataset(DataWish(kind="public-256"), DataFacts(vocabulary=512))
    assert open_dataset(DataWish(kind="public-256"), DataFacts(vocabulary=151_936)).name == "public-256"


@pytest.mark.parametrize("name", HASHES)
def test_descriptions_are_plain_values(name: str) -> None:
    described = HASHES[name][0].describe()
    assert described
    assert all(isinstance(value, (str, int, float, bool, type(None))) for value in described.values())
