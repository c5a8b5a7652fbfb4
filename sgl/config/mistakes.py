"""What to say about a flag, a variable or a value that is not understood: one line, and the closest word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from sgl.config.flags import BY_SPELLING, SERVE_FLAGS, Flag
from sgl.config.foreign import NEEDLESS, REFUSED, RENAMED, refusal
from sgl.config.search import matching
from sgl.config.values import Choice, Secret
from sgl.env import VARIABLES
from sgl.errors import UsageError, echo


def unknown_flag(spelling: str) -> UsageError:
    """The error for a flag that is none of ours: another engine's, or a slip of the fingers."""
    answer = refusal(spelling)
    if answer is not None:
        return UsageError(f"{spelling} {answer}")
    if spelling in NEEDLESS:
        return UsageError(f"{spelling} takes no value", hint=f"leave it out: {NEEDLESS[spelling]}")
    if spelling in RENAMED:
        hint = f"the nearest flag here is {_with_short(RENAMED[spelling])}"
    else:
        near = _closest(spelling)
        hint = _where_to_look(spelling) if near is None else f"did you mean {_with_short(near)}?"
    return UsageError(f"unknown flag {_plain(spelling)}", hint=hint)


def unknown_key(key: str, spelling: str, origin: str) -> UsageError:
    """The same for a key of a config file that stands for the flag ``spelling``."""
    place = f"{_plain(key)} in {origin}"
    answer = refusal(spelling)
    if answer is not None:
        return UsageError(f"{place} {answer}")
    if spelling in NEEDLESS:
        return UsageError(f"{place} can only be true: {NEEDLESS[spelling]}")
    if spelling in RENAMED:
        hint = f"the nearest key here is {RENAMED[spelling].lstrip('-')}"
    else:
        near = _closest(spelling)
        hint = _where_to_look(spelling) if near is None else f"did you mean {near.lstrip('-')}?"
    return UsageError(f"unknown key {place}", hint=hint)


def is_known(spelling: str) -> bool:
    """Whether it is a flag of ours, or one of another engine that has an answer."""
    return any(spelling in flags for flags in (BY_SPELLING, RENAMED, NEEDLESS)) or refusal(spelling) is not None


def _plain(word: str) -> str:
    """The word as it is, quoted and cut where it holds anything strange."""
    quoted = echo(word)
    return word if word and quoted == f"'{word}'" else quoted


def _where_to_look(spelling: str) -> str:
    """Where to look for a flag that resembles none: the help about one of its words."""
    for word in sorted(spelling.lower().lstrip("-").split("-"), key=len, reverse=True):
        if len(word) > 1 and matching(word):
            return f"--help {word} shows the flags about that"
    return "--help-all lists every flag"


def bad_value(flag: Flag, origin: str, text: str) -> UsageError:
    """The error for a value that ``flag.kind`` cannot read; ``origin`` is the flag as written or its variable."""
    if isinstance(flag.kind, Secret):
        return UsageError(f"{origin} expects {flag.kind.expects}")  # A key is never shown, not even a bad one.
    if not text:
        return UsageError(f"{origin} is empty; it expects {flag.kind.expects}")
    hint = None
    if isinstance(flag.kind, Choice):
        near = get_close_matches(text.lower(), [*flag.kind.choices, *flag.kind.synonyms], n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else None
    elif origin == flag.variable and text.startswith("tcp://"):
        hint = "Kubernetes sets it for a Service called 'sgl': rename that, or set enableServiceLinks: false"
    return UsageError(f"{origin} expects {flag.kind.expects}, got {echo(text)}", hint=hint)


def misspelt_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Notes variables that are almost one of ours; others may begin with ``SGL_`` for reasons of their own."""
    known = [flag.variable for flag in SERVE_FLAGS] + [variable.name for variable in VARIABLES]
    for name in sorted(environ):
        if name.startswith("SGL_") and name not in known:
            for near in get_close_matches(name, known, n=1, cutoff=0.9):
                yield f"the variable {name} is unknown and ignored; did you mean {near}?"


def _closest(spelling: str) -> str | None:
    """The flag that was probably meant: one that goes on from here, else one that looks like it."""
    longer = [known for known in BY_SPELLING if known.startswith(spelling)] if len(spelling) > 3 else []
    if longer:
        return min(longer, key=len)
    others = [*RENAMED, *NEEDLESS, *(known.rstrip("-*") for known in REFUSED)]
    for known, cutoff in ((list(BY_SPELLING), 0.7), (others, 0.8)):
        near = get_close_matches(spelling.lower(), known, n=1, cutoff=cutoff)
        if near:
            return near[0]
    return None


def _with_short(spelling: str) -> str:
    """Adds the short form of one of our flags, where there is one."""
    flag = BY_SPELLING.get(spelling)
    return f"{spelling} (short: {flag.short})" if flag is not None and flag.short not in ("", spelling) else spelling
