"""What was measured: model, server, prompts, load, and the command that did it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ..result import Result
from . import words
from .lookup import LONGEST_TEXT, cleaned, number, part, text, texts

_HASH_DIGITS: Final = 12
_LONGEST_COMMAND: Final = 4000
_ARRIVALS: Final = {"poisson": ", Poisson", "constant": ", evenly spaced"}


class Fact(NamedTuple):
    """What it is, and what it was."""

    label: str
    value: str


def title(result: Result) -> str:
    """The name that the user gave the run, and the model."""
    names = [name for name in (cleaned(result.name), text(result.server, "model")) if name]
    return ": ".join(names) or "a server"


def facts(result: Result) -> list[Fact]:
    """In the order of interest; what is not known is left out."""
    found = (
        Fact("server", _server(result)),
        Fact("prompts", prompts(result)),
        Fact("load", _load(result)),
        Fact("host", ", ".join(filter(None, (text(result.host, key) for key in ("gpu", "cpu", "driver"))))),
        Fact("notes", "; ".join(texts(result.server, "notes"))),
        Fact("started", cleaned(result.started)[:19].replace("T", " ") + " UTC" if result.started else ""),
    )
    return [fact for fact in found if fact.value]


def prompts(result: Result) -> str:
    """The dataset, and the hash that says whether two runs asked the same."""
    dataset = result.dataset
    seed, digest = text(dataset, "seed"), text(dataset, "sha256")[:_HASH_DIGITS]
    words_ = (text(dataset, "name"), seed and f"seed {seed}", digest and f"sha256 {digest}")
    return ", ".join(word for word in words_ if word)


def shared_facts(levels: Sequence[Result]) -> list[Fact]:
    """What is the same in all runs of a sweep; there is at least one."""
    others = [facts(level) for level in levels[1:]]
    found = []
    for fact in facts(levels[0]):
        if fact.label == "started" or all(fact in other for other in others):
            found.append(fact)
        elif fact.label == "prompts":
            name = ", ".join(filter(None, (text(levels[0].dataset, "name"), "each run its own")))
            found.append(Fact("prompts", name))
    return [fact for fact in found if fact.label != "load"]


def load(result: Result) -> str:
    """Concurrency or rate in words."""
    concurrency, rate = number(result.load, "concurrency"), number(result.load, "rate")
    arrival, ramp = text(result.facts.config, "load", "arrival"), part(result.facts.config, "load", "ramp")
    if rate is not None:
        words_ = f"{rate:,.4g} req/s{_ARRIVALS.get(arrival, '')}"
    elif number(ramp, "start") is not None and number(ramp, "end") is not None:
        words_ = f"{number(ramp, 'start'):,.4g} to {number(ramp, 'end'):,.4g} req/s"
    elif arrival == "trace":
        words_ = "at the times of the trace"
    else:
        return "no bound" if concurrency is None else f"concurrency {concurrency:,.0f}"
    return words_ if concurrency is None else f"{words_}, at most {concurrency:,.0f} at a time"


def command(result: Result) -> str:
    """The command line that made the run, to be copied; empty when it is not known."""
    line = result.facts.client.get("cmdline")
    if isinstance(line, list | tuple):
        return cleaned(shlex.join(str(word) for word in line), _LONGEST_COMMAND)
    return cleaned(line, _LONGEST_COMMAND)


def settings(result: Result) -> list[Fact]:
    """Everything that is known of the run's flags, server, host and dataset, one value a row."""
    tables = (
        ("config", result.facts.config),
        ("dataset", result.dataset),
        ("server", result.server),
        ("host", result.host),
        ("client", {key: value for key, value in result.facts.client.items() if key != "cmdline"}),
    )
    return [fact for name, table in tables for fact in _flat(name, table)]


def _server(result: Result) -> str:
    server, config = result.server, result.facts.config
    software = " ".join(filter(None, (text(server, "software"), text(server, "version"))))
    url = text(server, "url") or text(config, "url")
    api = text(server, "api") or text(config, "api")
    place = f"{software} at {url}" if software and url else software or url
    return ", ".join(filter(None, (place, api)))


def _load(result: Result) -> str:
    sent = number(part(result.summary, "requests"), "sent")
    return load(result) + ("" if sent is None else f", {words.several(sent, 'request')}")


def _flat(name: str, table: Mapping[str, Any]) -> Iterator[Fact]:
    """Tables in tables to one level; lists as they would be written."""
    for key, value in table.items():
        label = f"{name}.{cleaned(key)}"
        if isinstance(value, Mapping) and value and len(label) < LONGEST_TEXT:
            yield from _flat(label, value)
        elif isinstance(value, list | tuple | Mapping):
            yield Fact(label, cleaned(json.dumps(value, ensure_ascii=False, default=str)))
        elif value is not None and value != "":
            yield Fact(label, cleaned(value))
