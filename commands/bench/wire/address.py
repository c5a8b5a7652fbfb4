"""`Address`: where requests of one server go, and the bytes of a request to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from sgl import __version__
from sgl.errors import UsageError, echo

AGENT: Final = f"sgl-bench/{__version__}"


@dataclass(frozen=True)
class Address:
    """One server.

    Attributes:
        host: Name or IP address.
        port: TCP port.
        tls: Whether it speaks TLS.
        headers: Sent with every request; the key is among them.
    """

    host: str
    port: int
    tls: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, url: str, key: str | None = None, headers: Mapping[str, str] | None = None) -> Address:
        """The server of a URL; its path does not matter.

        Raises:
            UsageError: It is no HTTP address, or a header cannot be sent.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"expected the address of a server, got {echo(url)}", hint="such as http://127.0.0.1:30000"
            )
        everything = {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        for name, value in everything.items():
            if not (name.isascii() and name.isprintable() and value.isascii() and value.isprintable()):
                raise UsageError(f"the header {echo(name)} has characters that no header can carry")
        tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls, everything)

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The bytes of one request. Compression is never asked for: unpacking would blur when a chunk came."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host}:{self.port}",
            f"User-Agent: {AGENT}",
            "Accept-Encoding: identity",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        elif method == "POST":
            lines.append("Content-Length: 0")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")
