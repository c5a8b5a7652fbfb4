from __future__ import annotations

import os
import signal

import pytest

from sgl.config.engine import EngineConfig
from sgl.config.server import ServerConfig
from sgl.runs.announce import announce, unannounced
from sgl.runs.background import VARIABLE, Background, background
from sgl.runs.detach import environ_of_child, words_of_child
from sgl.runs.interrupts import Interrupts
from sgl.runs.redact import redact
from sgl.runs.registry import servers


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (["-d", "-m", "x"], ["-m", "x"]),
        (["x", "--detach", "--port", "0"], ["x", "--port", "0"]),
        (["--background=1", "x", "--json"], ["x"]),
        (["--detached", "-dx"], ["--detached", "-dx"]),
        (["--", "-d"], ["--", "-d"]),
        ([], []),
    ],
)
def test_the_child_does_not_detach_again(words: list[str], rest: list[str]) -> None:
    assert words_of_child(words) == rest


def test_the_child_s_environment() -> None:
    child = environ_of_child({"SGL_DETACH": "1", "SGL_JSON": "1", "SGL_PORT": "1", "PATH": "/bin"})
    assert "SGL_DETACH" not in child
    assert "SGL_JSON" not in child
    assert (child["SGL_PORT"], child["PATH"], child["PYTHONSAFEPATH"]) == ("1", "/bin", "1")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["-m", "x", "--api-key", "k1"], ("-m", "x", "--api-key", "(secret)")),
        (["--api-key=k1", "--api_key", "k2"], ("--api-key=(secret)", "--api_key", "(secret)")),
        (["--api-key"], ("--api-key",)),
        (["--api-key", "--api-key", "x"], ("--api-key", "(secret)", "x")),
        (["--api-key-file", "keys"], ("--api-key-file", "keys")),
    ],
)
def test_secrets_are_taken_out(words: list[str], shown: tuple[str, ...]) -> None:
    assert redact(words) == shown


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"id": "mila"}', '{"id": "../x", "log": "y"}', '{"id": 1, "log": "y"}']
)
def test_somebody_else_s_variable_is_nothing(text: str) -> None:
    assert background({VARIABLE: text}) is None


def test_a_server_announces_itself() -> None:
    config = ServerConfig(
        engine=EngineConfig(model_path="m"), served_model_name=("n",), api_keys=("s3cret",), drain_timeout=5.0
    )
    behind = Background("mila", "/logs/mila.log")
    with announce(config, ["-m", "m", "--api-key", "s3cret"], {**os.environ, **behind.to_environ()}):
        (server,) = servers()
        assert (server.id, server.log, server.background) == ("mila", "/logs/mila.log", True)
        assert (server.model, server.model_path, server.state) == ("n", "m", "starting")
        assert (server.has_key, server.drain_seconds, server.pid) == (True, 5.0, os.getpid())
        assert b"s3cret" not in server.encode()
    with announce(config, [], os.environ):
        (server,) = servers()
        assert (server.background, server.log) == (False, None)


def test_a_server_that_nobody_is_to_know_of() -> None:
    with unannounced() as registration:
        registration.update(state="ready")
        assert not registration.listed
        assert servers() == []


def test_signals_leave_a_note() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        interrupts.sleep(60.0)
        assert (interrupts.first, interrupts.second) == (signal.SIGTERM, None)
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.second == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) == before
