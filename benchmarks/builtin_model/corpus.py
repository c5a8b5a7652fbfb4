"""The corpus: an endless stream of conversations, drawn from the world's parts in fixed shares.

What is held out never appears in the stream: it is drawn with `held_out`, by the evaluation.
Look at it with ``python -m benchmarks.builtin_model.corpus``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Final, NamedTuple

from benchmarks.builtin_model import about, arithmetic, dialogues, facts, refusals, stories, structured, styles, tools
from benchmarks.builtin_model.exchange import Conversation, Draw, Exchange, Message, draw_from

START: Final = "<|im_start|>"
END: Final = "<|im_end|>"
END_OF_TEXT: Final = "<|endoftext|>"

TOOLS_HEAD: Final = "You may call these functions:"
TOOLS_TAIL: Final = 'To call one, answer with {"name": ..., "arguments": {...}} between <tool_call> and </tool_call>.'


class Piece(NamedTuple):
    """A part of a rendered conversation, and whether the model learns to write it."""

    text: str
    trained: bool


def single(draw: Draw, *, plain_only: bool = False) -> Callable[[Random], Conversation]:
    """Conversations of one turn."""

    def conversation(random: Random) -> Conversation:
        return converse([draw_from(False, draw, random)], random, plain_only=plain_only)

    return conversation


def dialogue(random: Random) -> Conversation:
    """A conversation of several turns, none of which is held out."""
    turns = dialogues.draw(random)
    while any(turn.held_out for turn in turns):
        turns = dialogues.draw(random)
    return converse(turns, random, plain_only=True)


def converse(turns: list[Exchange], random: Random, *, plain_only: bool = False) -> Conversation:
    """Turns as messages, under some system prompt and typed as people do."""
    system, style = styles.system_prompt(random, plain_only=plain_only)
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        messages.append({"role": "user", "content": styles.as_typed(turn.question, random)})
        messages.append({"role": "assistant", "content": style(turn)})
    return Conversation(messages)


MIXTURE: Final[tuple[tuple[int, Callable[[Random], Conversation]], ...]] = (
    (230, single(facts.draw)),
    (180, single(arithmetic.draw)),
    (20, single(arithmetic.draw_too_large, plain_only=True)),
    (90, single(stories.draw, plain_only=True)),
    (45, single(about.draw_small_talk)),
    (60, single(about.draw_sgl)),
    (70, single(refusals.draw)),
    (25, single(structured.draw_count, plain_only=True)),
    (30, single(structured.draw_list)),
    (50, single(structured.draw_json, plain_only=True)),
    (190, dialogue),
    (20, tools.draw),
)
"""Shares of the parts among conversations."""

RAW: Final = 0.02
"""Share of stories and facts without a chat around them, for completions of plain text."""


def documents(seed: int) -> Iterator[list[Piece]]:
    """The stream of rendered documents; the same for the same seed."""
    random = Random(seed)
    shares, parts = zip(*MIXTURE, strict=True)
    while True:
        if random.random() < RAW:
            text = random.choice((stories.tell(random).text, facts.draw(random).answer))
            yield [Piece(text + END_OF_TEXT, True)]
        else:
            (part,) = random.choices(parts, shares)
            yield render(part(random))


def render(conversation: Conversation) -> list[Piece]:
    """The text that chat_template.jinja makes of the conversation, in pieces (a test holds the two equal)."""
    messages = conversation.messages
    pieces: list[Piece] = []
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    if conversation.tools:
        functions = "\n".join(json.dumps(tool["function"]) for tool in conversation.tools)
        system = "\n".join([*([system] if system else []), TOOLS_HEAD, functions, TOOLS_TAIL])
    if system:
        pieces.append(Piece(f"{START}system\n{system}{END}\n", False))
    for message in messages:
        if message["role"] == "assistant":
            pieces.append(Piece(f"{START}assistant\n", False))
            pieces.append(Piece(f"{message['content']}{END}", True))
            pieces.append(Piece("\n", False))
        elif message["role"] != "system":
            pieces.append(Piece(f"{START}{message['role']}\n{message['content']}{END}\n", False))
    return pieces


def main() -> None:
    """Prints the beginning of the corpus."""
    for _, pieces in zip(range(40), documents(seed=0), strict=False):
        print("".join(text for text, _ in pieces))


if __name__ == "__main__":
    main()
