"""`Endpoint`: whom to ask, and with what key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from sgl.config.values import Secret
from sgl.errors import UsageError, echo

API: Final = "/v1"
_CHAT: Final = "/chat/completions"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Endpoint:
    """The base address of an OpenAI API.

    Attributes:
        url: Such as ``http://127.0.0.1:30000/v1``, without a slash at its end.
        key: Sent as bearer token; None for none.
        source: Where the address comes from, for people: ``--url``, ``SGL_URL``...
    """

    url: str
    key: str | None = field(default=None, repr=False)
    source: str = ""

    def __post_init__(self) -> None:
        """Refuses a key that no header can carry."""
        if self.key is not None:
            try:
                Secret().parse(self.key)
            except ValueError as error:
                raise UsageError(f"the key for {self.url} is not {Secret().expects}") from error

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where no proxy leads to."""
        return urlsplit(self.url).hostname in _LOOPBACK


def base_url(text: str, source: str) -> str:
    """The base address that a person means: ``localhost:30000`` is enough.

    Args:
        text: As it was typed.
        source: Who typed it, for the message.

    Raises:
        UsageError: It is no HTTP address.
    """
    text = text.strip()
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit("http:"), False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine or not address.isprintable():
        hint = "such as http://127.0.0.1:30000 or https://host/v1"
        raise UsageError(f"{source} expects the address of a server, got {echo(text)}", hint=hint)
    path = parts.path.rstrip("/").removesuffix(_CHAT)
    return f"{parts.scheme}://{parts.netloc}{path or API}"
