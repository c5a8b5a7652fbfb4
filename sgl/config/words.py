"""From the words of a command line to settings. Values are checked, contradictions between flags are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sgl.config.flags import BY_SPELLING, Flag
from sgl.config.foreign import NEEDLESS
from sgl.config.mistakes import unknown_flag
from sgl.config.setting import Setting, read_setting
from sgl.config.values import Secret, Switch
from sgl.errors import UsageError, echo

MODEL_WORD: Final = "MODEL"
"""Origin of a model that was given as a bare word."""
_MODEL: Final = BY_SPELLING["--model"]


def read_words(argv: Sequence[str], notices: list[str]) -> Iterator[tuple[Flag, Setting]]:
    """Reads ``argv`` word by word; a word that is no flag is the model. Notes needless flags in ``notices``.

    Raises:
        UsageError: A flag is unknown, or its value cannot be read.
    """
    rest = iter(argv)
    for word in rest:
        if word == "--":
            for argument in rest:
                yield _MODEL, read_setting(_MODEL, MODEL_WORD, argument)
            return
        if not word.startswith("-"):
            yield _MODEL, read_setting(_MODEL, MODEL_WORD, word)
            continue
        name, equals, text = word.partition("=")
        spelling = f"--{name[2:].replace('_', '-')}" if name.startswith("--") else name
        flag = BY_SPELLING.get(spelling)
        if flag is None and spelling in NEEDLESS and not equals:
            notices.append(f"{spelling} is not needed: {NEEDLESS[spelling]}")
        elif flag is None:
            raise unknown_flag(spelling)
        elif isinstance(flag.kind, Switch) and not equals:
            yield flag, Setting(flag.kind.given, spelling, "")
        else:
            yield flag, read_setting(flag, spelling, text if equals else _following(rest, flag, spelling))


def _following(rest: Iterator[str], flag: Flag, spelling: str) -> str:
    """Takes the word after a flag as its value; a word that is a flag itself is not one."""
    text = next(rest, None)
    if text is None:
        raise UsageError(f"{spelling} needs a value: {flag.kind.expects}")
    if text.startswith("-") and not text[1:2].isdigit():
        shown = "" if isinstance(flag.kind, Secret) else f"; what follows is {echo(text)}"
        raise UsageError(
            f"{spelling} needs a value: {flag.kind.expects}{shown}",
            hint=f"a value that begins with - is written {spelling}=-...",
        )
    return text
