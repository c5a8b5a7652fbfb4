"""The flags of ``vllm bench serve`` and ``python -m sglang.bench_serving``, and what becomes of each here.

Names are from vLLM's ``vllm/benchmarks/serve.py`` and ``datasets/arg_utils.py`` and SGLang's
``sglang/benchmark/serving.py``; those of older versions are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

MANY: Final = -1
"""Takes all words up to the next flag."""


@dataclass(frozen=True)
class Rename:
    """Ours is called otherwise, or alike; it is given once for each value."""

    ours: str


@dataclass(frozen=True)
class Field:
    """A field of every request."""

    name: str


@dataclass(frozen=True)
class Ignored:
    """Nothing depends on it here; the note says why, where a person could wonder."""

    note: str = ""


@dataclass(frozen=True)
class Refused:
    """A run without it would measure something else."""

    reason: str


@dataclass(frozen=True)
class Part:
    """Means something together with others; `compose` reads it."""


Fate: TypeAlias = Rename | Field | Ignored | Refused | Part


@dataclass(frozen=True)
class Foreign:
    """One flag of another program.

    Attributes:
        values: How many words it takes; `MANY` for all up to the next flag.
        fate: What becomes of it.
    """

    values: int
    fate: Fate


_NO_TOKENIZER: Final = Ignored("no tokenizer is needed here: made prompts are token ids")
_DECIDED: Final = Ignored("p50, p90, p95, p99 and p99.9 of every metric are always reported")
_PLOTS: Final = Ignored("plots are in the report of --html FILE")
_NO_LORA: Final = Refused("adapters cannot be chosen for single requests; give the adapter's name as --model")
_NO_PROFILE: Final = Refused("no profile is taken; start and stop the server's profiler yourself")
_NO_IMAGES: Final = Refused("prompts with made images are not in this version; use a file with --dataset jsonl:FILE")
_NO_LOGPROBS: Final = Ignored("no log probabilities are asked for")

_ONE: Final[Mapping[str, Fate]] = {
    "--backend": Part(),
    "--endpoint-type": Part(),
    "--base-url": Part(),
    "--host": Part(),
    "--port": Part(),
    "--endpoint": Part(),
    "--model": Part(),
    "--served-model-name": Part(),
    "--tokenizer": _NO_TOKENIZER,
    "--tokenizer-mode": _NO_TOKENIZER,
    "--ready-check-timeout-sec": Part(),
    "--dataset": Part(),
    "--dataset-name": Part(),
    "--dataset-path": Part(),
    "--dataset-offset": Ignored("the order of prompts comes from --seed"),
    "--num-prompts": Part(),
    "--num-prompt": Part(),
    "--input-len": Part(),
    "--output-len": Part(),
    "--random-input-len": Part(),
    "--random-input": Part(),
    "--random-output-len": Part(),
    "--random-output": Part(),
    "--random-range-ratio": Part(),
    "--random-prefix-len": Part(),
    "--random-batch-size": Ignored(),
    "--sharegpt-output-len": Part(),
    "--sharegpt-context-len": Part(),
    "--custom-output-len": Part(),
    "--hf-output-len": Ignored(),
    "--hf-subset": Ignored(),
    "--hf-split": Ignored(),
    "--hf-name": Ignored(),
    "--prefix-repetition-prefix-len": Part(),
    "--prefix-repetition-suffix-len": Part(),
    "--prefix-repetition-num-prefixes": Part(),
    "--prefix-repetition-output-len": Part(),
    "--gsp-num-groups": Part(),
    "--gsp-prompts-per-group": Part(),
    "--gsp-system-prompt-len": Part(),
    "--gsp-question-len": Part(),
    "--gsp-output-len": Part(),
    "--gsp-range-ratio": Part(),
    "--gsp-num-turns": Part(),
    "--gsp-group-distribution": Ignored(),
    "--gsp-zipf-alpha": Part(),
    "--mooncake-slowdown-factor": Part(),
    "--mooncake-num-rounds": Part(),
    "--mooncake-workload": Ignored(),
    "--image-count": _NO_IMAGES,
    "--image-resolution": _NO_IMAGES,
    "--image-format": _NO_IMAGES,
    "--image-content": _NO_IMAGES,
    "--request-rate": Part(),
    "--max-concurrency": Part(),
    "--burstiness": Part(),
    "--ramp-up-strategy": Part(),
    "--ramp-up-start-rps": Part(),
    "--ramp-up-end-rps": Part(),
    "--probe-request-rate": Refused("probe requests beside the load are not in this version"),
    "--seed": Part(),
    "--num-warmups": Part(),
    "--warmup-requests": Part(),
    "--flush-cache-timeout": Ignored(),
    "--percentile-metrics": _DECIDED,
    "--metric-percentiles": _DECIDED,
    "--result-dir": Part(),
    "--result-filename": Part(),
    "--output-file": Part(),
    "--label": Rename("--name"),
    "--tag": Rename("--name"),
    "--timeline-itl-thresholds": _PLOTS,
    "--extra-request-body": Rename("--body"),
    "--extra-body": Rename("--body"),
    "--chat-template-kwargs": Ignored("the server renders the template; give --body '{\"chat_template_kwargs\": ...}'"),
    "--temperature": Field("temperature"),
    "--top-p": Field("top_p"),
    "--top-k": Field("top_k"),
    "--min-p": Field("min_p"),
    "--frequency-penalty": Field("frequency_penalty"),
    "--presence-penalty": Field("presence_penalty"),
    "--repetition-penalty": Field("repetition_penalty"),
    "--logprobs": _NO_LOGPROBS,
    "--top-logprobs-num": _NO_LOGPROBS,
    "--logprob-start-len": _NO_LOGPROBS,
    "--request-id-prefix": Ignored(),
    "--prompt-suffix": Refused("prompts get no suffix here; put it into the file of --dataset jsonl:FILE"),
    "--lora-request-distribution": _NO_LORA,
    "--lora-zipf-alpha": _NO_LORA,
    "--lora-assignment": _NO_LORA,
    "--profile-start-step": _NO_PROFILE,
    "--profile-steps": _NO_PROFILE,
    "--profile-num-steps": _NO_PROFILE,
    "--profile-output-dir": _NO_PROFILE,
    "--profile-prefix": _NO_PROFILE,
}

_SWITCHES: Final[Mapping[str, Fate]] = {
    "--trust-remote-code": Ignored(),
    "--skip-tokenizer-init": Ignored(),
    "--tokenize-prompt": Ignored(),
    "--disable-tqdm": Rename("--no-tui"),
    "--disable-stream": Ignored("answers are always streamed: there is no time to the first token without"),
    "--no-stream": Ignored(),
    "--no-oversample": Ignored("a file that is too short starts again, and the result says so"),
    "--skip-chat-template": Ignored("the API decides: --api completions uses no template, --api chat does"),
    "--enable-multimodal-chat": Ignored(),
    "--disable-shuffle": Part(),
    "--ignore-eos": Part(),
    "--disable-ignore-eos": Part(),
    "--apply-chat-template": Part(),
    "--flush-cache": Part(),
    "--use-trace-timestamps": Part(),
    "--self-timed": Part(),
    "--no-self-timed": Part(),
    "--gsp-ordered": Part(),
    "--gsp-fast-prepare": Ignored(),
    "--gsp-send-routing-key": Ignored("no routing keys are sent"),
    "--save-result": Part(),
    "--append-result": Part(),
    "--save-detailed": Part(),
    "--output-details": Part(),
    "--cache-report": Ignored(),
    "--print-requests": Ignored("every request is in the file of --requests FILE"),
    "--plot-throughput": _PLOTS,
    "--plot-timeline": _PLOTS,
    "--plot-dataset-stats": _PLOTS,
    "--return-logprob": _NO_LOGPROBS,
    "--return-routed-experts": Ignored(),
    "--pd-separated": Ignored(),
    "--random-image-count": _NO_IMAGES,
    "--use-beam-search": Refused("no beam search is asked for"),
    "--fake-prefill": Refused("there is no decode-only mode"),
    "--insecure": Refused("certificates are always checked; name yours in the variable SSL_CERT_FILE"),
    "--profile": _NO_PROFILE,
    "--profile-by-stage": _NO_PROFILE,
}

_LISTS: Final[Mapping[str, Fate]] = {
    "--goodput": Rename("--goodput"),
    "--header": Rename("--header"),
    "--metadata": Rename("--meta"),
    "--token-ids-logprob": _NO_LOGPROBS,
    "--lora-name": _NO_LORA,
    "--lora-modules": _NO_LORA,
    "--profile-activities": _NO_PROFILE,
    "--profile-stages": _NO_PROFILE,
    "--profile-prefill-url": _NO_PROFILE,
    "--profile-decode-url": _NO_PROFILE,
}

FOREIGN: Final[Mapping[str, Foreign]] = {
    **{name: Foreign(1, fate) for name, fate in _ONE.items()},
    **{name: Foreign(0, fate) for name, fate in _SWITCHES.items()},
    **{name: Foreign(MANY, fate) for name, fate in _LISTS.items()},
}
"""Every flag that is understood besides our own."""

OURS: Final = frozenset(
    {
        *("--model", "--dataset", "--num-prompts", "--input-len", "--output-len", "--seed", "--goodput", "--header"),
        *("--burstiness", "--ignore-eos", "--flush-cache"),
    }
)
"""Flags that are called alike here: they do not show that a line comes from elsewhere."""

SYNONYMS: Final[Mapping[str, str]] = {
    "--endpoint-type": "--backend",
    "--dataset": "--dataset-name",
    "--num-warmups": "--warmup-requests",
    "--num-prompt": "--num-prompts",
    "--random-input": "--random-input-len",
    "--random-output": "--random-output-len",
}
"""Older names, and beginnings that their parsers complete."""
