"""Calls of tools: cards, and the person who answers for the tool."""

from __future__ import annotations

import json
import threading

from sgl_cli.chat.store.parts import ToolCall, ToolResult
from sgl_cli.chat.tui.message.tool_card import ResultField
from tests.fake_openai import Answer, piece, said, usage

from .conftest import StartChat
from .driving import Running


def calls(*named: tuple[str, str, str]) -> Answer:
    """An answer that calls functions: id, name, arguments."""
    pieces = [
        piece(tool_calls=[{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}])
        for index, (id, name, arguments) in enumerate(named)
    ]
    return Answer([*pieces, piece(finish_reason="tool_calls"), usage(12, 5, 8)])


WEATHER = ("c1", "get_weather", '{"city":"Paris","days":2}')
TIME = ("c2", "get_time", "{}")


async def test_one_call_is_answered(chat: StartChat) -> None:
    async with chat(calls(WEATHER), said("Sunny.")) as it:
        await it.say("weather?")
        text = it.text()
        assert "tool call: get_weather" in text
        assert '"city": "Paris",' in text
        assert isinstance(it.app.focused, ResultField)
        await it.say('{"sky": "blue"}')
        assert it.said[-1] == ("assistant", "Sunny.")
        sent = it.fake.requests[1]["messages"]
        assert sent[-1] == {"role": "tool", "tool_call_id": "c1", "content": '{"sky": "blue"}'}
        assert sent[-2]["tool_calls"][0]["function"]["name"] == "get_weather"
        assert "tool result of get_weather" in it.text()
        assert not it.screen.query(ResultField)


async def test_results_of_several_calls_go_together(chat: StartChat) -> None:
    async with chat(calls(WEATHER, TIME), said("Noon.")) as it:
        await it.say("weather and time?")
        await it.press("enter")
        assert it.notices() == ["type what the function returns first; null, if nothing"]
        await it.type("rain")
        await it.press("enter")
        assert len(it.fake.requests) == 1
        assert "1 of 2 results: the model gets them together" in it.notices()
        await it.say("12:00")
        results = [part for part in it.pane.path[2].parts if isinstance(part, ToolResult)]
        assert [(each.id, each.output) for each in results] == [("c1", "rain"), ("c2", "12:00")]


async def test_what_is_typed_keeps_the_focus(chat: StartChat) -> None:
    gate = threading.Event()
    answer = calls(WEATHER)
    async with chat(Answer([gate, *answer.pieces])) as it:
        await it.ask("weather?")
        await it.type("next thing")
        gate.set()
        await it.ended()
        assert it.app.focused is it.screen.composer


async def test_a_stored_call_still_waits_for_its_result(chat: StartChat) -> None:
    async with chat(said("Sunny.")) as it:
        thread = it.pane.thread_id
        it.store.messages.append(thread, "user", "weather?")
        it.store.messages.append(thread, "assistant", [ToolCall(*WEATHER)], finish_reason="tool_calls")
        await it.pane.show_thread(thread)
        await it.wait_for(lambda: it.screen.query(ResultField))
        it.screen.query_one(ResultField).focus()
        await it.say("rain")
        assert it.said[-1] == ("assistant", "Sunny.")


async def test_a_long_result_is_folded(chat: StartChat) -> None:
    async with chat(said("Long."), size=(80, 60)) as it:
        await show_result(it, "\n".join(f"line {number}" for number in range(40)))
        await it.see("28 more lines")
        assert "line 11" in it.text()
        assert "line 12" not in it.text()
        await it.focus_message(2)
        await it.press("enter")
        await it.see("line 39")
        assert "fold" in it.text()


async def test_arguments_and_results_of_anyone_are_harmless(chat: StartChat) -> None:
    hostile = "[bold]\x1b]0;owned\x07[/nope]"
    async with chat(calls(("c1", hostile, hostile)), size=(80, 40)) as it:
        await it.say("go")
        text = it.text()
        assert "tool call: [bold][/nope]" in text
        await show_result(it, hostile)
        text += it.text()
        assert text.count("[bold][/nope]") == 4
        assert "owned" not in text
        assert "\x1b" not in text


async def test_a_tool_result_can_be_answered_once_more(chat: StartChat) -> None:
    async with chat(calls(WEATHER), said("Sunny."), said("Rainy.")) as it:
        await it.say("weather?")
        await it.say("null")
        await it.focus_message(2)
        await it.press("r")
        await it.ended()
        assert it.said[-1] == ("assistant", "Rainy.")
        assert json.loads(it.fake.requests[2]["messages"][-1]["content"]) is None


async def show_result(it: Running, output: str) -> None:
    """Shows a conversation that ends with a result."""
    thread = it.store.threads.new().id
    it.store.messages.append(thread, "user", "go")
    it.store.messages.append(thread, "assistant", [ToolCall("c1", "f", output)])
    it.store.messages.append(thread, "tool", [ToolResult("c1", output, "f")])
    await it.pane.show_thread(thread)
    await it.settled()
