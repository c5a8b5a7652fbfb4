"""The flags of ``sgl bench`` as parameters of a Typer command, made from `flags.table`: there is no second list."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from .flags.table import GROUPS, Flag

_TYPES: Final[Mapping[str, Any]] = {
    "text": str | None,
    "list": list[str] | None,
    "switch": bool,
    "pair": bool | None,
}
_PYTHON: Final[Mapping[str, str]] = {"assert": "assertions", "json": "as_json"}
"""Names of flags that Python, or a reader of it, takes for something else."""


def with_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives ``function`` a keyword parameter for every flag, after its own; it takes them as ``**given``."""
    signature = inspect.signature(function, eval_str=True)
    own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    function.__signature__ = signature.replace(parameters=[*own, *_parameters()])  # type: ignore[attr-defined]
    return function


def values_of(given: Mapping[str, Any]) -> dict[str, object]:
    """What Typer has read, by the names of `flags.table`."""
    python = {ours: name for name, ours in _PYTHON.items()}
    return {python.get(name, name): value for name, value in given.items()}


def _parameters() -> Iterator[inspect.Parameter]:
    for group, flags in GROUPS.items():
        for flag in flags:
            kind = _TYPES[flag.form]
            yield inspect.Parameter(
                _PYTHON.get(flag.key, flag.key),
                inspect.Parameter.KEYWORD_ONLY,
                default=False if flag.form == "switch" else None,
                annotation=Annotated[kind, _option(flag, group)],
            )


def _option(flag: Flag, group: str) -> Any:
    long = f"{flag.name}/--no-{flag.name[2:]}" if flag.form == "pair" else flag.name
    names = (flag.short, long) if flag.short else (long,)
    default: str | bool = flag.default or False
    return typer.Option(
        *names, metavar=flag.metavar or None, help=flag.help, show_default=default, rich_help_panel=group
    )
