"""Every key of the chat: one row each, which the bindings, the help and ``/keys`` are made of.

A row's id is what the keymap of a profile names. Ctrl+I is Tab and Ctrl+M is Enter on many terminals: never bound.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from textual.binding import Binding, BindingType


class Key(NamedTuple):
    """One action that has a key.

    Attributes:
        id: Its name in a keymap.
        keys: As Textual writes them, separated by commas.
        action: What it runs.
        text: What it does, for people.
        label: What the line at the bottom calls it; empty for a key that is not there.
    """

    id: str
    keys: str
    action: str
    text: str
    label: str = ""


SCREEN: Final = (
    Key("stop", "escape", "step_back", "Stop the answer, or go back to the composer", label="Stop"),
    Key("interrupt", "ctrl+c", "interrupt", "Copy what is selected, else stop; twice: quit"),
    Key("quit", "ctrl+d", "leave", "Quit, when nothing is typed"),
    Key("new", "ctrl+n", "new_chat", "New chat", label="New"),
    Key("sessions", "ctrl+b", "toggle_sessions", "Chats", label="Chats"),
    Key("options", "ctrl+o", "toggle_options", "System prompt and options"),
    Key("find", "ctrl+f", "find", "Find in this chat"),
    Key("history", "ctrl+r", "search_history", "Search what was typed before"),
    Key("editor", "ctrl+g", "open_editor", "Write in $EDITOR"),
    Key("previous", "alt+up", "move_cursor(-1)", "Message above"),
    Key("next", "alt+down", "move_cursor(1)", "Message below"),
    Key("thinking", "ctrl+t", "turn_thinking", "Reasoning: folded, shown, hidden"),
    Key("logprobs", "ctrl+l", "toggle_logprobs", "Tokens by their probability"),
    Key("export", "ctrl+e", "export", "Export this chat"),
    Key("screenshot", "ctrl+s", "save_picture", "Save a picture of the screen (SVG)"),
    Key("help", "f1", "help", "Keys and commands", label="Help"),
    Key("end", "ctrl+end", "jump_to_end", "Jump to the end"),
)
"""They work wherever the focus is."""

MESSAGE: Final = (
    Key("edit", "e", "choose('edit')", "Edit the question", label="Edit"),
    Key("regenerate", "r", "choose('regenerate')", "Answer once more", label="Again"),
    Key("continue", "c", "choose('continue')", "Go on with the answer"),
    Key("fork", "f", "choose('fork')", "Fork: a new chat from here", label="Fork"),
    Key("copy", "y", "choose('copy')", "Copy the code, else the message"),
    Key("copy-all", "Y", "choose('copy_all')", "Copy the whole message"),
    Key("delete", "delete", "choose('delete')", "Delete the message and what follows"),
    Key("older", "less_than_sign", "choose('older')", "The branch before"),
    Key("newer", "greater_than_sign", "choose('newer')", "The branch after"),
    Key("token-before", "left", "choose('token_before')", "Token before, where probabilities are shown"),
    Key("token-after", "right", "choose('token_after')", "Token after, where probabilities are shown"),
    Key("fold", "enter,space", "choose('fold')", "Fold or unfold reasoning and long results"),
    Key("question-help", "question_mark", "choose('help')", "Keys and commands"),
)
"""They work on the message that has the focus."""

SESSION_ROW: Final = (
    Key("chat-open", "enter", "choose('open')", "Open", label="Open"),
    Key("chat-rename", "r", "choose('rename')", "Rename"),
    Key("chat-pin", "p", "choose('pin')", "Pin"),
    Key("chat-archive", "a", "choose('archive')", "Archive"),
    Key("chat-tag", "t", "choose('tag')", "Tag"),
    Key("chat-delete", "delete", "choose('delete')", "Delete"),
    Key("chat-export", "x", "choose('export')", "Export"),
    Key("chat-archived", "A", "choose('archived')", "Archived chats"),
    Key("chat-search", "slash", "choose('search')", "Search"),
)
"""They work on a row of the list of chats."""


def bindings(keys: tuple[Key, ...], *, priority: bool = False) -> list[BindingType]:
    """Textual's form.

    Args:
        keys: Rows.
        priority: Whether they come before those of the widget with the focus.
    """
    return [
        Binding(
            row.keys,
            row.action,
            row.label or row.text,
            show=bool(row.label),
            tooltip=row.text,
            id=row.id,
            priority=priority,
        )
        for row in keys
    ]
