"""Foreign flags that choose prompts, as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sgl.errors import UsageError, echo

from ..data.lengths import Lengths, range_around, range_of
from . import values as read
from .parts import Parts, is_ours

_MADE: Final = ("random", "random-ids", "random_ids")
_FILES: Final = {
    "sharegpt": "sharegpt",
    "custom": "jsonl",
    "openai": "jsonl",
    "mooncake": "trace",
    "timed_trace": "trace",
    "burstgpt": "trace",
}
"""Their datasets that are files -> ours."""

_TAKEN: Final = ("--random-input-len", "--random-output-len", "--random-range-ratio", "--random-prefix-len")


def dataset(parts: Parts, notes: list[str]) -> list[str]:
    """Our words for the prompts, their number and their seed.

    Raises:
        UsageError: There is no such dataset here, or its file is missing.
    """
    name = parts.get("--dataset-name") or _implied(parts)
    seed = parts.get("--seed") or parts.by_default("42" if parts.program == "sglang" else "0")
    words = ["--seed", seed] if seed is not None else []
    if name is None or is_ours(name):
        words += ["--dataset", name] if name is not None else []
        return [*words, *_plain(parts), *_number(parts), *_eos(parts, name)]
    words += _eos(parts, name)
    if name == "generated-shared-prefix":
        return [*words, *_shared(parts, notes)]
    if name == "prefix_repetition":
        return [*words, *_repetition(parts), *_number(parts)]
    if name in _MADE:
        if parts.has("--dataset-path"):
            notes.append("--dataset-path is not used: random prompts are token ids, no text is cut from a file")
        return [*words, *_random(parts, notes), *_number(parts)]
    if name not in _FILES:
        raise UsageError(
            f"--dataset-name {echo(name)} is not here",
            hint="write its prompts as lines of JSON and use --dataset jsonl:FILE",
        )
    return [*words, *_file(name, parts, notes), *_number(parts)]


def _implied(parts: Parts) -> str | None:
    """The dataset of a line that names none."""
    if any(parts.has(name) for name in _TAKEN):
        return "random"
    if parts.whole or parts.has("--dataset-path"):
        return "sharegpt" if parts.program == "sglang" or parts.has("--dataset-path") else "random"
    return "sharegpt" if parts.has("--sharegpt-output-len") else None


def _plain(parts: Parts) -> list[str]:
    """Lengths that are given by flags of ours."""
    words: list[str] = []
    for name in ("--input-len", "--output-len"):
        value = parts.get(name)
        words += [name, value] if value is not None else []
    return words


def _number(parts: Parts) -> list[str]:
    number = parts.get("--num-prompts") or parts.by_default("1000")
    return ["--num-prompts", number] if number is not None else []


def _eos(parts: Parts, name: str | None) -> list[str]:
    """SGLang goes on past the end unless told not to, vLLM only when told to, or for random prompts."""
    if parts.has("--disable-ignore-eos"):
        return ["--no-ignore-eos"]
    made = name in (*_MADE, "random-mm")
    if parts.has("--ignore-eos") or (parts.whole and (parts.program == "sglang" or made)):
        return ["--ignore-eos"]
    return ["--no-ignore-eos"] if parts.whole else []


def _random(parts: Parts, notes: list[str]) -> list[str]:
    words = ["--dataset", "random"]
    prefix = parts.get("--random-prefix-len", "0")
    asked = parts.get("--input-len") or parts.get("--random-input-len") or parts.by_default("1024")
    answer = parts.get("--output-len") or parts.get("--random-output-len")
    answer = answer or parts.by_default("1024" if parts.program == "sglang" else "128")
    ratios = _ratios(parts.get("--random-range-ratio", "0") or "0")
    if parts.program == "sglang" and parts.get("--random-range-ratio") is None and (asked or answer):
        notes.append("SGLang draws lengths from 1 up when --random-range-ratio is not given; 1 makes them all alike")
    if prefix not in (None, "0"):
        number = parts.get("--num-prompts", "1000") or "1000"
        words = ["--dataset", "shared-prefix", "--groups", "1", "--per-group", number, "--prefix-len", str(prefix)]
    if asked is not None:
        words += ["--input-len", _spread(asked, ratios[0], parts, "--random-input-len")]
    if answer is not None:
        words += ["--output-len", _spread(answer, ratios[1], parts, "--random-output-len")]
    return words


def _ratios(text: str) -> tuple[float, float]:
    """Of input and output; newer versions of vLLM take an object with both."""
    flag = "--random-range-ratio"
    if text.lstrip().startswith("{"):
        both = read.json_object(text, flag)
        return _ratio(both, "input", flag), _ratio(both, "output", flag)
    ratio = read.number(text, flag, above=-1.0)
    return ratio, ratio


def _ratio(both: Mapping[str, object], name: str, flag: str) -> float:
    return read.number(str(both.get(name, 0)), flag, above=-1.0)


def _spread(text: str, ratio: float, parts: Parts, flag: str) -> str:
    """The two programs mean different things by a ratio: SGLang a lower bound, vLLM a distance on both sides."""
    if not text.isdecimal():
        return text  # One of our own forms.
    tokens = read.whole(text, flag, low=0)
    if not 0 <= ratio <= 1:
        raise UsageError(f"--random-range-ratio must be from 0 to 1, got {ratio:g}")
    lengths: Lengths = range_of(tokens, ratio) if parts.program == "sglang" else range_around(tokens, ratio)
    return str(lengths)


def _shared(parts: Parts, notes: list[str]) -> list[str]:
    ratio = read.number(parts.get("--gsp-range-ratio", "1") or "1", "--gsp-range-ratio", above=-1.0)
    words = ["--dataset", "shared-prefix"]
    for flag, ours, usual in (
        ("--gsp-num-groups", "--groups", "64"),
        ("--gsp-prompts-per-group", "--per-group", "16"),
        ("--gsp-num-turns", "--turns", "1"),
    ):
        words += [ours, parts.get(flag, usual) or usual]
    for flag, ours, usual in (
        ("--gsp-system-prompt-len", "--prefix-len", "2048"),
        ("--gsp-question-len", "--input-len", "128"),
        ("--gsp-output-len", "--output-len", "256"),
    ):
        tokens = max(1, read.whole(parts.get(flag, usual) or usual, flag, low=0))
        words += [ours, str(range_of(tokens, min(1.0, ratio)))]
    if parts.has("--gsp-zipf-alpha"):
        words += ["--group-zipf", parts.get("--gsp-zipf-alpha") or "1"]
    if parts.has("--gsp-ordered"):
        words.append("--in-order")
    if parts.has("--num-prompts"):
        notes.append("--num-prompts is not used: this dataset sends groups times prompts per group")
    return words


def _repetition(parts: Parts) -> list[str]:
    def value(name: str, usual: str) -> str:
        return parts.get(f"--prefix-repetition-{name}", usual) or usual

    prefixes = read.whole(value("num-prefixes", "10"), "--prefix-repetition-num-prefixes")
    number = read.whole(parts.get("--num-prompts", "1000") or "1000", "--num-prompts")
    return [
        *("--dataset", "shared-prefix"),
        *("--groups", str(prefixes)),
        *("--per-group", str(max(1, number // prefixes))),
        *("--prefix-len", value("prefix-len", "256")),
        *("--input-len", value("suffix-len", "256")),
        *("--output-len", parts.get("--output-len") or value("output-len", "128")),
    ]


def _file(name: str, parts: Parts, notes: list[str]) -> list[str]:
    path, kind = parts.get("--dataset-path"), _FILES[name]
    if not path:
        raise UsageError(
            f"--dataset-name {name} needs its file here: nothing is downloaded", hint="--dataset-path FILE"
        )
    words = ["--dataset", f"{kind}:{path}"]
    fixed = parts.get("--output-len") or parts.get("--sharegpt-output-len")
    if kind == "trace":
        slowdown = read.number(parts.get("--mooncake-slowdown-factor", "1") or "1", "--mooncake-slowdown-factor")
        if parts.get("--mooncake-num-rounds", "1") != "1":
            raise UsageError("--mooncake-num-rounds above 1 is not here", hint="use --dataset multi-turn")
        if name == "burstgpt":
            notes.append("all rows of the table are used; vLLM takes only those of GPT-4")
        return words + (["--trace-speed", f"{1 / slowdown:g}"] if slowdown != 1 else [])
    if kind == "jsonl":
        fixed = fixed or parts.get("--custom-output-len")
        return words + (["--output-len", fixed] if fixed not in (None, "-1") else [])
    words += ["--output-len", fixed] if fixed is not None else []
    words += ["--in-order"] if parts.has("--disable-shuffle") else []
    if parts.program == "vllm":
        # vLLM's own limits for this dataset; SGLang has none but the context.
        return [*words, "--max-input-len", "1024", "--max-total-len", "2048"]
    context = parts.get("--sharegpt-context-len")
    return words + (["--max-total-len", context] if context is not None else [])
