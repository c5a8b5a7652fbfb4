"""The script for zsh: one function for each place, which hands its flags to zsh's own ``_arguments``."""

from __future__ import annotations

from collections.abc import Iterator

from ..tree import Node, Parameter
from .spec import ANY_VALUE, ASKED, NO_VALUE, brief, flags_of, places, shown_names, value_of


def script(template: str, top: Node) -> str:
    """Fills the template in."""
    functions = "\n\n".join("\n".join(_function(node)) for _, node in places(top))
    return template.replace("@FUNCTIONS@", functions)


def _function(node: Node) -> Iterator[str]:
    specifications = [_flag(flag, name) for flag in flags_of(node) for name in flag.names]
    if node.children:
        specifications += [f"'1: :{_name(node)}_commands'", "'*:: :->below'"]
    else:
        specifications += [_argument(argument) for argument in node.arguments]
    yield f"{_name(node)}() {{"
    yield "    local context state state_descr line"
    yield "    typeset -A opt_args"
    yield "    _sgl_flags \\\n" + " \\\n".join(f"        {each}" for each in specifications)
    if node.children:
        yield from _below(node)
    yield "}"


def _below(node: Node) -> Iterator[str]:
    yield "    local code=$?"
    yield "    [[ $state == below ]] || return $code"
    yield '    local curcontext="${curcontext%:*}:sgl-$words[1]"'
    yield "    case $words[1] in"
    for child in node.children:
        yield f"        {child.words[-1]}) {_name(child)} ;;"
    yield "    esac"
    yield "}"
    yield ""
    yield f"{_name(node)}_commands() {{"
    yield "    local -a commands"
    yield "    commands=("
    for child in node.children:
        yield f"        {_quote(child.words[-1] + ':' + brief(child.summary))}"
    yield "    )"
    yield "    _describe -t commands command commands"
    if node.arguments:
        yield f"    {_call(node.arguments[0]).strip()}"


def _name(node: Node) -> str:
    return "_sgl__" + "_".join(word.replace("-", "_") for word in node.words)


def _flag(flag: Parameter, name: str) -> str:
    """One spelling; another than ours is known and not offered."""
    shown = name in shown_names(flag)
    value = f":{_plain(flag.metavar)}:{_action(flag)}" if flag.metavar else ""
    equals = "=" if value and name.startswith("--") else ""
    others = "*" if flag.many else f"({' '.join(flag.names)})" if len(flag.names) > 1 else ""
    return _quote(f"{'' if shown else '!'}{others}{name}{equals}[{_plain(brief(flag.help))}]{value}")


def _argument(argument: Parameter) -> str:
    return _quote(f"{'*' if argument.many else ''}:{_plain(argument.names[0])}:{_action(argument)}")


def _action(parameter: Parameter) -> str:
    """What `_arguments` does for a value."""
    value = value_of(parameter)
    if value.startswith("="):
        return f"({value[1:].replace(':', chr(92) + ':')})"
    if value in (NO_VALUE, ANY_VALUE):
        return " "
    return _call(parameter)


def _call(parameter: Parameter) -> str:
    value = value_of(parameter)
    if value == "model":
        return "_sgl_model"
    if value in ASKED:
        return f" _sgl_ask {value} {value}"  # The blank keeps zsh from adding arguments of its own.
    return {"file": "_files", "folder": "_path_files -/"}.get(value, ":")


def _plain(text: str) -> str:
    """Text inside a specification, where ``:``, ``[`` and ``]`` have a meaning."""
    for character in "\\:[]":
        text = text.replace(character, "\\" + character)
    return text


def _quote(text: str) -> str:
    """A word of shell."""
    return "'" + text.replace("'", "'\\''") + "'"
