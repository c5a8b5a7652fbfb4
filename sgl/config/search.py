"""The flags that a word is about, for ``sgl serve --help WORD``."""

from __future__ import annotations

from difflib import get_close_matches

from sgl.config.flags import SERVE_FLAGS, Flag


def matching(word: str) -> list[Flag]:
    """Rows with ``word`` in a spelling, the variable, the group or the help; those named so come first."""
    wanted = word.lower().replace("_", "-").strip("-")
    if not wanted:
        return []
    named = [flag for flag in SERVE_FLAGS if any(wanted in spelling.lower() for spelling in flag.spellings)]
    told = [flag for flag in SERVE_FLAGS if flag not in named and wanted in _text(flag)]
    return named + told


def closest_words(word: str) -> list[str]:
    """Words of flags that look like ``word``, the closest first; at most three."""
    words = {part for flag in SERVE_FLAGS for spelling in flag.spellings for part in spelling.strip("-").split("-")}
    return get_close_matches(word.lower().strip("-"), sorted(words), n=3, cutoff=0.6)


def _text(flag: Flag) -> str:
    return f"{flag.variable} {flag.variable.replace('_', '-')} {flag.group} {flag.help}".lower()
