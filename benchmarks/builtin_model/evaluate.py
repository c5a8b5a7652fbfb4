"""Asks a trained model the held-out questions: ``python -m benchmarks.builtin_model.evaluate [FOLDER]``.

The answers come greedily from `sgl.Engine`, through the model's chat template. The figures are printed, and written
into the table of the model's README.md where it has one. Without FOLDER it is the model that comes with sgl.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from transformers import AutoTokenizer

import sgl
from benchmarks.builtin_model import about, arithmetic, facts, held_out, refusals, stories, structured
from benchmarks.builtin_model.exchange import Conversation, Message
from sgl.builtin import folder as builtin_folder

ANSWER_TOKENS: Final = 320
"""Longer than any answer of the corpus: an answer that reaches it does not end by itself."""
QUESTIONS: Final = 500
TALKS: Final = 200

HEAD: Final = "| held out | asked | right |"
SHOWN_MISTAKES: Final = 6


class Reply(NamedTuple):
    """What the model answered, what it should have, and whether it stopped by itself."""

    question: str
    text: str
    expected: str
    ended: bool


Judge = Callable[[Reply], bool]


def exact(reply: Reply) -> bool:
    """The answer, letter for letter."""
    return reply.ended and reply.text == reply.expected


def ends(reply: Reply) -> bool:
    """A story that comes to its end and stops there."""
    return reply.ended and reply.text.endswith(stories.ENDING)


def parses(reply: Reply) -> bool:
    """Valid JSON, whatever it says."""
    try:
        json.loads(reply.text)
    except ValueError:
        return False
    return reply.ended


class Figure(NamedTuple):
    """One row: what was asked, how often, and which answers count as right."""

    name: str
    conversations: Sequence[Conversation]
    judge: Judge


def figures() -> list[Figure]:
    """Everything that is measured."""
    json_questions = held_out.questions(structured.draw_json, TALKS)
    return [
        Figure("facts, exact", held_out.questions(facts.draw, QUESTIONS), exact),
        Figure("one-digit arithmetic, exact", held_out.questions(arithmetic.draw, QUESTIONS), exact),
        Figure("stories that end by themselves", held_out.questions(stories.draw, TALKS), ends),
        Figure("JSON answers that parse", json_questions, parses),
        Figure("JSON answers, exact", json_questions, exact),
        Figure("counting, exact", held_out.questions(structured.draw_count, TALKS), exact),
        Figure("lists, exact", held_out.questions(structured.draw_list, TALKS), exact),
        Figure("questions about sgl, exact", held_out.questions(about.draw_sgl, TALKS), exact),
        Figure("topic kept over three turns, last answer exact", held_out.topics(TALKS), exact),
        Figure("polite refusal of what it does not know", held_out.questions(refusals.draw, TALKS), exact),
    ]


class Model:
    """A model in `sgl.Engine`, asked through its chat template."""

    def __init__(self, folder: Path) -> None:
        self._engine = sgl.Engine(model_path=str(folder))
        self._tokenizer = AutoTokenizer.from_pretrained(folder)

    def converse(self, conversations: Sequence[Conversation]) -> list[Reply]:
        """Asks turn by turn, with the model's own answers in between; the replies to the last turns."""
        so_far: list[list[Message]] = [[] for _ in conversations]
        replies: list[Reply] = []
        for place in range(max(len(conversation.messages) for conversation in conversations)):
            asked: list[list[Message]] = []
            expected: list[str] = []
            for history, conversation in zip(so_far, conversations, strict=True):
                # Conversations with a system prompt are one message longer: all end at the same time.
                index = place - max(len(one.messages) for one in conversations) + len(conversation.messages)
                if index < 0:
                    continue
                message = conversation.messages[index]
                if message["role"] == "assistant":
                    asked.append(history)
                    expected.append(message["content"])
                else:
                    history.append(message)
            if asked:
                replies = self._answer(asked, expected)
        return replies

    def _answer(self, histories: Sequence[list[Message]], expected: Sequence[str]) -> list[Reply]:
        prompts = [
            self._tokenizer.apply_chat_template(history, tokenize=False, add_generation_prompt=True)
            for history in histories
        ]
        answers: Any = self._engine.generate(prompts, {"temperature": 0, "max_new_tokens": ANSWER_TOKENS})
        replies = []
        for history, answer, right in zip(histories, answers, expected, strict=True):
            question, text = history[-1]["content"], answer["text"]
            history.append({"role": "assistant", "content": text})
            replies.append(Reply(question, text, right, answer["meta_info"]["finish_reason"]["type"] == "stop"))
        return replies

    def close(self) -> None:
        """Ends the engine."""
        self._engine.shutdown()


def measure(folder: Path) -> list[str]:
    """The rows of the table; mistakes are printed."""
    model = Model(folder)
    rows = []
    try:
        for name, conversations, judge in figures():
            wrong = [reply for reply in model.converse(conversations) if not judge(reply)]
            share = 100 * (1 - len(wrong) / len(conversations))
            rows.append(f"| {name} | {len(conversations)} | {share:.1f} % |")
            print(rows[-1], flush=True)
            for reply in wrong[:SHOWN_MISTAKES]:
                print(f"    {reply.question!r}: {reply.text!r} instead of {reply.expected!r}")
    finally:
        model.close()
    return rows


def write(page: Path, rows: Sequence[str]) -> None:
    """Replaces the table of figures in a README."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = lines.index(HEAD) + 2
    end = next((n for n in range(start, len(lines)) if not lines[n].startswith("|")), len(lines))
    lines[start:end] = rows
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Measures, and writes the README."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else builtin_folder()
    rows = measure(folder)
    page = folder / "README.md"
    if page.is_file():
        write(page, rows)


if __name__ == "__main__":
    main()
