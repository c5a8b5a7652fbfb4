"""The loop: reads a question, streams the answer, until Ctrl-D."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from sgl.errors import SglError
from sgl.exits import report

from ..client.connect import Wish, connected
from ..client.events import Event
from ..oneshot.summary import stats_line
from ..session.open import Choice, open_session
from ..session.session import Session
from ..session.writer import Writer
from ..store.chat_store import ChatStore
from ..text.oneline import one_line
from .commands import Commands, Leave
from .lines import Lines


@dataclass(frozen=True)
class Repl:
    """A chat line by line.

    Attributes:
        wish: Whom to ask.
        choice: In which conversation.
        reasoning: Whether reasoning is shown.
        stats: Whether numbers are shown after each answer.
        stream: Whether answers are asked for in pieces.
        extra: More fields for every request, such as ``response_format``.
    """

    wish: Wish
    choice: Choice
    reasoning: bool = True
    stats: bool = False
    stream: bool = True
    extra: Mapping[str, object] = field(default_factory=dict)

    def run(self, store: ChatStore, environ: Mapping[str, str] = os.environ, read: Callable[[str], str] = input) -> int:
        """Chats until the person leaves; returns the exit code.

        Raises:
            SglError: There is no server, or no such conversation.
        """
        with connected(self.wish, environ) as (client, model):
            session = open_session(store, client, model, self.choice)
            session.stream, session.extra = self.stream, self.extra
            thread = session.thread
            about = f", {one_line(thread.title)}" if thread.title else ""
            place = f"{one_line(model)} at {client.endpoint.url}{about}"
            print(f"{place}; /help lists commands, Ctrl-D ends", file=sys.stderr)
            try:
                self._loop(session, Lines(store.prompts, read))
            finally:
                if session.thread.tip_hash is None:
                    store.threads.delete(session.thread_id)  # Nothing was ever said in it.
        return 0

    def _loop(self, session: Session, lines: Lines) -> None:
        commands = Commands(session)
        while True:
            try:
                line = lines.next()
                if not line:
                    continue
                events = commands.run(line) if line.startswith("/") else session.ask(line)
                if events is not None:
                    self._show(session, events)
            except KeyboardInterrupt:
                print("(Ctrl-D ends the chat)", file=sys.stderr)
            except (EOFError, Leave) as end:
                if isinstance(end, EOFError):
                    print(file=sys.stderr)  # The prompt stands on a line without an end.
                return
            except SglError as error:
                report(error)

    def _show(self, session: Session, events: Generator[Event, None, None]) -> None:
        writer = Writer(sys.stdout, sys.stderr, reasoning=self.reasoning)
        with closing(events):
            try:
                for event in events:
                    writer.show(event)
            except KeyboardInterrupt:
                writer.close()
                print("(stopped; what had come is kept)", file=sys.stderr)
                return
            except SglError:
                writer.close()
                raise
        writer.close()
        if self.stats and session.reply is not None:
            print(stats_line(session.reply), file=sys.stderr)
