"""Rich on one of our streams, with our rules for colours, ASCII and width."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TextIO

from rich.box import Box
from rich.console import Console, RenderableType
from rich.table import Table

from sgl.terminal import Terminal, tolerate

_ASCII_RULE: Final = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_UNICODE_RULE: Final = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")


def console_on(stream: TextIO, terminal: Terminal | None = None) -> Console:
    """A console that writes text as it is: no markup, no emoji codes, no guesses at what is a number.

    On a terminal it follows changes of the width; elsewhere it is as wide as `Terminal` says.
    """
    shown = Terminal(stream) if terminal is None else terminal
    tolerate(stream)
    return Console(
        file=stream,
        width=None if shown.interactive else shown.columns,
        color_system="standard" if shown.color else None,
        force_terminal=shown.interactive or shown.color,
        force_interactive=shown.interactive,
        no_color=not shown.color,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )


def print_blocks(stream: TextIO, blocks: Iterable[RenderableType]) -> None:
    """Writes one block below the other, without the blanks that Rich fills lines with."""
    console = console_on(stream)
    with console.capture() as capture:
        for block in blocks:
            console.print(block)
    stream.writelines(line.rstrip() + "\n" for line in capture.get().splitlines())


def grid(terminal: Terminal, *headings: str, left: int = 1) -> Table:
    """A table with a line under its headings; all but the first ``left`` columns are numbers, flush right."""
    table = Table(
        box=_UNICODE_RULE if terminal.unicode else _ASCII_RULE,
        header_style="bold",
        border_style="dim",
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < left else "right", overflow="fold")
    return table


def pairs() -> Table:
    """Labels, and what they say, without lines."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table
