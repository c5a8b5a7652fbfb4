"""Commands that show numbers: of the answers, of the tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from sgl.errors import SglError

from ...client.about import Inspector
from ...store.turns import Turn
from ...text.oneline import one_line
from ..copying import copy_text
from ..desk import Desk
from ..message.message_view import ENDINGS
from ..pane.status_line import stored_numbers, words_of
from ..panels.columns_text import ColumnsText, Rows
from ..panels.text_screen import TextScreen
from .command import Command
from .servers import template_fields

_MEANINGS: Final = (
    ("TTFT", "time to first token: how long the first word took"),
    ("tok/s", "tokens per second after the first one"),
    ("in", "tokens of the prompt: everything that the model reads"),
    ("cached", "of these, the tokens that the server still knew"),
    ("out", "tokens of the answer"),
    ("queue", "how long the request waited for its turn"),
)


async def _stats(screen: Desk, text: str) -> None:
    pane = screen.pane
    turns = screen.setup.store.turns.of_thread(pane.thread_id)
    groups = []
    if turns:
        groups.append(Rows("Last answer", _of_answer(turns[-1])))
        groups.append(Rows("This chat", _of_all(turns)))
    else:
        groups.append(Rows("", [("", "there is no answer yet")]))
    body = ColumnsText([*groups, Rows("What they mean", _MEANINGS)])
    screen.app.push_screen(TextScreen("Numbers", body, lambda copied: copy_text(screen, copied)))


def _of_answer(turn: Turn) -> list[tuple[str, str]]:
    rows = [("model", one_line(turn.model)), ("server", one_line(turn.url))]
    rows += [(word, "") for word in words_of(stored_numbers(turn.figures))]
    ending = one_line(turn.error) or ENDINGS.get(turn.finish_reason, turn.finish_reason)
    return [*rows, ("ended", ending)] if ending else rows


def _of_all(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    figures = [turn.figures for turn in turns]
    read = sum(each.input_tokens or 0 for each in figures)
    cached = sum(each.cached_tokens or 0 for each in figures)
    rows = [("answers", str(len(turns))), ("tokens in", f"{read:,}")]
    if read and any(each.cached_tokens is not None for each in figures):
        rows.append(("of these cached", f"{cached:,} ({cached / read:.0%})"))
    return [*rows, ("tokens out", f"{sum(each.output_tokens or 0 for each in figures):,}")]


async def _tokens(screen: Desk, text: str) -> None:
    pane, session = screen.pane, screen.pane.session
    rows: list[tuple[str, str]] = []
    turns = [turn for turn in screen.setup.store.turns.of_thread(pane.thread_id) if turn.figures.input_tokens]
    if turns:
        figures = turns[-1].figures
        cached = f", {figures.cached_tokens:,} of them cached" if figures.cached_tokens is not None else ""
        rows.append(("last prompt", f"{figures.input_tokens:,} tokens{cached}"))
        rows.append(("last answer", f"{figures.output_tokens or 0:,} tokens"))
    if session is not None:
        inspector, messages = Inspector(session.client), session.request_messages()
        fields = template_fields(session)
        try:
            count = await asyncio.to_thread(inspector.count, messages, session.model, fields)
            context = (await asyncio.to_thread(inspector.about, session.model)).context
        except SglError as error:
            rows.append(("server", error.message))
        else:
            counted = "the server does not count" if count is None else f"{count:,} tokens"
            rows.append(("this chat now", counted))
            rows.append(("context", "the server does not say" if context is None else f"{context:,} tokens"))
            taken = count or next((each.figures.input_tokens for each in reversed(turns)), None)
            if context and taken:
                rows.append(("", f"{taken / context:.0%} of it is taken"))
    body = ColumnsText([Rows("", rows or [("", "nothing was counted yet, and there is no server to ask")])])
    screen.app.push_screen(TextScreen("Tokens", body, lambda copied: copy_text(screen, copied)))


async def _logprobs(screen: Desk, text: str) -> None:
    await screen.action_toggle_logprobs()


COMMANDS: Final = (
    Command("/stats", "/stats", "Show the numbers of the answers.", _stats),
    Command("/tokens", "/tokens", "Show how many tokens this chat has.", _tokens),
    Command("/logprobs", "/logprobs", "Colour tokens by their probability.", _logprobs),
)
