"""Slash commands: what each does to the screen, to the store and to the next request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sgl_cli.chat.client.wish import Wish
from sgl_cli.chat.store.parts import Text
from sgl_cli.chat.tui.panels.server_screen import ServerScreen
from sgl_cli.chat.tui.panels.text_screen import TextScreen
from tests.fake_openai import Answer, FakeOpenAI, fake_openai, piece, said, usage

from .conftest import StartChat
from .driving import Running

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108020000009077 53de".replace(" ", ""))


async def command(it: Running, text: str) -> None:
    """Types a command and runs it, whatever the menu shows."""
    it.screen.composer.put(text)
    it.screen.menu.close()
    it.screen.composer.send()
    await it.pilot.pause()
    await it.wait_for(lambda: not [worker for worker in it.app.workers if worker.group == "command"])


async def shown(it: Running, text: str) -> TextScreen:
    """Runs a command that shows a text over the chat."""
    await command(it, text)
    await it.wait_for(lambda: isinstance(it.app.screen, TextScreen))
    screen = it.app.screen
    assert isinstance(screen, TextScreen)
    await it.pilot.pause()
    return screen


def notice(it: Running) -> str:
    """What was notified last."""
    return it.notices()[-1]


async def request(it: Running) -> dict[str, Any]:
    """The request of another question."""
    await it.say("And?")
    return it.fake.requests[-1]


async def test_help_lists_commands_and_keys(chat: StartChat) -> None:
    async with chat() as it:
        screen = await shown(it, "/help")
        assert "Commands and keys" in it.text()
        for words in ("/set [KEY=VALUE ...|off]", "/quit", "Ctrl+B", "Begin a new chat", "Answer once more"):
            assert words in screen.plain
        await it.press("q")
        assert it.app.screen is it.screen


async def test_keys_name_those_of_the_keymap(chat: StartChat, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "config" / "sgl"
    folder.mkdir(parents=True)
    (folder / "chat.yaml").write_text("keymap:\n  new: ctrl+y\n")
    async with chat() as it:
        screen = await shown(it, "/keys")
        assert "Ctrl+Y" in screen.plain
        assert "Ctrl+N" not in screen.plain


async def test_new_keeps_system_prompt_and_options(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/system Be brief.")
        await command(it, "/set temperature=0.5")
        await it.say("Hi")
        before = it.pane.thread_id
        await command(it, "/new")
        assert it.pane.thread_id != before
        assert not it.views
        asked = await request(it)
        assert asked["temperature"] == 0.5
        assert [each["content"] for each in asked["messages"]] == ["Be brief.", "And?"]


async def test_system_from_text_from_a_file_and_off(chat: StartChat, tmp_path: Path) -> None:
    (tmp_path / "pirate.txt").write_text("You are a pirate.\n")
    async with chat() as it:
        await command(it, "/system")
        assert "no system prompt" in notice(it)
        await command(it, f"/system @{tmp_path}/pirate.txt")
        assert (await request(it))["messages"][0] == {"role": "system", "content": "You are a pirate."}
        screen = await shown(it, "/system")
        assert screen.plain == "You are a pirate."
        await it.press("escape")
        await command(it, "/system off")
        assert (await request(it))["messages"][0]["role"] == "user"


async def test_set_shows_sets_drops_and_refuses(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/set")
        assert "no options are set" in notice(it)
        await command(it, "/set temperature=0.2 max_tokens=2k stop=two words")
        asked = await request(it)
        assert (asked["temperature"], asked["max_tokens"], asked["stop"]) == (0.2, 2000, ["two words"])
        await command(it, "/set temperature=")
        assert "temperature" not in notice(it)
        assert "max_tokens=2000" in notice(it)
        await command(it, "/set temprature=1")
        assert "did you mean temperature?" in notice(it)
        assert it.screen.composer.text == "/set temprature=1"
        it.screen.composer.put("")
        await command(it, "/set off")
        assert "max_tokens" not in await request(it)


async def test_options_stay_with_the_conversation(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/set top_p=0.9")
        assert it.store.threads.get(it.pane.thread_id).settings == {"top_p": 0.9}


async def test_habits_of_other_programs(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/set parameter temperature 0.2")
        await command(it, "/set system Be brief.")
        await command(it, "!set top_k=5")
        asked = await request(it)
        assert (asked["temperature"], asked["top_k"], asked["messages"][0]["content"]) == (0.2, 5, "Be brief.")
        await shown(it, "!help")
        await it.press("escape")
        await command(it, "/clear")
        assert not it.views
        await command(it, "/bye")
        assert it.app.return_value == 0


async def test_think(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/think off")
        assert (await request(it))["chat_template_kwargs"] == {"enable_thinking": False}
        await command(it, "/think budget 1k")
        assert (await request(it))["thinking_budget"] == 1000
        await command(it, "/think much")
        assert "low, medium, high" in notice(it)


async def test_json_with_and_without_a_schema(chat: StartChat, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    async with chat() as it:
        await command(it, "/json")
        assert (await request(it))["response_format"] == {"type": "json_object"}
        await command(it, f"/json {tmp_path}/schema.json")
        await command(it, "/new")
        assert (await request(it))["response_format"]["json_schema"]["schema"] == schema
        await command(it, "/json off")
        assert "response_format" not in await request(it)


TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


async def test_tools_go_with_requests_to_every_server(chat: StartChat, tmp_path: Path) -> None:
    (tmp_path / "tools.json").write_text(json.dumps([TOOL]))
    async with chat() as it:
        await command(it, "/tools")
        assert "no tools" in notice(it)
        await command(it, f"/tools {tmp_path}/tools.json")
        assert "get_weather" in notice(it)
        assert (await request(it))["tools"] == [TOOL]
        with fake_openai() as other:
            other.models = ["another"]
            before = it.pane.session
            await command(it, f"/url {other.url}")
            await it.wait_for(lambda: it.pane.session is not before)
            it.screen.composer.put("Still?")
            it.screen.composer.send()
            await it.wait_for(lambda: other.requests)
            await it.ended()
            assert other.requests[0]["tools"] == [TOOL]
            assert other.requests[0]["model"] == "another"
            assert [each["content"] for each in other.requests[0]["messages"]][-1] == "Still?"
            assert "another at" in it.text()
        await command(it, "/tools off")
        assert it.pane.request_tools == ()


async def test_an_unreachable_server_leaves_the_old_one(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/url nowhere.invalid:1")
        await it.wait_for(lambda: any("nowhere.invalid" in each and "cannot" in each for each in it.notices()))
        await it.say("Still there?")
        assert it.said[-1] == ("assistant", "Hello there.")
        await command(it, "/url ftp://x")
        assert "/url expects the address" in notice(it)


async def test_presets(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/preset")
        assert "no presets yet" in notice(it)
        await command(it, "/system Be brief.")
        await command(it, "/set temperature=0")
        await command(it, "/preset save short")
        await command(it, "/set off")
        await command(it, "/system off")
        await command(it, "/preset short")
        asked = await request(it)
        assert (asked["temperature"], asked["messages"][0]["content"]) == (0, "Be brief.")
        assert "temperature=0" in (await shown(it, "/preset")).plain
        await it.press("escape")
        await command(it, "/preset load shrt")
        assert "did you mean short?" in notice(it)
        await command(it, "/preset delete short")
        await command(it, "/preset short")
        assert "there is no preset" in notice(it)


async def test_image_by_path_and_address(chat: StartChat, tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PNG)
    async with chat() as it:
        await command(it, f"/image {tmp_path}/dot.png")
        assert "[Image #1]" in it.screen.composer.text
        await it.type("What is it?")
        await it.press("enter")
        await it.wait_for(lambda: it.fake.requests)
        await it.ended()
        content = it.fake.requests[0]["messages"][0]["content"]
        assert {part["type"] for part in content} == {"image_url", "text"}
        await command(it, "/image https://example.org/cat.png")
        assert "[Image #1]" in it.screen.composer.text
        it.screen.composer.put("")
        await command(it, f"/image {tmp_path}/none.png")
        assert "cannot be read" in notice(it)
        await command(it, "/image")
        assert "/image needs more" in notice(it)


async def test_a_file_is_quoted_in_the_composer(chat: StartChat, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("print('```')\n")
    async with chat() as it:
        await command(it, f"/file {tmp_path}/x.py")
        assert it.screen.composer.text == f"File {tmp_path}/x.py:\n````\nprint('```')\n````\n\n"
        await it.say("Explain.")
        assert it.fake.requests[0]["messages"][0]["content"].endswith("````\n\nExplain.")


async def test_retry_edit_undo_and_branches(chat: StartChat) -> None:
    async with chat(said("One."), said("Two."), said("Three.")) as it:
        await command(it, "/retry")
        assert "nothing to answer" in notice(it)
        it.screen.composer.put("")
        await it.say("Count.")
        await command(it, "/retry")
        await it.ended()
        assert it.said == [("user", "Count."), ("assistant", "Two.")]
        await command(it, "/edit")
        assert it.screen.composer.text == "Count."
        await it.say(" On.")
        assert it.said == [("user", "Count. On."), ("assistant", "Three.")]
        await command(it, "/undo")
        assert it.said == []
        assert not it.views
        assert "taken back: Count. On." in notice(it)
        await command(it, "/undo")
        assert "nothing to take back" in notice(it)


async def test_branches_moves_to_the_chosen_one(chat: StartChat) -> None:
    async with chat(said("One."), said("Two.")) as it:
        await it.say("Count.")
        first = it.store.threads.get(it.pane.thread_id).tip_hash
        await command(it, "/retry")
        await it.ended()
        it.screen.composer.put("/branches")
        it.screen.menu.close()
        it.screen.composer.send()
        await it.wait_for(lambda: it.app.screen is not it.screen)
        it.app.screen.dismiss(first)
        await it.wait_for(lambda: it.said[-1] == ("assistant", "One."))


async def test_continue_goes_on(chat: StartChat) -> None:
    async with chat(said("One, ", "two", reason="length"), said(", three.")) as it:
        await it.say("Count.")
        await command(it, "/continue")
        await it.ended()
        assert it.said[-1] == ("assistant", "One, two, three.")
        assert it.fake.requests[1]["continue_final_message"] is True


async def test_fork_shares_the_messages(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/fork")
        assert "nothing to fork" in notice(it)
        it.screen.composer.put("")
        await it.say("Hi")
        before = it.pane.thread_id
        await command(it, "/fork")
        assert it.pane.thread_id != before
        assert it.said == [("user", "Hi"), ("assistant", "Hello there.")]
        assert "2 messages are shared" in notice(it)


async def test_rename_and_tag(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/rename Tea [/and] biscuits")
        assert "Tea [/and] biscuits" in it.text().splitlines()[0]
        await command(it, "/tag food, later")
        assert it.store.threads.get(it.pane.thread_id).tags == ("food", "later")
        await command(it, "/tag off")
        assert "no labels" in notice(it)
        await command(it, "/rename")
        assert "/rename TITLE" in notice(it)


async def test_sessions_opens_the_list_with_a_search(chat: StartChat) -> None:
    async with chat() as it:
        for title in ("About whales", "About bread"):
            it.store.messages.append(it.store.threads.new(title=title).id, "user", "Tell me.")
        await command(it, "/sessions whales")
        await it.see("About whales")
        await it.wait_for(lambda: "About bread" not in it.text())


async def test_export_and_copy(chat: StartChat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with chat(said("Look:\n\n```python\nx = 1\n```\n"), said("Fine.")) as it:
        await command(it, "/copy")
        assert "no answer to copy" in notice(it)
        it.screen.composer.put("")
        await it.say("Code?")
        await it.say("Thanks.")
        await command(it, f"/export {tmp_path}/chat.html")
        await it.wait_for(lambda: (tmp_path / "chat.html").exists())
        await command(it, f"/export jsonl {tmp_path}/chat")
        await it.wait_for(lambda: (tmp_path / "chat").exists())
        assert json.loads((tmp_path / "chat").read_text())["messages"][0]["content"] == "Code?"
        await command(it, "/export pdf")
        assert "md, json" in notice(it)
        it.screen.composer.put("")
        await command(it, "/copy code")
        assert it.app.clipboard == "x = 1\n"
        await command(it, "/copy")
        assert it.app.clipboard == "Fine."
        await command(it, "/copy 2")
        assert it.app.clipboard.startswith("Look:")
        await command(it, "/copy 3")
        assert "from 1 to 2" in notice(it)


async def test_stats_and_tokens(chat: StartChat, fake: FakeOpenAI) -> None:
    root = fake.url.removesuffix("/v1")
    assert root
    fake.pages = {
        "/v1/models": {"data": [{"id": "served", "owned_by": "sgl", "max_model_len": 100}]},
        "/tokenize": {"tokens": list(range(25))},
    }
    async with chat() as it:
        await it.say("Hi")
        screen = await shown(it, "/stats")
        assert "12 in" in screen.plain
        assert "8 cached" in screen.plain
        assert "time to first token" in screen.plain
        await it.press("y")
        assert it.app.clipboard == screen.plain
        await it.press("escape")
        screen = await shown(it, "/tokens")
        assert "25 tokens" in screen.plain
        assert "100 tokens" in screen.plain
        assert "25% of it is taken" in screen.plain


async def test_tokens_of_a_server_that_does_not_count(chat: StartChat) -> None:
    async with chat() as it:
        assert "does not count" in (await shown(it, "/tokens")).plain


async def test_prompt_shows_what_the_model_reads(chat: StartChat, fake: FakeOpenAI) -> None:
    async with chat() as it:
        await command(it, "/prompt")
        assert "does not show the prompt" in notice(it)
        it.screen.composer.put("")
        fake.pages = {"/tokenize": {"tokens": [1, 2]}, "/detokenize": {"text": "<|user|>\x1b[31mHi [/b]<|end|>"}}
        await command(it, "/system Be [bold]brief[/].")
        await shown(it, "/prompt")
        assert "<|user|>Hi [/b]<|end|>" in it.text()
        assert fake.asked[0][1]["messages"] == [{"role": "system", "content": "Be [bold]brief[/]."}]


async def test_model_and_models(chat: StartChat, fake: FakeOpenAI) -> None:
    fake.models = ["served", "org/large"]
    async with chat() as it:
        await command(it, "/model")
        assert "the model is served" in notice(it)
        await command(it, "/model large")
        assert (await request(it))["model"] == "org/large"
        assert "org/large at" in it.text()
        await command(it, "/model lrge")
        assert "did you mean org/large?" in notice(it)
        it.screen.composer.put("")
        plain = (await shown(it, "/models")).plain
        assert "org/large" in plain
        assert "in use" in plain
        assert "On this machine" in plain


async def test_server_screen(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/server")
        assert isinstance(it.app.screen, ServerScreen)
        await it.press("escape")
        assert it.app.screen is it.screen


async def test_bench_shows_figures(chat: StartChat) -> None:
    async with chat() as it:
        it.screen.composer.put("/bench")
        it.screen.menu.close()
        it.screen.composer.send()
        await it.wait_for(lambda: isinstance(it.app.screen, TextScreen))
        assert "10 of 10" in it.text()
        assert "TTFT" in it.text()
        assert len(it.fake.requests) == 10


async def test_bench_is_stopped_by_escape(chat: StartChat) -> None:
    slow = Answer([piece(content="a"), 30.0, piece(finish_reason="stop"), usage(1, 1)])
    async with chat(slow) as it:
        it.screen.composer.put("/bench")
        it.screen.menu.close()
        it.screen.composer.send()
        await it.see("measuring: 0 of 10")
        await it.wait_for(lambda: it.fake.requests)
        await it.press("escape")
        await it.wait_for(lambda: any("stopped before" in each for each in it.notices()))
        await it.wait_for(lambda: "measuring" not in it.text())


async def test_logprobs_turns_the_view(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/logprobs")
        assert (await request(it))["logprobs"] is True


async def test_theme_and_profile(chat: StartChat, tmp_path: Path) -> None:
    async with chat() as it:
        await command(it, "/theme nord")
        assert it.app.theme == "nord"
        await command(it, "/theme drakula")
        assert "did you mean dracula?" in notice(it)
        it.screen.composer.put("")
        await command(it, "/set temperature=0.7")
        await command(it, "/save-profile")
        text = (tmp_path / "home" / "config" / "sgl" / "chat.yaml").read_text()
        assert "nord" in text
        assert "temperature" in text


async def test_quit(chat: StartChat) -> None:
    async with chat() as it:
        await command(it, "/quit")
        assert it.app.return_value == 0


async def test_an_unknown_command_stays_in_the_composer(chat: StartChat) -> None:
    async with chat() as it:
        await it.type("/hepl")
        await it.press("enter")
        await it.wait_for(lambda: it.notices())
        assert "there is no command '/hepl'" in notice(it)
        assert "did you mean /help?" in notice(it)
        assert it.screen.composer.text == "/hepl"
        assert not it.fake.requests


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("/etc/passwd is what?", "/etc/passwd is what?"),
        ("//set is what?", "/set is what?"),
        ("!important: is what?", "!important: is what?"),
    ],
)
async def test_questions_that_look_like_commands(chat: StartChat, typed: str, asked: str) -> None:
    async with chat() as it:
        await it.say(typed)
        assert it.said[0] == ("user", asked)
        assert it.store.prompts.recent() == [typed]


async def test_a_command_waits_for_the_answer(chat: StartChat) -> None:
    async with chat(Answer([piece(content="Hel"), 30.0, piece(finish_reason="stop")])) as it:
        await it.ask("Hi")
        await it.see("Hel")
        await command(it, "/retry")
        assert "the answer is still coming" in notice(it)
        it.screen.composer.put("")
        await command(it, "/set temperature=1")
        assert "temperature=1" in notice(it)
        await it.press("escape")
        await it.ended()


async def test_commands_act_on_both_panes(chat: StartChat, fake: FakeOpenAI) -> None:
    async with chat(wishes=[Wish(url=fake.url), Wish(url=fake.url)]) as it:
        await command(it, "/set temperature=0.1")
        await command(it, "/system Be brief.")
        it.screen.composer.put("Hi")
        it.screen.composer.send()
        await it.wait_for(lambda: len(fake.requests) == 2)
        await it.ended()
        assert [each["temperature"] for each in fake.requests] == [0.1, 0.1]
        assert all(each["messages"][0]["content"] == "Be brief." for each in fake.requests)
        await command(it, "/new")
        assert not any(pane.transcript.views for pane in it.screen.panes)


async def test_commands_before_there_is_a_server(chat: StartChat) -> None:
    async with chat(wishes=[Wish(url="http://127.0.0.1:9")], ready=False) as it:
        await command(it, "/set temperature=0.3")
        await command(it, "/json")
        await command(it, "/bench")
        assert "there is no server yet" in notice(it)
        before = it.pane.session
        it.screen.composer.put("")
        await command(it, f"/url {it.fake.url}")
        await it.wait_for(lambda: it.pane.session is not before)
        asked = await request(it)
        assert (asked["temperature"], asked["response_format"]) == (0.3, {"type": "json_object"})


async def test_edit_of_text_keeps_its_parts(chat: StartChat) -> None:
    async with chat() as it:
        await it.say("//not a command")
        assert it.pane.path[0].parts == (Text("/not a command"),)
