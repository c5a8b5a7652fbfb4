"""Tiny tokenizer folders, made on the spot, of the families the engine serves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CHATML: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

CORPUS: Final = (
    "The little girl had a red ball. She said hello to the big dog and ran to the park.",
    "user assistant system tool im_start im_end think endoftext",
    "def f(x): return {'a': [1, 2, 3], \"b\": x * 2}  # 12345 <html> </html>",
    "Zażółć gęślą jaźń. Москва, 東京, 서울, العربية, 🎉👩‍👩‍👧 naïve café\n\n\n   \t",
)


def byte_level(*, bos: bool = False, extra: tuple[AddedToken, ...] = ()) -> Tokenizer:
    """Byte-level BPE as in GPT-2, Llama 3 and Qwen, with ChatML's special tokens and ``<think>`` as a common one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    special = [AddedToken(text, special=True, normalized=False) for text in SPECIAL]
    tokenizer.add_tokens([*special, AddedToken("<think>", special=False, normalized=False), *extra])
    if bos:
        start = tokenizer.token_to_id("<|endoftext|>")
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", start)]
        )
    return tokenizer


SPECIAL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def write_folder(
    folder: Path,
    tokenizer: Tokenizer | None,
    *,
    config: dict[str, Any] | None = None,
    template: str | None = None,
    model_type: str = "llama",
) -> Path:
    """Writes tokenizer.json, tokenizer_config.json, config.json and chat_template.jinja."""
    folder.mkdir(parents=True, exist_ok=True)
    if tokenizer is not None:
        tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **(config or {})}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}), "utf-8")
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    return folder


def byte_level_folder(folder: Path, *, template: str | None = CHATML, bos: bool = False) -> Path:
    """A ChatML model with a byte-level tokenizer."""
    config = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"} | ({"bos_token": "<|endoftext|>"} if bos else {})
    return write_folder(folder, byte_level(bos=bos), config=config, template=template)


def llama2_folder(folder: Path, stories260k: Path, **options: Any) -> Path:
    """A folder as Llama 2's: a SentencePiece vocabulary whose class transformers rebuilds its own way."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(stories260k / "tokenizer.json", folder)
    config = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | options), "utf-8")
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}), "utf-8")
    return folder
