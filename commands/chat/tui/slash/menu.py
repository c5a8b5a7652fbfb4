"""`SlashMenu`: what a slash command could become, above the composer, while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ...text.oneline import one_line
from ..composer import Composer
from .suggestion import Suggestion

_WIDE: Final = 80
_LABEL: Final = 28
_NARROW_LABEL: Final = 18
"""Columns of the screen, and cells that a row keeps for what it begins with; a longer one takes more."""

Source = Callable[[str], Sequence[Suggestion]]


class SlashMenu(OptionList, can_focus=False):
    """Opens by itself. The arrows choose, Tab completes, Enter completes and sends, Esc closes.

    Attributes:
        source: Gives the suggestions for a text.
    """

    DEFAULT_CSS = "SlashMenu { height: auto; max-height: 8; display: none; }"

    def __init__(self, composer: Composer) -> None:
        """
        Args:
            composer: Whose text it is about.
        """
        super().__init__(id="slash-menu")
        self.source: Source = lambda text: ()
        self._composer = composer
        self._offers: list[Suggestion] = []
        self._refused = False  # Esc was pressed: it stays closed until the text begins anew.
        self._chosen = False  # The arrows have moved: Enter means the row, not the text.

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return self._composer.menu_open

    def follow(self, text: str) -> None:
        """Shows what fits a text."""
        if not text.startswith("/"):
            self._refused = False
        # What the arrows brought back is walked through, not completed.
        quiet = self._refused or self._composer.walking
        self._offer([] if quiet else self.source(text))

    def press(self, key: str) -> None:
        """A key of the composer: ``up``, ``down``, ``tab``, ``enter``."""
        if not self.is_open:
            return
        self.follow(self._composer.text)  # A key can overtake the message that tells what was typed before it.
        if not self.is_open:
            if key == "enter":
                self._composer.send()
            return
        match key:
            case "up":
                self._chosen = True
                self.action_cursor_up()
            case "down":
                # Arguments have no row chosen before: the first one is the first.
                self._chosen = True
                self.action_cursor_down()
            case "tab":
                self._take(self._offers[self.highlighted or 0], send=False)
            case "enter" if self._means_row:
                self._take(self._offers[self.highlighted or 0], send=True)
            case _:
                self.close()
                self._composer.send()

    def refuse(self) -> bool:
        """Esc: closes it; returns whether it was open."""
        was_open = self.is_open
        self._refused = was_open or self._refused
        self.close()
        return was_open

    def close(self) -> None:
        """Nothing is offered any more."""
        self._offer([])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A row was clicked."""
        event.stop()
        self._take(self._offers[event.option_index], send=True)

    @property
    def _means_row(self) -> bool:
        """Whether Enter is for the row: arguments that were typed are sent as they are, unless the arrows moved."""
        return self._chosen or not self._offers[0].argument

    def _offer(self, offers: Sequence[Suggestion]) -> None:
        if list(offers) != self._offers:
            self._offers = list(offers)
            widest = _LABEL if self._composer.size.width >= _WIDE else _NARROW_LABEL
            width = min(widest, max((len(offer.label) for offer in offers), default=0))
            self.clear_options()
            self.add_options([Option(_row(offer, width)) for offer in offers])
            self._chosen = False
            self.highlighted = 0 if offers and not offers[0].argument else None
        self._composer.menu_open = self.display = bool(self._offers)

    def _take(self, offer: Suggestion, *, send: bool) -> None:
        text = offer.text
        if send and offer.complete:
            self.close()
            self._composer.put(text.rstrip())
            self._composer.send()
            return
        self._composer.put(text)
        self._composer.focus()


def _row(offer: Suggestion, width: int) -> Content:
    help = Content.styled(one_line(offer.help), "dim") if offer.help else Content("")
    return Content.assemble(f"{one_line(offer.label):<{width}}  ", help)
