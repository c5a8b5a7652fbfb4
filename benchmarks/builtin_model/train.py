"""Trains the demonstration model from scratch: ``python -m benchmarks.builtin_model.train FOLDER --minutes 35``.

A standard Llama decoder, AdamW for embeddings and norms and Muon for matrices, the learning rate falling to zero
over the given time. Every core is a worker process of its own with its own documents. What is written is a moving
average of the weights, every two minutes and at the end, so the run may be stopped at any time.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import distributed, multiprocessing
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.builtin_model import arithmetic, facts, held_out, tokenizer
from benchmarks.builtin_model.batches import Group, encode, groups, steps
from benchmarks.builtin_model.corpus import END, END_OF_TEXT, documents, render
from benchmarks.builtin_model.exchange import Conversation
from benchmarks.builtin_model.muon import Muon
from benchmarks.builtin_model.workers import Workers

DOCUMENTS_PER_STEP: Final = 96
WARM_UP_STEPS: Final = 40
MUON_RATE: Final = 0.02
ADAM_RATE: Final = 0.003
AVERAGE: Final = 0.99
"""How much of the averaged weights stays at each step."""
SAVE_SECONDS: Final = 120.0
LOG_SECONDS: Final = 45.0


def new_model(vocabulary: Tokenizer) -> LlamaForCausalLM:
    """The architecture, with random weights."""
    end, end_of_text = vocabulary.token_to_id(END), vocabulary.token_to_id(END_OF_TEXT)
    config = LlamaConfig(
        vocab_size=vocabulary.get_vocab_size(),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=tokenizer.CONTEXT,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=end_of_text,
        initializer_range=0.02,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = [end, end_of_text]
    model.generation_config.bos_token_id = None
    model.generation_config.pad_token_id = end_of_text
    return model


def logits(model: LlamaForCausalLM, group: Group) -> torch.Tensor:
    """Logits of the tokens to learn only: [targets, vocabulary]."""
    hidden = model.model(group.ids, use_cache=False).last_hidden_state
    return functional.linear(hidden[group.rows, group.columns], model.lm_head.weight)


def learn(model: LlamaForCausalLM, step: Sequence[Group]) -> float:
    """Adds up the gradients of one step's groups; returns the loss."""
    whole = sum(float(group.weights.sum()) for group in step)
    total = 0.0
    for group in step:
        losses = functional.cross_entropy(logits(model, group), group.targets, reduction="none")
        loss = (losses * group.weights).sum() / whole
        loss.backward()
        total += loss.item()
    return total


@torch.no_grad()
def exactness(model: LlamaForCausalLM, step: Sequence[Group]) -> float:
    """Share of documents of which every token to learn is the likeliest: greedy decoding writes them exactly."""
    right = wrong = 0
    for group in step:
        hits = logits(model, group).argmax(-1) == group.targets
        missed = torch.zeros(len(group.ids), dtype=torch.bool).index_put((group.rows[~hits],), torch.tensor(True))
        wrong += int(missed.sum())
        right += int((~missed).sum())
    return right / (right + wrong)


def optimizers(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices of the layers, AdamW for all else; each knows its full rate."""
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    others = [weight for weight in model.parameters() if all(weight is not matrix for matrix in matrices)]
    found: list[torch.optim.Optimizer] = [
        Muon(matrices, lr=MUON_RATE, weight_decay=0.01),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.01),
    ]
    for optimizer in found:
        for options in optimizer.param_groups:
            options["full_rate"] = options["lr"]
    return found


def save(model: LlamaForCausalLM, vocabulary: Tokenizer, folder: Path, record: dict[str, object]) -> None:
    """Writes the model in half precision with its tokenizer, and what is known about the run."""
    copy.deepcopy(model).half().save_pretrained(folder)
    tokenizer.save(vocabulary, folder)
    (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def train(folder: Path, minutes: float, seed: int, workers: Workers) -> None:
    """Trains for ``minutes`` together with the other workers; the first one writes to ``folder``."""
    torch.manual_seed(seed)  # The same first weights everywhere, and other documents.
    vocabulary = tokenizer.train()
    model = new_model(vocabulary)
    averaged = copy.deepcopy(model).requires_grad_(False)
    inventory = optimizers(model)
    stream = documents(seed * workers.count + workers.rank)
    tests = {
        "facts": _groups(held_out.questions(facts.draw, 128), vocabulary),
        "sums": _groups(held_out.questions(arithmetic.draw, 128), vocabulary),
        "topics": _groups(held_out.topics(64), vocabulary),
    }
    record: dict[str, object] = {"seed": seed, "parameters": model.num_parameters(), "workers": workers.count}
    began = logged = saved = time.monotonic()
    tokens = 0
    for number, step in enumerate(steps(stream, vocabulary, DOCUMENTS_PER_STEP // workers.count)):
        loss = learn(model, step)
        now = time.monotonic()
        loss, left, size = workers.agree(
            model.parameters(), loss, 1 - (now - began) / (minutes * 60), sum(group.ids.numel() for group in step)
        )
        if left <= 0:
            break
        _set_rates(inventory, min(1.0, (number + 1) / WARM_UP_STEPS) * left)
        for optimizer in inventory:
            optimizer.step()
            optimizer.zero_grad()
        _average(averaged.parameters(), model.parameters(), min(AVERAGE, number / (number + 10)))
        tokens += round(size * workers.count)
        record |= {"steps": number + 1, "tokens": tokens, "seconds": round(now - began), "loss": round(loss, 4)}
        if workers.rank == 0 and now - logged > LOG_SECONDS:
            logged = now
            exact = {name: round(exactness(averaged, test), 3) for name, test in tests.items()}
            print(json.dumps(record | exact), flush=True)
        if workers.rank == 0 and now - saved > SAVE_SECONDS:
            saved = now
            save(averaged, vocabulary, folder, record)
    if workers.rank == 0:
        save(averaged, vocabulary, folder, record)


def _groups(conversations: Sequence[Conversation], vocabulary: Tokenizer) -> list[Group]:
    return groups([encode(render(conversation), vocabulary) for conversation in conversations])


def _set_rates(inventory: Iterable[torch.optim.Optimizer], share: float) -> None:
    for optimizer in inventory:
        for options in optimizer.param_groups:
            options["lr"] = options["full_rate"] * share


@torch.no_grad()
def _average(averaged: Iterable[torch.Tensor], current: Iterable[torch.Tensor], stays: float) -> None:
    torch._foreach_lerp_(list(averaged), list(current), 1 - stays)


def _work(rank: int, count: int, meeting: str, folder: Path, minutes: float, seed: int) -> None:
    """One worker process."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=count)
    train(folder, minutes, seed, Workers(rank, count))
    distributed.destroy_process_group()


def main() -> None:
    """Reads the command line and starts the workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=35)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes with one core each")
    given = parser.parse_args()
    with TemporaryDirectory() as meeting:
        arguments = (given.workers, f"{meeting}/meeting", given.folder, given.minutes, given.seed)
        multiprocessing.spawn(_work, arguments, nprocs=given.workers)


if __name__ == "__main__":
    main()
