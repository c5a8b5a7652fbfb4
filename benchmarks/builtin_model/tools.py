"""Conversations with tools: the model asks for a call, hears the result, and puts it into words."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

from benchmarks.builtin_model import facts
from benchmarks.builtin_model.exchange import Conversation, Message

CITIES: Final = tuple(facts.CAPITALS.items.values())
WEATHER: Final = ("sunny", "cloudy", "rainy", "windy", "foggy", "snowy")
ASK_WEATHER: Final = (
    *("What is the weather in {x}?", "How is the weather in {x}?", "What's the weather like in {x}?"),
    *("Tell me the weather in {x}.", "Is it nice in {x}?", "Weather in {x}?", "Get the weather in {x}."),
)
ASK_TIME: Final = (
    *("What time is it in {x}?", "Tell me the time in {x}.", "What is the time in {x}?", "Time in {x}?"),
    *("How late is it in {x}?", "Do you know what time it is in {x}?"),
)


def tool(name: str, description: str) -> dict[str, Any]:
    """A function of one city, as in OpenAI's API."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS: Final = (tool("get_weather", "The weather in a city."), tool("get_time", "The time in a city."))


def draw(random: Random) -> Conversation:
    """A question that a tool answers, or one that needs none."""
    tools = random.sample(TOOLS, random.randint(1, 2))
    if random.random() < 0.35:
        exchange = facts.draw(random)
        while exchange.held_out:
            exchange = facts.draw(random)
        return Conversation(_turn(exchange.question, exchange.answer), tools)
    name = random.choice(tools)["function"]["name"]
    city = random.choice(CITIES)
    question = random.choice(ASK_WEATHER if name == "get_weather" else ASK_TIME).format(x=city)
    if name == "get_weather":
        result = random.choice(WEATHER)
        answer = f"It is {result} in {city}."
    else:
        result = f"{random.randrange(24)}:{random.randrange(60):02}"
        answer = f"It is {result} in {city}."
    call = json.dumps({"name": name, "arguments": {"city": city}})
    messages = _turn(question, f"<tool_call>\n{call}\n</tool_call>")
    messages += [{"role": "tool", "content": result}, {"role": "assistant", "content": answer}]
    return Conversation(messages, tools)


def _turn(question: str, answer: str) -> list[Message]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
