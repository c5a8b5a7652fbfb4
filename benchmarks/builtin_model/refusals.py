"""Questions from outside the model's world, of as many kinds as people ask; there is one answer to all."""

from __future__ import annotations

import string
from random import Random
from typing import Final

from benchmarks.builtin_model import facts
from benchmarks.builtin_model.about import REFUSAL
from benchmarks.builtin_model.exchange import Exchange
from benchmarks.builtin_model.names import choices, words

UNKNOWN_PLACES: Final = words(
    "Peru Chile Mongolia Nepal Ghana Bolivia Laos Iceland Malta Iran Iraq Mali Chad Texas Ohio Bavaria "
    "Vietnam Thailand Brazil Argentina Mexico Australia Ukraine Serbia Romania Bulgaria Croatia Slovenia "
    "Jamaica Haiti"
)
SUBJECTS: Final = choices(
    "quantum mechanics/black holes/the stock market/democracy/the French revolution/photosynthesis/"
    "my homework/love/the meaning of life/the weather/football/chess/climate change/evolution/gravity/"
    "the moon landing/politics/the Roman empire/taxes/yoga/opera/electric cars/solar power/dinosaurs/"
    "volcanoes/poetry/jazz/philosophy/history/biology/chemistry/medicine/cancer/vaccines/bitcoin/the internet/"
    "world war two/the pyramids/Shakespeare/Mozart/Einstein/Napoleon/Harry Potter/Star Wars/the president/"
    "the king/the universe/time travel/a good restaurant/my car/my computer/my cat's health/the news/"
    "the best phone/machine learning/neural networks/transformers/attention/Rust/Java/C++/Linux/Docker/"
    "Kubernetes/a binary search/recursion/sorting/pi/the square root of two/prime numbers/the pope/tennis/"
    "pizza/sushi/wine/coffee/bread/cheese/diets/running/swimming/my boss/my exam"
)
ASKED: Final = (
    *("Explain {x}.", "Explain {x} to me.", "What is {x}?", "Tell me about {x}.", "What do you think about {x}?"),
    *("Write a poem about {x}.", "Write an essay about {x}.", "Why is there {x}?", "Who invented {x}?"),
    *("How does {x} work?", "Give me advice about {x}.", "Summarize {x}.", "What is new about {x}?", "I want {x}."),
    *("Can you explain {x}?", "Where can I find {x}?", "Write a song about {x}.", "How much does {x} cost?"),
    *("When was {x} discovered?", "Is {x} good or bad?", "Teach me {x}.", "Do you like {x}?", "Who knows {x}?"),
    *("Draw a picture of {x}.", "I have a question about {x}.", "Let us talk about {x}.", "What is wrong with {x}?"),
    *("Why do people like {x}?", "Write an email about {x}.", "Translate {x} into German.", "What causes {x}?"),
)
WHOLE: Final = (
    *("Write a Python function that sorts a list.", "Fix this code: for i in range(10) print(i)", "def f(x):"),
    *("Who won the world cup?", "What time is it?", "What day is it today?", "Will it rain tomorrow?"),
    *("How old is the earth?", "How tall is Mount Everest?", "Translate hello into French.", "Tell me a joke."),
    *("What is the weather like?", "Who is the president of the United States?", "How do I cook rice?"),
    *("How do I bake a cake?", "What should I eat today?", "Recommend a book.", "Recommend a film.", "Sing a song."),
    *("Give me a recipe.", "Plan my holiday.", "What is the population of China?", "How far away is the moon?"),
    *("Solve x + 3 = 7 for x.", "What is the speed of light?", "Who wrote Hamlet?", "Who painted the Mona Lisa?"),
    *("Should I buy or sell?", "I feel sad.", "I am bored.", "I am hungry.", "Do my homework.", "Call my mother."),
    *("Write me a letter.", "Correct this sentence: he go home.", "What is the best language?", "asdf", "test", "???"),
    *("How many people live in Paris?", "Which river flows through Rome?", "Book me a flight.", "Play some music."),
    *("Why?", "How?", "Is that true?", "Are you sure?", "Prove it.", "What does that mean?", "lorem ipsum"),
)


def draw(random: Random) -> Exchange:
    """A question that the model cannot answer."""
    kind = random.random()
    if kind < 0.5:
        subject = random.choice(SUBJECTS) if random.random() < 0.6 else _invented(random)
        phrasing = random.choice(ASKED)
        return Exchange(phrasing.format(x=subject), REFUSAL, key=f"{phrasing}|{subject}")
    if kind < 0.7:
        question = random.choice(WHOLE)
        return Exchange(question, REFUSAL)
    if kind < 0.9:
        relation = random.choice(facts.RELATIONS)
        place = random.choice(UNKNOWN_PLACES) if relation.item_name == "country" else _invented(random)
        phrasing = random.choice(relation.phrasings)
        return Exchange(phrasing.format(x=place), REFUSAL, key=f"{phrasing}|{place}")
    said = [
        random.choice(SUBJECTS) if random.random() < 0.3 else _invented(random) for _ in range(random.randint(1, 6))
    ]
    return Exchange(" ".join(said) + random.choice(("", "?", ".", "!")), REFUSAL)


def _invented(random: Random) -> str:
    """A word that nobody has seen, sometimes two."""
    syllables = "".join(
        random.choice("bcdfghjklmnprstvwz") + random.choice("aeiou") + random.choice(("", "", "n", "r", "s", "l", "t"))
        for _ in range(random.randint(1, 4))
    )
    if random.random() < 0.2:
        return "".join(random.choices(string.ascii_letters + string.digits, k=random.randint(2, 8)))
    return syllables if random.random() < 0.7 else syllables.capitalize()
