"""An answer as it comes: half of it, all of it, stopped, gone on with; what is kept is what was shown."""

from __future__ import annotations

import threading

from tests.fake_openai import Answer, piece, said, usage

from .conftest import MatchesSvg, StartChat
from .driving import words_of

MARKDOWN = [
    *("# Title\n\nSome **bold** text ", "with `code`.\n\n- one\n- two\n\n", "```python\ndef f(x):\n", "    return"),
    *(" x + 1\n```\n\n", "| a | b |\n|---|---|\n| 1 | 2 |\n\n", "> A quote, and a [link](https://example.org).\n"),
]


async def test_an_answer_comes(chat: StartChat, matches_svg: MatchesSvg) -> None:
    gate = threading.Event()
    answer = words_of(*MARKDOWN, reasoning=["Let me ", "think."], gate=gate)
    pieces = list(answer.pieces)
    pieces.remove(gate)
    pieces.insert(2 + 4, gate)
    async with chat(Answer(pieces)) as it:
        matches_svg(it, "first_frame")
        await it.ask("Show me everything.")
        await it.see("return")
        await it.settled()
        assert it.streaming
        matches_svg(it, "streaming")
        gate.set()
        await it.ended()
        matches_svg(it, "answered")
        assert it.said == [("user", "Show me everything."), ("assistant", "".join(MARKDOWN))]


async def test_reasoning_comes_and_is_folded(chat: StartChat, matches_svg: MatchesSvg) -> None:
    gate = threading.Event()
    async with chat(
        Answer(
            [piece(reasoning_content="First this. "), gate, piece(reasoning_content="Then that."), *said("42").pieces]
        )
    ) as it:
        await it.ask("Why?")
        await it.see("thinking")
        await it.settled()
        assert "First this." not in it.text()
        matches_svg(it, "thinking")
        gate.set()
        await it.ended()
        assert "thought for 0.0 s" in it.text()
        await it.focus_message(1)
        await it.press("enter")
        await it.see("First this. Then that.")
        await it.settled()
        matches_svg(it, "reasoning_unfolded")
        await it.press("space")
        await it.wait_for(lambda: "First this." not in it.text())


async def test_ctrl_t_shows_and_hides_all_reasoning(chat: StartChat) -> None:
    async with chat(words_of("42", reasoning=["Because."])) as it:
        await it.say("Why?")
        await it.press("ctrl+t")
        await it.settled()
        assert "thought" not in it.text()  # Folded is the default; what comes after it is hidden.
        await it.press("ctrl+t")
        await it.see("Because.")


async def test_esc_stops_and_the_part_is_kept(chat: StartChat, matches_svg: MatchesSvg) -> None:
    gate = threading.Event()
    async with chat(Answer([piece(content="So far"), piece(content=" so good"), gate, piece(content=" NEVER")])) as it:
        await it.ask("Count.")
        await it.see("so good")
        await it.press("escape")
        await it.ended()
        assert it.fake.left.wait(5)  # The server is told.
        assert it.said == [("user", "Count."), ("assistant", "So far so good")]
        assert it.pane.path[-1].finish_reason == "cancelled"
        assert "stopped" in it.text()
        matches_svg(it, "stopped")
        it.fake.script = [said("Again.")]
        await it.say("And now?")  # It goes on as if nothing had been.
        assert it.said[-1] == ("assistant", "Again.")
        assert [each["content"] for each in it.fake.requests[-1]["messages"]] == [
            "Count.",
            "So far so good",
            "And now?",
        ]


async def test_esc_before_the_first_token(chat: StartChat) -> None:
    gate = threading.Event()
    async with chat(Answer([gate])) as it:
        await it.ask("Anybody?")
        await it.see("waiting for the first token")
        await it.press("escape")
        await it.ended()
        assert it.fake.left.wait(5)
        assert it.said == [("user", "Anybody?")]
        assert "waiting" not in it.text()


async def test_an_answer_that_was_cut_off_goes_on(chat: StartChat, matches_svg: MatchesSvg) -> None:
    async with chat(said("One, two,", reason="length"), said(" three.")) as it:
        await it.say("Count.")
        assert "cut off at its longest length" in it.text()
        await it.focus_message(1)
        await it.press("c")
        await it.wait_for(lambda: len(it.fake.requests) == 2)
        await it.ended()
        assert it.fake.requests[1]["continue_final_message"] is True
        assert it.said[-1] == ("assistant", "One, two, three.")
        assert "One, two, three." in it.text()
        matches_svg(it, "continued")


async def test_a_question_waits_while_an_answer_comes(chat: StartChat) -> None:
    gate = threading.Event()
    async with chat(Answer([piece(content="Working"), gate, piece("stop")])) as it:
        await it.ask("First.")
        await it.see("Working")
        await it.type("Second.")
        await it.press("enter")
        await it.see("the answer is still coming")
        assert it.screen.composer.text == "Second."  # Nothing typed is lost.
        gate.set()
        await it.ended()
        assert len(it.fake.requests) == 1


async def test_a_whole_answer_at_once(chat: StartChat) -> None:
    whole = {
        "model": "served",
        "choices": [{"index": 0, "message": {"content": "All at once."}, "finish_reason": "stop"}],
        "usage": usage(3, 4)["usage"],
    }
    async with chat(Answer(body=whole)) as it:
        it.pane.session.stream = False
        await it.say("Go.")
        assert it.said[-1] == ("assistant", "All at once.")
        assert "All at once." in it.text()
        assert it.fake.requests[0]["stream"] is False


async def test_figures_are_shown_and_kept(chat: StartChat) -> None:
    async with chat(said("a", "b", "c")) as it:
        await it.say("Numbers?")
        assert "12 in · 8 cached · 3 out" in it.text()
        await it.focus_message(1)
        await it.see("12 in (8 cached)")
        turn = it.store.turns.of_message(it.pane.path[-1].hash)
        assert turn is not None
        assert (turn.figures.input_tokens, turn.figures.cached_tokens, turn.figures.output_tokens) == (12, 8, 3)


async def test_a_long_open_code_block_stays_in_order(chat: StartChat) -> None:
    code = "".join(f"line_{number} = {number}\n" for number in range(300))
    gate = threading.Event()
    pieces = ["```python\n", *(code[at : at + 97] for at in range(0, len(code), 97))]
    async with chat(Answer([*(piece(content=text) for text in pieces), gate, piece(content="```\nDone.\n")])) as it:
        await it.ask("Code!")
        await it.see("line_299 = 299")
        gate.set()
        await it.ended()
        answer = it.views[-1].answer
        assert answer is not None
        assert [type(block).__name__ for block in answer.blocks] == ["CodeBlock", "MarkdownBlock"]
        assert answer.blocks[0].source == code
        assert answer.blocks[1].source.strip() == "Done."
