"""``python -m benchmarks.perplexity``: what each quantisation costs in accuracy.

Perplexity of text that the models have not seen, per scheme: of the answers in conversations that the built-in
model's corpus holds out (`benchmarks.builtin_model.held_out`), and of the small stories in ``held_out_stories.txt``
under stories260k. Each engine runs in a process of its own, with its own defaults but for the scheme. Prints a table in
Markdown; a minute on two cores.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

import sgl
from benchmarks.builtin_model import arithmetic, facts, held_out
from benchmarks.builtin_model.corpus import render
from benchmarks.engines import STORIES
from sgl.builtin import folder as builtin_folder
from sgl.config.at_load import quantize_at_load
from sgl.config.hf import HfConfig
from sgl.config.sizes import ELEMENT_BYTES
from sgl.models.table import read_model_config
from sgl.plan.weights import parameter_bytes

SEED: Final = 7
QUESTIONS: Final = 60
TALKS: Final = 30
TEXTS: Final = Path(__file__).with_name("held_out_stories.txt")

SCHEMES: Final[dict[str, dict[str, str]]] = {
    "float32": {"dtype": "float32"},
    "bfloat16": {"dtype": "bfloat16"},
    "int8": {"dtype": "float32", "quantization": "int8"},
    "int4": {"dtype": "float32", "quantization": "int4"},
    "int4, bfloat16": {"dtype": "bfloat16", "quantization": "int4"},
    "fp8": {"dtype": "float32", "quantization": "fp8"},
    "KV cache int8": {"dtype": "float32", "kv_cache_dtype": "int8"},
    "KV cache fp8_e4m3": {"dtype": "float32", "kv_cache_dtype": "fp8_e4m3"},
    "int4, KV cache int8": {"dtype": "float32", "quantization": "int4", "kv_cache_dtype": "int8"},
}
"""Name -> options of the engine. Weights and KV cache have the type of activations where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Text:
    """Token ids, and which of them are counted."""

    ids: list[int]
    counted: list[bool]


@dataclass(frozen=True, slots=True)
class Measured:
    """Perplexity of one model under one scheme."""

    perplexity: float
    weight_bytes: int


def answers(folder: Path) -> list[Text]:
    """Held-out conversations; what the assistant says is counted."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    conversations = [
        *held_out.questions(facts.draw, QUESTIONS, SEED),
        *held_out.questions(arithmetic.draw, QUESTIONS, SEED),
        *held_out.topics(TALKS, SEED),
    ]
    texts = []
    for conversation in conversations:
        pieces = render(conversation)
        spoken = [piece.trained for piece in pieces for _ in piece.text]
        encoded = tokenizer.encode("".join(piece.text for piece in pieces), add_special_tokens=False)
        texts.append(Text(encoded.ids, [spoken[start] for start, _ in encoded.offsets]))
    return texts


def stories(folder: Path) -> list[Text]:
    """Small stories; every token is counted."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found = [tokenizer.encode(story.strip()) for story in TEXTS.read_text().split("\n\n")]
    return [Text(each.ids, [True] * len(each.ids)) for each in found]


def measure(folder: Path, texts: Sequence[Text], options: dict[str, str]) -> Measured:
    """One engine over all texts."""
    with sgl.Engine(str(folder), **options) as engine:
        results: Any = engine.generate(
            input_ids=[text.ids for text in texts],
            sampling_params={"max_new_tokens": 1, "temperature": 0},
            return_logprob=True,
            logprob_start_len=0,
        )
    logprobs = [logprob for text, result in zip(texts, results, strict=True) for logprob in _counted(text, result)]
    return Measured(math.exp(-sum(logprobs) / len(logprobs)), weight_bytes(folder, options))


def weight_bytes(folder: Path, options: dict[str, str]) -> int:
    """What the engine reports, by its own plan."""
    model = quantize_at_load(read_model_config(HfConfig.load(folder)), options.get("quantization"))  # type: ignore[arg-type]
    return parameter_bytes(model, ELEMENT_BYTES[options["dtype"]])  # type: ignore[index]


def _counted(text: Text, result: dict[str, Any]) -> Iterator[float]:
    entries = result["meta_info"]["input_token_logprobs"]
    for (logprob, token, *_), own, counted in zip(entries, text.ids, text.counted, strict=True):
        if token != own:
            raise ValueError(f"the engine tells of token {token}, and the text has {own}")
        if counted and logprob is not None:
            yield logprob


def table(models: dict[str, tuple[Path, Sequence[Text]]], schemes: Sequence[str]) -> Iterator[str]:
    """Lines of Markdown; the first scheme is what the others are compared with."""
    yield "| scheme | " + " | ".join(f"{name} | change | weights" for name in models) + " |"
    yield "|---|" + "---:|" * (3 * len(models))
    first: dict[str, float] = {}
    for scheme in schemes:
        cells = [scheme]
        for name, (folder, texts) in models.items():
            found = measure(folder, texts, SCHEMES[scheme])
            base = first.setdefault(name, found.perplexity)
            cells += [f"{found.perplexity:.4f}", f"{found.perplexity / base - 1:+.2%}"]
            cells.append(f"{found.weight_bytes / 2**20:.2f} MiB")
        yield f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.perplexity", description=__doc__)
    parser.add_argument("--schemes", nargs="+", choices=SCHEMES, default=list(SCHEMES), help="what to measure (all)")
    parser.add_argument("--stories", metavar="FOLDER", type=Path, default=STORIES, help="folder of stories260k")
    options = parser.parse_args(argv)
    builtin = builtin_folder()
    models = {"built-in model": (builtin, answers(builtin))}
    if options.stories.is_dir():
        models["stories260k"] = (options.stories, stories(options.stories))
    for name, (_, texts) in models.items():
        counted = sum(sum(text.counted) for text in texts)
        sys.stdout.write(f"{name}: {len(texts)} texts, {counted} tokens counted\n")
    for line in table(models, options.schemes):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
