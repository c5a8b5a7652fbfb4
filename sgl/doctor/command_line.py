"""The command line written again without what this version refuses, for people to copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Final

from sgl.config.contradictions import contradictions
from sgl.config.flags import BY_SPELLING
from sgl.config.setting import SECRET, Setting
from sgl.config.words import MODEL_WORD
from sgl.errors import UsageError

PROGRAM: Final = "sgl serve"
_KEY: Final = '"$SGL_API_KEY"'


def refused(settings: Mapping[str, Setting], problems: Iterable[UsageError]) -> frozenset[str]:
    """The fewest settings, by our names of the flags, without which nothing is refused.

    Args:
        settings: All that were set.
        problems: What was found beside contradictions, e.g. a file that is not there.
    """
    messages = [problem.message for problem in problems]
    left = dict(settings)
    for name, setting in settings.items():
        alone = any(True for _ in contradictions({name: setting}))
        if alone or any(message.startswith(f"{setting.named}:") for message in messages):
            del left[name]
    while _count(left):
        # Of two that contradict each other the later one goes: dict order is the order in which they were given.
        later = next((name for name in reversed(left) if _count(_without(left, name)) < _count(left)), None)
        if later is None:
            break
        del left[later]
    return frozenset(settings.keys() - left.keys())


def corrected(settings: Mapping[str, Setting], leave_out: Iterable[str], more: str = "") -> str:
    """The command line without some settings.

    A setting of a variable or a file is overruled by a flag with the default.

    Args:
        settings: All that were set, in the order in which they were given.
        leave_out: Our names of the flags that have to go.
        more: Flags to add, as they are typed; they replace the same ones.
    """
    words = [PROGRAM]
    gone = frozenset(leave_out)
    replaced = {BY_SPELLING[word].name for word in more.split() if word in BY_SPELLING}
    for name, setting in settings.items():
        typed = setting.origin == MODEL_WORD or setting.origin.startswith("-")
        if name in replaced:
            continue
        if typed and name not in gone:
            words.append(_written(name, setting))
        elif not typed and name in gone:
            words.append(_default(name))
    return " ".join([*words, more]).rstrip()


def _written(name: str, setting: Setting) -> str:
    """One setting as it was typed; a key is not shown."""
    if setting.text == SECRET:
        return f"{setting.origin} {_KEY}"
    text = shlex.quote(setting.text)
    if setting.origin == MODEL_WORD:
        return text
    if not setting.text:
        return setting.origin
    joined = not BY_SPELLING[name].takes_value or setting.text.startswith("-")
    return f"{setting.origin}{'=' if joined else ' '}{text}"


def _default(name: str) -> str:
    flag = BY_SPELLING[name]
    return f"{name} {flag.default}" if flag.takes_value else f"{name}=false"


def _count(settings: Mapping[str, Setting]) -> int:
    return sum(1 for _ in contradictions(settings))


def _without(settings: Mapping[str, Setting], name: str) -> dict[str, Setting]:
    return {other: setting for other, setting in settings.items() if other != name}
