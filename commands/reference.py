"""docs/cli.md: every command, flag, value, default and variable, exit codes and files, made from the commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sgl.config.markdown import serve_markdown
from sgl.env import VARIABLES

from .overview import FLAGS
from .pages.render import describe, spelled, usage
from .tree import HELP_FLAG, Node, walk

_HEAD: Final = """\
# The command line

Made by `python -m sgl_cli.generate` from the commands themselves; edit those, not this page.

`sgl COMMAND --help` prints the part about one command. A flag is `--name VALUE` or `--name=VALUE`, with `-` or `_`
between words. What a command finds out goes to stdout, everything else to stderr; `--json` prints one JSON document.
"""

_EXIT_CODES: Final = (
    ("0", "done"),
    ("1", "the machine or the engine failed"),
    ("2", "wrong usage: a flag, a value, a variable, a config file or a model that cannot be served"),
    ("3", "a check failed (`sgl doctor`, `sgl download --verify`, an assertion of `sgl bench`)"),
    ("4", "`sgl bench`: more requests failed than `--max-errors` allows"),
    ("5", "`sgl bench`: the server was never ready"),
    ("70", "`sgl serve`: the engine died and was not started again"),
    ("75", "`sgl serve`: told to stop, and requests still ran after `--drain-timeout`"),
    ("130", "interrupted with Ctrl-C"),
)
_OTHERS_VARIABLES: Final = (
    (
        "OPENAI_BASE_URL, OPENAI_API_KEY",
        "The server that `sgl chat` and `sgl bench` talk to when SGL_URL names none, and its key.",
    ),
    ("HF_HOME, HF_HUB_CACHE", "Where downloaded models are kept."),
    ("HF_TOKEN", "Key for models that ask for one."),
    ("HF_ENDPOINT", "Address of the hub, for a mirror."),
    ("HF_HUB_OFFLINE", "1: nothing is asked of the hub."),
    ("NO_COLOR", "Any value: no colours."),
    ("FORCE_COLOR, CLICOLOR_FORCE", "1: colours in a pipe as well."),
    ("TERM", "dumb: plain lines, nothing is redrawn."),
)
_FILES: Final = (
    ("./sgl.toml", "Settings of `sgl serve` for this folder."),
    ("$XDG_CONFIG_HOME/sgl/config.toml", "Settings of `sgl serve` for this user (`~/.config/sgl/config.toml`)."),
    ("$XDG_RUNTIME_DIR/sgl", "One record for each server that runs."),
    ("$XDG_STATE_HOME/sgl/logs", "Logs of background servers (`~/.local/state/sgl/logs`)."),
    ("$XDG_CONFIG_HOME/sgl/chat.yaml", "Theme, keys and options of `sgl chat`, which `/save-profile` writes."),
    ("$XDG_CONFIG_HOME/sgl/presets/", "What `/preset save NAME` keeps, a file each."),
    ("$XDG_DATA_HOME/sgl/chat.db", "Chats of `sgl chat` (`~/.local/share/sgl/chat.db`)."),
    ("$HF_HUB_CACHE", "Downloaded models (`~/.cache/huggingface/hub`)."),
    ("completion scripts", "`sgl --install-completion` says where it puts them."),
)

_SERVE: Final = """\
What counts, the first over the second: flag, variable, `--profile`, `--config` file, `./sgl.toml`,
`~/.config/sgl/config.toml`, default. `sgl serve --dry-run` shows where each value came from. Numbers: `8k` is 8000,
`8K` or `8Ki` is 8192. `--help` prints the most used flags, `--help-all` every flag, `--help WORD` those about a word.
"""
_VARIABLES: Final = "Every flag of `sgl serve` has one of its own: `SGL_PAGE_SIZE` for `--page-size`. Beside them:\n"


def reference(nodes: Sequence[Node]) -> str:
    """Returns the page."""
    parts = [_HEAD.rstrip("\n"), "\n".join(_overview(nodes)), "\n".join(_itself())]
    for node in walk(nodes):
        parts.append("\n".join(_command(node)))
        if node.words == ("serve",):
            parts += [_SERVE.rstrip("\n"), serve_markdown()]
    parts += [
        "\n".join(["## Exit codes", "", *_table(("code", "means"), _EXIT_CODES)]),
        "\n".join(["## Variables", "", _VARIABLES.rstrip("\n"), "", *_table(("variable", "means"), _variables())]),
        "\n".join(
            [
                "## Files",
                "",
                *_table(
                    ("file", "holds"),
                    ((f"`{name}`" if "/" in name or "$" in name else name, text) for name, text in _FILES),
                ),
            ]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _overview(nodes: Sequence[Node]) -> Iterator[str]:
    yield from _table(
        ("command", "what it does"),
        ((f"[`{node.program}`](#{node.program.replace(' ', '-')})", _cell(node.summary)) for node in walk(nodes)),
    )


def _itself() -> Iterator[str]:
    yield "## sgl"
    yield ""
    yield from _table(("flag", "what it does"), ((f"`{_bar(name)}`", _cell(text)) for name, text in FLAGS))


def _command(node: Node) -> Iterator[str]:
    yield f"## {node.program}"
    yield ""
    yield node.summary
    yield from ["", "```", usage(node), "```"]
    if node.text:
        yield from ["", *_markdown(node.text)]
    if node.words == ("serve",):
        return
    if node.arguments:
        arguments = [(f"`{each.names[0]}`", _cell(describe(each))) for each in node.arguments]
        yield from ["", *_table(("argument", "what it is"), arguments)]
    flags = [(f"`{_bar(spelled(flag))}`", _cell(describe(flag))) for flag in node.flags]
    flags.append((f"`{', '.join(HELP_FLAG)}`", "Print this page."))
    yield from ["", *_table(("flag", "what it does"), flags)]
    if node.takes_serve_flags:
        yield from ["", "Every flag of [`sgl serve`](#sgl-serve) as well."]


def _variables() -> Iterator[tuple[str, str]]:
    for variable in VARIABLES:
        yield f"`{variable.name}`", _cell(f"{variable.help} ({variable.expects})")
    for names, text in _OTHERS_VARIABLES:
        yield ", ".join(f"`{name}`" for name in names.split(", ")), text


def _markdown(text: str) -> Iterator[str]:
    """Paragraphs as they are, and indented ones as code."""
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ""
        lines = paragraph.split("\n")
        if any(line.startswith("  ") for line in lines):
            yield from ["```", *(line.removeprefix("  ") for line in lines), "```"]
        else:
            yield from (_cell(line) for line in lines)


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"| {head[0]} | {head[1]} |"
    yield "|---|---|"
    for left, right in rows:
        yield f"| {left} | {right} |"


def _cell(text: str) -> str:
    """Text as it is, where markdown would see a bar, a mark-up or a tag."""
    for character in "\\|*_<[":
        text = text.replace(character, f"\\{character}")
    return text


def _bar(text: str) -> str:
    """Code in a table, where a bar would end the cell."""
    return text.replace("|", "\\|")
