"""What a server was asked to be: an engine, an address, keys and limits."""

from __future__ import annotations

import msgspec

from sgl.config.engine import EngineConfig


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything ``sgl serve`` needs, fully decided before anything starts.

    Attributes:
        engine: The engine behind the server.
        host: Address to bind; loopback unless asked otherwise.
        port: TCP port.
        served_model_name: Names a request may use as ``model``; the first is what /v1/models shows.
        api_keys: Accepted bearer keys; empty means no key is asked.
        max_body_bytes: Largest request body.
        max_connections: Most open connections in all.
        request_timeout: Seconds one request may take; then 504, or an error event when it streams.
        queue_timeout: Seconds a request may wait for its first token's computation; then 503.
        drain_timeout: Seconds SIGTERM waits for running requests.
        log_level: Level of the log on stderr.
        chat_template: Path of a Jinja file that replaces the model's own template.
        tokenizer_path: Folder of the tokenizer; None is the model's.
    """

    engine: EngineConfig
    host: str = "127.0.0.1"
    port: int = 30000
    served_model_name: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    max_body_bytes: int = 4 * 1024 * 1024
    max_connections: int = 1024
    request_timeout: float = 600.0
    queue_timeout: float = 60.0
    drain_timeout: float = 30.0
    log_level: str = "info"
    chat_template: str | None = None
    tokenizer_path: str | None = None
