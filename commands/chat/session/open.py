"""Which conversation to go on with, or a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sgl.errors import UsageError

from ..store.chat_store import ChatStore
from ..store.threads import Thread
from .session import Session

if TYPE_CHECKING:
    from ..client.http import ChatClient


@dataclass(frozen=True)
class Choice:
    """What a person said about the conversation.

    Attributes:
        latest: Go on with the last one.
        id: Go on with this one, or the one whose id begins or ends so.
        system: Its system prompt from now on; None leaves it.
        options: Parameters of requests, on top of those that it has.
    """

    latest: bool = False
    id: str | None = None
    system: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether a conversation is begun."""
        return not self.latest and self.id is None


def open_session(store: ChatStore, client: ChatClient, model: str, choice: Choice) -> Session:
    """The session that was asked for; otherwise as `open_thread`."""
    thread = open_thread(store, choice)
    return Session(store, client, model, thread.id, thread.settings)


def open_thread(store: ChatStore, choice: Choice) -> Thread:
    """The conversation that was asked for; its options and its system prompt are kept with it.

    Raises:
        UsageError: There is no conversation to go on with.
        StoreError: There is none of that id.
    """
    thread = _thread(store, choice)
    if choice.system is not None and choice.system != thread.system:
        thread = store.threads.set_system(thread.id, choice.system)
    options = {**thread.settings, **choice.options}
    if options != thread.settings:
        thread = store.threads.set_settings(thread.id, options)
    return thread


def _thread(store: ChatStore, choice: Choice) -> Thread:
    if choice.id is not None:
        return store.threads.find(choice.id)
    if not choice.latest:
        return store.threads.new()
    latest = store.threads.latest()
    if latest is None:
        raise UsageError("there is no chat to go on with", hint="leave out -c to begin one")
    return latest
