"""`FLAGS`: every flag of ``sgl bench`` with its line of help, in the groups and the order of the help page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Form: TypeAlias = Literal["text", "list", "switch", "pair"]
"""``text`` takes a value, ``list`` may be repeated, ``switch`` has none, ``pair`` also has a ``--no-`` form."""


@dataclass(frozen=True)
class Flag:
    """One flag.

    Attributes:
        name: With its dashes.
        help: One line for a person.
        metavar: What its value is called; empty for switches.
        default: In words, as help shows it; empty when help says it already.
        form: How it is typed.
        short: A short form, or a second name.
    """

    name: str
    help: str
    metavar: str = ""
    default: str = ""
    form: Form = "text"
    short: str = ""

    @property
    def key(self) -> str:
        """Its name in the values that `read.read_plan` takes."""
        return self.name.lstrip("-").replace("-", "_")


TARGET: Final = (
    Flag("--url", "Any server with OpenAI's or SGLang's API. Without it, SGL_URL, OPENAI_BASE_URL, sgl ps.", "URL"),
    Flag("--model", "Ask for this model. When no server runs, it is served for this run.", "MODEL", short="-m"),
    Flag("--api-key", "The server's key. Without it, SGL_API_KEY, OPENAI_API_KEY.", "KEY"),
    Flag("--api", "How to ask: auto, chat, completions, or generate (SGLang's own).", "API", "auto"),
    Flag("--path", "Send requests to this path instead of the API's own.", "PATH"),
    Flag("--header", "One more header of every request. May be repeated.", "NAME=VALUE", form="list"),
    Flag(
        "--option",
        "One more field of every request, such as temperature=0.7. May be repeated.",
        "KEY=VALUE",
        form="list",
        short="-o",
    ),
    Flag("--body", "More fields of every request, as a JSON object.", "JSON"),
    Flag("--ready-timeout", "Wait so long for the server to be ready, else exit with 5.", "TIME", "60s"),
    Flag("--keep", "Leave a server running that this run started.", form="switch"),
)

LOAD: Final = (
    Flag(
        "--concurrency",
        "Requests at a time. A list such as 1,4,16 is one run after the other. With --rate, the most at a time.",
        "N[,N...]",
        "64",
        short="-c",
    ),
    Flag("--rate", "Requests per second, sent by the clock; inf sends all at once, trace at the trace's times.", "X"),
    Flag("--arrival", "How --rate spaces requests: poisson or constant.", "KIND", "poisson"),
    Flag("--burstiness", "Of Poisson arrivals: below 1 they come in bursts, above 1 more evenly.", "X", "1"),
    Flag("--ramp", "A rate that rises over the run, such as 1-50 or exponential:1-50.", "A-B"),
    Flag("--num-prompts", "Requests of each run.", "N", "10 for each at a time, at least 100", short="-n"),
    Flag("--duration", "Send requests for so long, such as 60s, instead of a number of them.", "TIME"),
    Flag("--sweep", "Raise the load step by step until the server is saturated, and show where.", form="switch"),
    Flag("--warmup", "Requests before each run that do not count.", "N", "as many as at a time, at most 8"),
    Flag("--flush-cache", "Empty the server's prefix cache before each run.", form="switch"),
    Flag("--workers", "Client processes; more when the client is the bottleneck.", "N", "1"),
    Flag("--timeout", "Give up a request after so long; it counts as failed.", "TIME", "10m"),
    Flag("--max-errors", "Exit with 4 when more requests fail: a number, or a share.", "N|P%", "1%"),
    Flag("--quick", "The figures people quote: one and 64 requests at a time, 30 s each.", form="switch"),
)

DATA: Final = (
    Flag(
        "--dataset",
        "random, shared-prefix, multi-turn, sharegpt:FILE, jsonl:FILE, trace:FILE, stdin or public-256.",
        "KIND[:FILE]",
        "random",
    ),
    Flag(
        "--input-len",
        "Tokens of a prompt: 1k, 100-1024, normal:512:128, lognormal:512:256, or 1024:0.5 for 512-1024.",
        "LEN",
        "1k",
    ),
    Flag("--output-len", "Tokens to ask for, in the same forms; for a file, instead of its own.", "LEN", "256"),
    Flag("--seed", "The same seed makes the same prompts.", "N", "0"),
    Flag(
        "--ignore-eos",
        "Go on past the end of an answer, to the asked length. So it is unless you bring the prompts.",
        form="pair",
    ),
    Flag("--groups", "Of shared-prefix: how many prefixes.", "N", "64"),
    Flag("--per-group", "Of shared-prefix: prompts that share one.", "N", "16"),
    Flag("--prefix-len", "Of shared-prefix: its tokens; --input-len (128) are those behind it.", "LEN", "2048"),
    Flag("--group-zipf", "Of shared-prefix: ask some groups more often, group k like 1/k to this power.", "X"),
    Flag("--turns", "Of multi-turn (5) and shared-prefix (1): questions of a conversation.", "LEN"),
    Flag("--turn-len", "Of multi-turn: tokens of each question after the first.", "LEN", "like --input-len"),
    Flag("--in-order", "Of sharegpt and shared-prefix: keep the order, do not draw one.", form="switch"),
    Flag("--max-input-len", "Of sharegpt: leave out longer prompts.", "N"),
    Flag("--max-total-len", "Of sharegpt: leave out prompts that are longer with their answer.", "N"),
    Flag("--trace-speed", "Of trace: 2 plays it in half of the time.", "X", "1"),
)

MEASURING: Final = (
    Flag(
        "--goodput",
        "Count requests that meet this objective in ms, such as ttft:200. May be repeated.",
        "NAME:LIMIT",
        form="list",
        short="--slo",
    ),
    Flag(
        "--assert",
        "Exit with 3 unless this holds, such as 'ttft.p99<200ms'. May be repeated.",
        "RULE",
        form="list",
    ),
    Flag("--assert-file", "Rules from a TOML file.", "FILE"),
    Flag("--vs", "Ask a second server the same in turns, and say which is faster.", "URL"),
)

OUTPUT: Final = (
    Flag("--save", "Write the result as JSON, for compare and report; a folder gets a file of its own.", "FILE"),
    Flag("--details", "Keep every request in the saved result.", form="switch"),
    Flag("--requests", "Write every request as a line of JSON.", "FILE"),
    Flag("--csv", "Write a row for each run.", "FILE"),
    Flag("--md", "Write tables for a pull request; - prints them.", "FILE"),
    Flag("--html", "Write a report with plots, in one file.", "FILE"),
    Flag("--junit", "Write the outcome of --assert as JUnit XML.", "FILE"),
    Flag("--json", "Print the result as JSON.", form="switch"),
    Flag("--name", "What the result is called in comparisons.", "TEXT"),
    Flag("--meta", "Words to keep with the result, such as commit=1a2b3c. May be repeated.", "NAME=VALUE", form="list"),
    Flag("--no-tui", "Show plain lines instead of the live view.", form="switch"),
    Flag("--quiet", "Print nothing but the result.", form="switch", short="-q"),
)

GROUPS: Final = {"Target": TARGET, "Load": LOAD, "Data": DATA, "Measuring": MEASURING, "Output": OUTPUT}
FLAGS: Final = tuple(flag for group in GROUPS.values() for flag in group)
