"""Typer's parse errors in our words: one line that names the flag as it was typed, and the closest right one.

Typer vendors Click as ``typer._click`` and has no public names for most of these errors; this file and
`sgl_cli.invoke` are the only ones that touch it. `tests/cli/test_errors.py` holds every kind of error of every
option of every command, so that another version of Typer cannot change a message unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any, Final

from typer._click.exceptions import (
    BadOptionUsage,
    BadParameter,
    ClickException,
    MissingParameter,
    NoSuchOption,
)
from typer._click.exceptions import UsageError as ClickUsageError

from sgl.errors import SglError, UsageError, echo

from .tree import choices_of, placeholder, value_types

_EXTRA: Final = "Got unexpected extra argument(s) ("
_NO_SUCH_COMMAND: Final = "No such command "
_MISSING_COMMAND: Final = "Missing command"
_NO_VALUE: Final = "does not take a value"


def explain(error: ClickException, words: Sequence[str]) -> SglError:
    """Returns our error for one of Typer's.

    Args:
        error: What parsing raised.
        words: The words after the command's name.
    """
    if isinstance(error, NoSuchOption):
        return _unknown_flag(error, words)
    if isinstance(error, BadOptionUsage):
        return _wrong_use(error)
    if isinstance(error, MissingParameter):
        return _missing(error)
    if isinstance(error, BadParameter):
        return _bad_value(error)
    if isinstance(error, ClickUsageError) and error.ctx is not None:
        return _usage(error, error.ctx)
    return UsageError(_sentence(error.format_message()))


def _unknown_flag(error: NoSuchOption, words: Sequence[str]) -> UsageError:
    """Names the whole word that was typed: Typer reads ``-foo`` as ``-f -o -o`` and complains about ``-f``."""
    spelling = error.option_name
    if not spelling.startswith("--"):
        letter = spelling[-1]
        spelling = next((word for word in words if word[:1] == "-" != word[1:2] and letter in word[1:]), spelling)
    spelling = spelling.partition("=")[0]
    context: Any = error.ctx
    known = spellings(context)
    near = closest(spelling, known)
    hint = f"{context.command_path} --help lists every flag" if near is None else f"did you mean {near}?"
    quoted = echo(spelling)
    return UsageError(f"unknown flag {spelling if quoted == repr(spelling) else quoted}", hint=hint)


def spellings(context: Any) -> list[str]:
    """Every spelling of every flag of the command being parsed, without those that help leaves out."""
    options = [each for each in context.command.get_params(context) if each.param_type_name == "option"]
    return [name for each in options if not each.hidden for name in (*each.opts, *each.secondary_opts)]


def closest(spelling: str, known: Sequence[str]) -> str | None:
    """The flag that was probably meant: one that goes on from here, else one that looks like it."""
    longer = [name for name in known if name.startswith(spelling)] if len(spelling) > 3 else []
    if longer:
        return min(longer, key=len)
    doubled = f"-{spelling}"
    if doubled in known:
        return doubled
    typed = spelling.lower()
    near = get_close_matches(typed, [name for name in known if len(name) > 2], n=3, cutoff=0.65)
    # Letters that only changed places are the same letters: --cvs is --csv, not --vs.
    return max(near, key=lambda name: _alike(typed, name) + _alike(sorted(typed), sorted(name)), default=None)


def _alike(left: Sequence[str], right: Sequence[str]) -> float:
    return SequenceMatcher(None, left, right).ratio()


def _wrong_use(error: BadOptionUsage) -> UsageError:
    """A flag without its value, or a switch with one."""
    if _NO_VALUE in error.message:
        return UsageError(f"{error.option_name} takes no value", hint=f"write {error.option_name} alone")
    many = next((word for word in error.message.split() if word.isdecimal()), None)
    return UsageError(f"{error.option_name} expects {'a value' if many is None else f'{many} values'}")


def _missing(error: MissingParameter) -> UsageError:
    parameter: Any = error.param
    context: Any = error.ctx
    name = _name(parameter, context)
    return UsageError(f"{context.command_path} needs {name}", hint=_usage_line(context))


def _bad_value(error: BadParameter) -> UsageError:
    """A value of the wrong type: says what is expected, and what was given."""
    parameter: Any = error.param
    context: Any = error.ctx
    if parameter is None:
        return UsageError(_sentence(error.message))
    name = _name(parameter, context)
    problem = next(iter(_problems(error)), None)
    if problem is None:
        # Typer says so of a path, and commands of whatever they checked themselves.
        return UsageError(f"{name}: {_sentence(error.message)}")
    value = str(problem.get("input", ""))
    choices = choices_of(parameter)
    if choices:
        near = get_close_matches(value.lower(), choices, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else None
        return UsageError(f"{name} expects one of {', '.join(choices)}, got {echo(value)}", hint=hint)
    if not value:
        return UsageError(f"{name} is empty; it expects {_expects(parameter)}")
    own = problem.get("ctx", {}).get("error")
    if own is not None and str(own):
        detail = _sentence(str(own))
        return UsageError(f"{name}: {detail}" if value in detail else f"{name}: {detail}, got {echo(value)}")
    return UsageError(f"{name} expects {_expects(parameter)}, got {echo(value)}")


def _problems(error: BadParameter) -> list[dict[str, Any]]:
    """What the value's own parser complained about, which Typer keeps as the cause."""
    errors = getattr(error.__cause__, "errors", None)
    found: list[dict[str, Any]] = errors() if callable(errors) else []
    return found


def _expects(parameter: Any) -> str:
    """What a value of its type looks like, to stand after the word "expects"."""
    low, high = parameter.min, parameter.max
    nouns = {"int": "an integer", "float": "a number", "bool": "1 or 0"}
    noun = nouns.get(getattr(value_types(parameter)[0], "__name__", ""), placeholder(parameter))
    if low is not None and high is not None:
        return f"{noun} from {low} to {high}"
    if low is not None:
        return f"{noun} of at least {low}"
    if high is not None:
        return f"{noun} of at most {high}"
    return noun


def _name(parameter: Any, context: Any) -> str:
    """The flag's main spelling, the variable the value came from, or the argument's placeholder."""
    source = context.get_parameter_source(parameter.name) if context is not None else None
    if source is not None and source.name == "ENVIRONMENT":
        return parameter.envvar if isinstance(parameter.envvar, str) else str(parameter.envvar[0])
    if parameter.param_type_name == "argument":
        return placeholder(parameter)
    return next((name for name in parameter.opts if name.startswith("--")), str(parameter.opts[0]))


def _usage(error: ClickUsageError, context: Any) -> UsageError:
    """Words too many, or no such sub-command."""
    children: dict[str, Any] = getattr(context.command, "commands", {})
    visible = [name for name, child in children.items() if not child.hidden]
    program = context.command_path
    if error.message.startswith(_NO_SUCH_COMMAND):
        typed = error.message[len(_NO_SUCH_COMMAND) :].split("'")[1] if "'" in error.message else ""
        near = get_close_matches(typed.lower(), visible, n=1)
        hint = f"did you mean '{program} {near[0]}'?" if near else f"there is: {', '.join(visible)}"
        return UsageError(f"unknown command {echo(f'{program} {typed}')}", hint=hint)
    if error.message.startswith(_MISSING_COMMAND):
        return UsageError(f"'{program}' needs one of its commands: {', '.join(visible)}")
    if error.message.startswith(_EXTRA):
        extra = error.message[len(_EXTRA) :].rstrip(")")
        return UsageError(f"unexpected argument {echo(extra)}", hint=_usage_line(context))
    return UsageError(_sentence(error.message))


def _usage_line(context: Any) -> str:
    """How the command is called."""
    command = context.command
    words = [context.command_path, "[flags]"]
    for argument in (each for each in command.params if each.param_type_name == "argument"):
        name = placeholder(argument) + ("..." if argument.nargs != 1 else "")
        words.append(name if argument.required else f"[{name}]")
    return " ".join(words)


def _sentence(text: str) -> str:
    """A message of Typer's as one of ours: one line, a small first letter, no full stop."""
    line = " ".join(text.split()).rstrip(".")
    second = line[1:2]
    return line[:1].lower() + line[1:] if second.islower() else line
