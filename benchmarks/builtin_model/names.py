"""Words that several parts of the corpus fill into their sentences."""

from __future__ import annotations

from typing import Final


def words(text: str) -> tuple[str, ...]:
    """Reads words with blanks between them."""
    return tuple(text.split())


def choices(text: str) -> tuple[str, ...]:
    """Reads phrases with slashes between them."""
    return tuple(text.split("/"))


PEOPLE: Final = words(
    "Anna Ben Carla David Emma Finn Greta Hugo Ida Jack Kate Leo Mia Noah Olga Paul Rosa Sam Tina Tom Vera "
    "Will Zoe Max Lily Lucy Oscar Nina Peter Sara Alice Bob Clara Daniel Ella Frank Julia Mark Laura Simon"
)
"""First names of people."""

PETS: Final = words(
    "Pip Milo Bella Coco Rex Luna Toby Daisy Ruby Momo Lulu Felix Nero Poppy Bruno Tilly Benny Dot Hazel Otto"
)
"""Names of animals in stories."""

LISTS: Final[dict[str, tuple[str, ...]]] = {
    "colors": ("red", "blue", "green", "yellow", "black", "white"),
    "animals": ("cat", "dog", "cow", "horse", "lion", "mouse"),
    "fruits": ("apple", "banana", "orange", "pear", "lemon", "cherry"),
    "vegetables": ("carrot", "tomato", "potato", "onion", "pea", "bean"),
    "countries": ("France", "Italy", "Spain", "Germany", "Japan", "Canada"),
    "cities": ("Paris", "Rome", "Madrid", "Berlin", "Tokyo", "London"),
    "planets": ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn"),
    "days": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "months": ("January", "February", "March", "April", "May", "June"),
    "shapes": ("circle", "square", "triangle", "star", "oval", "cube"),
    "tools": ("hammer", "saw", "drill", "axe", "file", "rake"),
    "birds": ("robin", "crow", "swan", "eagle", "parrot", "stork"),
}
"""What lists are asked for, and the answers in their order."""
