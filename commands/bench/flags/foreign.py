"""`translate`: a line of vLLM's or SGLang's bench as flags of ours, so that pasted commands run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sgl.errors import UsageError

from .compose import compose
from .elsewhere import FOREIGN, MANY, OURS, SYNONYMS, Field, Foreign, Ignored, Refused, Rename
from .parts import Parts
from .program import guess, strip_program


@dataclass
class _Reading:
    """What was read of a line so far.

    Attributes:
        words: What stays as it is, and what only has another name.
        parts: Values of the flags that are read together, by flag.
        notes: What a person should know.
        foreign: The flags that came from elsewhere.
    """

    words: list[str] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def translate(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Replaces what is vLLM's or SGLang's.

    A line without any such flag comes back as it is; flags that nobody knows stay, for the parser's own error. When
    the program itself is in front, what the line leaves out is as it would be there: a thousand prompts, all at once.

    Args:
        words: What follows ``sgl bench``; a whole pasted command is understood too.

    Returns:
        Our words, and notes for the person, a line each.

    Raises:
        UsageError: A flag would have to be passed over in a way that changes what is measured, or has no value.
    """
    pasted = strip_program(words)
    reading = _Reading()
    rest = list(pasted.words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            reading.words += [word, *rest]
            break
        _read(word, rest, reading)
    if pasted.program is None and not reading.foreign:
        return list(pasted.words), []
    program = pasted.program or guess(reading.parts, reading.foreign)
    named = {"vllm": "vLLM", "sglang": "SGLang"}[program]
    made, notes = compose(Parts(reading.parts, program, whole=pasted.program is not None))
    notes = [f"read as flags of {named}'s bench", *reading.notes, *notes]
    return [*made, *reading.words], list(dict.fromkeys(notes))


def _read(word: str, rest: list[str], reading: _Reading) -> None:
    """Reads one flag and takes its values off the rest; other words are kept."""
    name, equals, inline = word.partition("=")
    name = name.replace("_", "-") if name.startswith("--") else _SHORT.get(name, name)
    known = FOREIGN.get(name)
    if known is None:
        reading.words.append(word)
        return
    values = [inline] if equals else _take(name, known, rest)
    if name not in OURS:
        reading.foreign.append(name)
    fate = known.fate
    if isinstance(fate, Refused):
        raise UsageError(f"{name}: {fate.reason}", hint=f"leave {name} out")
    if isinstance(fate, Ignored):
        if fate.note:
            reading.notes.append(f"{name} is not used: {fate.note}")
    elif isinstance(fate, Field):
        reading.words += ["--option", f"{fate.name}={values[-1]}"]
    elif isinstance(fate, Rename):
        for value in values:
            reading.words += [fate.ours, value]
        if not known.values:
            reading.words.append(fate.ours)
    else:
        reading.parts.setdefault(SYNONYMS.get(name, name), []).extend(values)


_SHORT: Final = {"-m": "--model", "-n": "--num-prompts"}
"""Our short forms of flags that are read together with others."""


def _take(name: str, known: Foreign, rest: list[str]) -> list[str]:
    if known.values == 0:
        return []
    if known.values != MANY:
        if not rest:
            raise UsageError(f"{name} needs a value")
        return [rest.pop(0)]
    values = []
    while rest and not rest[0].startswith("-"):
        values.append(rest.pop(0))
    if not values:
        raise UsageError(f"{name} needs a value")
    return values
