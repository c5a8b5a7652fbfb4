"""`Wish`: what a person said about the server to talk to."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wish:
    """What a person said about the server.

    Attributes:
        url: ``--url``.
        model: ``-m``.
        key: ``--api-key``.
        keep: ``--keep``: a server that is started stays.
    """

    url: str | None = None
    model: str | None = None
    key: str | None = field(default=None, repr=False)
    keep: bool = False
