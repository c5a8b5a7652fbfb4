"""The screen that shows who the server is and how busy it is."""

from __future__ import annotations

from sgl_cli.chat.client.endpoint import Endpoint
from sgl_cli.chat.client.http import ChatClient
from sgl_cli.chat.client.load import Load
from sgl_cli.chat.tui.look import ASCII, UNICODE
from sgl_cli.chat.tui.panels.server_screen import ServerScreen, bar, load_rows, trend
from tests.fake_openai import fake_openai

from .conftest import StartChat
from .driving import Running

METRICS = """sgl:num_requests_running 3
sgl:num_requests_waiting 2
sgl:kv_cache_usage_perc 0.5
sgl:cache_hit_rate 0.25
sgl:generation_tokens_per_second 120.5
sgl:generation_tokens_total 1000
"""


async def opened(it: Running) -> ServerScreen:
    """The screen, which looks often."""
    session = it.pane.session
    assert session is not None
    screen = ServerScreen(session.client, it.screen.setup.marks, session.model, every_seconds=0.02)
    it.app.push_screen(screen)
    return screen


async def test_a_busy_server(chat: StartChat) -> None:
    async with chat(size=(90, 34)) as it:
        it.fake.pages.update(
            {
                "/v1/models": {"data": [{"id": "served", "owned_by": "sgl", "max_model_len": 4096}]},
                "/server_info": {"version": "9.9.9", "context_length": 4096},
                "/metrics": METRICS,
            }
        )
        screen = await opened(it)
        await it.see("120.5 tok/s, all requests")
        for words in ("sgl 9.9.9", "served", "4,096 tokens", "50%", "25% of prompt tokens", "generated tokens"):
            assert words in it.text()
        await it.see("last minute")
        it.fake.pages["/metrics"] = METRICS.replace("running 3", "running 7")
        await it.wait_for(lambda: "running" in it.text() and " 7" in it.text().partition("running")[2][:40])
        await it.press("escape")
        await it.wait_for(lambda: not screen.is_attached)
        asked = len(it.fake.asked)
        await it.settled()
        assert len(it.fake.asked) <= asked + 1  # It looks no more.


async def test_a_foreign_server_does_not_tell(chat: StartChat) -> None:
    async with chat(size=(60, 20), unicode=False) as it:
        await opened(it)
        await it.see("does not tell")
        assert "metrics" in it.text()
        assert "served" in it.text()
        await it.press("q")


async def test_a_server_that_is_gone(chat: StartChat) -> None:
    async with chat(size=(90, 30)) as it:
        with fake_openai() as other:
            other.pages["/metrics"] = METRICS
            client = ChatClient(Endpoint(other.url))
            it.app.push_screen(ServerScreen(client, it.screen.setup.marks, every_seconds=0.02))
            await it.see("120.5 tok/s")
        await it.see("cannot reach")
        await it.press("ctrl+c")
        assert "cannot reach" not in it.text()
        client.close()


def test_signs() -> None:
    assert bar(0.5, ASCII) == "##########.......... 50%"
    assert trend([0, 0, 4, 8, 1, 1], UNICODE) == "▁█▂"
    assert trend([0.0], ASCII) == "_"
    assert len(trend([1.0] * 60, ASCII)) == 30
    assert dict(load_rows(Load(running=1), UNICODE)) == {
        "running": "1",
        **dict.fromkeys(("queued", "KV cache", "cache hits", "speed"), "the server does not tell"),
    }
