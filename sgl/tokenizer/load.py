"""The model's tokenizer: text to ids, ids to text, messages to ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2.sandbox
import tokenizers

from sgl.errors import ModelError, RequestError


class Tokenizer:
    """One loaded tokenizer. Safe to share between requests of one event loop.

    Attributes:
        vocab_size: Number of ids the tokenizer knows; the model may have more rows.
        bos_token, eos_token: Their text, or None.
        bos_token_id, eos_token_id: Their ids, or None.
        has_chat_template: Whether `render_chat` and `encode_chat` can work.
    """

    def __init__(self, backend: tokenizers.Tokenizer, settings: dict[str, Any], chat_template: str | None) -> None:
        self._backend = backend
        self._template = chat_template
        self._special = {i for i, t in backend.get_added_tokens_decoder().items() if t.special}
        self.vocab_size: int = backend.get_vocab_size()
        self.bos_token: str | None = _content(settings.get("bos_token"))
        self.eos_token: str | None = _content(settings.get("eos_token"))
        self.bos_token_id: int | None = None if self.bos_token is None else backend.token_to_id(self.bos_token)
        self.eos_token_id: int | None = None if self.eos_token is None else backend.token_to_id(self.eos_token)

    @classmethod
    def load(cls, folder: Path, chat_template: Path | None = None) -> Tokenizer:
        """Loads ``folder``'s tokenizer; ``chat_template`` is a Jinja file that replaces the model's.

        Raises:
            ModelError: No tokenizer there, or it cannot be used; one line says why.
        """
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise ModelError(f"{folder} has no tokenizer.json.")
        backend = tokenizers.Tokenizer.from_str(file.read_text("utf-8"))
        config = folder / "tokenizer_config.json"
        settings = json.loads(config.read_text("utf-8")) if config.is_file() else {}
        source = chat_template or folder / "chat_template.jinja"
        template = source.read_text("utf-8") if source.is_file() else settings.get("chat_template")
        return cls(backend, settings, template)

    @property
    def has_chat_template(self) -> bool:
        return self._template is not None

    def encode(self, text: str, *, add_special_tokens: bool = True, parse_special: bool = True) -> list[int]:
        """Ids of ``text``. With ``parse_special`` False the text of special tokens is plain text."""
        self._backend.encode_special_tokens = not parse_special
        return self._backend.encode(text, add_special_tokens=add_special_tokens).ids

    async def encode_async(
        self, text: str, *, add_special_tokens: bool = True, parse_special: bool = True
    ) -> list[int]:
        """As `encode`, without holding up the event loop when the text is long."""
        return self.encode(text, add_special_tokens=add_special_tokens, parse_special=parse_special)

    def decode(self, ids: list[int], *, skip_special_tokens: bool = True) -> str:
        """Text of ``ids``; broken UTF-8 becomes U+FFFD, unknown ids leave nothing."""
        return self._backend.decode(ids, skip_special_tokens=skip_special_tokens)

    def token_text(self, token_id: int) -> str:
        """Text of one token as shown in logprobs: its bytes, with U+FFFD for halves of characters."""
        return self.token_bytes(token_id).decode("utf-8", "replace")

    def token_bytes(self, token_id: int) -> bytes:
        """Exact bytes of one token, also of half a character; empty for an unknown id."""
        return self._backend.decode([token_id], skip_special_tokens=False).encode()

    def is_special(self, token_id: int) -> bool:
        """Whether ``skip_special_tokens`` leaves this token out."""
        return token_id in self._special

    async def render_chat(
        self,
        messages: list[dict[str, Any]],
        *,
        tools: list[dict[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        template_kwargs: dict[str, Any] | None = None,
    ) -> str:
        """The prompt text the model's chat template makes of ``messages``.

        Raises:
            RequestError: The model has no template, or the template refused the messages.
        """
        if self._template is None:
            raise RequestError(
                "This model has no chat template; use /v1/completions or start the server with --chat-template FILE.",
                param="messages",
            )
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        return environment.from_string(self._template).render(
            messages=messages,
            tools=tools,
            add_generation_prompt=add_generation_prompt,
            bos_token=self.bos_token,
            eos_token=self.eos_token,
            **(template_kwargs or {}),
        )

    async def encode_chat(
        self,
        messages: list[dict[str, Any]],
        *,
        tools: list[dict[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        template_kwargs: dict[str, Any] | None = None,
    ) -> list[int]:
        """Ids of the prompt `render_chat` makes; special tokens inside contents stay plain text."""
        text = await self.render_chat(
            messages,
            tools=tools,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            template_kwargs=template_kwargs,
        )
        return self.encode(text, add_special_tokens=False)

    async def close(self) -> None:
        """Ends the template helper process, if one runs."""


def _content(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None
