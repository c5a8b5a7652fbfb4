"""The slash commands of the line-by-line chat."""

from __future__ import annotations

import sys
from collections.abc import Generator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from sgl.errors import UsageError, echo

from ..client.events import Event
from ..client.find import model_to_ask_for
from ..files import read_text
from ..oneshot.summary import stats_line
from ..session.options import read_options
from ..session.session import Session
from ..text.oneline import one_line
from ..text.sanitize import sanitize
from ..transfer.export import FORMATS, export_thread

HELP: Final = {
    "/help": "Show this list.",
    "/new": "Begin a new chat; the old one is kept.",
    "/system [TEXT|@FILE|off]": "Show, set or drop the system prompt.",
    "/set [KEY=VALUE ...|off]": "Show, set or drop options, such as temperature=0.2.",
    "/retry": "Answer the last question once more.",
    "/undo": "Go back to before the last question.",
    "/model [MODEL]": "Show or change the model.",
    "/models": "List the server's models.",
    "/stats": "Show the numbers of the last answer.",
    "/export [md|json|jsonl|html]": "Print this chat.",
    "/quit": "End. Ctrl-D does so, too.",
}
"""How each is typed, and what it does."""

_OTHER_NAMES: Final = {"/exit": "/quit", "/bye": "/quit", "/q": "/quit", "/clear": "/new", "/?": "/help"}
_NAMES: Final = tuple(usage.split()[0] for usage in HELP)


class Leave(Exception):
    """``/quit``."""


class Commands:
    """Runs commands on a session, and says on standard error what they did."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, line: str) -> Generator[Event, None, None] | None:
        """Runs one command; gives an answer's events for one that asks the model.

        Raises:
            Leave: The chat is to end.
            SglError: There is no such command, or it failed.
        """
        name, _, rest = line.partition(" ")
        rest = rest.strip()
        match command_name(name):
            case "/retry":
                return self._session.retry()
            case "/quit":
                raise Leave
            case "/help":
                _say(help_text())
            case "/new":
                self._new()
            case "/undo":
                asked = self._session.undo()
                _say("there is nothing to undo" if asked is None else f"taken back: {one_line(asked.text)}")
            case "/system":
                self._system(rest)
            case "/set":
                self._set(rest)
            case "/model":
                self._model(rest)
            case "/models":
                _say("\n".join(map(one_line, self._session.client.models())) or "the server lists no models")
            case "/stats":
                reply = self._session.reply
                _say("there is no answer yet" if reply is None else stats_line(reply))
            case "/export":
                self._export(rest or "md")
        return None

    def _new(self) -> None:
        session = self._session
        old = session.thread
        session.thread_id = session.store.threads.new(system=old.system, settings=old.settings).id
        if old.tip_hash is None:
            session.store.threads.delete(old.id)
        session.reply = session.message = None
        _say("a new chat begins")

    def _system(self, text: str) -> None:
        session = self._session
        if text:
            system = "" if text == "off" else read_text(Path(text[1:])).strip() if text.startswith("@") else text
            session.store.threads.set_system(session.thread_id, system)
        _say(f"system prompt: {sanitize(session.thread.system) or 'none'}")

    def _set(self, text: str) -> None:
        session = self._session
        if text:
            session.options = {} if text == "off" else {**session.options, **read_options(text.split())}
            session.store.threads.set_settings(session.thread_id, session.options)
        _say("\n".join(f"{key}={value}" for key, value in session.options.items()) or "no options are set")

    def _model(self, text: str) -> None:
        session = self._session
        if text:
            models = session.client.models()
            model = model_to_ask_for(text, models, session.client.endpoint.url)
            if models and model not in models:
                near = get_close_matches(text, models, n=1, cutoff=0.3)
                hint = f"did you mean {one_line(near[0])}?" if near else "/models lists what it has"
                raise UsageError(f"the server has no model {echo(text)}", hint=hint)
            session.model = model
        _say(f"model: {one_line(session.model)}")

    def _export(self, text: str) -> None:
        for format in FORMATS:
            if text == format:
                print(sanitize(export_thread(self._session.store, self._session.thread_id, format)))
                return
        raise UsageError(f"there is no format {echo(text)}", hint=f"formats: {', '.join(FORMATS)}")


def command_name(word: str) -> str:
    """The command that a word means; its beginning is enough when no other begins so.

    Raises:
        UsageError: There is none.
    """
    word = _OTHER_NAMES.get(word, word)
    if word in _NAMES:
        return word
    longer = [name for name in _NAMES if name.startswith(word)] if len(word) > 1 else []
    if len(longer) == 1:
        return longer[0]
    near = longer or get_close_matches(word, _NAMES, n=1)
    hint = f"did you mean {' or '.join(near)}?" if near else "/help lists them"
    raise UsageError(f"there is no command {echo(word)}", hint=hint)


def help_text() -> str:
    """The list of commands."""
    width = max(map(len, HELP))
    rows = [f"  {usage:{width}}  {what}" for usage, what in HELP.items()]
    return "\n".join([*rows, '  """ begins and ends several lines. Ctrl-C stops an answer.'])


def _say(text: str) -> None:
    print(text, file=sys.stderr)
