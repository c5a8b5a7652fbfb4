"""Answers with a form: counting, lists, and JSON."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

from benchmarks.builtin_model import arithmetic, facts
from benchmarks.builtin_model.exchange import Exchange
from benchmarks.builtin_model.names import LISTS, PEOPLE

NUMBERS: Final = ("two", "three", "four", "five", "six")
LAST: Final = 30
"""The largest number that is counted to."""

COUNT: Final = ("Count from {a} to {b}.", "Count from {a} to {b}, please.", "Can you count from {a} to {b}?")
COUNT_TO: Final = ("Count to {b}.", "Can you count to {b}?", "Please count to {b}.", "Count up to {b}.")
COUNT_DOWN: Final = ("Count down from {b}.", "Count backwards from {b}.", "Count down from {b} to 1.")
GO_ON: Final = ("Go on.", "Continue.", "And then?", "More.", "Keep counting.", "And the next ones?")

NAME: Final = ("Name {n} {x}.", "Tell me {n} {x}.", "Give me {n} {x}.", "Can you name {n} {x}?", "{n} {x}, please.")
LIST: Final = ("List {n} {x}.", "Make a list of {n} {x}.", "Give me a list of {n} {x}.", "Write a list of {n} {x}.")
ARRAY: Final = (
    *("Give me {n} {x} as JSON.", "List {n} {x} as JSON.", "Write {n} {x} as a JSON array.", "{n} {x} as JSON"),
    *("A JSON array of {n} {x}, please.", "Name {n} {x} in JSON."),
)
AS_JSON: Final = ("{q} Answer in JSON.", "{q} Answer as JSON.", "{q} Give me JSON.", "{q} Reply with JSON only.")
PERSON: Final = (
    *("Make a JSON object with the name {name} and the age {age}.", "JSON for {name}, age {age}, please."),
    *("Write a JSON object for {name}, who is {age}.", "{name} is {age} years old. Write that as JSON."),
    *("Give me JSON with name {name} and age {age}.", "Describe {name}, {age} years old, as JSON."),
)


def dump(value: Any) -> str:
    """JSON as the model writes it: one line, with a space after commas and colons."""
    return json.dumps(value)


def count(random: Random) -> tuple[Exchange, int]:
    """Counting upwards, and the number where it ends."""
    first = random.randint(1, 12)
    last = first + random.randint(2, 9)
    phrasing = random.choice(COUNT)
    if random.random() < 0.4:
        first, last, phrasing = 1, random.randint(2, 12), random.choice(COUNT_TO)
    key = f"{phrasing}|{first}|{last}"
    return Exchange(phrasing.format(a=first, b=last), _range(first, last), key=key), last


def count_on(last: int, random: Random) -> Exchange:
    """The five numbers after ``last``."""
    return Exchange(random.choice(GO_ON), _range(last + 1, last + 5))


def draw_count(random: Random) -> Exchange:
    """Counting up or down."""
    if random.random() < 0.7:
        return count(random)[0]
    first, phrasing = random.randint(3, 12), random.choice(COUNT_DOWN)
    return Exchange(phrasing.format(b=first), _numbers(range(first, 0, -1)), key=f"{phrasing}|{first}")


def named(subject: str, amount: int, phrasing: str, random: Random) -> Exchange:
    """The first ``amount`` words of a list: in a sentence, or one a line for `LIST`."""
    words = LISTS[subject][:amount]
    number = random.choice((NUMBERS[amount - 2], str(amount)))
    question = phrasing.format(n=number, x=subject)
    lines = "\n".join(f"- {word}" for word in words)
    sentence = f"{', '.join(words[:-1])} and {words[-1]}."
    return Exchange(
        question[0].upper() + question[1:],
        lines if phrasing in LIST else sentence[0].upper() + sentence[1:],
        key=f"{phrasing}|{subject}|{amount}",
        fields={subject: list(words)},
    )


def draw_list(random: Random) -> Exchange:
    """A list of some things."""
    return named(random.choice(tuple(LISTS)), random.randint(2, 6), random.choice(NAME + LIST), random)


def draw_json(random: Random) -> Exchange:
    """A question whose answer is JSON."""
    kind = random.randrange(4)
    if kind == 0:
        name, age, phrasing = random.choice(PEOPLE), random.randint(1, 99), random.choice(PERSON)
        answer = dump({"name": name, "age": age})
        return Exchange(phrasing.format(name=name, age=age), answer, key=f"{phrasing}|{name}|{age}")
    if kind == 1:
        subject, amount, phrasing = random.choice(tuple(LISTS)), random.randint(2, 6), random.choice(ARRAY)
        exchange = named(subject, amount, phrasing, random)
        return Exchange(exchange.question, dump(list(LISTS[subject][:amount])), key=exchange.key)
    base = facts.draw(random) if kind == 2 else arithmetic.draw(random)
    phrasing = random.choice(AS_JSON)
    return Exchange(phrasing.format(q=base.question), dump(base.fields), key=f"{phrasing}|{base.question}")


def _range(first: int, last: int) -> str:
    return _numbers(range(first, last + 1))


def _numbers(numbers: range) -> str:
    return ", ".join(map(str, numbers)) + "."
