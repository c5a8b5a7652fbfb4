"""`BranchesScreen`: the tree of a chat, to go to another branch of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ...store.chat_store import ChatStore
from ...store.messages import Message
from ...text.oneline import one_line
from ..look import Marks

_LETTERS = 300


@dataclass(frozen=True)
class Branch:
    """One way on from a place where the conversation branches.

    Attributes:
        first: Its first message.
        depth: How many branchings are above.
        messages: How many messages follow until it ends or branches once more, with the first.
        shown: Whether it is part of the branch that is on the screen.
    """

    first: Message
    depth: int
    messages: int
    shown: bool


def branches_of(tree: Sequence[Message], tip_hash: str | None) -> list[Branch]:
    """Every branch, each below the one that it leaves.

    Args:
        tree: `store.messages.Messages.tree`: parents before their children.
        tip_hash: Where the branch that is shown ends.
    """
    children: dict[str | None, list[Message]] = {}
    parents: dict[str, str | None] = {}
    for message in tree:
        children.setdefault(message.parent_hash, []).append(message)
        parents[message.hash] = message.parent_hash
    on_path = set()
    while tip_hash is not None:
        on_path.add(tip_hash)
        tip_hash = parents.get(tip_hash)
    branches = []
    waiting = [(message, 0) for message in reversed(children.get(None, []))]
    while waiting:
        first, depth = waiting.pop()
        last, length = first, 1
        while len(below := children.get(last.hash, [])) == 1:
            last, length = below[0], length + 1
        branches.append(Branch(first, depth, length, first.hash in on_path))
        waiting += [(message, depth + 1) for message in reversed(below)]
    return branches


class BranchesScreen(ModalScreen[str | None]):
    """Ends with the message at which the chosen branch ends, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,ctrl+c", "close", "Close")]

    def __init__(self, store: ChatStore, thread_id: str, marks: Marks) -> None:
        """
        Args:
            store: Where the conversation is kept.
            thread_id: The conversation.
            marks: Signs.
        """
        super().__init__(classes="dialog-screen")
        self._store = store
        self._chat_id = thread_id
        self._marks = marks
        tip = store.threads.get(thread_id).tip_hash
        self._branches = branches_of(store.messages.tree(thread_id), tip)

    def compose(self) -> ComposeResult:
        """One row for each branch."""
        options = [Option(self._row(branch), id=branch.first.hash) for branch in self._branches]
        listed = OptionList(*options, id="branches-list", markup=False)
        # The innermost branch that is shown.
        listed.highlighted = max((at for at, branch in enumerate(self._branches) if branch.shown), default=None)
        title = "Branches of this chat" if len(options) > 1 else "One branch only: editing or regenerating makes more"
        with Vertical(classes="dialog -tall"):
            yield Static(Content(title), classes="dialog-title")
            yield listed
            yield Static(Content("Enter shows the branch, Esc closes"), classes="dialog-keys")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A branch was chosen."""
        event.stop()
        if event.option.id is not None:
            self.dismiss(self._store.messages.leaf(self._chat_id, event.option.id))

    def action_close(self) -> None:
        """Leaves everything as it is."""
        self.dismiss(None)

    def _row(self, branch: Branch) -> Content:
        message = branch.first
        who = "you" if message.role == "user" else one_line(message.model) or message.role
        count = "1 message" if branch.messages == 1 else f"{branch.messages} messages"
        here = (f"{self._marks.folded} ", "$text-accent") if branch.shown else "  "
        words = one_line(message.text[:_LETTERS]) or "(no text)"
        style = "bold" if branch.shown else ""
        return Content.assemble("  " * branch.depth, here, (f"{who}: ", "dim"), (words, style), (f"  {count}", "dim"))
