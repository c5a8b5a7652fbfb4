"""`FindBar`: finds words in the chat that is shown, in messages that are not mounted yet, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from ..look import Marks
from ..message.message_view import MessageView
from ..pane.pane import ChatPane
from .found import Found

Place = tuple[str, int]
"""A message, by its hash, and which place in it."""


class FindBar(Horizontal, can_focus=True):
    """A line with the words and which place is meant. Enter goes on to the next, and then so do n and N.

    Empty until it is opened for the first time: the first frame of the screen does not wait for it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,enter,down", "step(1)", "Next", show=False),
        Binding("N,shift+enter,up", "step(-1)", "Previous", show=False),
    ]

    def __init__(self, marks: Marks) -> None:
        super().__init__(id="find")
        self._dots = "…" if marks.unicode else "..."
        self._typed = Input(placeholder=f"Find in this chat{self._dots}", id="find-words")
        self._count = Static("", id="find-count")
        self._pane: ChatPane | None = None
        self._texts: list[tuple[str, str]] = []
        self._places: list[Place] = []
        self._at = 0

    def _parts(self) -> Iterator[Widget]:
        """Words, count, keys."""
        yield self._typed
        yield self._count
        yield Static(Content("n next  N previous  Esc close"), id="find-keys")

    async def open(self, pane: ChatPane) -> None:
        """Shows itself, for the words that were there the last time."""
        if not self.children:
            await self.mount_all(self._parts())
        if self._pane is not None and self._pane is not pane:
            self._unmark()
        self._pane = pane
        self.display = True
        self._typed.focus()
        self._typed.action_select_all()
        self.reload()

    def close(self) -> None:
        """Takes the marks away, and hides."""
        self.display = False
        self._unmark()

    def reload(self) -> None:
        """The messages may be others."""
        if self.display and self._pane is not None:
            self._texts = [(message.hash, message.text) for message in self._pane.path]
            self._search()

    def show_message(self, pane: ChatPane, view: MessageView, words: Sequence[str]) -> None:
        """Marks words in one message, and scrolls to the first of them."""

        def mark() -> None:
            view.mark(*words, current=0)
            _scroll(pane, view, 0)

        view.mark(*words)
        _when_laid_out(pane, mark)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Searches while somebody types."""
        event.stop()
        self._search()
        self._at = self._first_in_sight()
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Goes to the place that is meant already, if it is out of sight, and leaves the letters to n and N."""
        event.stop()
        if self._places:
            self.focus()
            self.action_step(1)

    def action_step(self, step: int) -> None:
        """The next place, or the one before; behind the last comes the first."""
        if self._places:
            self._at = (self._at + step) % len(self._places)
            self._show()

    def _search(self) -> None:
        found = Found((self._typed.value,))
        self._places = [(hash, number) for hash, text in self._texts for number in range(len(found.places(text)))]
        self._at = min(self._at, max(0, len(self._places) - 1))
        self._tell()

    def _first_in_sight(self) -> int:
        """The first place in or below what is on the screen; the first of all when there is none."""
        if self._pane is None:
            return 0
        top = self._pane.transcript.region.y
        seen = next((view for view in self._pane.transcript.views if view.message and view.region.bottom > top), None)
        hashes = [hash for hash, _ in self._texts]
        if seen is None or seen.message is None or seen.message.hash not in hashes:
            return 0
        below = set(hashes[hashes.index(seen.message.hash) :])
        return next((index for index, (hash, _) in enumerate(self._places) if hash in below), 0)

    def _show(self) -> None:
        self._tell()
        self._go()

    @work(exclusive=True, group="find", exit_on_error=False)
    async def _go(self) -> None:
        pane = self._pane
        if pane is None:
            return
        if not self._places:
            self._unmark()
            return
        words, place = self._typed.value, self._places[self._at]
        meant = await pane.transcript.reveal(place[0])
        for view in pane.transcript.views:
            view.mark(words)
        if meant is not None:
            _when_laid_out(pane, lambda: self._point(pane, meant, place))

    def _point(self, pane: ChatPane, view: MessageView, place: Place) -> None:
        if self.display and self._places and self._places[self._at] == place:  # Else somebody has typed on.
            view.mark(self._typed.value, current=place[1])
            _scroll(pane, view, place[1])

    def _tell(self) -> None:
        if self._places:
            self._count.update(Content(f"{self._at + 1} of {len(self._places)}"))
        else:
            self._count.update(Content("nothing found" if self._typed.value.strip() else ""))

    def _unmark(self) -> None:
        if self._pane is not None:
            for view in self._pane.transcript.views:
                view.mark()


def _when_laid_out(pane: ChatPane, call: Callable[[], None]) -> None:
    """Calls when the lines of messages are known, and the scrolling of `Transcript.reveal`, which takes two refreshes,
    is over."""
    transcript = pane.transcript
    transcript.call_after_refresh(transcript.call_after_refresh, call)


def _scroll(pane: ChatPane, view: MessageView, number: int, tries: int = 3) -> None:
    """Brings a marked place into the upper half of what is in sight.

    Where messages were just mounted above, `Transcript` scrolls, too, to keep the rest in its place: so it is looked
    at once more after it has been drawn.
    """
    places = [] if view.answer is None else view.answer.places()
    if not places:
        return
    # What is written and what is shown may differ by a place: Markdown has signs that are not shown.
    widget, line = places[min(number, len(places) - 1)]
    transcript = pane.transcript
    below_top = widget.region.y + line - transcript.content_region.y
    height = transcript.content_region.height
    if not 0 <= below_top < height:
        transcript.scroll_to(y=transcript.scroll_offset.y + below_top - height // 3, animate=False)
    if tries > 1:
        _when_laid_out(pane, lambda: _scroll(pane, view, number, tries - 1))
