"""From what a person typed to a cached repository: the beginning of a name is enough when only one begins so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from sgl import builtin
from sgl.errors import ModelNotFound
from sgl.hub.cached import cached_names
from sgl.hub.repository import Repository, parse_repository


def matches(text: str, names: Sequence[str]) -> list[str]:
    """The names that are meant: the very one, else those that begin so, with or without their owner."""
    wanted = text.lower()
    exact = [name for name in names if name.lower() == wanted or name.lower().partition("/")[2] == wanted]
    if exact:
        return exact
    return [
        name for name in names if name.lower().startswith(wanted) or name.lower().partition("/")[2].startswith(wanted)
    ]


def choose_cached(text: str, names: Sequence[str]) -> str:
    """The one cached name that is meant.

    Raises:
        ModelNotFound: None is, or more than one.
    """
    found = matches(text, names)
    if len(found) == 1:
        return found[0]
    if found:
        raise ModelNotFound(f"'{text}' begins {len(found)} cached models: {', '.join(found[:5])}.")
    raise ModelNotFound(f"There is no cached model '{text}'.", hint=_closest(text, names))


def repository_to_download(text: str, revision: str | None, environ: Mapping[str, str]) -> Repository:
    """The repository to download: ``owner/name[@revision]``, or the beginning of a cached one to bring up to date.

    Raises:
        ModelNotFound: It is neither.
    """
    if text == builtin.NAME:
        raise ModelNotFound("The built-in model comes with sgl: there is nothing to download.", hint="sgl serve")
    identity, mark, suffix = text.partition("@")
    if "/" in identity:
        return parse_repository(text, revision)
    names = [name for name, _ in cached_names(environ)]
    found = matches(identity, names) if identity else []
    if len(found) == 1:
        return parse_repository(f"{found[0]}{mark}{suffix}", revision)
    raise ModelNotFound(
        f"'{text}' is no repository: those are written owner/name.",
        hint=_closest(identity, names) or "for example: sgl download Qwen/Qwen3-0.6B",
    )


def _closest(text: str, names: Sequence[str]) -> str | None:
    by_short = {form: name for name in names for form in (name.lower(), name.lower().partition("/")[2])}
    near = get_close_matches(text.lower(), list(by_short), n=1, cutoff=0.6)
    if near:
        return f"did you mean {by_short[near[0]]}?"
    return f"there is {', '.join(names[:5])}" if names else None
