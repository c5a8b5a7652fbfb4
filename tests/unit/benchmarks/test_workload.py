"""Every engine is asked for the same number of the same tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.engines import Engine, native_body, text_body, tiny_ids
from benchmarks.model import END_ID, VOCAB, vocabulary, write_tokenizer
from benchmarks.workload import BATCH, SHARED, SINGLE, TINY, Scenario, token_ids
from sgl.tokenizer.load import Tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return Tokenizer.load(folder)


@pytest.mark.parametrize("scenario", [SINGLE, BATCH, SHARED, TINY])
def test_a_prompt_is_as_long_in_tokens_as_in_letters(scenario: Scenario, tokenizer: Tokenizer) -> None:
    for prompt in scenario.prompts(0):
        assert tokenizer.encode(prompt) == token_ids(prompt)


def test_prompts_are_spread_over_the_lengths() -> None:
    assert [len(prompt) for prompt in SINGLE.prompts(0)] == [128, 192, 256]
    assert BATCH.lengths()[0] == 128
    assert BATCH.lengths()[-1] == 256


def test_prompts_depend_on_the_seed_alone() -> None:
    assert BATCH.prompts(1) == BATCH.prompts(1)
    assert BATCH.prompts(1) != BATCH.prompts(2)


def test_the_shared_prefix_is_shared_and_nothing_else_is() -> None:
    prompts = SHARED.prompts(0)

    assert {len(prompt) for prompt in prompts} == {800}
    assert len({prompt[:768] for prompt in prompts}) == 1
    assert len({prompt[768:776] for prompt in prompts}) == 16


def test_every_token_has_a_text_of_its_own(tokenizer: Tokenizer) -> None:
    assert len(vocabulary()) == len(set(vocabulary())) == VOCAB
    assert all(tokenizer.decode([token]) for token in (0, 65, 256, 257, 4096, END_ID - 1))
    assert tokenizer.eos_token_id == END_ID


def test_ids_of_the_tiny_model_are_ordinary_tokens_it_has() -> None:
    ids = [token for prompt in TINY.prompts(0) for token in tiny_ids(prompt)]

    assert min(ids) >= 259
    assert max(ids) < 512


def test_requests_differ_only_where_the_servers_do() -> None:
    engine = Engine("any", ("any",), served_as="m")

    ids, text = native_body(engine, "AB", 7), text_body(engine, "AB", 7)

    assert (ids.pop("prompt"), ids.pop("ignore_eos"), text.pop("prompt")) == ([65, 66], True, "AB")
    assert ids == text
    assert text["max_tokens"] == 7


def test_a_command_is_shown_without_the_folders_of_this_machine(tmp_path: Path) -> None:
    engine = Engine("any", (str(tmp_path / "bin" / "python"), "--model", str(tmp_path / "m")), env={"A": "1"})

    assert engine.shown == "A=1 python --model m"
