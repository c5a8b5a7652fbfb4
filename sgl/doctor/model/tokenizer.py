"""Whether the tokenizer loads here, the chat template renders, and answers can end."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sgl.config.hf import HfConfig, end_token_ids
from sgl.doctor.finding import Finding
from sgl.doctor.model.convert import convert
from sgl.doctor.subject import Subject
from sgl.errors import ModelError, RequestError
from sgl.tokenizer.backend import SLOW_FILES, load_backend
from sgl.tokenizer.chat import ChatTemplate
from sgl.tokenizer.files import TokenizerFiles, read_files, read_object
from sgl.tokenizer.helper import RenderHelper
from sgl.tokenizer.load import Tokenizer

MESSAGE: Final = "Hello"
TOKENIZER: Final = Subject("SGL611", "model", "tokenizer")
_TEMPLATE: Final = Subject("SGL612", "model", "chat template")
_END: Final = Subject("SGL613", "model", "end tokens")
_SAMPLING: Final = Subject("SGL614", "model", "generation")
_GENERATION: Final = "generation_config.json"
_DRAWING: Final = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


@dataclass(frozen=True, kw_only=True)
class TextFiles:
    """What turns text into ids and back.

    Attributes:
        name: What the model is called, for remedies.
        folder: Holds the tokenizer.
        model_folder: Holds config.json and generation_config.json.
        chat_template: A file that replaces the model's template, if one was given.
        vocab_size: Rows of the model's embedding, where they are known.
    """

    name: str
    folder: Path
    model_folder: Path
    chat_template: Path | None
    vocab_size: int | None


def text_findings(given: TextFiles, config: HfConfig | None) -> list[Finding]:
    """Findings about tokenizer, chat template, end tokens and the recommended ways to draw."""
    generation = _generation(given)
    try:
        files = read_files(given.folder, given.chat_template)
    except ModelError as error:
        return [_broken(given, error), *generation]
    tokenizer, findings = _load(given, files)
    if tokenizer is not None:
        findings.append(_template(given, files, tokenizer))
    if config is not None and not any(finding.status == "error" for finding in generation):
        findings.append(_ends(given, config, tokenizer))
    return [*findings, *generation]


def _load(given: TextFiles, files: TokenizerFiles) -> tuple[Tokenizer | None, list[Finding]]:
    """The tokenizer without its template, and the finding about it."""
    folder = given.folder
    if not (folder / "tokenizer.json").is_file():
        older = [name for name in SLOW_FILES if (folder / name).is_file()]
        if older:
            detail = f"{older[0]} is of an older format, which every start converts with transformers (some seconds)"
            return None, [TOKENIZER.warn(detail, convert("AutoTokenizer", folder))]
    try:
        backend, named = load_backend(files)
        tokenizer = Tokenizer(backend, named)
    except ModelError as error:
        return None, [_broken(given, error)]
    size = tokenizer.vocab_size
    if given.vocab_size is not None and size > given.vocab_size:
        detail = f"it has ids up to {size - 1}, and the model has {given.vocab_size} of them"
        return tokenizer, [TOKENIZER.error(detail, f"sgl download {given.name} --verify")]
    return tokenizer, [TOKENIZER.ok(f"loads, {size} ids", vocab_size=size)]


def _broken(given: TextFiles, error: ModelError) -> Finding:
    detail = error.message.replace(f"{given.folder}/", "").replace(str(given.folder), "the folder")
    return TOKENIZER.error(detail, f"sgl serve -m {shlex.quote(given.name)} --tokenizer FOLDER")


def _template(given: TextFiles, files: TokenizerFiles, tokenizer: Tokenizer) -> Finding:
    if not files.templates:
        detail = "there is none: /v1/chat/completions is refused, /v1/completions works"
        return _TEMPLATE.warn(detail, _given_template(given))
    helper = RenderHelper(files.templates)
    named = {name: token.content for name, token in files.named.items()}
    try:
        helper.start()
        helper.wait_started(named)
        chat = ChatTemplate(files.templates, named, helper)
        variables = chat.variables(
            [{"role": "user", "content": MESSAGE}], tools=None, add_generation_prompt=True, template_kwargs=None
        )
        text = asyncio.run(chat.render(variables))
    except (ModelError, RequestError) as error:
        detail = error.message.removeprefix("The model's chat template ").rstrip(".")
        return _TEMPLATE.error(detail, _given_template(given))
    finally:
        helper.close()
    tokens = len(tokenizer.encode(text, add_special_tokens=False))
    if MESSAGE not in text:
        detail = f"it renders '{MESSAGE}' to {tokens} tokens that do not hold it"
        return _TEMPLATE.warn(detail, _given_template(given))
    return _TEMPLATE.ok(f"renders '{MESSAGE}' to {tokens} tokens", tokens=tokens)


def _given_template(given: TextFiles) -> str:
    return f"sgl serve -m {shlex.quote(given.name)} --chat-template FILE.jinja"


def _ends(given: TextFiles, config: HfConfig, tokenizer: Tokenizer | None) -> Finding:
    """The finding about the tokens that end an answer."""
    remedy = f'put "eos_token_id" into {_GENERATION}'
    try:
        ids = end_token_ids(config, given.model_folder)
    except ModelError as error:
        return _END.error(error.message.replace(f"{given.model_folder}/", ""), remedy)
    if not ids:
        return _END.warn("there is none: every answer goes on to its max_tokens", remedy)
    beyond = [token for token in ids if given.vocab_size is not None and token >= given.vocab_size]
    if beyond:
        detail = f"{beyond[0]} is no id of this model, which has {given.vocab_size}"
        return _END.warn(detail, remedy)
    if tokenizer is None:
        return _END.ok(", ".join(map(str, ids)))
    own = tokenizer.eos_token_id
    if own is not None and own not in ids:
        detail = f"the tokenizer ends with {tokenizer.eos_token} ({own}), which does not end an answer of the model"
        return _END.warn(detail, remedy)
    shown = ", ".join(f"{tokenizer.token_text(token) or '?'} ({token})" for token in ids)
    return _END.ok(shown)


def _generation(given: TextFiles) -> list[Finding]:
    """What the model's makers recommend; a server leaves the choice to its clients."""
    path = given.model_folder / _GENERATION
    if not path.is_file():
        return []
    try:
        values = read_object(path)
    except ModelError as error:
        detail = error.message.replace(f"{given.model_folder}/", "")
        return [_SAMPLING.error(detail, f"sgl download {given.name} --verify")]
    recommended = [f"{name} {values[name]}" for name in _DRAWING if values.get(name) is not None]
    return [_SAMPLING.ok(f"recommended to clients: {', '.join(recommended)}")] if recommended else []
