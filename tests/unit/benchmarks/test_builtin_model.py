"""The recipe of the demonstration model: its corpus keeps apart what it tests, and renders as the template does."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from benchmarks.builtin_model import arithmetic, facts, held_out, stories, structured, tools
from benchmarks.builtin_model.batches import encode, groups
from benchmarks.builtin_model.corpus import dialogue, documents, render
from benchmarks.builtin_model.exchange import Draw
from benchmarks.builtin_model.muon import orthogonal
from sgl import builtin


def test_the_stream_is_the_same_for_the_same_seed() -> None:
    assert list(islice(documents(3), 50)) == list(islice(documents(3), 50))
    assert list(islice(documents(3), 50)) != list(islice(documents(4), 50))


@pytest.mark.parametrize("draw", [facts.draw, arithmetic.draw, stories.draw, structured.draw_json])
def test_held_out_questions_are_held_out_and_their_items_are_not(draw: Draw) -> None:
    random = Random(0)
    exchanges = [draw(random) for _ in range(4000)]
    tested = [exchange for exchange in exchanges if exchange.held_out]
    trained = [exchange for exchange in exchanges if not exchange.held_out]
    assert 0.02 < len(tested) / len(exchanges) < 0.1
    assert not {exchange.key for exchange in tested} & {exchange.key for exchange in trained}


def test_every_fact_is_trained_in_most_phrasings() -> None:
    for relation, item in facts.FACTS:
        sides = [relation.ask(item, phrasing).held_out for phrasing in relation.phrasings]
        assert sum(sides) <= len(sides) / 2


def test_the_stream_never_asks_what_is_tested() -> None:
    tested = {conversation.messages[-2]["content"] for conversation in held_out.questions(facts.draw, 200)}
    stream = "".join(piece.text for pieces in islice(documents(0), 3000) for piece in pieces)
    plain = {question for question in tested if question[0].isupper() and question[-1] in "?." and ":" not in question}
    assert plain
    assert not [question for question in plain if f"user\n{question}<|im_end|>" in stream]


def test_sums_are_right() -> None:
    random = Random(1)
    for _ in range(300):
        exchange = arithmetic.draw(random)
        left, _, right = exchange.answer.rstrip(".").partition(" = ")
        a, sign, b = left.split(" ")
        assert int(right) == {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]


@pytest.mark.parametrize("part", [dialogue, tools.draw])
def test_pieces_are_what_the_template_renders(part: object) -> None:
    tokenizer = AutoTokenizer.from_pretrained(builtin.folder())
    random = Random(2)
    for _ in range(30):
        conversation = part(random)  # type: ignore[operator]
        text = "".join(piece.text for piece in render(conversation))
        tools_ = conversation.tools or None
        assert text == tokenizer.apply_chat_template(conversation.messages, tools=tools_, tokenize=False)


def test_a_step_learns_every_answer_once() -> None:
    tokenizer = Tokenizer.from_file(str(builtin.folder() / "tokenizer.json"))
    encoded = [encode(pieces, tokenizer) for pieces in islice(documents(0), 40)]
    found = groups(encoded)
    assert sum(len(group.targets) for group in found) == sum(sum(document.trained[1:]) for document in encoded)
    for group in found:
        assert torch.equal(group.ids[group.rows, group.columns + 1], group.targets)


def test_muon_s_steps_are_nearly_orthogonal() -> None:
    for shape in ((2, 16, 48), (1, 48, 16)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(0))))
        assert values.min() > 0.3
        assert values.max() < 1.3
