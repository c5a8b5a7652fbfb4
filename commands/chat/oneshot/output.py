"""The forms in which a one-shot answer is printed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any, Literal, Protocol

from sgl.errors import SglError

from ..client.events import (
    Began,
    Event,
    Finished,
    ReasoningDelta,
    Replaced,
    TextDelta,
    TokenScores,
    ToolCallDelta,
    Usage,
)
from ..session.writer import Writer
from ..text.fences import code_blocks
from ..text.sanitize import sanitize

Form = Literal["text", "json", "jsonl", "first code", "last code"]


class Output(Protocol):
    """Takes an answer while it comes, and at its end."""

    def show(self, event: Event) -> None:
        """The next event."""

    def finish(self, answer: dict[str, Any]) -> None:
        """The whole answer, see `summary.document`; also of one that was stopped."""

    def fail(self, error: SglError) -> None:
        """It ended with an error, which is reported on standard error by others."""


def output_for(form: Form, *, reasoning: bool, raw: bool) -> Output:
    """The form's writer to standard output.

    Args:
        form: Which one.
        reasoning: Whether text shows it, on standard error.
        raw: Whether text that does not go to a terminal is left as it came.
    """
    match form:
        case "text":
            return TextOutput(Writer(sys.stdout, sys.stderr, reasoning=reasoning, raw=raw))
        case "json":
            return JsonOutput()
        case "jsonl":
            return JsonLinesOutput()
        case "first code":
            return CodeOutput(0, raw=raw)
        case "last code":
            return CodeOutput(-1, raw=raw)


class TextOutput:
    """The answer as it comes."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def show(self, event: Event) -> None:
        """The next event."""
        self._writer.show(event)

    def finish(self, answer: dict[str, Any]) -> None:
        """Ends the line; tool calls, which nobody here can run, are told on standard error."""
        self._writer.close()
        for call in answer["tool_calls"]:
            print(sanitize(f"the model calls {call['name']}({call['arguments']})"), file=sys.stderr)

    def fail(self, error: SglError) -> None:
        """Ends the line."""
        self._writer.close()


class JsonOutput:
    """One object at the end; nothing when it fails."""

    def show(self, event: Event) -> None:
        """Nothing yet."""

    def finish(self, answer: dict[str, Any]) -> None:
        """Prints the object."""
        print(json.dumps(answer, indent=2))

    def fail(self, error: SglError) -> None:
        """Nothing."""


class JsonLinesOutput:
    """An object for each event, then one of type ``end`` or ``error``."""

    def show(self, event: Event) -> None:
        """Prints the event."""
        self._print(event_document(event))

    def finish(self, answer: dict[str, Any]) -> None:
        """Prints the whole answer."""
        self._print({"type": "end", **answer})

    def fail(self, error: SglError) -> None:
        """Prints the error's line."""
        self._print({"type": "error", "message": error.message})

    def _print(self, value: dict[str, Any]) -> None:
        print(json.dumps(value), flush=True)


class CodeOutput:
    """One block of code of the answer, for ``-x`` and ``--xl``."""

    def __init__(self, which: int, *, raw: bool) -> None:
        """
        Args:
            which: Index of the block.
            raw: As for `output_for`.
        """
        self._which = which
        self._raw = raw and not sys.stdout.isatty()

    def show(self, event: Event) -> None:
        """Nothing yet."""

    def finish(self, answer: dict[str, Any]) -> None:
        """Prints the code.

        Raises:
            SglError: There is none.
        """
        blocks = code_blocks(answer["text"])
        if not blocks:
            id = answer["thread_id"]
            raise SglError("the answer holds no block of code", hint=f"sgl chat --export {id} shows it" if id else None)
        content = blocks[self._which].content
        sys.stdout.write(content if self._raw else sanitize(content))

    def fail(self, error: SglError) -> None:
        """Nothing."""


def event_document(event: Event) -> dict[str, Any]:
    """An event as a JSON object."""
    names: dict[type, str] = {
        Began: "begin",
        TextDelta: "text",
        ReasoningDelta: "reasoning",
        Replaced: "replace",
        ToolCallDelta: "tool_call",
        TokenScores: "scores",
        Usage: "usage",
        Finished: "finish",
    }
    return {"type": names[type(event)], **asdict(event)}
