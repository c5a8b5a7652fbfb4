"""`placed_size`: a size that is told by the layout, and asks for no other one."""

from __future__ import annotations

from textual.geometry import Size
from textual.reactive import Reactive


def placed_size() -> Reactive[Size]:
    """For ``virtual_size`` of a widget that grows at each step of an answer.

    Textual sets it while it lays out, and in its own widgets that asks for the next layout: each step would be laid out
    and drawn twice. Whether a scroll bar appears is told apart from it.
    """
    return Reactive(Size(0, 0), layout=False)
