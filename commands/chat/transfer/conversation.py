"""A conversation on its way from a file into the store: nodes that name their parents, in no trusted shape."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sgl.errors import SglError

from ..images import Picture
from ..store.chat_store import ChatStore
from ..store.messages import Role
from ..store.parts import Image, Part, Parts, Text
from ..store.threads import Thread
from ..store.turns import Figures


class TransferError(SglError):
    """A file cannot be read as conversations, or a conversation cannot be written to one."""

    exit_code = 2


@dataclass(frozen=True)
class Node:
    """One message of a source.

    Attributes:
        id: Its name in the source.
        parent: Name of the message before it; None for a first one. It may be wrong.
        role: Who speaks.
        parts: What it says.
        created: Seconds since 1970; None when the source does not say.
        model: Who generated it.
        finish_reason: Why it ended.
        nonce: The store's nonce; the id by default, so that importing twice makes no second copy of a message.
    """

    id: str
    parent: str | None
    role: Role
    parts: Parts
    created: float | None = None
    model: str = ""
    finish_reason: str = ""
    nonce: str | None = None


@dataclass(frozen=True)
class PastTurn:
    """A request of a source: the reply's node, and how it went."""

    reply: str | None
    parent: str | None
    url: str
    model: str
    params: Mapping[str, object]
    started: float
    figures: Figures
    finish_reason: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One conversation of a source.

    Attributes:
        nodes: Its messages; siblings in the order they came.
        current: The node that is shown; None for the last one.
        pictures: Bytes of images by the SHA-256 that the nodes' `Image` parts name.
        turns: Requests.
    """

    title: str
    nodes: tuple[Node, ...]
    current: str | None = None
    system: str = ""
    tags: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    archived: bool = False
    pinned: bool = False
    created: float | None = None
    updated: float | None = None
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    turns: tuple[PastTurn, ...] = ()


def parents_first(nodes: Iterable[Node]) -> Iterator[Node]:
    """The nodes, each after its parent, siblings in their order.

    A parent that does not exist is None, and a circle is cut open at its first node. Of two nodes with one name the
    first counts.
    """
    known: dict[str, Node] = {}
    for node in nodes:
        known.setdefault(node.id, node)
    children: dict[str | None, list[Node]] = {}
    for node in known.values():
        children.setdefault(node.parent if node.parent in known else None, []).append(node)
    done: set[str] = set()
    for start in [*children.get(None, ()), *known.values()]:
        if start.id in done:
            continue
        # After the first messages come nodes that none of them leads to: of a circle, or hanging on one.
        waiting = [replace(start, parent=None)]
        while waiting:
            node = waiting.pop()
            if node.id not in done:
                done.add(node.id)
                yield node
                waiting += reversed(children.get(node.id, ()))


def nearest_kept(parents: Mapping[str, str | None], kept: Container[str]) -> dict[str, str | None]:
    """For every name its nearest ancestor among ``kept``: the parent, once the nodes between are dropped.

    A circle of dropped nodes leads to None. Every link is followed a bounded number of times.
    """
    found: dict[str, str | None] = {}
    for start in parents:
        trail: list[str] = []
        seen: set[str] = set()
        name: str | None = start
        answer: str | None = None
        while name is not None and name not in seen:
            if name in found:
                answer = found[name]
                break
            seen.add(name)
            trail.append(name)
            name = parents.get(name)
            if name is not None and name in kept:
                answer = name
                break
        for passed in trail:
            found[passed] = answer
    return found


def save_conversation(store: ChatStore, conversation: Conversation) -> Thread:
    """Writes a conversation as a new thread, all or nothing.

    Raises:
        StoreError: The file cannot be written.
    """
    with store.transaction():
        for picture in conversation.pictures.values():
            store.attachments.put(picture.data, picture.mime)
        thread = store.threads.new(
            title=conversation.title,
            system=conversation.system,
            settings=conversation.settings,
            tags=conversation.tags,
            created=conversation.created,
            updated=conversation.updated,
        )
        hashes = _save_nodes(store, thread, conversation)
        for turn in conversation.turns:
            store.turns.record(
                thread_id=thread.id,
                parent_hash=hashes.get(turn.parent or ""),
                tip_hash=hashes.get(turn.reply or ""),
                url=turn.url,
                model=turn.model,
                params=turn.params,
                started=turn.started,
                figures=turn.figures,
                finish_reason=turn.finish_reason,
                error=turn.error,
            )
        last = next(reversed(hashes.values()), None)
        store.threads.pin(thread.id, conversation.pinned)
        store.threads.archive(thread.id, conversation.archived)
        return store.threads.move(thread.id, hashes.get(conversation.current or "", last))


def _save_nodes(store: ChatStore, thread: Thread, conversation: Conversation) -> dict[str, str]:
    """Writes the nodes; returns their hashes by their names in the source."""
    hashes: dict[str, str] = {}
    for node in parents_first(conversation.nodes):
        message = store.messages.insert(
            thread.id,
            hashes.get(node.parent or ""),
            node.role,
            tuple(_known_image(part, conversation.pictures) for part in node.parts),
            model=node.model,
            finish_reason=node.finish_reason,
            nonce=node.id if node.nonce is None else node.nonce,
            created=conversation.created if node.created is None else node.created,
            move_tip=False,
        )
        hashes[node.id] = message.hash
    return hashes


def _known_image(part: Part, pictures: Mapping[str, Picture]) -> Part:
    """A picture whose bytes the source does not hold becomes a note."""
    if isinstance(part, Image) and part.sha256 and part.sha256 not in pictures:
        return Text(f"[picture {part.name or part.sha256[:12]} is not in the file]")
    return part
