"""Short stories with a beginning, a trouble, a way out and an end."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.builtin_model.exchange import Exchange
from benchmarks.builtin_model.names import PETS, words

ENDING: Final = "The end."

HEROES: Final = {
    **dict.fromkeys(
        words("fox cat dog bear rabbit dragon robot mouse wolf pony frog duck snail hedgehog lion bird"), "it its it"
    ),
    **dict.fromkeys(("girl", "princess", "queen", "witch"), "she her her"),
    **dict.fromkeys(("boy", "king", "sailor", "wizard"), "he his him"),
}
"""Who a story is about, and the pronouns: subject, possessive, object."""

ADJECTIVES: Final = ("little", "young", "clever", "brave", "curious", "kind", "shy", "cheerful")
PLACES: Final = (
    *("in a deep forest", "near a big lake", "in a small house on a hill", "in a quiet village", "by the sea"),
    *("at the edge of a wide field", "in an old castle", "under a tall tree"),
)
THINGS: Final = (
    "red ball",
    "golden key",
    "blue kite",
    "silver bell",
    "small boat",
    "warm hat",
    "bright lamp",
    "old map",
)
FRIENDS: Final = ("owl", "turtle", "squirrel", "butterfly", "old man", "goose", "beaver", "donkey")
TRAITS: Final = ("patience", "courage", "friendship", "honesty", "sharing", "kindness")

OPENINGS: Final = (
    "Once upon a time there was a {adjective} {hero} called {name}. {He} lived {place}.",
    "Once upon a time, a {adjective} {hero} called {name} lived {place}.",
    "There was once a {adjective} {hero} called {name}, who lived {place}.",
)
PLOTS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (
        (
            "One day {name} lost {his} {thing} and was very sad.",
            "{He} looked everywhere, but {he} could not find it.",
            'Then a {friend} came by and asked, "Why are you so sad?"',
            "{name} told the {friend} everything, and they looked together until it got dark.",
            "At last they found the {thing} behind a stone.",
            "{name} thanked the {friend}, and from that day on they were friends.",
        ),
        "friendship",
    ),
    (
        (
            "One morning {name} found a {thing} on the way.",
            '"How beautiful!" said {name}, and wanted to keep it.',
            "But then {he} met a {friend} who was crying, because the {thing} was gone.",
            "{name} thought for a while and gave it back.",
            "The {friend} was so happy that {he} was happy, too.",
        ),
        "honesty",
    ),
    (
        (
            "{name} was afraid of the dark.",
            "One night there was a big storm, and a {friend} called for help.",
            "{name} took {his} {thing}, opened the door and went out into the rain.",
            "{He} found the {friend} and brought it home safely.",
            "After that night {name} was never afraid of the dark again.",
        ),
        "courage",
    ),
    (
        (
            "In the winter there was very little to eat.",
            "{name} had only one piece of bread left.",
            "A hungry {friend} knocked at the door, and {name} gave it half of the bread.",
            "In the spring the {friend} came back with a {thing} and a basket full of apples.",
            "They ate all the apples together and laughed the whole day.",
        ),
        "sharing",
    ),
    (
        (
            "{name} wanted to make a {thing}, but it broke again and again.",
            '"I will never learn it," said {name}.',
            '"Try once more, and do it slowly," said a {friend}.',
            "{name} tried it once more, very slowly, and this time it worked.",
            "{He} showed the {thing} to everybody and was proud.",
        ),
        "patience",
    ),
    (
        (
            "Every day {name} went to the river to play with {his} {thing}.",
            "One day a {friend} fell into the water and could not get out.",
            "{name} did not wait: {he} held out a long stick and pulled as hard as {he} could.",
            "The {friend} was wet and cold, so {name} took it home and made a fire.",
            "In the evening they sat by the fire and told each other stories.",
        ),
        "kindness",
    ),
)

ASKED: Final = (
    *("Tell me a story.", "Tell me a short story.", "Can you tell me a story?", "Please tell me a story."),
    *("Write a short story.", "I would like to hear a story.", "Do you know a story?", "A story, please.", "Story?"),
    *("Write a story.", "Tell me a bedtime story.", "Make up a story.", "I want a story."),
)
ASKED_ABOUT: Final = (
    *("Tell me a story about a {hero}.", "Tell me a short story about a {hero}.", "A story about a {hero}, please."),
    *(
        "Write a story about a {hero}.",
        "Can you tell me a story about a {hero}?",
        "Write a short story about a {hero}.",
    ),
    *("I would like to hear a story about a {hero}.", "Do you know a story about a {hero}?", "Tell me about a {hero}."),
)
ASKED_NAMED: Final = (
    *("Tell me a story about a {hero} called {name}.", "Write a story about a {hero} called {name}."),
    *("Tell me a story about {name} the {hero}.", "A story about a {hero} called {name}, please."),
)
ASKED_AGAIN: Final = (
    "Another one, please.",
    "Tell me another one.",
    "One more story, please.",
    "Another story!",
    "More!",
)


@dataclass(frozen=True, slots=True)
class Story:
    """A story and what can be asked about it."""

    text: str
    hero: str
    name: str
    friend: str
    trait: str


def tell(random: Random, hero: str | None = None, name: str | None = None) -> Story:
    """Makes up a story, about ``hero`` and ``name`` if they are given."""
    hero = hero or random.choice(tuple(HEROES))
    name = name or random.choice(PETS)
    he, his, him = HEROES[hero].split()
    friend = random.choice(FRIENDS)
    sentences, trait = random.choice(PLOTS)
    slots = {
        "hero": hero,
        "name": name,
        "friend": friend,
        "he": he,
        "He": he.capitalize(),
        "his": his,
        "him": him,
        "adjective": random.choice(ADJECTIVES),
        "place": random.choice(PLACES),
        "thing": random.choice(THINGS),
    }
    text = " ".join((random.choice(OPENINGS), *sentences)).format(**slots).replace("a old", "an old")
    return Story(f"{text.replace('a owl', 'an owl')} {ENDING}", hero, name, friend, trait)


def ask(random: Random) -> tuple[Exchange, Story]:
    """A request for a story, and the story."""
    kind = random.random()
    if kind < 0.4:
        story, phrasing = tell(random), random.choice(ASKED)
    elif kind < 0.8:
        story, phrasing = tell(random), random.choice(ASKED_ABOUT)
    else:
        story, phrasing = tell(random), random.choice(ASKED_NAMED)
    question = phrasing.format(hero=story.hero, name=story.name)
    key = f"{phrasing}|{story.hero}|{story.name}" if "{name}" in phrasing else f"{phrasing}|{story.hero}"
    return Exchange(question, story.text, key=key if "{hero}" in phrasing else ""), story


def draw(random: Random) -> Exchange:
    """A request for a story."""
    return ask(random)[0]


def question_about(story: Story, random: Random) -> Exchange:
    """A question about a story that has just been told."""
    questions, answer = random.choice(
        (
            (("Who is the story about?", "Who was it about?"), f"It is about a {story.hero} called {story.name}."),
            ((f"What was the {story.hero} called?", "And the name?"), f"The {story.hero} was called {story.name}."),
            (("Who else is in it?", "Who else was there?"), f"There is also a{_n(story.friend)} {story.friend}."),
            (("What do we learn?", "What is the moral?"), f"It is a story about {story.trait}."),
        )
    )
    return Exchange(random.choice(questions), answer)


def _n(noun: str) -> str:
    return "n" if noun[0] in "aeiou" else ""
