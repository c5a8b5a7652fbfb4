"""Takes the server's port, before anything slow is done."""

from __future__ import annotations

import errno
import socket
from typing import Final

from sgl.errors import StartupError, echo
from sgl.runs.registry import servers
from sgl.runs.server import Server

LOOK_AHEAD: Final = 64
"""How many ports after the wanted one are tried for a free one to propose."""


def bind(host: str, port: int) -> socket.socket:
    """Binds ``port`` (0: any free one) without listening yet: a client is refused until the server is ready.

    Raises:
        StartupError: The address is not this machine's, or the port is taken; the message names a free one.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise StartupError(f"--host {echo(host)} is no address and no known name; try --host 127.0.0.1") from None
    family, kind, protocol, _, address = found[0]
    try:
        return _bound(family, kind, protocol, address)
    except OSError as error:
        raise _refusal(error, host, port) from None


def in_use(port: int, host: str) -> StartupError:
    """The error for a taken port."""
    free = _free_port(host, port)
    advice = f"--port {free} is free" if free else "choose another one with --port"
    ours = _server_on(port)
    if ours is not None:
        return StartupError(
            f"port {port} is in use by your server {ours.id} ({ours.model}); {advice}",
            hint=f"sgl stop {ours.id} ends it",
        )
    return StartupError(f"port {port} is in use by another program; {advice}")


def _server_on(port: int) -> Server | None:
    """The server of this user that listens there; this process, which wanted to, is not one."""
    try:
        return next((server for server in servers() if server.port == port and server.url), None)
    except StartupError:
        return None  # The registry cannot be trusted, and is not needed to say that a port is in use.


def _bound(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        # A port whose last server has just ended may be taken again at once.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener


def _refusal(error: OSError, host: str, port: int) -> StartupError:
    if error.errno == errno.EADDRINUSE:
        return in_use(port, host)
    if error.errno == errno.EACCES:
        return StartupError(f"port {port} is reserved for the system; use one above 1023, e.g. --port 30000")
    if error.errno == errno.EADDRNOTAVAIL:
        return StartupError(f"--host {echo(host)} is not an address of this machine; try --host 127.0.0.1 or 0.0.0.0")
    return StartupError(f"cannot listen on {echo(host)} port {port}: {error.strerror}")


def _free_port(host: str, port: int) -> int | None:
    for candidate in range(port + 1, min(port + 1 + LOOK_AHEAD, 65536)):
        family, kind, protocol, _, address = socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM)[0]
        try:
            listener = _bound(family, kind, protocol, address)
        except OSError:
            continue
        listener.close()
        return candidate
    return None
