"""The tokenizer: byte-level BPE learnt from the corpus, with every digit a token of its own.

``python -m benchmarks.builtin_model.tokenizer FOLDER`` writes tokenizer.json, tokenizer_config.json and
chat_template.jinja.
"""

from __future__ import annotations

import json
import shutil
import sys
from itertools import islice
from pathlib import Path
from typing import Final

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from benchmarks.builtin_model.corpus import END, END_OF_TEXT, START, documents

VOCABULARY: Final = 2048
SEED: Final = 1
"""Another seed than training's: the tokenizer sees other documents of the same kind."""
DOCUMENTS: Final = 20_000
CONTEXT: Final = 1024
SPECIAL: Final = (END_OF_TEXT, START, END)
"""In the order of their ids, from 0."""

TEMPLATE: Final = Path(__file__).with_name("chat_template.jinja")


def train(count: int = DOCUMENTS) -> Tokenizer:
    """Learns the merges from ``count`` documents."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = ("".join(piece.text for piece in pieces) for pieces in islice(documents(SEED), count))
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the tokenizer's files as Hugging Face's libraries read them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": END,
        "pad_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,
        "model_max_length": CONTEXT,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(TEMPLATE, folder / TEMPLATE.name)


if __name__ == "__main__":
    save(train(), Path(sys.argv[1]))
