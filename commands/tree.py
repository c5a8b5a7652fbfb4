"""Every command with its flags and arguments as plain data, read from the Typer apps and the table of serve flags.

Help pages, completion scripts and docs/cli.md are generated from it, so none of them can know a flag that the
parser does not. Reading it imports every command: nothing that has to be fast does so.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sgl.config.flags import SERVE_FLAGS, Flag

from .table import COMMANDS, Command

if TYPE_CHECKING:
    from typer._click.core import Command as TyperNode
    from typer._click.core import Parameter as TyperParameter

HELP_FLAG: Final = ("-h", "--help")
_NUMBERS: Final = {"int": "N", "float": "X", "bool": "1|0"}
_PATHS: Final = {"file": "FILE", "dir": "DIR", "path": "PATH"}
_OFFERS: Final = {
    "MODEL": "model",
    "models MODEL": "cached",
    "REPOSITORY": "cached",
    "REPO": "cached",
    "SERVER": "server",
    "PROFILE": "profile",
    "HOST": "host",
    "PORT": "port",
    "SHELL": "shell",
    "bench KIND[:FILE]": "dataset",
    "bench API": "api",
    "bench KIND": "arrival",
    "bench RULE": "metric",
    "bench CHANGE": "metric",
    "bench NAME:LIMIT": "objective",
    "FILE": "file",
    "PATH": "file",
    "DIR": "folder",
    "FOLDER": "folder",
}
"""Placeholder of a value, of one command or of any -> what completion offers for it (`sgl_cli.completion`)."""


class Parameter(NamedTuple):
    """A flag, or an argument.

    Attributes:
        names: Every spelling of a flag, ours first; the placeholder of an argument.
        metavar: Placeholder of the value; empty for a switch.
        help: What it does, in sentences.
        default: The value when it is not given, as one would type it, or empty.
        choices: The values there are, when they can be listed.
        offers: What completion offers as value beside ``choices``: ``model``, ``file``, ...; or nothing.
        variable: The environment variable that stands for it, or nothing.
        many: Whether it may be given more than once.
        required: Whether it must be given.
        group: Heading above it on a help page; empty for the common one.
    """

    names: tuple[str, ...]
    metavar: str
    help: str
    default: str = ""
    choices: tuple[str, ...] = ()
    offers: str = ""
    variable: str = ""
    many: bool = False
    required: bool = False
    group: str = ""

    @property
    def name(self) -> str:
        """The spelling to show first: the long one that is ours."""
        return next((name for name in self.names if name.startswith("--")), self.names[0])


class Node(NamedTuple):
    """A command, or a sub-command.

    Attributes:
        words: How it is called after ``sgl``: ``("models", "rm")``.
        summary: What it does, in one line.
        text: The rest of its description: paragraphs, and indented lines that stay as they are.
        arguments: In their order.
        flags: Without the help flag, which every command has.
        children: Sub-commands.
        runs_alone: Whether a command with sub-commands also runs without one.
        takes_serve_flags: Whether it takes the flags of ``sgl serve`` as well; ``flags`` does not have them.
    """

    words: tuple[str, ...]
    summary: str
    text: str
    arguments: tuple[Parameter, ...]
    flags: tuple[Parameter, ...]
    children: tuple[Node, ...] = ()
    runs_alone: bool = True
    takes_serve_flags: bool = False

    @property
    def program(self) -> str:
        """How it is called: ``sgl models rm``."""
        return " ".join(("sgl", *self.words))


_SERVE_PAGES: Final = (
    Parameter(("--help-all",), "", "Print every flag, with its other spellings and its variable."),
    Parameter(("--version",), "", "Print the version."),
)
"""What `sgl.launcher` answers by itself."""


def read_tree(commands: Iterable[Command] = COMMANDS) -> tuple[Node, ...]:
    """Reads every command, in the order of help."""
    return tuple(read_command(command) for command in commands)


def walk(nodes: Iterable[Node]) -> Iterable[Node]:
    """Every command and, after it, its sub-commands."""
    for node in nodes:
        yield node
        yield from walk(node.children)


def read_command(command: Command) -> Node:
    """Reads one command from its Typer app."""
    from typer.main import get_command  # Takes 0.1 s, which only a generator has to pay.

    return _node(get_command(command.load_app()), (command.name,))


def serve_parameters() -> tuple[Parameter, ...]:
    """The flags of ``sgl serve``."""
    return tuple(_serve_flag(flag) for flag in SERVE_FLAGS)


def _serve_flag(flag: Flag) -> Parameter:
    return Parameter(
        names=flag.spellings,
        metavar=flag.kind.metavar,
        help=flag.help,
        default=flag.default,
        choices=flag.choices,
        offers=flag.completes,
        variable=flag.variable,
        many=flag.many,
    )


def _node(command: TyperNode, words: tuple[str, ...]) -> Node:
    summary, _, text = inspect.cleandoc(command.help or "").partition("\f")[0].partition("\n\n")
    parameters: list[Any] = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    children: dict[str, TyperNode] = getattr(command, "commands", {})
    arguments = tuple(_parameter(each, words[0]) for each in parameters if each.param_type_name == "argument")
    flags = tuple(_parameter(each, words[0]) for each in parameters if each.param_type_name == "option")
    # A command hands its words on unread when it takes the flags of `sgl serve`.
    hands_on = bool(command.context_settings.get("ignore_unknown_options"))
    if hands_on:
        arguments += (Parameter(("MODEL",), "MODEL", "The model, as after -m.", offers="model"),)
        flags += _SERVE_PAGES if words == ("serve",) else ()
    return Node(
        words,
        " ".join(summary.split()),
        text.strip("\n"),
        arguments,
        flags,
        tuple(_node(child, (*words, name)) for name, child in children.items() if not child.hidden),
        runs_alone=not children or bool(getattr(command, "invoke_without_command", False)),
        takes_serve_flags=hands_on,
    )


def _parameter(parameter: TyperParameter, command: str) -> Parameter:
    option: Any = parameter  # What a Typer parameter knows beyond its base class.
    argument = option.param_type_name == "argument"
    descriptor = option.type_descriptor
    path = _PATHS[descriptor.path_type] if descriptor.is_path else ""
    metavar = "" if getattr(option, "is_flag", False) or getattr(option, "count", False) else placeholder(option)
    names = (metavar,) if argument else (*option.opts, *option.secondary_opts)
    variable = option.envvar if isinstance(option.envvar, str) else next(iter(option.envvar or ()), "")
    return Parameter(
        names=names,
        metavar=metavar,
        help=" ".join((option.help or "").split()),
        default=_default(option, switch=not metavar),
        choices=choices_of(option),
        offers=next((_OFFERS[key] for key in (f"{command} {metavar}", metavar, path) if key in _OFFERS), ""),
        variable=variable,
        many=bool(option.multiple) or option.nargs == -1,
        required=bool(option.required),
        group=getattr(option, "rich_help_panel", None) or "",
    )


def choices_of(parameter: Any) -> tuple[str, ...]:
    """The values that a Typer parameter lists; none when it takes others as well."""
    return tuple(str(getattr(choice, "value", choice)) for choice in parameter.type_descriptor.choices or ())


def placeholder(parameter: Any) -> str:
    """The placeholder of a Typer parameter's value: its own, or one that fits its type."""
    descriptor = parameter.type_descriptor
    if parameter.metavar:
        return str(parameter.metavar)
    if descriptor.is_choice and parameter.param_type_name == "option":
        return "|".join(choices_of(parameter))
    if descriptor.is_path and parameter.param_type_name == "option":
        return _PATHS[descriptor.path_type]
    kinds = [getattr(kind, "__name__", "") for kind in value_types(parameter)]
    if all(kind in _NUMBERS for kind in kinds):
        return " ".join(_NUMBERS[kind] for kind in kinds)
    return str(parameter.name).replace("_", "-").upper()


def value_types(parameter: Any) -> tuple[Any, ...]:
    """The type of a Typer parameter's value; of each in turn, when it takes several."""
    annotation = parameter.type_descriptor.annotation
    return tuple(getattr(annotation, "__args__", (annotation,)))


def _default(parameter: Any, switch: bool) -> str:
    """The default as one would type it; nothing when there is none, or it is the plain state of a switch."""
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    default = parameter.default
    if default is None or callable(default) or not parameter.show_default or default in ("", (), []):
        return ""
    if switch:
        on_off = parameter.opts if default else parameter.secondary_opts
        return on_off[0] if parameter.secondary_opts else ""
    many = isinstance(default, (list, tuple))
    return ",".join(str(getattr(value, "value", value)) for value in (default if many else (default,)))
