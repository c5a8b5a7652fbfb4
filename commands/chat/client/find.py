"""Which server to talk to: the one that was named, or one that runs here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from sgl.env import URL
from sgl.errors import UsageError, echo
from sgl.runs.registry import servers
from sgl.runs.server import Server

from .endpoint import API, Endpoint, base_url
from .failures import ChatError, NoServer, Refused

USUAL_PORTS: Final = (30000, 8000)
"""SGLang's and ours, then vLLM's."""

PROBE_SECONDS: Final = 2.0


class NobodyRuns(NoServer):
    """No server was found, and no model was named to start one for."""


class StillStarting(NoServer):
    """The only fitting server is still starting.

    Attributes:
        server: Its record.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(f"server {server.id} is still starting", hint=f"'sgl logs -f {server.id}' shows it")
        self.server = server


def named_endpoint(url: str | None, key: str | None, environ: Mapping[str, str] = os.environ) -> Endpoint | None:
    """The endpoint that ``--url``, ``SGL_URL`` or ``OPENAI_BASE_URL`` names, in this order; None when none does.

    The key is ``--api-key``, else ``SGL_API_KEY``. That of ``OPENAI_API_KEY`` goes to addresses that were given with
    ``--url`` or ``OPENAI_BASE_URL`` only, never to whatever answers on a port of this machine.

    Raises:
        UsageError: An address is none.
    """
    for text, source in ((url, "--url"), (URL.read(environ), URL.name)):
        if text:
            fallback = environ.get("OPENAI_API_KEY") if source == "--url" else None
            return Endpoint(base_url(text, source), own_key(key, environ) or fallback or None, source)
    if text := environ.get("OPENAI_BASE_URL"):
        found = key or environ.get("OPENAI_API_KEY") or environ.get("SGL_API_KEY")
        return Endpoint(base_url(text, "OPENAI_BASE_URL"), found or None, "OPENAI_BASE_URL")
    return None


def own_key(key: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The key for servers of ours."""
    return key or environ.get("SGL_API_KEY") or None


def running_endpoint(
    model: str | None,
    key: str | None,
    environ: Mapping[str, str] = os.environ,
    *,
    ports: Sequence[int] = USUAL_PORTS,
) -> Endpoint | None:
    """A server that runs on this machine: the newest ready one of `sgl ps`, else one on a usual port.

    Args:
        model: It must serve this; None for any.
        key: What ``--api-key`` says.
        environ: Environment variables.
        ports: Where to look for servers that are not of ours.

    Raises:
        StillStarting: The only fitting one is still starting.
    """
    fitting = [server for server in servers(environ) if model is None or serves(server, model)]
    ready = [server for server in fitting if server.state == "ready" and server.url]
    if ready:
        return registered_endpoint(ready[-1], key, environ)
    starting = [server for server in fitting if server.state == "starting"]
    if starting:
        raise StillStarting(starting[-1])
    for port in ports:
        endpoint = Endpoint(f"http://127.0.0.1:{port}{API}", own_key(key, environ), f"port {port}")
        if _answers(endpoint, model):
            return endpoint
    return None


def registered_endpoint(server: Server, key: str | None, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """How to reach a server of `sgl ps`."""
    return Endpoint(f"{server.url.rstrip('/')}{API}", own_key(key, environ), f"server {server.id}")


def record_of(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> Server | None:
    """What the registry says about an endpoint; None when it is not of ours."""
    for server in servers(environ):
        if server.url and registered_endpoint(server, None, environ).url == endpoint.url:
            return server
    return None


def serves(server: Server, model: str) -> bool:
    """Whether a server of ours serves what a person calls ``model``; a repository's name counts without its owner."""
    short = (name.rpartition("/")[2] for name in server.models)
    return model in (server.id, server.model_path, *server.models, *short)


def nobody() -> NobodyRuns:
    """The error when no server was found, and no model was given to start one for."""
    hint = "sgl serve -d starts one; sgl chat -m MODEL starts one for this chat"
    return NobodyRuns("no server is running", hint=hint)


def model_to_ask_for(model: str | None, models: Sequence[str], url: str) -> str:
    """The name for the request: what was asked for, in the server's spelling, else the first that it has.

    Raises:
        UsageError: The server names none, so a person must.
    """
    if model is None:
        if not models:
            raise UsageError(f"{url} does not say what models it has", hint="name one: -m MODEL")
        return models[0]
    if model in models:
        return model
    same = [name for name in models if name.rpartition("/")[2] == model or model.rpartition("/")[2] == name]
    return same[0] if len(same) == 1 else model


def _answers(endpoint: Endpoint, model: str | None) -> bool:
    """Whether an OpenAI server is there that has the model. No key is sent: nobody knows who listens."""
    from .http import ChatClient  # Imports httpx, which a chat with a server of `sgl ps` needs a moment later only.

    with ChatClient(Endpoint(endpoint.url), silence_seconds=PROBE_SECONDS) as client:
        try:
            models = client.models()
        except Refused as error:
            return error.status == 401 and model is None
        except ChatError:
            return False
    short = {name.rpartition("/")[2] for name in models}
    return bool(models) if model is None else model in models or model in short


def unknown_server(word: str) -> UsageError:
    """The error for a server that has gone between its start and its use."""
    return UsageError(f"server {echo(word)} is gone", hint="'sgl logs' shows what it wrote")
