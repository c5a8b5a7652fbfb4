"""The text of ``sgl serve --help``, set from the table of flags: plain ASCII, 80 columns."""

from __future__ import annotations

from typing import Final

from sgl.config.flags import GROUPS, SERVE_FLAGS, Flag

WIDTH: Final = 80
_INDENT: Final = " " * 6


def serve_help(program: str) -> str:
    """Returns the page for ``program``, e.g. ``sgl serve``, without a closing line break."""
    lines = [
        f"usage: {program} [MODEL] [flags]",
        "",
        "Serves a model over HTTP: OpenAI's API and SGLang's own.",
        "",
        *fill(
            "A flag is --name VALUE or --name=VALUE, with - or _ between words. Every flag can be "
            "given as an environment variable instead: SGL_ and the flag's name, so SGL_PAGE_SIZE "
            "for --page-size (a switch: 1 or 0). A flag wins over its variable. Numbers: 8k is "
            "8000, 8K or 8Ki is 8192.",
            "",
        ),
    ]
    for group in GROUPS:
        lines += ["", f"{group}:"]
        for flag in SERVE_FLAGS:
            if flag.group == group:
                lines += _entry(flag)
    lines += ["", "Other:", "  -h, --help", f"{_INDENT}Print this page.", "  --version", f"{_INDENT}Print the version."]
    return "\n".join(lines)


def _entry(flag: Flag) -> list[str]:
    dashes = [alias for alias in flag.aliases if not alias.startswith("--")]
    others = [alias for alias in flag.aliases if alias.startswith("--")]
    head = ", ".join([*dashes, flag.name])
    text = flag.help
    if others:
        text += f" Also {', '.join(others)}."
    if flag.default:
        text += f" [{flag.default}]"
    return [f"  {head} {flag.kind.metavar}".rstrip(), *fill(text, _INDENT)]


def fill(text: str, indent: str, width: int = WIDTH) -> list[str]:
    """Breaks ``text`` at blanks into lines of at most ``width`` columns, each after ``indent``."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else indent + word
        if line and len(longer) > width:
            lines.append(line)
            longer = indent + word
        line = longer
    return [*lines, line] if line else lines
