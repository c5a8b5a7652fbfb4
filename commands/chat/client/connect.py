"""One call from what a person typed to a client and the name of a model: finds a server, or starts one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .failures import NotAnApi, Refused
from .find import model_to_ask_for, named_endpoint, nobody, registered_endpoint, running_endpoint

if TYPE_CHECKING:
    from .http import ChatClient


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


@contextmanager
def connected(wish: Wish, environ: Mapping[str, str] = os.environ) -> Iterator[tuple[ChatClient, str]]:
    """Gives a client and the name to ask for.

    In this order: ``--url``, ``SGL_URL``, ``OPENAI_BASE_URL``, a server of `sgl ps`, one on a usual port; for a model
    that none of the servers here has, one is started, and stopped at the end.

    Raises:
        ChatError: There is no server, or it cannot be reached.
        UsageError: An address is none, or the server leaves it open which model is meant.
    """
    from .http import ChatClient  # Imports httpx, which listing or exporting chats does not need.

    with ExitStack() as stack:
        endpoint = named_endpoint(wish.url, wish.key, environ) or running_endpoint(wish.model, wish.key, environ)
        if endpoint is None:
            if wish.model is None:
                raise nobody()
            from .launch import own_server  # Only starting one needs it.

            server = stack.enter_context(own_server(wish.model, keep=wish.keep, environ=environ))
            endpoint = registered_endpoint(server, wish.key, environ)
            client = stack.enter_context(ChatClient(endpoint))
            yield client, server.model
            return
        client = stack.enter_context(ChatClient(endpoint))
        yield client, model_to_ask_for(wish.model, _models(client, wish.model), endpoint.url)


def _models(client: ChatClient, model: str | None) -> tuple[str, ...]:
    """What the server has; an endpoint without a list is asked for the model as it was typed."""
    try:
        return client.models()
    except Refused as error:
        if model is None or error.status not in (404, 405, 501):
            raise
    except NotAnApi:
        if model is None:  # Else the name is known, and the chat may work without a list.
            raise
    return ()
