"""`SessionRows`: the list of chats, and of messages that were found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ...store.search import Hit
from ...store.threads import Summary
from ...text.oneline import one_line
from ..keys import SESSION_ROW, bindings
from ..look import Marks
from .ago import ago

Row = Summary | Hit

HITS_HEAD: Final = "Messages with these words"

BEFORE: Final = 12
"""Letters that are shown before the first word that was found."""

NEAR: Final = 20
"""Lines before the end at which more rows are asked for."""


class SessionRows(OptionList):
    """Two lines for each chat and for each message; keys act on the one that is highlighted."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(SESSION_ROW)

    class Chosen(Message):
        """A key was pressed; ``what`` is the word of the row in `keys.SESSION_ROW`."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    class NearEnd(Message):
        """The last rows are almost in sight."""

    def __init__(self, marks: Marks) -> None:
        super().__init__(id="sessions-rows", markup=False)
        self._marks = marks
        self._rows: dict[str, Row] = {}

    @property
    def row(self) -> Row | None:
        """What is highlighted."""
        option = self.highlighted_option
        return None if option is None or option.id is None else self._rows.get(option.id)

    def fill(
        self, chats: Sequence[Summary], hits: Sequence[Hit], *, shown: Sequence[str], empty: str, now: float, stay: bool
    ) -> None:
        """Shows other rows; the one that is highlighted stays so where it is among them.

        Args:
            chats: Conversations.
            hits: Messages that were found.
            shown: Ids of the conversations that are on the screen.
            empty: What is said where there is nothing.
            now: Seconds since 1970.
            stay: Whether these are the same rows as before, with changes: else the first one is highlighted.
        """
        before, at = self.highlighted_option, self.highlighted or 0
        self._rows = {}
        options = [self._chat(each, shown, now) for each in chats]
        if hits:
            options.append(Option(Content(HITS_HEAD).stylize("dim"), disabled=True))
            options += [
                self._option(f"hit-{number}", hit, hit_line(hit, self._marks, now)) for number, hit in enumerate(hits)
            ]
        if not options:
            options = [Option(Content(empty), disabled=True)]
        self.set_options(options)
        ids = list(self._rows)
        if not ids:
            self.highlighted = None
        elif stay and before is not None and before.id in self._rows:
            self.highlighted = self.get_option_index(before.id)
        else:  # Where one has gone, the next one takes its place.
            self.highlighted = self.get_option_index(ids[min(at, len(ids) - 1) if stay else 0])

    def extend(self, chats: Sequence[Summary], *, shown: Sequence[str], now: float) -> None:
        """Adds conversations at the end; those that are there already have moved meanwhile."""
        new = [each for each in chats if f"chat-{each.thread.id}" not in self._rows]
        self.add_options([self._chat(each, shown, now) for each in new])

    def action_choose(self, what: str) -> None:
        """Tells what was pressed."""
        self.post_message(self.Chosen(what))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click opens."""
        event.stop()
        self.post_message(self.Chosen("open"))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Asks for more rows in time."""
        super().watch_scroll_y(old_value, new_value)
        if new_value > old_value and self.max_scroll_y - new_value < NEAR:
            self.post_message(self.NearEnd())

    def _chat(self, summary: Summary, shown: Sequence[str], now: float) -> Option:
        return self._option(f"chat-{summary.thread.id}", summary, chat_line(summary, shown, self._marks, now))

    def _option(self, id: str, row: Row, prompt: Content) -> Option:
        self._rows[id] = row
        return Option(prompt, id=id)


def chat_line(summary: Summary, shown: Sequence[str], marks: Marks, now: float) -> Content:
    """A conversation on two lines: title; time, labels and the last words."""
    thread = summary.thread
    title = Content.styled(one_line(thread.title) or "(no title)", "bold" if thread.id in shown else "")
    if thread.id in shown:
        title = Content.assemble((f"{marks.folded} ", "$text-accent"), title)
    if thread.pinned:
        title = Content.assemble(("pinned ", "$text-accent"), title)
    words = [ago(thread.updated, now), *(f"#{one_line(tag)}" for tag in thread.tags), summary.last_line]
    return _two_lines(title, Content(f" {marks.dot} ".join(word for word in words if word)))


def hit_line(hit: Hit, marks: Marks, now: float) -> Content:
    """A message that was found: the place with its words marked; the conversation and the time."""
    snippet = Content(hit.snippet)
    for start, end in hit.marks:
        snippet = snippet.stylize("reverse", start, end)
    first = min((start for start, _ in hit.marks), default=0)
    # The words must be within a narrow panel.
    start = hit.snippet.find(" ", first - BEFORE) + 1 if first > BEFORE else 0
    where = f"{one_line(hit.title) or '(no title)'} {marks.dot} {ago(hit.created, now)}"
    return _two_lines(snippet[start:] if start else snippet, Content(where))


def _two_lines(first: Content, second: Content) -> Content:
    return Content("\n").join([first, second.stylize("dim")])
