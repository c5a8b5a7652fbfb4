"""`Suggestion`: one row of the menu above the composer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suggestion:
    """What the composer's text could become.

    Attributes:
        text: The whole text with it.
        label: How the row begins.
        help: What it is; may be empty.
        complete: Whether Enter on it may send the text: nothing has to follow.
        argument: Whether it completes what stands after a command's name.
    """

    text: str
    label: str
    help: str = ""
    complete: bool = True
    argument: bool = False
