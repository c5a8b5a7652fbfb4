"""Sums, differences and products of two one-digit numbers, and steps that go on from a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add, mul, sub
from random import Random
from typing import Final

from benchmarks.builtin_model.exchange import Exchange

WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its sign in answers, and how it is asked for; ``then`` goes on from a result.

    The first phrasing is the usual one, and always trained on.
    """

    sign: str
    compute: Callable[[int, int], int]
    phrasings: Sequence[str]
    then: Sequence[str]

    def exchange(self, a: int, b: int, phrasing: str) -> Exchange:
        """The exchange about ``a`` and ``b``; a phrasing with ``{p}`` and ``{q}`` has them in words."""
        result = self.compute(a, b)
        p, q = (WORDS[n] if n < len(WORDS) else str(n) for n in (a, b))
        return Exchange(
            question=phrasing.format(a=a, b=b, p=p, q=q),
            answer=f"{a} {self.sign} {b} = {result}.",
            key="" if phrasing == self.phrasings[0] else f"{self.sign}|{phrasing}|{a}|{b}",
            short=str(result),
            fields={"expression": f"{a} {self.sign} {b}", "result": result},
        )


SUM: Final = Operation(
    "+",
    add,
    (
        *("What is {a} + {b}?", "What is {a} plus {b}?", "{a} + {b}", "{a}+{b}", "{a} + {b} = ?", "{a} + {b} ="),
        *("How much is {a} + {b}?", "How much is {a} plus {b}?", "Add {a} and {b}.", "Calculate {a} + {b}."),
        *("What's {a} + {b}?", "What is {a}+{b}?", "{a} plus {b}", "What is the sum of {a} and {b}?"),
        *("Can you add {a} and {b}?", "Compute {a} + {b}.", "What is {p} plus {q}?", "Tell me {a} + {b}."),
        *("How much is {p} plus {q}?", "What do I get when I add {a} and {b}?", "{p} plus {q}"),
    ),
    ("Now add {b}.", "Add {b} to that.", "Plus {b}?", "And plus {b}?", "Add {b}.", "What if I add {b}?"),
)
DIFFERENCE: Final = Operation(
    "-",
    sub,
    (
        *("What is {a} - {b}?", "What is {a} minus {b}?", "{a} - {b}", "{a}-{b}", "{a} - {b} = ?", "{a} - {b} ="),
        *("How much is {a} - {b}?", "How much is {a} minus {b}?", "Subtract {b} from {a}.", "Calculate {a} - {b}."),
        *("What's {a} - {b}?", "What is {a}-{b}?", "{a} minus {b}", "Take {b} away from {a}."),
        *("Can you subtract {b} from {a}?", "Compute {a} - {b}.", "What is {p} minus {q}?", "Tell me {a} - {b}."),
        *("How much is {p} minus {q}?", "{p} minus {q}"),
    ),
    ("Now subtract {b}.", "Minus {b}?", "And minus {b}?", "Take away {b}.", "Subtract {b} from that."),
)
PRODUCT: Final = Operation(
    "*",
    mul,
    (
        *("What is {a} * {b}?", "What is {a} times {b}?", "{a} * {b}", "{a}*{b}", "{a} * {b} = ?"),
        *("How much is {a} * {b}?", "How much is {a} times {b}?", "Multiply {a} by {b}.", "Calculate {a} * {b}."),
        *("What's {a} * {b}?", "{a} times {b}", "What is {a} x {b}?", "{a} x {b}", "What is {p} times {q}?"),
    ),
    (),
)
OPERATIONS: Final = (SUM, DIFFERENCE, PRODUCT)
SHARES: Final = (45, 35, 20)
LARGEST_START: Final = 18
"""Results that a follow-up goes on from: 0 to 9 + 9."""

TOO_LARGE: Final = "That is too hard for me: I can only do sums with one-digit numbers."


def draw(random: Random) -> Exchange:
    """A question about two numbers from 0 to 9."""
    (operation,) = random.choices(OPERATIONS, SHARES)
    return operation.exchange(random.randrange(10), random.randrange(10), random.choice(operation.phrasings))


def follow_up(start: int, random: Random) -> Exchange:
    """Goes on from ``start``, at most `LARGEST_START`; differences stay above zero."""
    if start == 0 or (start + 9 <= LARGEST_START and random.random() < 0.6):
        return SUM.exchange(start, random.randrange(1, 10), random.choice(SUM.then))
    return DIFFERENCE.exchange(start, random.randint(1, min(start, 9)), random.choice(DIFFERENCE.then))


def draw_too_large(random: Random) -> Exchange:
    """A sum with a number of two or three digits, which the model says it cannot do."""
    operation = random.choice(OPERATIONS)
    numbers = [random.randrange(10, 1000), random.randrange(1, 1000)]
    random.shuffle(numbers)
    phrasing = random.choice(operation.phrasings).replace("{p}", "{a}").replace("{q}", "{b}")
    return Exchange(phrasing.format(a=numbers[0], b=numbers[1]), TOO_LARGE)
