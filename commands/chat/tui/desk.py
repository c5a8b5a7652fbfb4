"""`Desk`: what commands and keys may ask of the screen. They know this; the screen knows them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from textual.screen import Screen

from ..store.messages import Message
from .composer import Composer
from .link import Link
from .message.message_view import MessageView
from .pane.pane import ChatPane
from .panels.panels import Panels
from .pictures import Pictures
from .setup import Setup


class Desk(Screen[None]):
    """The screen of the chat, as far as others use it.

    Attributes:
        setup: What this run was started with.
        panes: One for each model.
        composer: Where questions are typed.
        panels: What opens beside the panes.
        pictures: Those that go with the next question.
        stoppable: Ends what a command does that takes its time, by Esc; None while nothing does.
    """

    setup: Setup
    panes: list[ChatPane]
    composer: Composer
    panels: Panels
    pictures: Pictures
    stoppable: Callable[[], None] | None

    @property
    @abstractmethod
    def pane(self) -> ChatPane:
        """The pane that keys and commands mean."""

    @abstractmethod
    def link_of(self, pane: ChatPane) -> Link:
        """The way to a pane's server."""

    @abstractmethod
    def pane_of(self, view: MessageView) -> ChatPane:
        """The pane that a message is in."""

    @abstractmethod
    def edit(self, pane: ChatPane, message: Message) -> None:
        """Puts a message into the composer; what is sent next stands beside it."""

    @abstractmethod
    async def action_new_chat(self) -> None:
        """Begins another conversation."""

    @abstractmethod
    async def action_toggle_logprobs(self) -> None:
        """Shows answers as tokens with their probabilities, or as text."""

    @abstractmethod
    async def action_toggle_sessions(self) -> None:
        """Shows the list of conversations, or hides it."""
