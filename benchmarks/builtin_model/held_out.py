"""What the model is tested on: combinations of phrasing and item that the corpus never shows."""

from __future__ import annotations

from random import Random

from benchmarks.builtin_model import dialogues
from benchmarks.builtin_model.corpus import converse
from benchmarks.builtin_model.exchange import Conversation, Draw, draw_from

TOPIC_TURNS = 3


def questions(draw: Draw, count: int, seed: int = 0) -> list[Conversation]:
    """``count`` held-out questions of one turn, typed as people do, with a plain system prompt or none."""
    random = Random(seed)
    return [converse([draw_from(True, draw, random)], random, plain_only=True) for _ in range(count)]


def topics(count: int, seed: int = 0) -> list[Conversation]:
    """``count`` conversations of three turns on one topic, whose last question is held out."""
    random = Random(seed)
    found: list[Conversation] = []
    while len(found) < count:
        turns = random.choice(dialogues.ON_TOPIC)(random)
        if len(turns) == TOPIC_TURNS and turns[-1].held_out:
            found.append(converse(turns, random, plain_only=True))
    return found
