"""Greetings, what the model is, and questions about sgl: few answers, many ways to ask."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Final

from benchmarks.builtin_model.exchange import Exchange

IDENTITY: Final = "I am the demonstration model of sgl, a very small language model that was made to try sgl out."
ABILITIES: Final = (
    "I can answer questions about sgl, tell facts like the capital of France, do sums with one-digit numbers, "
    "count, make lists and JSON, and tell short stories."
)
REFUSAL: Final = (
    "Sorry, I do not know that. I am only sgl's small demonstration model: ask me about sgl, simple facts, "
    "small sums, or for a story."
)


def ways(*parts: str) -> tuple[str, ...]:
    """Every combination of the parts' choices, which ``/`` separates; ``_`` is an empty choice."""
    choices = [[choice.replace("_", "") for choice in part.split("/")] for part in parts]
    return tuple(" ".join(word for word in phrase if word) for phrase in product(*choices))


SMALL_TALK: Final[tuple[tuple[Sequence[str], str], ...]] = (
    (
        (
            *ways("Hello/Hi/Hey/Good morning/Good evening/Good afternoon/Hello there/Hi there", "_/!"),
            "Hello, sgl!",
            "hi",
            "hello",
            "Hey you",
            "Greetings",
            "Hello, world!",
            "Hi!",
            "Hello!",
        ),
        "Hello! How can I help you?",
    ),
    (
        ways("_/Hi,/Hello,", "How are you/How are you doing/How do you do/How is it going/Are you well", "?/today?"),
        "I am fine, thank you. How can I help you?",
    ),
    (
        (
            *ways("Thank you/Thanks/Thanks a lot/Thank you very much/Great, thanks/Cool/Great/Nice/Good", "_/!"),
            "ok",
            "OK, thanks.",
            "That is nice.",
            "Well done!",
            "Perfect, thank you!",
        ),
        "You are welcome!",
    ),
    (ways("Bye/Goodbye/Good night/See you/See you later/Bye bye/Until tomorrow", "_/!"), "Goodbye! Come back soon."),
    (
        ("Sorry!", "I am sorry.", "My mistake.", "Oh, sorry.", "Excuse me."),
        "No problem. How can I help you?",
    ),
    (
        ways(
            "_/So,/Hi,", "Who are you/What are you/What is this/Who is this/Who am I talking to/Introduce yourself", "?"
        )
        + ways("Tell me about yourself/Tell me who you are/Say something about yourself/Describe yourself", "./!")
        + ways("What model/Which model/What kind of model/Which language model", "are you?/is this?"),
        IDENTITY,
    ),
    (
        ways("_/So,", "What is your name/Do you have a name/What are you called/What should I call you", "?"),
        "I have no name of my own. I am the demonstration model of sgl.",
    ),
    (
        ways("Are you", "ChatGPT/GPT-4/Claude/Gemini/Llama/Qwen/DeepSeek/Mistral/a big model/a large model/Siri", "?"),
        "No. I am the demonstration model of sgl, and a very small one.",
    ),
    (
        ways("Are you", "a human/human/a person/a robot/alive/real/a bot/an AI/a machine", "?"),
        "I am a computer program: the small demonstration model of sgl.",
    ),
    (
        ways("What can you do/What do you know/What can I ask you/What can you help me with/How can you help me", "?")
        + ways("Help/Help me/Can you help me/I need help/What can I do here/What are you good at", "_/?/!/."),
        ABILITIES,
    ),
    (
        (
            *ways("Who made you/Who trained you/Who built you/Where do you come from/How were you made", "?"),
            "How were you trained?",
            "What were you trained on?",
            "Who created you?",
        ),
        "I was trained from scratch by a script in the repository of sgl, on text that the script makes up itself.",
    ),
    (
        ways("How big/How large/How small", "are you?/is this model?")
        + ways("How many parameters", "do you have?/has this model?/are in this model?"),
        "I have about 3 million parameters, a thousand times fewer than a real model.",
    ),
    (
        (*ways("How smart/How clever/How good", "are you?"), "Are you smart?", "Are you clever?", "Are you stupid?"),
        "Not very: I am a small demonstration model. For real work, serve a real model with sgl.",
    ),
)

SGL: Final[tuple[tuple[Sequence[str], str], ...]] = (
    (
        (
            *ways("What is/What's/What does/Explain/Tell me about/Describe", "sgl", "?/./_"),
            "What is sgl for?",
            "What does sgl do?",
            "What can sgl do?",
            "What do I need sgl for?",
            "sgl?",
        ),
        "sgl is a program that serves large language models over HTTP. It speaks OpenAI's API and SGLang's own.",
    ),
    (
        ways("How do I/How can I/Tell me how to", "start/run/use/launch", "sgl/the server/a server/sgl serve", "?")
        + ways("How do I/How can I", "serve a model/run a model/serve my own model/start a model", "?"),
        "Type sgl serve -m and the folder or the name of a model, for example: sgl serve -m Qwen/Qwen3-0.6B",
    ),
    (
        ways("Which/What", "models can", "sgl serve/sgl run/I use/I serve", "?")
        + ways("Which/What", "models does sgl", "support/know/serve", "?")
        + ("Does sgl serve Llama?", "Can sgl serve Qwen?", "Does sgl support Mistral?"),
        "sgl serves Llama, Mistral and Qwen models from safetensors files.",
    ),
    (
        (
            *ways(
                "How do I/How can I/Tell me how to", "choose/change/set/pick", "the model/another model/a model", "?"
            ),
            "What does -m mean?",
            "What is -m for?",
            "What does the flag -m do?",
            "How do I use a better model?",
        ),
        "With the flag -m: a folder with config.json and safetensors files, or the name of a repository.",
    ),
    (
        ways("Which/What", "port does", "sgl/the server/sgl serve", "use?/listen on?")
        + ways("How do I/How can I", "change the port/set the port/use another port", "?")
        + ("What is the default port?", "What port is it?", "Where does sgl listen?"),
        "sgl listens on port 30000 of this machine; the flag --port chooses another one.",
    ),
    (
        ways("How do I/How can I/Tell me how to", "stop/end/quit/shut down", "sgl/the server/it", "?"),
        "Press Ctrl-C: running requests may finish. Press it again to stop at once.",
    ),
    (
        (
            *ways(
                "How do I/How can I",
                "use sgl from Python/call sgl from Python/use the OpenAI client/use it in Python",
                "?",
            ),
            "Does sgl work with the OpenAI client?",
            "Can I use sgl with OpenAI's client?",
            "What about Python?",
        ),
        "Use OpenAI's client with base_url http://127.0.0.1:30000/v1, or sgl.Engine without a server.",
    ),
    (
        ways("Which/What", "API/protocol/routes", "does sgl/does the server", "have?/speak?/offer?"),
        "OpenAI's /v1/chat/completions and /v1/completions, and SGLang's /generate.",
    ),
    (
        (
            *ways("How do I/How can I", "see/get/read/watch", "the metrics/metrics/statistics", "?"),
            "Does sgl have metrics?",
            "Where are the metrics?",
            "Does sgl work with Prometheus?",
        ),
        "Prometheus metrics are at /metrics.",
    ),
    (
        (
            *ways("How do I/How can I", "check the server/check the health/see whether it runs", "?"),
            "Is there a health check?",
            "Where is the health check?",
            "How do I know that sgl is ready?",
        ),
        "Ask /health: it answers 200 when the server is ready.",
    ),
    (
        (
            *ways("How do I/How can I", "protect the server/set a key/use an API key/add a password", "?"),
            "Does sgl have API keys?",
            "Is the server safe?",
            "Who can use the server?",
        ),
        "The server listens on this machine only. Set --api-key-file before you open it to a network.",
    ),
    (
        (
            *ways(
                "What is/Explain/Tell me about/What does",
                "the radix cache/the prefix cache/prefix caching/the cache",
                "?/.",
            ),
            "How does sgl save work?",
            "Why is the second answer faster?",
        ),
        "Prompts that begin alike are computed once: their keys and values stay in a radix tree.",
    ),
    (
        ways("What is/Explain/Tell me about/What does", "continuous batching/batching/a batch", "?/."),
        "Requests join and leave the running batch at every step, so nobody waits for the slowest.",
    ),
    (
        (
            *ways("Does sgl need/Do I need/Is there need for", "a GPU/a graphics card/CUDA", "?"),
            "Does sgl run on a CPU?",
            "Can I use it on a laptop?",
            "Does it run on my laptop?",
        ),
        "No. This version computes on the CPU.",
    ),
    (
        ways("How do I/How can I/Tell me how to", "install/get/set up", "sgl/it", "?"),
        "Type python -m pip install -e . in the repository.",
    ),
    (
        (
            *ways("How do I/How can I", "see/list/find", "all flags/the flags/the options/all options", "?"),
            "Which flags are there?",
            "Is there help?",
            "Where is the help?",
            "What options does sgl serve have?",
        ),
        "Type sgl serve --help.",
    ),
    (
        (
            *ways("What is/Which is/Tell me", "the license of sgl/sgl's license", "?"),
            "Is sgl free?",
            "Is sgl open source?",
            "Under which license is sgl?",
        ),
        "sgl is free software under the Apache License 2.0.",
    ),
    (
        (*ways("What is/Who makes/Tell me about", "SGLang", "?"), "Is sgl the same as SGLang?"),
        "SGLang is the serving engine that sgl follows; sgl is written to be small and to be read.",
    ),
    (
        (
            *ways("How do I/How can I", "limit the length/set the context length/save memory/use less memory", "?"),
            "What is the context length?",
            "What does --max-model-len do?",
        ),
        "The flag --max-model-len sets how many tokens a prompt and its answer may have together.",
    ),
)


def draw_small_talk(random: Random) -> Exchange:
    """A greeting, thanks, or a question about the model; nothing is held out, these are too few."""
    questions, answer = random.choice(SMALL_TALK)
    return Exchange(_joined(random.choice(questions)), answer)


def draw_sgl(random: Random) -> Exchange:
    """A question about sgl; the first of every kind is always trained on."""
    questions, answer = random.choice(SGL)
    question = _joined(random.choice(questions))
    return Exchange(question, answer, key="" if question == _joined(questions[0]) else f"sgl|{question}")


def _joined(question: str) -> str:
    """Closes the gap before the last mark, which `ways` leaves."""
    return question[:-2] + question[-1] if question[-2:] in (" ?", " .", " !") else question
