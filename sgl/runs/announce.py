"""Enters the server that this process is about to be into the registry."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sgl._version import __version__
from sgl.runs.background import background
from sgl.runs.history import expected_seconds
from sgl.runs.redact import redact
from sgl.runs.registry import Registration, register
from sgl.runs.server import Server

if TYPE_CHECKING:
    from sgl.config.server import ServerConfig


def announce(config: ServerConfig, words: Sequence[str], environ: Mapping[str, str]) -> Registration:
    """Registers this process as a server that starts.

    Args:
        words: What was typed; secrets are taken out.
    """
    behind = background(environ)
    return register(
        Server(
            id="" if behind is None else behind.id,
            pid=os.getpid(),
            host=config.host,
            port=config.port,
            models=config.served_model_name,
            model_path=config.engine.model_path,
            version=__version__,
            started=time.time(),
            expected_seconds=expected_seconds(config.engine.model_path, environ),
            background=behind is not None,
            log=None if behind is None else behind.log,
            has_key=bool(config.api_keys),
            drain_seconds=config.drain_timeout,
            argv=redact(words),
        ),
        environ,
    )


def unannounced() -> Registration:
    """The registration of a server that nobody is to know of."""
    nameless = Server(id="", pid=os.getpid(), host="", port=0, models=(), model_path="", version=__version__, started=0)
    return Registration(nameless, None, None)
