"""What an operator does to a running server: flush the cache, abort requests, read the metrics."""

from __future__ import annotations

import math
from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sgl.errors import RequestError, echo
from sgl.protocol.fields import Fields
from sgl.runtime.client import EngineClient
from sgl.server.body import read_request
from sgl.server.metrics import Metrics

MAX_FLUSH_SECONDS: Final = 600.0

_NO_PROFILER: Final = "This server has no profiler yet: nothing was started or stopped.\n"


class Admin:
    """The operator's routes. With API keys each needs one, like every route that is not a probe."""

    def __init__(self, client: EngineClient, metrics: Metrics) -> None:
        self._client = client
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """The routes, with the methods SGLang's clients use."""
        return [
            Route("/flush_cache", self._flush_cache, methods=["GET", "POST"]),
            Route("/abort_request", self._abort_request, methods=["POST"]),
            Route("/start_profile", self._profile, methods=["GET", "POST"]),
            Route("/stop_profile", self._profile, methods=["GET", "POST"]),
            Route("/metrics", self._read_metrics),
        ]

    async def _flush_cache(self, request: Request) -> Response:
        """Empties the prefix cache; ``?timeout=`` waits that many seconds for running requests. Reads no body."""
        flushed, message = await self._client.flush_cache(_flush_timeout(request))
        if not flushed:
            raise RequestError(f"The cache was not flushed: {message}", code="requests_running")
        return PlainTextResponse(f"{message}\n")

    async def _abort_request(self, request: Request) -> Response:
        """Aborts the requests with exactly this ``rid``, or all."""
        rid, everything = await read_request(request.scope, request.receive, _parse_abort)
        aborted = self._client.abort_all() if everything else self._client.abort_matching(rid)
        return Response(msgspec.json.encode({"aborted": aborted}), media_type="application/json")

    async def _profile(self, request: Request) -> Response:
        """SGLang's clients insist on 200 here."""
        return PlainTextResponse(_NO_PROFILER)

    async def _read_metrics(self, request: Request) -> Response:
        return Response(await self._metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _flush_timeout(request: Request) -> float:
    text = request.query_params.get("timeout", "0")
    try:
        timeout = float(text)
    except ValueError:
        timeout = math.nan
    if not 0.0 <= timeout <= MAX_FLUSH_SECONDS:
        raise RequestError(
            f"Invalid 'timeout': expected seconds between 0 and {MAX_FLUSH_SECONDS:g}, but got {echo(text)} instead.",
            param="timeout",
            code="invalid_value",
        )
    return timeout


def _parse_abort(body: dict[str, object]) -> tuple[str, bool]:
    fields = Fields(body)
    rid, everything = fields.string("rid", ""), fields.boolean("abort_all", False)
    if not rid and not everything:
        raise RequestError(
            "Name the request to abort in 'rid', or set 'abort_all' to true.",
            param="rid",
            code="missing_required_parameter",
        )
    return rid, everything
