"""``sgl __complete KIND [PREFIX]``: the words that completion scripts cannot know, from the standard library alone.

One word a line, a tab and its description after it. It runs at every press of the Tab key: it asks no network, and
prints nothing when something goes wrong, for a message would land in the middle of the line being typed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from sgl.env import DEBUG
from sgl.errors import SglError

Word = tuple[str, str]
"""A word and its description; the latter may be empty."""

_PORTS: Final = (30000, 30001, 30002, 8000, 8080)


def complete(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Prints the words of kind ``words[0]`` that begin with ``words[1]``; returns the exit code."""
    kind, prefix = (*words, "", "")[:2]
    try:
        for word, description in _KINDS[kind](environ) if kind in _KINDS else ():
            if word.startswith(prefix) and word.isprintable():
                print(f"{word}\t{' '.join(description.split())}")
    except (SglError, OSError, ValueError):
        # An unreadable folder or a damaged file: there is nothing to offer. SGL_DEBUG=1 shows what it was.
        if DEBUG.read(environ):
            raise
    return 0


def _models(environ: Mapping[str, str]) -> Iterator[Word]:
    """What can be served without a download."""
    yield "builtin", "the small model that comes with sgl"
    yield from _cached(environ)


def _cached(environ: Mapping[str, str]) -> Iterator[Word]:
    from sgl.config.sizes import gib
    from sgl.hub.cached import cached_names

    for name, size in cached_names(environ):
        yield name, "downloaded" if size is None else f"downloaded, {gib(size)}"


def _servers(environ: Mapping[str, str]) -> Iterator[Word]:
    from sgl.runs.registry import servers

    for server in servers(environ):
        yield server.id, f"{server.model}, port {server.port}" if server.port else server.model


def _profiles(environ: Mapping[str, str]) -> Iterator[Word]:
    """Profiles of the config files that are read without being named."""
    from sgl.config.sources import profile_names

    for name in profile_names(environ):
        yield name, ""


def _ports(environ: Mapping[str, str]) -> Iterator[Word]:
    """The usual ports that no server of ours has."""
    from sgl.runs.registry import servers

    taken = {server.port for server in servers(environ)}
    for port in _PORTS:
        if port not in taken:
            yield str(port), "the default" if port == _PORTS[0] else ""


_KINDS: Final[dict[str, Callable[[Mapping[str, str]], Iterator[Word]]]] = {
    "model": _models,
    "cached": _cached,
    "server": _servers,
    "profile": _profiles,
    "port": _ports,
}
