"""What a pane asks with: kept with the conversation, or with the pane, so that another server gets it, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sgl.errors import UsageError

from ...session.options import option_name, read_options
from ...session.session import Session
from ..pane.pane import ChatPane

FORMAT: Final = "response_format"


def options_of(pane: ChatPane) -> dict[str, object]:
    """Parameters of the pane's requests."""
    return dict(pane.store.threads.get(pane.thread_id).settings)


def set_options(pane: ChatPane, options: Mapping[str, object]) -> None:
    """Replaces the parameters, in the conversation and for the next request."""
    settings = pane.store.threads.set_settings(pane.thread_id, options).settings
    if pane.session is not None:
        pane.session.options = settings
    changed(pane)


def set_system(pane: ChatPane, system: str) -> None:
    """Replaces the system prompt; empty for none."""
    pane.store.threads.set_system(pane.thread_id, system)
    changed(pane)


def set_format(pane: ChatPane, format: Mapping[str, object] | None) -> None:
    """Asks for answers in a format, or for text again."""
    kept = {key: value for key, value in pane.request_extra.items() if key != FORMAT}
    pane.request_extra = kept if format is None else {**kept, FORMAT: format}
    if pane.session is not None:
        pane.session.extra = pane.request_extra
    changed(pane)


def set_tools(pane: ChatPane, tools: Sequence[Mapping[str, Any]]) -> None:
    """Offers the model functions to call."""
    pane.request_tools = tuple(tools)
    if pane.session is not None:
        pane.session.tools = pane.request_tools
    changed(pane)


def changed(pane: ChatPane) -> None:
    """Lets panels and the head know."""
    pane.post_message(ChatPane.Changed(pane))


def session_of(pane: ChatPane) -> Session:
    """The pane's session.

    Raises:
        UsageError: No server is found yet.
    """
    if pane.session is None:
        raise UsageError("there is no server yet", hint="/url ADDRESS names one, /model NAME starts one")
    return pane.session


def changed_options(before: Mapping[str, object], text: str) -> dict[str, object]:
    """Options after ``key=value`` words; ``key value`` is understood for one, and ``key=`` drops one.

    Raises:
        UsageError: A word is no ``key=value``, or the key or the value is none.
    """
    words = option_words(text)
    dropped = [word[:-1] for word in words if word.endswith("=") and word.count("=") == 1]
    given = read_options(word for word in words if word[:-1] not in dropped)
    names = [option_name(word) for word in dropped]
    return {key: value for key, value in {**before, **given}.items() if key not in names}


def option_words(text: str) -> list[str]:
    """Cuts ``temperature=0.2 stop=two words`` before each word that begins another option."""
    words: list[str] = []
    pieces = text.split(" ")
    if len(pieces) == 2 and "=" not in text:
        pieces = ["=".join(pieces)]
    for piece in pieces:
        name, equals, _ = piece.partition("=")
        begins = bool(equals) and name.replace("-", "_").isidentifier()
        if begins or not words:
            words.append(piece)
        else:
            words[-1] += f" {piece}"
    return [_unquoted(word.strip()) for word in words if word.strip()]


def show_options(options: Mapping[str, object]) -> str:
    """Options as they are typed."""
    return " ".join(f"{key}={value}" for key, value in options.items())


def _unquoted(word: str) -> str:
    name, equals, value = word.partition("=")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return f"{name}{equals}{value[1:-1]}"
    return word
