"""How people write, and what system prompts ask for."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.builtin_model.exchange import Exchange

PLAIN: Final = (
    *("You are a helpful assistant.", "You are a helpful assistant.", "You are an AI assistant.", "Be helpful."),
    *("You are a friendly assistant.", "You are a helpful, honest assistant.", "Answer the user's questions."),
    *("You are a chatbot.", "Be concise.", "You are a small model.", "You are an expert.", "Be kind and polite."),
)
SHORT: Final = (
    *("Answer with one word.", "Answer in one word.", "Reply with one word only.", "Only answer with a single word."),
    *("Give only the answer, no sentence.", "Use one word.", "You answer with one word."),
)
JSON: Final = (
    *("Answer in JSON.", "Always answer in JSON.", "Reply with JSON only.", "You answer with JSON.", "Output JSON."),
    *("Only answer with a JSON object.",),
)
PIRATE: Final = (
    *("You are a pirate.", "Talk like a pirate.", "Answer like a pirate.", "You are a friendly pirate."),
    *("Speak like a pirate.",),
)

Style = Callable[[Exchange], str]
"""From an exchange to the answer that the system prompt asks for."""

Prompt = tuple[str, Style]


def plain(exchange: Exchange) -> str:
    """The answer as it is."""
    return exchange.answer


def short(exchange: Exchange) -> str:
    """The answer in a word, where there is one."""
    return exchange.answer if exchange.short is None else exchange.short


def as_json(exchange: Exchange) -> str:
    """The answer as JSON, where there is one."""
    return exchange.answer if exchange.fields is None else json.dumps(exchange.fields)


def pirate(exchange: Exchange) -> str:
    """The answer after the pirates' greeting."""
    return f"Arr! {exchange.answer}"


def system_prompt(random: Random, *, plain_only: bool = False) -> Prompt:
    """A system prompt, often none, and what it does to answers."""
    kind = random.random()
    if kind < 0.62:
        return "", plain
    if kind < 0.85 or plain_only:
        return random.choice(PLAIN), plain
    prompts, style = random.choice(((SHORT, short), (JSON, as_json), (PIRATE, pirate)))
    return random.choice(prompts), style


BEFORE: Final = ("Please: ", "Hey, ", "Hi! ", "Hello, ", "Tell me: ", "A question: ", "Okay, ", "So, ", "Well, ")
AFTER: Final = (" Thanks!", " Please.", " Thank you.", " I want to know.")


def as_typed(question: str, random: Random) -> str:
    """The question as people type it: small letters, no full stop, a word before or after."""
    if random.random() < 0.08:
        question = random.choice(BEFORE) + question
    if random.random() < 0.04:
        question += random.choice(AFTER)
    if random.random() < 0.15:
        question = question[0].lower() + question[1:]
    if random.random() < 0.08:
        question = question.lower()
    if random.random() < 0.12:
        question = question.rstrip("?.!") or question
    return question
