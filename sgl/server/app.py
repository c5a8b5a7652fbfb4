"""The HTTP application: an explicit list of routes inside four layers.

From outside in: request id, error boundary, key check, body limit, router. Each layer is plain ASGI, so a
streamed chunk passes through them at the cost of a few calls.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from sgl.config.server import ServerConfig
from sgl.runtime.client import EngineClient
from sgl.server.admin import Admin
from sgl.server.auth import Auth
from sgl.server.boundary import ErrorBoundary
from sgl.server.chat import ChatCompletions
from sgl.server.completions import Completions
from sgl.server.errors import translate_http_exception
from sgl.server.health import Health
from sgl.server.info import Info
from sgl.server.limits import BodyLimit
from sgl.server.metrics import Metrics
from sgl.server.native import Generate
from sgl.server.requestid import RequestId
from sgl.server.served import ServedModel
from sgl.server.tokenize import Tokenize


def build_app(client: EngineClient, config: ServerConfig, *, startup_seconds: float = 0.0) -> Starlette:
    """Builds the application around a started engine.

    Every path stands in exactly one `Route`, which lists all methods it takes.

    Args:
        startup_seconds: How long the start took, for those who ask.
    """
    served = ServedModel(config)
    metrics = Metrics(client, served.name, startup_seconds)
    client.observer = metrics
    routes = [
        Route("/v1/chat/completions", ChatCompletions(client, config, served), methods=["POST"]),
        Route("/v1/completions", Completions(client, config, served), methods=["POST"]),
        Route("/generate", Generate(client, config), methods=["POST", "PUT"]),
        *Tokenize(client).routes(),
        *Health(client).routes(),
        *Info(client, config, served, metrics).routes(),
        *Admin(client, metrics).routes(),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(RequestId),
            Middleware(ErrorBoundary),
            Middleware(Auth, keys=config.api_keys),
            Middleware(BodyLimit, max_bytes=config.max_body_bytes),
        ],
        exception_handlers={HTTPException: translate_http_exception},
    )
    # A redirect would be built from the client's Host header; an unknown path is simply a 404.
    app.router.redirect_slashes = False
    return app
