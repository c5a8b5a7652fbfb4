"""What of an answer is shown where."""

from __future__ import annotations

import io

from sgl_cli.chat.client.events import Event, ReasoningDelta, Replaced, TextDelta
from sgl_cli.chat.session.writer import MOVED, Writer

ESCAPE = "\x1b[31m"


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(*events: Event, out: io.StringIO | None = None, reasoning: bool = True, raw: bool = False) -> tuple[str, str]:
    """What the events bring on the two streams."""
    out, err = out or io.StringIO(), io.StringIO()
    writer = Writer(out, err, reasoning=reasoning, raw=raw)
    for event in events:
        writer.show(event)
    writer.close()
    return out.getvalue(), err.getvalue()


def test_reasoning_stands_before_the_answer_on_the_other_stream() -> None:
    events = (ReasoningDelta("H"), ReasoningDelta("m"), TextDelta("Yes"), TextDelta("!"))
    assert shown(*events) == ("Yes!\n", "Hm\n\n")
    assert shown(*events, reasoning=False) == ("Yes!\n", "")
    assert shown(ReasoningDelta("Hm")) == ("", "Hm\n\n")


def test_an_answer_ends_with_one_newline() -> None:
    assert shown(TextDelta("a\n")) == ("a\n", "")
    assert shown() == ("", "")


def test_raw_text_never_reaches_a_terminal() -> None:
    events = (TextDelta("a\x1b"), TextDelta("[31mb"))
    assert shown(*events, out=Screen(), raw=True) == ("ab\n", "")
    assert shown(*events, raw=True) == ("a\x1b[31mb\n", "")
    assert shown(ReasoningDelta(f"{ESCAPE}Hm"), raw=True) == ("", "Hm\n\n")


def test_what_was_shown_and_is_reasoning_is_told_apart() -> None:
    assert shown(TextDelta("Hm"), Replaced("Hm", "Y"), TextDelta("es")) == ("Hm\nYes\n", f"{MOVED}\n")
    assert shown(Replaced("Hm", "Yes")) == ("Yes\n", "")
