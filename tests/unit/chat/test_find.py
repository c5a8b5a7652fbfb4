"""Which server a chat talks to."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sgl.errors import UsageError
from sgl.runs.registry import register
from sgl.runs.server import Server
from sgl_cli.chat.client.connect import Wish, connected
from sgl_cli.chat.client.endpoint import Endpoint
from sgl_cli.chat.client.failures import NoServer, Refused
from sgl_cli.chat.client.find import model_to_ask_for, named_endpoint, running_endpoint
from tests.fake_openai import FakeOpenAI

Enter = Callable[..., Server]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine on which no server runs."""
    return {"XDG_RUNTIME_DIR": str(tmp_path)}


@pytest.fixture
def enter(environ: dict[str, str]) -> Iterator[Enter]:
    """Enters servers into the registry."""
    with contextlib.ExitStack() as stack:

        def add(id: str, **changes: Any) -> Server:
            fields: dict[str, Any] = {
                **{"host": "127.0.0.1", "port": 1, "url": f"http://{id}:1", "models": ("owner/m",), "state": "ready"},
                **{"model_path": "/models/m", "version": "0", "started": 1.0},
            }
            server = Server(id=id, pid=os.getpid(), **{**fields, **changes})
            return stack.enter_context(register(server, environ)).server

        yield add


def test_what_is_named_goes_in_this_order() -> None:
    environ = {"SGL_URL": "b", "OPENAI_BASE_URL": "c", "SGL_API_KEY": "s", "OPENAI_API_KEY": "o"}
    found = []
    for url in ("a", None):
        found.append(named_endpoint(url, None, environ))
    del environ["SGL_URL"]
    found.append(named_endpoint(None, None, environ))
    assert found == [
        Endpoint("http://a/v1", "s", "--url"),
        Endpoint("http://b/v1", "s", "SGL_URL"),
        Endpoint("http://c/v1", "o", "OPENAI_BASE_URL"),
    ]
    assert named_endpoint(None, None, {"SGL_URL": ""}) is None


def test_the_key_of_openai_goes_to_no_other_server() -> None:
    environ = {"SGL_URL": "b", "OPENAI_API_KEY": "o"}
    endpoint = named_endpoint(None, None, environ)
    assert endpoint is not None
    assert endpoint.key is None
    assert "secret" not in repr(Endpoint("http://h/v1", "secret")) + repr(Wish(key="secret"))


def test_the_newest_server_that_is_ready(enter: Enter, environ: dict[str, str]) -> None:
    enter("old", started=1.0)
    enter("new", started=2.0)
    enter("newest", started=3.0, state="starting")
    assert running_endpoint(None, "k", environ, ports=()) == Endpoint("http://new:1/v1", "k", "server new")


@pytest.mark.parametrize("model", ["other", "owner/other", "/models/other", "two"])
def test_the_server_that_has_the_model(model: str, enter: Enter, environ: dict[str, str]) -> None:
    enter("two", started=1.0, models=("owner/other",), model_path="/models/other")
    enter("new", started=2.0)
    found = running_endpoint(model, None, environ, ports=())
    assert found is not None
    assert found.source == "server two"


def test_a_server_that_is_still_starting(enter: Enter, environ: dict[str, str]) -> None:
    enter("mila", state="starting")
    with pytest.raises(NoServer, match="server mila is still starting"):
        running_endpoint(None, None, environ, ports=())
    assert running_endpoint("another", None, environ, ports=()) is None


def test_a_server_on_a_usual_port(endpoint: FakeOpenAI, environ: dict[str, str]) -> None:
    port = int(endpoint.url.rpartition(":")[2].removesuffix("/v1"))
    found = running_endpoint(None, "secret", environ, ports=(port,))
    assert found == Endpoint(endpoint.url, "secret", f"port {port}")
    assert running_endpoint("served", None, environ, ports=(port,)) is not None
    assert running_endpoint("another", None, environ, ports=(port,)) is None
    assert set(endpoint.keys) == {None}  # Nobody's key is sent before it is known who is there.
    endpoint.key = "right"
    assert running_endpoint(None, None, environ, ports=(port,)) is not None
    endpoint.key, endpoint.models = None, None
    assert running_endpoint(None, None, environ, ports=(port,)) is None
    assert running_endpoint(None, None, environ, ports=(1,)) is None


def test_a_model_in_the_spelling_of_the_server() -> None:
    assert model_to_ask_for(None, ("a", "b"), "u") == "a"
    assert model_to_ask_for("b", ("a", "owner/b"), "u") == "owner/b"
    assert model_to_ask_for("owner/b", ("a", "b"), "u") == "b"
    assert model_to_ask_for("c", ("a", "b"), "u") == "c"
    with pytest.raises(UsageError, match="does not say what models it has"):
        model_to_ask_for(None, (), "u")


def test_connecting(endpoint: FakeOpenAI, environ: dict[str, str]) -> None:
    with connected(Wish(url=endpoint.url), environ) as (client, model):
        assert (client.endpoint.source, model) == ("--url", "served")
    endpoint.key = "right"
    with pytest.raises(Refused, match="asks for a key"), connected(Wish(url=endpoint.url, model="m"), environ):
        pass
