"""`seconds_to_first_token`: one short completion, timed until its first text comes. Standard library only."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from sgl.errors import EngineFailure, echo
from sgl.runs.server import Server

PROMPT: Final = "Once upon a time"
TOKENS: Final = 4
TIMEOUT: Final = 300.0
_DATA: Final = b"data: "
_DONE: Final = b"[DONE]"


def seconds_to_first_token(server: Server, environ: Mapping[str, str]) -> float:
    """Asks a server and waits until the first chunk of its answer is here.

    Args:
        environ: ``SGL_API_KEY`` is sent to a server that asks for a key.

    Raises:
        EngineFailure: It does not answer, or with an error.
    """
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)
    body = {"model": server.model, "prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0, "stream": True}
    headers = {"Content-Type": "application/json"}
    if server.has_key and environ.get("SGL_API_KEY"):
        headers["Authorization"] = f"Bearer {environ['SGL_API_KEY']}"
    began = time.perf_counter()
    try:
        connection.request("POST", f"{address.path}/v1/completions", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != 200:
            said = response.read(1 << 12).decode("utf-8", "replace")
            raise EngineFailure(f"{server.id} answered its first request with {response.status}: {echo(said)}")
        for line in response:
            if line.startswith(_DATA) and line.strip() != _DATA + _DONE:
                return time.perf_counter() - began
    except (OSError, http.client.HTTPException) as error:
        raise EngineFailure(f"{server.id} did not answer its first request: {error}") from error
    finally:
        connection.close()
    raise EngineFailure(f"{server.id} answered its first request with nothing")
