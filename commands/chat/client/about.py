"""What a server says about itself: who it is, how busy it is, and the prompt that it makes of messages.

None of it is part of OpenAI's API: our server, SGLang and vLLM answer it beside the API, others do not, and what
they do not say is None.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from .endpoint import API
from .fields import count_in, json_object, object_in, objects_in, text_in
from .load import Load, read_load

if TYPE_CHECKING:
    from .http import ChatClient

_CONTEXT: Final = ("max_model_len", "context_length", "context_window")
_OWNERS: Final = {"sgl": "sgl", "sglang": "SGLang", "vllm": "vLLM", "llamacpp": "llama.cpp"}
"""Who stands as owner on the model cards of which server."""

_ASKED: Final = {"": ("/server_info", "/version", "/model_info"), "vLLM": ("/version",)}
_ASKED_OF_SGL: Final = ("/server_info", "/model_info")


@dataclass(frozen=True)
class About:
    """Who a server is.

    Attributes:
        software: Such as ``sgl`` or ``vLLM``; empty when it does not say.
        version: Of the software; empty when it does not say.
        context: Tokens that prompt and answer may have together.
        models: What it has.
        vision: Whether the model takes pictures.
    """

    software: str = ""
    version: str = ""
    context: int | None = None
    models: tuple[str, ...] = ()
    vision: bool | None = None


class Inspector:
    """Looks at the server of a client. Methods wait for the network; each may be called from any thread."""

    def __init__(self, client: ChatClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        # The tokens of the last scrape and its time: vLLM counts tokens and leaves their rate to the reader.
        self._last: tuple[float, float] | None = None

    @property
    def root(self) -> str:
        """Where the routes beside the API are: the parent of its base address."""
        return self._client.endpoint.url.removesuffix(API)

    def about(self, model: str = "") -> About:
        """Who it is.

        Args:
            model: Whose context and abilities are meant; by default those of the first that has any.

        Raises:
            ChatError: The server cannot be reached.
        """
        cards = self._ask(f"{self._client.endpoint.url}/models")
        software = software_of(cards)
        paths = _ASKED.get(software, _ASKED_OF_SGL if software in ("sgl", "SGLang") else ())
        answers = {path: self._ask(self.root + path) for path in paths}
        return read_about(
            cards,
            server_info=answers.get("/server_info"),
            version=answers.get("/version"),
            model_info=answers.get("/model_info"),
            model=model,
        )

    def load(self) -> Load | None:
        """How busy it is; None when it has no metrics that we know.

        Raises:
            ChatError: The server cannot be reached.
        """
        page = self._client.look(f"{self.root}/metrics")
        load = read_load(page.text) if page.status == 200 else None
        if load is None or load.generated is None:
            return load
        now, last = self._clock(), self._last
        self._last = (now, load.generated)
        if load.tokens_per_second is not None or last is None or now <= last[0] or load.generated < last[1]:
            return load
        return replace(load, tokens_per_second=(load.generated - last[1]) / (now - last[0]))

    def prompt(
        self, messages: Sequence[Mapping[str, Any]], model: str, extra: Mapping[str, Any] | None = None
    ) -> str | None:
        """The text that the model reads for ``messages``; None when the server does not show it.

        Args:
            messages: As in a request.
            model: As in a request.
            extra: More fields that the template reads, such as ``chat_template_kwargs`` and ``tools``.

        Raises:
            ChatError: The server cannot be reached.
        """
        tokens = self._tokens(messages, model, extra)
        if tokens is None:
            return None
        body = {"model": model, "tokens": tokens, "skip_special_tokens": False}
        answer = self._ask(f"{self.root}/detokenize", body) or {}
        text = answer.get("text", answer.get("prompt"))  # vLLM calls it the latter.
        return text if isinstance(text, str) else None

    def count(
        self, messages: Sequence[Mapping[str, Any]], model: str, extra: Mapping[str, Any] | None = None
    ) -> int | None:
        """How many tokens that text has; None when the server does not say. Otherwise as `prompt`."""
        tokens = self._tokens(messages, model, extra)
        return None if tokens is None else len(tokens)

    def _tokens(
        self, messages: Sequence[Mapping[str, Any]], model: str, extra: Mapping[str, Any] | None
    ) -> list[int] | None:
        body = {"add_generation_prompt": True, **(extra or {}), "model": model, "messages": list(messages)}
        tokens = (self._ask(f"{self.root}/tokenize", body) or {}).get("tokens")
        if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
            return None
        return tokens

    def _ask(self, address: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        page = self._client.look(address, body)
        return json_object(page.text) if page.status == 200 else None


def software_of(cards: Mapping[str, Any] | None) -> str:
    """Whose list of models it is; empty when nobody can tell."""
    owners = (text_in(card.get("owned_by")).lower() for card in objects_in((cards or {}).get("data")))
    return next((_OWNERS[owner] for owner in owners if owner in _OWNERS), "")


def read_about(
    cards: Mapping[str, Any] | None,
    *,
    server_info: Mapping[str, Any] | None = None,
    version: Mapping[str, Any] | None = None,
    model_info: Mapping[str, Any] | None = None,
    model: str = "",
) -> About:
    """Puts together what was answered.

    Args:
        cards: The list of models.
        server_info: Ours and SGLang's.
        version: vLLM's.
        model_info: Ours and SGLang's.
        model: See `Inspector.about`.
    """
    found = objects_in((cards or {}).get("data"))
    meant = [card for card in found if card.get("id") == model] or found
    software = software_of(cards)
    if not software and server_info and "context_length" in server_info:
        software = "SGLang"
    contexts = (count_in(place.get(name)) for place in (*meant, server_info or {}) for name in _CONTEXT)
    numbers = (text_in(answer.get("version")) for answer in (server_info, version) if answer)
    abilities = ((model_info or {}).get("has_image_understanding"), *map(_card_vision, meant))
    return About(
        software=software,
        version=next((number for number in numbers if number), ""),
        context=next((context for context in contexts if context), None),
        models=tuple(text_in(card.get("id")) for card in found if text_in(card.get("id"))),
        vision=next((ability for ability in abilities if isinstance(ability, bool)), None),
    )


def _card_vision(card: Mapping[str, Any]) -> bool | None:
    """Mistral's form, then OpenRouter's."""
    vision = object_in(card.get("capabilities")).get("vision")
    if isinstance(vision, bool):
        return vision
    modalities = object_in(card.get("architecture")).get("input_modalities")
    return "image" in modalities if isinstance(modalities, list) else None
