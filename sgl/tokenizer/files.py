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

from sgl.errors import ModelError, echo

NAMED_TOKENS: Final = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Largest small file; tokenizer.json itself is read by the tokenizers library."""

_ADDED_FLAGS: Final = ("single_word", "lstrip", "rstrip", "normalized", "special")


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
    config = read_object(folder / "tokenizer_config.json")
    added = {int(key): _token(value, special=False) for key, value in config.get("added_tokens_decoder", {}).items()}
    # Files from before transformers 4.34 have no added_tokens_decoder; only then the map is read.
    names = config if "added_tokens_decoder" in config else config | read_object(folder / "special_tokens_map.json")
    spelled = {token.content: token for token in added.values()}
    own = [key for key in names if key.endswith("_token") and key not in NAMED_TOKENS and isinstance(names[key], str)]
    named = {
        key: _token(names[key], special=True, known=spelled)
        for key in (*NAMED_TOKENS, *own)
        if names.get(key) is not None
    }
    extra = names.get("extra_special_tokens") or names.get("additional_special_tokens") or []
    if isinstance(extra, dict):  # Name -> token: a model's own names, usable in its chat template.
        named |= {key: _token(value, special=True, known=spelled) for key, value in extra.items()}
        extra = []
    return TokenizerFiles(
        folder=folder,
        named=named,
        extra=tuple(_token(value, special=True, known=spelled) for value in extra),
        added=added,
        templates=_read_templates(folder, config.get("chat_template"), chat_template),
        tokenizer_class=_name(config.get("tokenizer_class")).removesuffix("Fast"),
        model_type=_name(read_object(folder / "config.json").get("model_type")),
        options={key: config[key] for key in ("legacy", "add_prefix_space") if isinstance(config.get(key), bool)},
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


def _read_templates(folder: Path, configured: object, replacement: Path | None) -> dict[str, str]:
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
    if found or configured is None:
        return found
    if isinstance(configured, str):
        return {"default": configured}
    try:
        return {str(entry["name"]): str(entry["template"]) for entry in _list(configured)}
    except (KeyError, TypeError):
        raise ModelError(
            f"{folder / 'tokenizer_config.json'}: chat_template must be text or a list of {{name, template}}."
        ) from None


def _token(value: object, *, special: bool, known: dict[str, AddedToken] | None = None) -> AddedToken:
    """Reads a token written as text or as ``{"content": text, flags...}``."""
    flags: dict[str, bool] = {"special": special}
    if isinstance(value, dict):
        flags |= {key: bool(value[key]) for key in _ADDED_FLAGS if key in value}
        value = value.get("content")
    if not isinstance(value, str):
        raise ModelError(f"tokenizer_config.json names a special token that is not text: {echo(value)}.")
    if known is not None and value in known:
        return known[value]
    return AddedToken(value, **flags)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _name(value: object) -> str:
    return value if isinstance(value, str) else ""


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
