"""Conversations of several turns, where what is asked depends on what was said before."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.builtin_model import about, arithmetic, facts, refusals, stories, structured
from benchmarks.builtin_model.exchange import Exchange
from benchmarks.builtin_model.names import LISTS, PEOPLE

Turns = list[Exchange]

MY_NAME: Final = (
    "My name is {name}.",
    "I am {name}.",
    "Hi, I am {name}.",
    "Hello, my name is {name}.",
    "Call me {name}.",
)
WHAT_NAME: Final = (
    "What is my name?",
    "Do you know my name?",
    "What's my name?",
    "Who am I?",
    "Do you remember my name?",
)
MY_COLOR: Final = ("My favorite color is {color}.", "I like {color} best.", "I love the color {color}.")
WHAT_COLOR: Final = ("What is my favorite color?", "Which color do I like?", "What color do I like best?")
AGAIN: Final = (
    "Say that again.",
    "Can you repeat that?",
    "Repeat that, please.",
    "Again, please.",
    "Once more.",
    "What?",
)
IN_A_WORD: Final = (
    "In one word?",
    "Only the word, please.",
    "Shorter, please.",
    "In one word, please.",
    "Just the answer.",
)
AND_JSON: Final = ("As JSON?", "As JSON, please.", "Now as JSON.", "In JSON?", "Write that as JSON.")
OTHER_LIST: Final = ("And {x}?", "What about {x}?", "How about {x}?", "Now {x}.")


def fact_chain(random: Random) -> Turns:
    """A fact, then others of the same relation by name only."""
    relation = random.choice(facts.RELATIONS)
    turns = [relation.ask(random.choice(tuple(relation.items)), random.choice(relation.phrasings))]
    return turns + [facts.follow_up(relation, random) for _ in range(random.randint(1, 3))]


def arithmetic_chain(random: Random) -> Turns:
    """A sum, then steps that go on from its result."""
    first = arithmetic.draw(random)
    turns, result = [first], int(first.short or 0)
    for _ in range(random.randint(1, 2)):
        if not 0 <= result <= arithmetic.LARGEST_START:
            break
        turns.append(arithmetic.follow_up(result, random))
        result = int(turns[-1].short or 0)
    return turns


def remembered(random: Random) -> Turns:
    """The user tells a name or a color, asks something else, and then asks for it."""
    if random.random() < 0.65:
        name = random.choice(PEOPLE)
        told, asked = random.choice(MY_NAME), random.choice(WHAT_NAME)
        first = Exchange(told.format(name=name), f"Nice to meet you, {name}!")
        last = Exchange(asked, f"Your name is {name}.", key=f"{told}|{asked}|{name}")
    else:
        color = random.choice(LISTS["colors"])
        told, asked = random.choice(MY_COLOR), random.choice(WHAT_COLOR)
        first = Exchange(told.format(color=color), f"{color.capitalize()} is a nice color.")
        last = Exchange(asked, f"Your favorite color is {color}.", key=f"{told}|{asked}|{color}")
    between = [random.choice((facts.draw, arithmetic.draw, about.draw_small_talk))(random)]
    return [first, *between[: random.randint(0, 1)], last]


def rephrased(random: Random) -> Turns:
    """A fact or a sum, then the same answer in another form."""
    first = random.choice((facts.draw, facts.draw, arithmetic.draw))(random)
    form = random.randrange(3)
    if form == 0:
        return [first, Exchange(random.choice(AGAIN), first.answer, key=f"again|{first.question}")]
    if form == 1:
        return [first, Exchange(random.choice(IN_A_WORD), first.short or "", key=f"short|{first.question}")]
    return [first, Exchange(random.choice(AND_JSON), structured.dump(first.fields), key=f"json|{first.question}")]


def about_a_story(random: Random) -> Turns:
    """A story, questions about it, perhaps another one."""
    asked, story = stories.ask(random)
    turns = [asked, stories.question_about(story, random)]
    if random.random() < 0.4:
        turns.append(Exchange(random.choice(stories.ASKED_AGAIN), stories.tell(random).text))
    elif random.random() < 0.5:
        turns.append(stories.question_about(story, random))
    return turns


def counted_on(random: Random) -> Turns:
    """Counting, and counting on."""
    first, last = structured.count(random)
    turns = [first, structured.count_on(last, random)]
    return turns + ([structured.count_on(last + 5, random)] if last + 10 <= structured.LAST else [])


def listed_on(random: Random) -> Turns:
    """A list, then lists of other things with as many entries, in the same form."""
    amount = random.randint(2, 6)
    subjects = random.sample(tuple(LISTS), 3)
    form = random.choice(structured.NAME + structured.LIST)
    turns = [structured.named(subjects[0], amount, form, random)]
    for subject in subjects[1 : random.randint(2, 3)]:
        question = random.choice(OTHER_LIST).format(x=subject)
        answer = structured.named(subject, amount, form, random).answer
        turns.append(Exchange(question, answer, key=f"{question}|{form}|{amount}"))
    return turns


def mixed(random: Random) -> Turns:
    """What comes next has nothing to do with what came before."""
    draws = (about.draw_small_talk, about.draw_sgl, facts.draw, arithmetic.draw, refusals.draw, structured.draw_list)
    return [random.choice(draws)(random) for _ in range(random.randint(2, 5))]


def long(random: Random) -> Turns:
    """Several dialogues one after the other."""
    parts = [random.choice(KINDS)(random) for _ in range(random.randint(3, 9))]
    return [turn for part in parts for turn in part]


KINDS: Final[tuple[Callable[[Random], Turns], ...]] = (
    *(fact_chain, fact_chain, fact_chain, arithmetic_chain, arithmetic_chain, remembered, remembered),
    *(rephrased, about_a_story, counted_on, listed_on, mixed, mixed),
)
ON_TOPIC: Final = (fact_chain, arithmetic_chain, remembered, listed_on)
"""What the evaluation of topics over three turns draws from."""


def draw(random: Random) -> Turns:
    """Any dialogue."""
    return long(random) if random.random() < 0.06 else random.choice(KINDS)(random)
