"""`Target`: the server under test, and how to ask it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...chat.client.endpoint import API
from ..prompt import Prompt
from ..wire.address import Address
from ..wire.ask import PATHS, Api, Ask
from ..wire.bodies import encode_body


@dataclass(frozen=True)
class Target:
    """One server and one API of it.

    Attributes:
        url: Base address of its OpenAI API, such as ``http://127.0.0.1:30000/v1``.
        api: How it is asked.
        ask: What is asked for beside the prompts.
        key: Sent as bearer token; never shown.
        path: Where requests go, when not where the API says; from the server's root.
        headers: More headers.
    """

    url: str
    api: Api = "completions"
    ask: Ask = field(default_factory=Ask)
    key: str | None = field(default=None, repr=False)
    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def root(self) -> str:
        """The address without the API's part: where the routes beside it are."""
        return self.url.rstrip("/").removesuffix(API)

    @property
    def address(self) -> Address:
        """Where connections go.

        Raises:
            UsageError: The URL is none, or a header cannot be sent.
        """
        return Address.of(self.url, self.key, self.headers)

    @property
    def prefix(self) -> str:
        """What stands before every path: that of a server behind a proxy; mostly empty."""
        return "/" + rest if (rest := self.root.partition("://")[2].partition("/")[2].rstrip("/")) else ""

    @property
    def request_path(self) -> str:
        """The path of requests."""
        if self.path is not None:
            return "/" + self.path.lstrip("/")
        usual = PATHS[self.api]
        if usual.startswith(API) and not self.url.rstrip("/").endswith(API):
            usual = usual.removeprefix(API)  # An API at an address of its own, such as /api/v3.
        return self.prefix + usual

    def request(self, prompt: Prompt) -> bytes:
        """The bytes of one request.

        Raises:
            UsageError: The API cannot carry such a prompt.
        """
        return self.address.request("POST", self.request_path, encode_body(self.api, prompt, self.ask))
