"""`Transcript`: the messages of a conversation, of which the last ones are mounted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from textual.containers import VerticalScroll
from textual.message import Message as WidgetMessage
from textual.widget import Widget

from ..message.message_view import MessageView
from ..message.placed import placed_size
from ..message.shown import Shown

AT_ONCE: Final = 20
"""Messages that are mounted together: the last ones at first, more when somebody scrolls to the top."""

_WAIT_SECONDS: Final = 0.01


class Transcript(VerticalScroll, can_focus=False):
    """Scrolls over messages and stays at the end while nobody scrolls away."""

    BLANK = True  # See `Answer`.

    virtual_size = placed_size()

    class Moved(WidgetMessage):
        """The end came into sight, or left it."""

        def __init__(self, at_end: bool) -> None:
            super().__init__()
            self.at_end = at_end

    def __init__(self, make: Callable[[Shown], MessageView]) -> None:
        """
        Args:
            make: The view of a stored message.
        """
        super().__init__()
        self._make = make
        self._older: list[Shown] = []
        self._loading = False
        self._at_end = True

    @property
    def views(self) -> list[MessageView]:
        """The messages that are mounted, from the top."""
        return [child for child in self.children if isinstance(child, MessageView)]

    @property
    def older(self) -> int:
        """How many messages above are not mounted."""
        return len(self._older)

    def on_mount(self) -> None:
        """Follows the end from the start."""
        self.anchor()

    async def load(self, messages: Sequence[Shown]) -> None:
        """Shows a conversation in place of what is there; nothing, as in `add`, when the screen has been left."""
        if not self.is_attached:
            return
        await self.remove_children()
        self._older = list(messages[:-AT_ONCE])
        await self.mount(*map(self._make, messages[-AT_ONCE:]))
        self.follow()

    async def add(self, widget: Widget) -> None:
        """Adds a widget at the end, unless the screen has been left meanwhile: a server that is looked for may be found
        while the chat ends."""
        if self.is_attached:
            await self.mount(widget)

    async def cut(self, hash: str | None) -> None:
        """Takes the message ``hash`` and everything below it away; None takes everything but messages away."""
        views = self.views
        at = next((index for index, view in enumerate(views) if view.message and view.message.hash == hash), len(views))
        gone: list[Widget] = [*views[at:], *(child for child in self.children if not isinstance(child, MessageView))]
        for widget in gone:
            await widget.remove()

    async def show_older(self) -> bool:
        """Mounts more messages above; returns whether there were any."""
        if not self._older or self._loading:
            return False
        self._loading = True
        try:
            new = [self._make(shown) for shown in self._older[-AT_ONCE:]]
            del self._older[-AT_ONCE:]
            height = self.virtual_size.height
            await self.mount(*new, before=0)
            # What is in sight stays in sight.
            self.call_after_refresh(lambda: self.scroll_to(y=self.virtual_size.height - height, animate=False))
        finally:
            self._loading = False
        return True

    async def reveal(self, hash: str) -> MessageView | None:
        """Mounts and scrolls to a message; None when it is not of this conversation."""
        while True:
            for view in self.views:
                if view.message is not None and view.message.hash == hash:
                    view.scroll_visible(animate=False, top=True)
                    return view
            if not await self.show_older():
                if not self._loading:
                    return None
                await asyncio.sleep(_WAIT_SECONDS)  # Somebody has scrolled: more is being mounted already.

    def follow(self) -> None:
        """Goes to the end and stays there."""
        self.anchor()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Mounts older messages at the top, and tells when the end leaves the sight."""
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 0 < old_value and self._older:
            self.run_worker(self.show_older(), exclusive=False)
        at_end = self.is_vertical_scroll_end
        if at_end != self._at_end:
            self._at_end = at_end
            self.post_message(self.Moved(at_end))
