"""The probes: does the process live, does it take requests, does it generate."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sgl.errors import Draining, EngineDead, Unavailable
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.client import EngineClient, GenerateSpec

GENERATE_SECONDS: Final = 20.0
"""How long /health_generate waits for its token; SGLang's limit."""

_NAMESPACE: Final = "health"
"""Keeps the canary's prompt out of the prefix caches that requests share."""


class Health:
    """Answers of the probes. 503 comes as an error object that says why."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client

    def routes(self) -> list[Route]:
        """The probes' routes."""
        return [
            Route("/livez", self._alive),
            Route("/readyz", self._ready),
            Route("/health", self._ready),
            Route("/ping", self._ready, methods=["GET", "POST"]),
            Route("/health_generate", self._generates),
        ]

    async def _alive(self, request: Request) -> Response:
        """The event loop turns: that this is answered is the answer."""
        return PlainTextResponse("ok\n")

    async def _ready(self, request: Request) -> Response:
        """Whether a request would be taken now; costs no generation."""
        self._check_ready()
        return PlainTextResponse("ok\n")

    async def _generates(self, request: Request) -> Response:
        """One real token, greedily, within `GENERATE_SECONDS`."""
        self._check_ready()
        generation = self._client.submit(self._canary())
        try:
            await asyncio.wait_for(generation.wait(), GENERATE_SECONDS)
        except (TimeoutError, asyncio.TimeoutError):  # the same class from Python 3.11 on
            raise Unavailable(f"The engine generated no token within {GENERATE_SECONDS:g} seconds.") from None
        finally:
            generation.abort()
        return PlainTextResponse("ok\n")

    def _check_ready(self) -> None:
        if not self._client.alive:
            raise EngineDead("The engine process is gone; this server is about to exit.")
        if self._client.draining:
            raise Draining("The server is shutting down and takes no new requests.")

    def _canary(self) -> GenerateSpec:
        start = self._client.tokenizer.bos_token_id
        return GenerateSpec(
            prompt_ids=[0 if start is None else start],
            sampling=SamplingParams(max_new_tokens=1, temperature=0.0, ignore_eos=True),
            namespace=_NAMESPACE,
            label="health_generate",
        )
