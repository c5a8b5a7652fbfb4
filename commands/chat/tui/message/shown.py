"""`Shown`: a message with all that a view of it tells; read from the store in one place."""

from __future__ import annotations

from dataclasses import dataclass

from ...store.chat_store import ChatStore
from ...store.messages import Message
from ...store.turns import Figures


@dataclass(frozen=True)
class Shown:
    """A message of the branch that is shown.

    Attributes:
        message: The message.
        label: Such as ``2/3`` among its siblings; empty for an only child.
        figures: How its request went; None for messages of people.
    """

    message: Message
    label: str = ""
    figures: Figures | None = None


def shown_path(store: ChatStore, thread_id: str) -> list[Shown]:
    """The messages of a conversation from its first to its tip."""
    thread = store.threads.get(thread_id)
    return [shown(store, thread_id, message) for message in store.messages.path(thread.tip_hash)]


def shown(store: ChatStore, thread_id: str, message: Message) -> Shown:
    """One message of a conversation."""
    turn = store.turns.of_message(message.hash) if message.role == "assistant" else None
    label = store.messages.siblings(thread_id, message.hash).label
    return Shown(message, label, None if turn is None else turn.figures)


def figures_line(figures: Figures, dot: str) -> str:
    """The numbers of one answer on a line; what nobody measured is left out.

    Args:
        figures: The numbers.
        dot: What stands between them.
    """
    words = []
    if figures.ttft_ms is not None:
        words.append(f"TTFT {figures.ttft_ms:.0f} ms")
    if figures.tpot_ms:
        words.append(f"{1000 / figures.tpot_ms:.1f} tok/s")
    if figures.input_tokens is not None:
        cached = f" ({figures.cached_tokens} cached)" if figures.cached_tokens is not None else ""
        words.append(f"{figures.input_tokens} in{cached}")
    if figures.output_tokens is not None:
        words.append(f"{figures.output_tokens} out")
    if figures.queue_ms is not None:
        words.append(f"queue {figures.queue_ms:.0f} ms")
    return f" {dot} ".join(words)
