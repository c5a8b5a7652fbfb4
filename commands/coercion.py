"""Reads words for a command's parameters without pydantic, which Typer imports for every value: 0.2 s of each start.

What Typer does is done here for text, paths, and values that are right already; everything else is left to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from typer._click import Context
from typer._click.core import Command, Parameter
from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param

_CHECKED: Final = ("exists", "writable", "resolve_path", "path_type", "parser")
"""With one of these on, a parameter is more than its annotation says. (``readable`` counts with ``exists`` only.)"""


class PlainParam(RuntimeParam):
    """Takes text and paths as they are."""

    def _coerce_value(self, value: Any, param: Any, ctx: Context) -> Any:
        annotation: Any = self.annotation
        if annotation is str and isinstance(value, str):
            return value
        if annotation == list[str] and isinstance(value, (list, tuple)):
            return list(value)
        if annotation is Path and isinstance(value, (str, Path)):
            return Path(value)
        if isinstance(annotation, type) and isinstance(value, annotation):
            return value  # A default.
        return build_runtime_param(TypeDescriptor(annotation, self.parameter_info, None)).coerce(value, param, ctx)


def lighten(command: Command) -> None:
    """Makes the parameters of a command, and of those below it, take words without pydantic where they can."""
    for parameter in command.get_params(Context(command)):  # With ``--help``, which is made once and kept.
        _lighten(parameter)
    below: dict[str, Command] = getattr(command, "commands", {})
    for each in below.values():
        lighten(each)


def _lighten(parameter: Parameter) -> None:
    descriptor: TypeDescriptor | None = getattr(parameter, "type_descriptor", None)
    if descriptor is None or descriptor.file_annotation is not None or not hasattr(parameter, "_runtime_param"):
        return
    info = descriptor.parameter_info
    if not any(getattr(info, name, None) for name in _CHECKED):
        parameter._runtime_param = PlainParam(parameter_info=info, annotation=descriptor.annotation)
