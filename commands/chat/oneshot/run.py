"""Asks one question, prints the answer and keeps both."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sgl.errors import SglError
from sgl.exits import INTERRUPTED

from ..client.connect import Wish, connected
from ..session.open import Choice, open_session
from ..session.schema import response_format
from ..session.session import Session
from ..store.chat_store import ChatStore
from ..store.parts import Part
from .output import Form, Output, output_for
from .prompt import Question, read_pipe
from .summary import document, stats_line

TRUNCATED: Final = 3
"""Exit code of ``--fail-on-length``: a check failed."""


@dataclass(frozen=True)
class Oneshot:
    """One question with all that was said about it.

    Attributes:
        question: What is asked.
        wish: Whom to ask.
        choice: In which conversation.
        form: How the answer is printed.
        reasoning: Whether reasoning is shown.
        raw: Whether a pipe gets the text as it came.
        stream: Whether the answer is asked for in pieces.
        schema: File with a JSON schema for the answer.
        stats: Whether numbers are shown at the end.
        fail_on_length: Whether an answer that was cut by its length is a failure.
    """

    question: Question
    wish: Wish = field(default_factory=Wish)
    choice: Choice = field(default_factory=Choice)
    form: Form = "text"
    reasoning: bool = False
    raw: bool = False
    stream: bool = True
    schema: Path | None = None
    stats: bool = False
    fail_on_length: bool = False

    def run(self, store: ChatStore, environ: Mapping[str, str] = os.environ) -> int:
        """Returns the exit code: 0, 3 for `fail_on_length`, or 130 for an answer that was stopped.

        Raises:
            SglError: What was given is wrong, or the server failed.
        """
        extra = {} if self.schema is None else response_format(self.schema)
        parts = self.question.parts(read_pipe(), store)
        with connected(self.wish, environ) as (client, model):
            session = open_session(store, client, model, self.choice)
            session.stream, session.extra = self.stream, extra
            return self._ask(session, parts)

    def _ask(self, session: Session, parts: tuple[Part, ...]) -> int:
        session.store.prompts.add(self.question.prompt or "")  # Not what was piped: it may be long.
        output = output_for(self.form, reasoning=self.reasoning, raw=self.raw)
        kept = None if session.store.path is None else session.thread_id
        try:
            interrupted = _receive(session, parts, output)
        except SglError as error:
            output.fail(error)
            if session.message is None and self.choice.is_new:
                session.store.threads.delete(session.thread_id)  # Nothing was said in it but the question.
            raise
        reply = session.reply
        if reply is None:  # Stopped before anything was sent.
            return INTERRUPTED
        if not interrupted or self.form not in ("first code", "last code"):
            output.finish(document(session, reply, kept))
        if self.stats:
            print(stats_line(reply), file=sys.stderr)
        if interrupted:
            return INTERRUPTED
        if self.fail_on_length and reply.finish_reason == "length":
            print("the answer was cut off at its longest length", file=sys.stderr)
            return TRUNCATED
        return 0


def _receive(session: Session, parts: tuple[Part, ...], output: Output) -> bool:
    """Shows the answer; returns whether Ctrl-C stopped it."""
    with closing(session.ask(parts)) as events:
        try:
            for event in events:
                output.show(event)
        except KeyboardInterrupt:
            return True
    return False
