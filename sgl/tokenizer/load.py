"""The model's tokenizer: text to ids, ids to text, messages to ids."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import tokenizers

from sgl.errors import RequestError
from sgl.tokenizer.backend import load_backend
from sgl.tokenizer.chat import ChatTemplate
from sgl.tokenizer.files import read_files
from sgl.tokenizer.helper import RenderHelper
from sgl.tokenizer.limit import refuse_hopeless
from sgl.tokenizer.pieces import TextStream, read_pieces
from sgl.tokenizer.shield import ControlShield

THREAD_ABOVE: Final = 4096
"""Characters above which `Tokenizer.encode_async` uses a thread: 4096 take about 2 ms, a hop to a thread 0.2 ms."""

ENCODING_THREADS: Final = 2
"""Long texts encoded at once; more would only take the engine's cores and memory (about 70 times the text)."""

_NO_TEMPLATE: Final = (
    "This model has no chat template; use /v1/completions or start the server with --chat-template FILE."
)


class Tokenizer:
    """One loaded tokenizer, shared by all requests of one process. Made by `load`; ended by `close`.

    Attributes:
        vocab_size: Ids the tokenizer knows are below it; the model may have more rows, which leave no text.
        special_ids: Ids that ``skip_special_tokens`` leaves out.
        bos_token, eos_token: Text of these tokens, or None.
        bos_token_id, eos_token_id: Their ids, or None. A model's own end tokens are in its generation config.
    """

    def __init__(
        self, backend: tokenizers.Tokenizer, named: Mapping[str, str] | None = None, chat: ChatTemplate | None = None
    ) -> None:
        """
        Args:
            backend: Gives ids.
            named: ``bos_token`` and the like -> text.
            chat: The model's chat templates, if it has any.

        Raises:
            ModelError: The decoder of ``backend`` is not implemented.
        """
        added = backend.get_added_tokens_decoder()
        named = named or {}
        self.vocab_size: int = max([backend.get_vocab_size(with_added_tokens=False), *(n + 1 for n in added)])
        self.special_ids = frozenset(token_id for token_id, token in added.items() if token.special)
        self.bos_token, self.eos_token = named.get("bos_token"), named.get("eos_token")
        self.bos_token_id, self.eos_token_id = _id(backend, self.bos_token), _id(backend, self.eos_token)
        self._backend = backend
        self._pieces = read_pieces(backend)
        self._shield = ControlShield(backend)
        self._chat = chat
        self._before, self._after = _ends(backend)
        self._threads = ThreadPoolExecutor(ENCODING_THREADS, thread_name_prefix="encode")

    @classmethod
    def load(cls, folder: Path, chat_template: Path | None = None) -> Tokenizer:
        """Loads the tokenizer of a model folder and starts its template helper.

        Args:
            folder: Holds tokenizer.json (or an older format) and the small files around it.
            chat_template: A Jinja file that replaces the model's chat templates.

        Raises:
            ModelError: No tokenizer there, it cannot be read, or the chat template is broken or hostile.
        """
        files = read_files(folder, chat_template)
        if not files.templates:
            return cls(*load_backend(files))
        helper = RenderHelper(files.templates)
        helper.start()  # Its Python starts while the vocabulary is read.
        try:
            backend, named = load_backend(files)
            tokenizer = cls(backend, named, ChatTemplate(files.templates, named, helper))
            helper.wait_started(named)
        except BaseException:
            helper.close()
            raise
        return tokenizer

    @property
    def has_chat_template(self) -> bool:
        """Whether `render_chat` and `encode_chat` can be used."""
        return self._chat is not None

    # -- text to ids -------------------------------------------------------------------------------

    def encode(self, text: str, *, add_special_tokens: bool = True, parse_special: bool = True) -> list[int]:
        """Ids of ``text``, as ``AutoTokenizer(folder)(text)`` gives them.

        Args:
            text: Any text.
            add_special_tokens: Put the tokens the model expects at the ends, e.g. BOS.
            parse_special: Read the text of special tokens as these tokens, not as plain characters.

        Raises:
            RequestError: ``text`` has half of a surrogate pair and so no UTF-8 form.
        """
        if parse_special:
            return _checked(text, lambda: self._backend.encode(text, add_special_tokens=add_special_tokens).ids)
        ids = _checked(text, lambda: self._shield.encode_plain(text))
        return [*self._before, *ids, *self._after] if add_special_tokens else ids

    async def encode_async(
        self, text: str, *, add_special_tokens: bool = True, parse_special: bool = True, at_most: int | None = None
    ) -> list[int]:
        """As `encode`; a long text is encoded in a thread, so the event loop turns meanwhile.

        Args:
            text: Any text.
            add_special_tokens: As in `encode`.
            parse_special: As in `encode`.
            at_most: Tokens the model can take. A text that is far too long for it is refused after a part of
                it is encoded, so the work does not grow with the text; a text that is a little too long is not.

        Raises:
            RequestError: ``text`` is not valid Unicode.
            ContextLengthExceeded: The text has clearly more than ``at_most`` tokens.
        """
        if len(text) <= THREAD_ABOVE:
            return self.encode(text, add_special_tokens=add_special_tokens, parse_special=parse_special)

        def encode() -> list[int]:
            if at_most is not None:
                refuse_hopeless(text, at_most, self._count)
            if not parse_special:
                return self.encode(text, add_special_tokens=add_special_tokens, parse_special=False)
            return self._encode_apart(text, add_special_tokens=add_special_tokens)

        return await self._in_thread(text, encode)

    def _encode_apart(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """As `encode`, by the only call of the library that lets other threads run meanwhile."""
        (encoding,) = self._backend.encode_batch_fast([text], add_special_tokens=add_special_tokens)
        ids: list[int] = encoding.ids
        return ids

    def _count(self, text: str) -> int:
        return len(self._encode_apart(text, add_special_tokens=False))

    # -- ids to text -------------------------------------------------------------------------------

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Text of ``ids``. Broken UTF-8 becomes U+FFFD; ids the tokenizer does not know leave no text."""
        stream = self.text_stream()
        skipped = self.special_ids if skip_special_tokens else frozenset[int]()
        return "".join([stream.push(token) for token in ids if token not in skipped]) + stream.finish()

    def text_stream(self, *, inside: bool = False) -> TextStream:
        """Starts a text that grows token by token; `sgl.tokenizer.detokenize` builds on it.

        Args:
            inside: The tokens go on with an earlier text. SentencePiece then keeps the first one's space.
        """
        return self._pieces.stream(inside=inside)

    def token_bytes(self, token_id: int) -> bytes:
        """Exact bytes of one token inside a text, also of half a character; empty for an unknown id."""
        return self._pieces.exact_bytes(token_id)

    def token_text(self, token_id: int) -> str:
        """One token as shown in logprobs: its `token_bytes` as text, so a leading space is kept."""
        return self._pieces.exact_bytes(token_id).decode(errors="replace")

    def is_special(self, token_id: int) -> bool:
        """Whether ``skip_special_tokens`` leaves this token out."""
        return token_id in self.special_ids

    # -- messages ----------------------------------------------------------------------------------

    async def render_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        template_kwargs: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt text the model's chat template makes of ``messages``.

        Args:
            messages: OpenAI's messages: objects with ``role`` and ``content`` (text or text parts).
            tools: OpenAI's tools.
            add_generation_prompt: End with the header of the assistant's turn.
            continue_final_message: End within the last message instead, so that the model goes on with it.
            template_kwargs: Further variables of the template, e.g. ``enable_thinking``.

        Raises:
            RequestError: The model has no template, the messages are malformed, or the template refused
                them or took too long.
        """
        chat, variables = self._prepare(messages, tools, add_generation_prompt, continue_final_message, template_kwargs)
        return await chat.render(variables, continue_final_message=continue_final_message)

    async def encode_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        template_kwargs: Mapping[str, Any] | None = None,
        at_most: int | None = None,
    ) -> list[int]:
        """Ids of the prompt `render_chat` makes, as transformers' ``apply_chat_template`` gives them.

        The text of special tokens in what the client wrote is plain text (see `sgl.tokenizer.shield`).
        Arguments and errors are those of `render_chat`, and ``at_most`` of `encode_async`.
        """
        chat, variables = self._prepare(messages, tools, add_generation_prompt, continue_final_message, template_kwargs)
        shield = self._shield
        if not shield.needed(variables):
            text = await chat.render(variables, continue_final_message=continue_final_message)
            return await self.encode_async(text, add_special_tokens=False, at_most=at_most)
        text = await chat.render(shield.broken(variables), continue_final_message=continue_final_message)
        if len(text) <= THREAD_ABOVE:
            return shield.encode_rendered(text)

        def encode() -> list[int]:
            if at_most is not None:
                refuse_hopeless(shield.readable(text), at_most, self._count)
            return shield.encode_rendered(text)

        return await self._in_thread(text, encode)

    async def close(self) -> None:
        """Ends the template helper and the encoding threads; `render_chat` would start a helper again."""
        if self._chat is not None:
            self._chat.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _prepare(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None,
        add_generation_prompt: bool,
        continue_final_message: bool,
        template_kwargs: Mapping[str, Any] | None,
    ) -> tuple[ChatTemplate, dict[str, Any]]:
        if self._chat is None:
            raise RequestError(_NO_TEMPLATE, param="messages")
        variables = self._chat.variables(
            messages,
            tools=tools,
            add_generation_prompt=add_generation_prompt and not continue_final_message,
            template_kwargs=template_kwargs,
        )
        return self._chat, variables

    async def _in_thread(self, text: str, encode: Callable[[], list[int]]) -> list[int]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _checked, text, encode)


def _checked(text: str, encode: Callable[[], list[int]]) -> list[int]:
    """Runs the library, which says TypeError to a str that has no UTF-8 form."""
    try:
        return encode()
    except TypeError:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise RequestError("The text is not valid Unicode: it has half of a surrogate pair.") from error
        raise


def _id(backend: tokenizers.Tokenizer, token: str | None) -> int | None:
    return None if token is None else backend.token_to_id(token)


def _ends(backend: tokenizers.Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that ``add_special_tokens`` puts before and after a text."""
    bare = backend.encode("a", add_special_tokens=False).ids
    full = backend.encode("a", add_special_tokens=True).ids
    before = next((n for n in range(len(full) + 1) if full[n : n + len(bare)] == bare), 0)
    return full[:before], full[before + len(bare) :]
