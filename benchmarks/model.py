"""The model under measurement: Qwen3-0.6B's shape with random weights and a tokenizer of plain bytes.

``python -m benchmarks.model`` makes the folder; the other commands here make it when it is not there. Speed
does not depend on what weights say, so none are downloaded. In the tokenizer, id = byte value below 256 and
nothing is ever merged in plain text: every engine turns a text of n ASCII letters into the same n ids.
Every other id has a text as well, so that each generated token shows in the stream.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent
CACHE: Final = ROOT / ".cache"
MODEL: Final = CACHE / "qwen3-0.6b-random"
VOCAB: Final = 151936
CONTEXT: Final = 40960
END: Final = "<|endoftext|>"
END_ID: Final = VOCAB - 1
SEED: Final = 20260101


def ensure_model(folder: Path = MODEL) -> Path:
    """The folder, made first if it does not exist (1.2 GB, half a minute)."""
    if not folder.is_dir():
        # Made beside it and renamed when complete: an interrupted run leaves no half of a model.
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        write_tokenizer(unfinished)
        _write_weights(unfinished)
        unfinished.rename(folder)
    return folder


def vocabulary() -> list[str]:
    """Token texts by id, in the byte alphabet of GPT-2's byte-level BPE.

    Ids 0 to 255 are the bytes, 256 is the one merge (of bytes 0 and 1; readers of GGUF insist that there is
    one), then words that exist for their text alone, and the end token last.
    """
    alphabet = byte_alphabet()
    words = [f"{alphabet[0x20]}{index:x}" for index in range(257, END_ID)]
    return [*alphabet, alphabet[0] + alphabet[1], *words, END]


def byte_alphabet() -> list[str]:
    """One printable character per byte, as GPT-2 chose them: itself, or from U+0100 on for the others."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def write_tokenizer(folder: Path) -> None:
    """Writes tokenizer.json and tokenizer_config.json."""
    # Heavy imports are local: the benchmarks read this module's constants without them.
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE

    alphabet = byte_alphabet()
    ids = {text: index for index, text in enumerate(vocabulary())}
    tokenizer = Tokenizer(BPE(vocab=ids, merges=[(alphabet[0], alphabet[1])]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END, normalized=False)])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))


def _write_weights(folder: Path) -> None:
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(SEED)
    config = Qwen3Config(
        vocab_size=VOCAB,
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=True,
        dtype="bfloat16",
    )
    # No end token in the generation config: the server of transformers has no ignore_eos.
    model = Qwen3ForCausalLM(config)
    model.bfloat16()
    model.save_pretrained(folder)


if __name__ == "__main__":
    ensure_model()
    sys.stdout.write(f"{MODEL.name} is ready\n")
