"""What a chat without a server offers, and a start that fails."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sgl.runs.phase import PhaseRecord
from sgl_cli.chat.client.cached import Startable
from sgl_cli.chat.client.connector import Connected, Connector
from sgl_cli.chat.client.endpoint import Endpoint
from sgl_cli.chat.client.http import ChatClient
from sgl_cli.chat.client.launch import StartFailed
from sgl_cli.chat.client.progress import Starting
from sgl_cli.chat.client.wish import Wish
from sgl_cli.chat.tui.link import Link
from sgl_cli.chat.tui.pane import model_picker
from sgl_cli.chat.tui.pane.error_card import ErrorCard
from sgl_cli.chat.tui.pane.start_card import StartCard

from .conftest import StartChat
from .driving import Running

NOBODY = {"wishes": [Wish()], "ready": False}


@pytest.fixture(autouse=True)
def no_usual_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else listens on the machine of the tests."""
    monkeypatch.setattr("sgl_cli.chat.client.find._answers", lambda *_: False)


def starts_with(it: Running, command: list[str]) -> None:
    """Puts another program in the place of ``sgl serve``."""
    link = it.screen.link_of(it.pane)
    link.connector = Connector(Wish(), it.screen.setup.environ, command=command)


def ready_after(it: Running, connected: Connected) -> None:
    """Makes the next start succeed: a server of ours takes longer than a test should."""

    def start(model: str, report: object) -> Connected:
        report(Starting(model, "mila", (PhaseRecord("weights", "", time.time()),)))  # type: ignore[operator]
        return replace(connected, model=model)

    it.screen.link_of(it.pane).connector.start = start  # type: ignore[method-assign, assignment]


async def test_models_of_this_machine_are_offered_and_one_is_started(chat: StartChat) -> None:
    async with chat(**NOBODY) as it:
        await it.see("Choose a model of this machine")
        await it.see("builtin")
        with ChatClient(Endpoint(it.fake.url)) as client:
            ready_after(it, Connected(client, "served", ("served",)))
            await it.press("enter")
            await it.wait_for(lambda: it.pane.session is not None)
            await it.settled()
            assert "Choose a model" not in it.text()
            assert it.screen.composer.has_focus
            await it.say("hello")
            assert it.said == [("user", "hello"), ("assistant", "Hello there.")]
            assert it.fake.requests[0]["model"] == "builtin"


async def test_escape_leaves_the_composer_usable_and_a_question_waits(chat: StartChat) -> None:
    async with chat(size=(60, 20), unicode=False, **NOBODY) as it:
        await it.see("builtin")
        await it.press("escape")
        await it.type("hello")
        await it.press("enter")
        await it.settled()
        assert any("choose a model to answer it" in notice for notice in it.notices())
        with ChatClient(Endpoint(it.fake.url)) as client:
            ready_after(it, Connected(client, "served", ("served",)))
            await it.press("enter")
            await it.wait_for(lambda: it.fake.requests)
            await it.ended()
            assert it.said == [("user", "hello"), ("assistant", "Hello there.")]


async def test_a_start_that_fails_shows_its_steps_and_its_error(chat: StartChat) -> None:
    async with chat(**NOBODY) as it:
        await it.see("builtin")
        script = "import sys; sys.exit('error: there is no room\\n  hint: use less')"
        starts_with(it, [sys.executable, "-c", script])
        await it.press("enter")
        await it.see("there is no room")
        assert "could not start a server for builtin" in it.text()
        assert "use less" in it.text()
        it.pane.query_one(ErrorCard).focus()
        await it.press("r")
        await it.see("Choose a model")  # Still nobody runs.
        assert "there is no room" not in it.text()


async def test_the_step_at_which_a_start_failed(chat: StartChat) -> None:
    async with chat() as it:
        link = it.screen.link_of(it.pane)
        phases = (PhaseRecord("engine", "", 1.0, 2.0), PhaseRecord("weights", "", 3.0, None, 1, 4))
        it.pane.post_message(Link.Progressed(link, Starting("m", "mila", phases)))
        await it.see("starting a server for m")
        it.pane.post_message(Link.Failed(link, StartFailed("m", 1, "error: there is no room")))
        await it.see("there is no room")
        card = it.pane.query_one(StartCard)
        assert "✗ load weights" in str(card.content)
        assert "tokenizer" not in str(card.content)  # Nothing is to come.


async def test_nothing_to_start(chat: StartChat, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Startable("owner/large", 1 << 40, "needs 900 GiB")]
    monkeypatch.setattr(model_picker, "startable_models", lambda environ: tuple(found))
    async with chat(size=(100, 30), **NOBODY) as it:
        await it.see("sgl download MODEL")
        assert "needs 900 GiB" in it.text()
        found.clear()
        await it.press("tab", "shift+tab")
        it.pane.query_one(model_picker.ModelPicker).action_look_again()
        await it.settled()
        await it.see("sgl download MODEL")
        assert "owner/large" not in it.text()


async def test_models_that_are_not_whole_are_named(chat: StartChat, tmp_path: Path) -> None:
    snapshot = tmp_path / "cache" / "models--owner--partly" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    async with chat(environ={"HF_HUB_CACHE": str(tmp_path / "cache")}, **NOBODY) as it:
        await it.see("builtin")
        await it.see("sgl download owner/partly")
