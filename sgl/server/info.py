"""What is served, and how: model cards, /model_info, /server_info and the page at /."""

from __future__ import annotations

import contextlib
import html
import time
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sgl._version import __version__
from sgl.config.server import ServerConfig
from sgl.errors import Unavailable
from sgl.runtime.client import EngineClient
from sgl.runtime.native_reply import WEIGHT_VERSION
from sgl.server.metrics import PROBE_SECONDS, Metrics
from sgl.server.served import ServedModel

GIB: Final = 2**30

PUBLIC_SERVER_FIELDS: Final = (
    "host",
    "port",
    "max_body_bytes",
    "max_connections",
    "request_timeout",
    "queue_timeout",
    "drain_timeout",
    "log_level",
    "chat_template",
)
"""Fields of `ServerConfig` that /server_info shows. A list of what is shown, so that a secret added to the
config stays one."""

_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>sgl: {model}</title>
<body style="font-family: sans-serif; max-width: 46em; margin: 3em auto; line-height: 1.5">
<h1>sgl is running</h1>
<p>Model <code>{model}</code>, context {context} tokens.</p>
<p><a href="v1/models">/v1/models</a> &middot; <a href="server_info">/server_info</a> &middot;
<a href="health">/health</a> &middot; <a href="metrics">/metrics</a></p>
<p>OpenAI's API is at <code>/v1</code>, SGLang's at <code>/generate</code>.</p>
</body></html>
"""


class Info:
    """Routes that describe the server. Nothing here needs the engine to answer."""

    def __init__(self, client: EngineClient, config: ServerConfig, served: ServedModel, metrics: Metrics) -> None:
        self._client = client
        self._config = config
        self._served = served
        self._metrics = metrics
        self._started = int(time.time())

    def routes(self) -> list[Route]:
        """The routes; old and new names of SGLang's."""
        return [
            Route("/", self._page),
            Route("/v1/models", self._models),
            Route("/v1/models/{name:path}", self._model),
            Route("/model_info", self._model_info),
            Route("/get_model_info", self._model_info),
            Route("/server_info", self._server_info),
            Route("/get_server_info", self._server_info),
        ]

    async def _page(self, request: Request) -> Response:
        """For a browser."""
        model, context = html.escape(self._served.name), self._client.info.max_model_len
        return HTMLResponse(
            _PAGE.format(model=model, context=context),
            headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )

    async def _models(self, request: Request) -> Response:
        return _json({"object": "list", "data": [self._card(name) for name in self._served.names]})

    async def _model(self, request: Request) -> Response:
        return _json(self._card(self._served.resolve(request.path_params["name"])))

    async def _model_info(self, request: Request) -> Response:
        info, engine = self._client.info, self._config.engine
        return _json(
            {
                "model_path": engine.model_path,
                "served_model_name": self._served.name,
                "tokenizer_path": self._tokenizer_path,
                "is_generation": True,
                "preferred_sampling_params": None,
                "weight_version": WEIGHT_VERSION,
                "load_format": engine.load_format,
                "reasoning_parser": None,
                "tool_call_parser": None,
                "disaggregation_mode": "null",
                "has_image_understanding": False,
                "has_audio_understanding": False,
                "model_type": info.model_type,
                "architectures": [info.architecture],
            }
        )

    async def _server_info(self, request: Request) -> Response:
        # A busy engine answers after its step; then the last counters it sent are shown.
        with contextlib.suppress(Unavailable):
            await self._client.probe(PROBE_SECONDS)
        info = self._client.info
        shown = {name: getattr(self._config, name) for name in PUBLIC_SERVER_FIELDS}
        return _json(
            {
                **msgspec.to_builtins(self._config.engine),
                **info.settings,
                **shown,
                "vocab_size": info.vocab_size,
                "served_model_name": self._served.name,
                "tokenizer_path": self._tokenizer_path,
                "context_length": info.max_model_len,
                "max_total_num_tokens": info.kv_tokens,
                "reasons": info.reasons,
                "dp_size": 1,
                "startup_time": self._metrics.startup_seconds,
                "startup_phases": info.load_seconds,
                "internal_states": [self._internal_state()],
                "version": __version__,
                "frontend": "python",
            }
        )

    def _internal_state(self) -> dict[str, object]:
        info, stats = self._client.info, self._client.stats
        return {
            "effective_max_running_requests_per_dp": info.max_running_requests,
            "last_gen_throughput": self._metrics.throughput.rate,
            "memory_usage": {
                "weight": round(info.weight_bytes / GIB, 3),
                "kvcache": round(info.kv_bytes / GIB, 3),
                "token_capacity": info.kv_tokens,
                "graph": 0,
            },
            "num_running_reqs": stats.running,
            "num_waiting_reqs": stats.queued,
        }

    @property
    def _tokenizer_path(self) -> str:
        return self._config.tokenizer_path or self._config.engine.model_path

    def _card(self, name: str) -> dict[str, object]:
        context = self._client.info.max_model_len
        return {
            "id": name,
            "object": "model",
            "created": self._started,
            "owned_by": "sgl",
            "root": self._config.engine.model_path,
            "parent": None,
            "max_model_len": context,
            "context_length": context,
            "context_window": context,
        }


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
