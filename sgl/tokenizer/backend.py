"""From a model folder to a ``tokenizers.Tokenizer`` that gives the ids transformers' AutoTokenizer gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import tokenizers
from tokenizers import decoders, pre_tokenizers

from sgl.errors import ModelError
from sgl.tokenizer.files import TokenizerFiles

SLOW_FILES: Final = ("tokenizer.model", "vocab.json", "tekken.json", "tiktoken.model", "spiece.model")
"""Files that hold a vocabulary in an older format; transformers knows how to convert them."""

CONVERT_SECONDS: Final = 300.0
"""Longest conversion of an older format, importing transformers included."""


def load_backend(files: TokenizerFiles) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    """Loads tokenizer.json, or converts an older format, and adds the special tokens the small files name.

    Returns:
        The tokenizer, and ``bos_token`` and the like -> text.

    Raises:
        ModelError: There is no tokenizer, or it cannot be read.
    """
    path = files.folder / "tokenizer.json"
    if path.is_file():
        backend = _parse(_read(path), path)
        if files.tokenizer_class == "LlamaTokenizer" and files.model_type == "llama":
            _as_llama_tokenizer(backend, files.options)
        _add_special_tokens(backend, files)
        named = {name: token.content for name, token in files.named.items()}
    elif any((files.folder / name).is_file() for name in SLOW_FILES):
        text, named = _convert(files.folder)
        backend = _parse(text, files.folder)
    else:
        raise ModelError(
            f"{files.folder} has no tokenizer.json and no older tokenizer file.",
            hint="Copy the model's tokenizer files next to its weights, or name their folder with --tokenizer-path.",
        )
    backend.no_truncation()
    backend.no_padding()
    return backend, named


def _parse(text: str, source: Path) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # The library raises no narrower type.
        raise ModelError(f"{source} cannot be read by the tokenizers library: {error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def _as_llama_tokenizer(backend: tokenizers.Tokenizer, options: dict[str, bool]) -> None:
    """Does what transformers 5 does with a SentencePiece tokenizer.json of class ``LlamaTokenizer``.

    It keeps the vocabulary and the post-processor and replaces the rest: a space is put before the start
    of the text only, not after every special token as those files (of Llama 2, TinyLlama) say. Models of
    type ``mistral`` and byte-level files are used as they are.
    """
    if not isinstance(backend.model, tokenizers.models.BPE) or '"ByteLevel"' in _stages(backend):
        return
    spaced = options.get("add_prefix_space", True)
    scheme = "never" if not spaced else "always" if options.get("legacy", False) else "first"
    backend.model.unk_token = None
    backend.model.fuse_unk = True
    backend.model.byte_fallback = True
    backend.normalizer = None
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme, split=False)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    backend.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if spaced else steps)


def _stages(backend: tokenizers.Tokenizer) -> str:
    """The JSON of the stages beside the model."""
    stages = (backend.pre_tokenizer, backend.decoder)
    return "".join(stage.__getstate__().decode() for stage in stages if stage is not None)


def _add_special_tokens(backend: tokenizers.Tokenizer, files: TokenizerFiles) -> None:
    """Adds what tokenizer_config.json knows and tokenizer.json lacks, in the order transformers does."""
    present = {repr(token) for token in backend.get_added_tokens_decoder().values()}
    missing = [token for _, token in sorted(files.added.items()) if repr(token) not in present]
    spelled = {token.content for token in (*backend.get_added_tokens_decoder().values(), *missing)}
    for token in (*files.named.values(), *files.extra):
        if token.content not in spelled:
            spelled.add(token.content)
            missing.append(token)
    names = {token.content for token in files.named.values()}
    for token in missing:
        token.special = token.special or token.content in names
    if missing:
        backend.add_tokens(missing)


def _convert(folder: Path) -> tuple[str, dict[str, str]]:
    """Converts an older format in a process of its own, so that this one never imports transformers."""
    command = [sys.executable, "-m", "sgl.tokenizer.convert", str(folder)]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
    try:
        done = subprocess.run(command, env=environ, capture_output=True, timeout=CONVERT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ModelError(f"{folder}: converting its tokenizer took more than {CONVERT_SECONDS:g} s.") from None
    if done.returncode != 0:
        reason = [f"exit code {done.returncode}", *done.stderr.decode(errors="replace").strip().splitlines()][-1]
        raise ModelError(
            f"{folder} has no tokenizer.json and its older tokenizer cannot be converted: {reason}",
            hint="Save it with transformers' AutoTokenizer.from_pretrained(folder).save_pretrained(folder).",
        )
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["tokenizer"], answer["named"]
