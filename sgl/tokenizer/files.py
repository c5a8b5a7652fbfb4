"""What a model folder says about its tokenizer, read the way ``transformers`` 5 reads it.

`tokenizer.json` decides how text becomes ids, including which tokens are added at the ends
(``add_bos_token`` of tokenizer_config.json is not consulted beside it). The small files around it name
the special tokens and hold the chat templates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from tokenizers import AddedToken

from sgl.errors import ModelError

NAMED_TOKENS: Final = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Largest small file; tokenizer.json itself is read by the tokenizers library."""


class TokenEntry(msgspec.Struct, frozen=True):
    """A token written as an object; the flags are those of the tokenizers library."""

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool | None = None
    special: bool = False


class TemplateEntry(msgspec.Struct, frozen=True):
    """One of several chat templates."""

    name: str
    template: str


@dataclass(frozen=True, slots=True)
class TokenizerFiles:
    """The small files of one folder.

    Attributes:
        folder: Where they were read.
        named: ``bos_token``, ``eos_token``, ... and names of the model's own -> the token.
        extra: Further special tokens without a name.
        added: Id -> token, from ``added_tokens_decoder`` of tokenizer_config.json.
        templates: Name -> Jinja text; the one called ``default`` is used unless ``tool_use`` fits better.
        tokenizer_class: As tokenizer_config.json names it, without the ending ``Fast``; empty if it does not.
        model_type: As config.json names it; empty if it does not.
        options: ``legacy`` and ``add_prefix_space`` of tokenizer_config.json, where given.
    """

    folder: Path
    named: dict[str, AddedToken]
    extra: tuple[AddedToken, ...]
    added: dict[int, AddedToken]
    templates: dict[str, str]
    tokenizer_class: str
    model_type: str
    options: dict[str, bool]


def read_files(folder: Path, chat_template: Path | None = None) -> TokenizerFiles:
    """Reads the small files; all of them may be absent.

    Args:
        folder: The model's folder.
        chat_template: A Jinja file that replaces the model's templates.

    Raises:
        ModelError: A file cannot be read or is not what it should be.
    """
    path = folder / "tokenizer_config.json"
    config = read_object(path)
    entries = _field(path, config, "added_tokens_decoder", dict[int, TokenEntry]) or {}
    added = {token_id: _added_token(entry) for token_id, entry in entries.items()}
    # Files from before transformers 4.34 have no added_tokens_decoder; only then the map is read.
    names = config if "added_tokens_decoder" in config else config | read_object(folder / "special_tokens_map.json")
    known = {token.content: token for token in added.values()}
    own = [name for name in names if name.endswith("_token") and name not in NAMED_TOKENS and _is_text(names[name])]
    named = {name: _field(path, names, name, str | TokenEntry) for name in (*NAMED_TOKENS, *own)}
    extra: list[str | TokenEntry] = []
    for name in ("extra_special_tokens", "additional_special_tokens"):
        found = extra or _field(path, names, name, list[str | TokenEntry] | dict[str, str | TokenEntry])
        if isinstance(found, dict):  # Name -> token: a model's own names, which its chat template can use.
            named |= found
        else:
            extra = found or []
    return TokenizerFiles(
        folder=folder,
        named={name: _special_token(entry, known) for name, entry in named.items() if entry is not None},
        extra=tuple(_special_token(entry, known) for entry in extra),
        added=added,
        templates=_read_templates(folder, config, chat_template),
        tokenizer_class=(_field(path, config, "tokenizer_class", str) or "").removesuffix("Fast"),
        model_type=_field(folder / "config.json", read_object(folder / "config.json"), "model_type", str) or "",
        options={name: config[name] for name in ("legacy", "add_prefix_space") if isinstance(config.get(name), bool)},
    )


def read_object(path: Path) -> dict[str, Any]:
    """Reads a JSON object; a file that does not exist is an empty one.

    Raises:
        ModelError: The file cannot be read, is too large, or is not a JSON object.
    """
    if not path.exists():
        return {}
    try:
        value = msgspec.json.decode(_read(path))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} must hold a JSON object.")
    return value


def _read_templates(folder: Path, config: dict[str, Any], replacement: Path | None) -> dict[str, str]:
    """Finds the templates: a file given by the user, else files of the folder, else tokenizer_config.json."""
    if replacement is not None:
        if not replacement.is_file():
            raise ModelError(f"There is no chat template file {replacement}.")
        return {"default": _text(replacement)}
    found: dict[str, str] = {}
    if (folder / "chat_template.jinja").is_file():
        found["default"] = _text(folder / "chat_template.jinja")
    for path in sorted((folder / "additional_chat_templates").glob("*.jinja")):
        found[path.stem] = _text(path)
    if found:
        return found
    entry = _field(folder / "tokenizer_config.json", config, "chat_template", str | list[TemplateEntry])
    if entry is None:
        return {}
    return {"default": entry} if isinstance(entry, str) else {one.name: one.template for one in entry}


def _field(path: Path, values: dict[str, Any], name: str, kind: Any) -> Any:
    """The value of one field, which is of type ``kind`` or None.

    Raises:
        ModelError: It is something else; the message names file and field.
    """
    try:
        return msgspec.convert(values.get(name), kind | None, strict=False)
    except msgspec.ValidationError as error:
        raise ModelError(f"{path}: {name} is not what it should be: {error}") from error


def _added_token(entry: TokenEntry) -> AddedToken:
    flags = {name: getattr(entry, name) for name in ("single_word", "lstrip", "rstrip", "special")}
    if entry.normalized is not None:
        flags["normalized"] = entry.normalized
    return AddedToken(entry.content, **flags)


def _special_token(entry: str | TokenEntry, known: dict[str, AddedToken]) -> AddedToken:
    """A token of which only the text may be given; its flags are then those of a known one, or special."""
    text = entry if isinstance(entry, str) else entry.content
    if text in known:
        return known[text]
    return AddedToken(text, special=True) if isinstance(entry, str) else _added_token(entry)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _text(path: Path) -> str:
    try:
        return _read(path).decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is not UTF-8 text: {error}") from error


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise ModelError(f"{path} is not a regular file.")
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ModelError(f"{path} is too large ({size} bytes, at most {MAX_FILE_BYTES}).")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
