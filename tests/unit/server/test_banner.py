"""The ready card and the warning."""

from __future__ import annotations

import json
import shlex

import pytest

from sgl.config.engine import EngineConfig
from sgl.config.server import ServerConfig
from sgl.server.banner import curl_line, exposure_warning, ready_card, url
from tests.fakes import fake_info


def config(**fields: object) -> ServerConfig:
    return ServerConfig(engine=EngineConfig(model_path="m"), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("localhost", "http://localhost:80"),
        ("10.1.2.3", "http://10.1.2.3:80"),
    ],
)
def test_url_can_be_opened_on_this_machine(host: str, shown: str) -> None:
    assert url(host, 80) == shown


@pytest.mark.parametrize("chat", [True, False])
def test_curl_line_survives_a_shell(chat: bool) -> None:
    words = shlex.split(curl_line("http://x", 'it\'s "a" model', chat=chat, with_key=False))
    body = json.loads(words[words.index("-d") + 1])
    assert body["model"] == 'it\'s "a" model'
    assert words[1] == ("http://x/v1/chat/completions" if chat else "http://x/v1/completions")
    assert ("messages" in body) == chat


def test_card_tells_what_fits() -> None:
    def card(**fields: object) -> str:
        return ready_card(config(), fake_info(**fields), model_name="tiny", port=30000, chat=True, seconds=1.26)

    assert "sgl is ready at http://127.0.0.1:30000 after 1.3 s" in card()
    assert "enough for 8 requests at full context" in card(kv_tokens=4096)
    assert "enough for 1 request at full context" in card(kv_tokens=600)
    assert "at most 100 per request" in card(kv_tokens=100, max_request_tokens=100)
    assert "4096 tokens, " in card(kv_tokens=4096)
    assert "4096 tokens in int8, " in card(kv_tokens=4096, settings={"kv_cache_dtype": "int8"})


def test_card_cannot_drive_the_terminal() -> None:
    card = ready_card(config(), fake_info(), model_name="a\x1b[2Jb", port=1, chat=True, seconds=0.0)
    assert "\x1b" not in card


@pytest.mark.parametrize(
    ("fields", "warned"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "::1"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "example.org"}, True),
        ({"host": "0.0.0.0", "api_keys": ("k",)}, False),
    ],
)
def test_open_doors_are_warned_of(fields: dict[str, object], warned: bool) -> None:
    warning = exposure_warning(config(**fields))
    assert (warning is not None) == warned
    if warning is not None:
        assert "--api-key" in warning
        assert "\n" not in warning
