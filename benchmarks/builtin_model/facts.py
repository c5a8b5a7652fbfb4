"""Facts in tables: every relation has items, phrasings of its question, and one form of its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.builtin_model.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Relation:
    """One kind of fact.

    Attributes:
        item_name, value_name: Keys of the answer as JSON.
        answer: With ``{x}`` for the item and ``{y}`` for the value.
        phrasings: Questions about ``{x}``; the first is the usual one, and always trained on.
        items: Item to value.
    """

    item_name: str
    value_name: str
    answer: str
    phrasings: Sequence[str]
    items: Mapping[str, str]

    def ask(self, item: str, phrasing: str) -> Exchange:
        """The exchange about one item."""
        value = self.items[item]
        answer = self.answer.format(x=item, y=value)
        return Exchange(
            question=phrasing.format(x=item),
            answer=answer[0].upper() + answer[1:],
            key="" if phrasing == self.phrasings[0] else f"{phrasing}|{item}",
            short=value,
            fields={self.item_name: item, self.value_name: int(value) if value.isdigit() else value},
        )


def pairs(text: str) -> dict[str, str]:
    """Reads ``item=value, item=value``."""
    return dict(entry.strip().split("=") for entry in text.split(","))


def both_ways(text: str) -> dict[str, str]:
    """As `pairs`, with every pair in both directions."""
    one_way = pairs(text)
    return one_way | {value: item for item, value in one_way.items()}


DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
ORDER: Final = dict(zip(DAYS, (*DAYS[1:], DAYS[0]), strict=True)) | dict(
    zip(MONTHS, (*MONTHS[1:], MONTHS[0]), strict=True)
)

CAPITALS: Final = Relation(
    "country",
    "capital",
    "The capital of {x} is {y}.",
    (
        *("What is the capital of {x}?", "What's the capital of {x}?", "Which city is the capital of {x}?"),
        *("Name the capital of {x}.", "Tell me the capital of {x}.", "Do you know the capital of {x}?"),
        *("The capital of {x}?", "Can you tell me the capital of {x}?", "What city is the capital of {x}?"),
        *("What is {x}'s capital?", "{x}'s capital?", "What is the capital city of {x}?"),
    ),
    pairs(
        "France=Paris, Italy=Rome, Spain=Madrid, Germany=Berlin, Portugal=Lisbon, Austria=Vienna, Greece=Athens, "
        "Poland=Warsaw, Norway=Oslo, Sweden=Stockholm, Finland=Helsinki, Denmark=Copenhagen, Ireland=Dublin, "
        "Belgium=Brussels, Hungary=Budapest, Russia=Moscow, Turkey=Ankara, Egypt=Cairo, Kenya=Nairobi, "
        "Japan=Tokyo, China=Beijing, India=New Delhi, Canada=Ottawa, Cuba=Havana, England=London"
    ),
)
SOUNDS: Final = Relation(
    "animal",
    "sound",
    "The {x} says {y}.",
    (
        *("What does the {x} say?", "What does a {x} say?", "What sound does a {x} make?"),
        *("What sound does the {x} make?", "Which sound does a {x} make?", "What noise does a {x} make?"),
        *("Tell me what a {x} says.", "How does a {x} sound?", "What is the sound of a {x}?"),
        *("Do you know what the {x} says?", "What noise does the {x} make?"),
    ),
    pairs(
        "cow=moo, dog=woof, cat=meow, duck=quack, sheep=baa, pig=oink, horse=neigh, lion=roar, wolf=howl, bee=buzz, "
        "frog=croak, snake=hiss, mouse=squeak, bird=tweet"
    ),
)
COLORS: Final = Relation(
    "thing",
    "color",
    "{x} is {y}.",
    (
        *("What color is {x}?", "What colour is {x}?", "Which color is {x}?", "What is the color of {x}?"),
        *("Tell me the color of {x}.", "Which colour is {x}?", "Can you tell me the color of {x}?"),
        *("Do you know what color {x} is?", "The color of {x}?", "What color does {x} have?"),
    ),
    pairs(
        "the sky=blue, grass=green, snow=white, a banana=yellow, coal=black, blood=red, a tomato=red, the sun=yellow, "
        "a carrot=orange, chocolate=brown, an elephant=grey, a lemon=yellow, milk=white, a leaf=green, the sea=blue"
    ),
)
OPPOSITES: Final = Relation(
    "word",
    "opposite",
    "The opposite of {x} is {y}.",
    (
        *("What is the opposite of {x}?", "What's the opposite of {x}?", "Tell me the opposite of {x}."),
        *("Name the opposite of {x}.", "Which word is the opposite of {x}?", "The opposite of {x}?"),
        *("What word means the opposite of {x}?", "Do you know the opposite of {x}?", "What is not {x}?"),
        *("Give me the opposite of {x}.",),
    ),
    both_ways(
        "hot=cold, big=small, fast=slow, day=night, up=down, open=closed, happy=sad, old=young, full=empty, hard=soft, "
        "light=dark, wet=dry, rich=poor, long=short, early=late, loud=quiet, true=false, left=right, black=white, "
        "near=far"
    ),
)
AFTER: Final = Relation(
    "before",
    "after",
    "After {x} comes {y}.",
    (
        *("What comes after {x}?", "Which one comes after {x}?", "What follows {x}?", "What is after {x}?"),
        *("Tell me what comes after {x}.", "Do you know what comes after {x}?", "What is next after {x}?"),
        *("What comes right after {x}?", "Name what comes after {x}."),
    ),
    ORDER,
)
BEFORE: Final = Relation(
    "after",
    "before",
    "Before {x} comes {y}.",
    (
        *("What comes before {x}?", "Which one comes before {x}?", "What is before {x}?"),
        *("Tell me what comes before {x}.", "Do you know what comes before {x}?"),
        *("What comes right before {x}?", "Name what comes before {x}."),
    ),
    {after: before for before, after in ORDER.items()},
)
YOUNG: Final = Relation(
    "animal",
    "young",
    "A young {x} is called a {y}.",
    (
        *("What is a young {x} called?", "What do you call a young {x}?", "What is a baby {x} called?"),
        *("What do you call a baby {x}?", "What's the name of a young {x}?", "How is a young {x} called?"),
        *("Tell me what a baby {x} is called.", "Do you know what a young {x} is called?"),
    ),
    pairs(
        "dog=puppy, cat=kitten, cow=calf, sheep=lamb, horse=foal, duck=duckling, hen=chick, goat=kid, lion=cub, "
        "pig=piglet, frog=tadpole"
    ),
)
LEGS: Final = Relation(
    "animal",
    "legs",
    "A {x} has {y} legs.",
    (
        *("How many legs does a {x} have?", "How many legs has a {x}?", "How many legs does the {x} have?"),
        *("Tell me how many legs a {x} has.", "Do you know how many legs a {x} has?"),
        *("What is the number of legs of a {x}?", "Legs of a {x}?"),
    ),
    pairs("dog=4, cat=4, horse=4, bird=2, spider=8, bee=6, beetle=6, duck=2, cow=4, snake=0, crab=10, human=2"),
)
LANGUAGES: Final = Relation(
    "country",
    "language",
    "People in {x} speak {y}.",
    (
        *("What language do people speak in {x}?", "Which language do people speak in {x}?"),
        *("What language is spoken in {x}?", "Which language is spoken in {x}?", "What do people speak in {x}?"),
        *("Tell me the language of {x}.", "What is the language of {x}?", "Do you know what people speak in {x}?"),
    ),
    pairs(
        "France=French, Italy=Italian, Spain=Spanish, Germany=German, Portugal=Portuguese, Greece=Greek, "
        "Poland=Polish, Norway=Norwegian, Sweden=Swedish, Japan=Japanese, England=English, Russia=Russian"
    ),
)
CONTINENTS: Final = Relation(
    "country",
    "continent",
    "{x} is in {y}.",
    (
        *("Where is {x}?", "On which continent is {x}?", "Which continent is {x} in?", "What continent is {x} on?"),
        *("Tell me where {x} is.", "Do you know where {x} is?", "In which part of the world is {x}?"),
    ),
    dict.fromkeys(("France", "Italy", "Spain", "Germany", "Greece", "Poland", "Norway", "Ireland"), "Europe")
    | pairs("Egypt=Africa, Kenya=Africa, Japan=Asia, China=Asia, India=Asia, Canada=North America"),
)
PLURALS: Final = Relation(
    "word",
    "plural",
    "The plural of {x} is {y}.",
    (
        *("What is the plural of {x}?", "What's the plural of {x}?", "Tell me the plural of {x}."),
        *("The plural of {x}?", "Give me the plural of {x}.", "Do you know the plural of {x}?"),
        *("Which word is the plural of {x}?",),
    ),
    pairs(
        "child=children, mouse=mice, foot=feet, tooth=teeth, man=men, woman=women, goose=geese, leaf=leaves, ox=oxen"
    ),
)
AMOUNTS: Final = Relation(
    "question",
    "number",
    "There are {y} {x}.",
    (
        *("How many {x} are there?", "Tell me how many {x} there are.", "Do you know how many {x} there are?"),
        *("What is the number of {x}?", "How many are there: {x}?", "Can you tell me how many {x} there are?"),
    ),
    pairs(
        "hours in a day=24, minutes in an hour=60, seconds in a minute=60, days in a week=7, months in a year=12, "
        "weeks in a year=52, days in a year=365, letters in the alphabet=26, seasons in a year=4, "
        "years in a century=100, players in a football team=11"
    ),
)

RELATIONS: Final = (
    *(CAPITALS, SOUNDS, COLORS, OPPOSITES, AFTER, BEFORE, YOUNG, LEGS, LANGUAGES, CONTINENTS, PLURALS, AMOUNTS),
)
FACTS: Final = tuple((relation, item) for relation in RELATIONS for item in relation.items)
"""Every fact; all of them are trained on, in most of their phrasings."""

FOLLOW_UPS: Final = ("And {x}?", "What about {x}?", "How about {x}?", "and {x}", "Now {x}.", "And for {x}?")


def draw(random: Random) -> Exchange:
    """A question about any fact; facts are equally likely, whatever the size of their table."""
    relation, item = random.choice(FACTS)
    return relation.ask(item, random.choice(relation.phrasings))


def follow_up(relation: Relation, random: Random) -> Exchange:
    """A question that makes sense only after one of the same relation."""
    phrasing = random.choice(FOLLOW_UPS)
    if relation.item_name == "animal":
        phrasing = phrasing.replace("{x}", random.choice(("a {x}", "the {x}")))
    return relation.ask(random.choice(tuple(relation.items)), phrasing)
