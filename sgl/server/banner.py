"""What a person sees when the server starts: the ready card, and the warning about open doors."""

from __future__ import annotations

import ipaddress
import json
import shlex

from sgl.config.server import ServerConfig
from sgl.log import escape
from sgl.protocol.messages import EngineInfo


def ready_card(
    config: ServerConfig,
    info: EngineInfo,
    *,
    model_name: str,
    port: int,
    chat: bool,
    seconds: float,
    background_id: str | None = None,
) -> str:
    """The lines printed once the server takes requests.

    Args:
        model_name: Name under which the model is served.
        port: The port that was bound.
        chat: Whether the model has a chat template; decides which call is shown.
        seconds: How long the start took.
        background_id: Name of a server in the background, which its commands are shown with.
    """
    base = url(config.host, port)
    rows = {
        "model": f"{model_name} ({info.architecture}, {info.dtype} on {info.device})",
        "context": f"{info.max_model_len} tokens",
        "KV cache": f"{info.kv_tokens} tokens{_kv_type(info)}, {_at_full_context(info)}",
        "at once": f"{info.max_running_requests} requests",
    }
    lines = ["", f"sgl is ready at {base} after {seconds:.1f} s", ""]
    lines += [f"  {label:<9} {escape(value)}" for label, value in rows.items()]
    lines += ["", "  " + curl_line(base, model_name, chat=chat, with_key=bool(config.api_keys)), ""]
    if background_id is not None:
        lines += [f"  sgl logs -f {background_id}", f"  sgl stop {background_id}", ""]
    return "\n".join(lines)


def _kv_type(info: EngineInfo) -> str:
    name = info.settings.get("kv_cache_dtype", info.dtype)
    return "" if name == info.dtype else f" in {name}"


def _at_full_context(info: EngineInfo) -> str:
    requests = info.kv_tokens // info.max_model_len
    if requests == 0:
        return f"at most {info.max_request_tokens} per request"
    return f"enough for {requests} request{'' if requests == 1 else 's'} at full context"


def curl_line(base: str, model_name: str, *, chat: bool, with_key: bool) -> str:
    """A call that can be pasted into a shell."""
    body: dict[str, object] = {"model": model_name}
    if chat:
        path = "/v1/chat/completions"
        body["messages"] = [{"role": "user", "content": "Tell me a story."}]
    else:
        path = "/v1/completions"
        body |= {"prompt": "Once upon a time", "max_tokens": 32}
    # Not quoted: the shell that runs the line puts the key in.
    key = ' -H "Authorization: Bearer $SGL_API_KEY"' if with_key else ""
    return f"curl {base}{path}{key} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"


def url(host: str, port: int) -> str:
    """Where to reach a server that listens on ``host``, from this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"


def exposure_warning(config: ServerConfig) -> str | None:
    """What to say when everybody on the network may use the server; None when they may not."""
    if config.api_keys or is_loopback(config.host):
        return None
    return (
        f"warning: listening on {config.host} without a key: everyone who can reach this machine can use the model, "
        "read the server's settings and abort other people's requests; set --api-key-file or --api-key, "
        "or use --host 127.0.0.1"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
