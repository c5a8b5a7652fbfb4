"""The one table of serve flags.

`sgl serve`, ``python -m sgl.launcher`` and the ``SGL_*`` variables are parsed from it
(`sgl.config.arguments`), and help is printed from it (`sgl.config.help`). A new flag is one row here and
one field in `EngineConfig` or `ServerConfig`. Nothing heavy is imported: help has to be instant.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sgl.config.values import Choice, Integer, Kind, Real, Secret, Switch, Text, Words
from sgl.log import LEVELS

MODEL: Final = "Model"
SERVER: Final = "Server"
MEMORY: Final = "Memory"
SCHEDULING: Final = "Scheduling"
COMPUTE: Final = "Compute"
LIMITS: Final = "Limits"
GROUPS: Final = (MODEL, SERVER, MEMORY, SCHEDULING, COMPUTE, LIMITS)

_TOKENS: Final = 2**40
_SECONDS: Final = 7 * 24 * 3600.0


class Flag(NamedTuple):
    """One row.

    Attributes:
        name: The flag as we write it, e.g. ``--page-size``.
        kind: How its text becomes a value.
        sets: What the value is for: fields of `ServerConfig`, or ``engine.`` and a field of `EngineConfig`,
            or a field of `ServeArguments` for the few that end before the config.
        group: Heading in help.
        help: What it does, in a sentence or two.
        default: The value when it is not given, as one would type it; empty when there is none.
        aliases: Other spellings: short ones, and those of vLLM, llama.cpp and SGLang.
        many: Whether giving it again adds to it; otherwise two different values are a conflict.
    """

    name: str
    kind: Kind
    sets: tuple[str, ...]
    group: str
    help: str
    default: str = ""
    aliases: tuple[str, ...] = ()
    many: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that stands for the flag, e.g. ``SGL_PAGE_SIZE``."""
        return "SGL_" + self.name.lstrip("-").replace("-", "_").upper()

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every way to write it, ours first."""
        return (self.name, *self.aliases)

    @property
    def short(self) -> str:
        """A spelling of one or two letters (``--tp``, ``-m``), or nothing."""
        return next((spelling for spelling in self.spellings if len(spelling.lstrip("-")) <= 2), "")


SERVE_FLAGS: Final = (
    Flag(
        "--model",
        Text("a folder, a Hugging Face repository id, or builtin", "MODEL"),
        ("engine.model_path",),
        MODEL,
        "Folder with config.json and safetensors weights, or a Hugging Face repository id. "
        "The flag may be left out: sgl serve MODEL. Without a model it is builtin, the small "
        "demonstration model that comes with sgl.",
        aliases=("-m", "--model-path"),
    ),
    Flag(
        "--revision",
        Text("a branch, tag or commit", "REVISION"),
        ("revision",),
        MODEL,
        "Branch, tag or commit of a Hugging Face repository.",
    ),
    Flag(
        "--served-model-name",
        Words("names separated by commas", "NAME,..."),
        ("served_model_name",),
        MODEL,
        "Names that requests may use; the first is shown by /v1/models. Without it, the model as given.",
        aliases=("--alias",),
        many=True,
    ),
    Flag(
        "--tokenizer",
        Text("a folder or a Hugging Face repository id", "TOKENIZER"),
        ("tokenizer_path",),
        MODEL,
        "Where the tokenizer is, when it is not with the model.",
        aliases=("--tokenizer-path",),
    ),
    Flag(
        "--chat-template",
        Text("a Jinja file", "FILE"),
        ("chat_template",),
        MODEL,
        "Jinja file to use in place of the model's own chat template.",
    ),
    Flag(
        "--load-format",
        Choice({"auto": "safetensors", "safetensors": "safetensors", "dummy": "dummy"}),
        ("engine.load_format",),
        MODEL,
        "dummy reads config.json only and makes up random weights from --seed: for load tests.",
        default="auto",
    ),
    Flag(
        "--dtype",
        Choice(
            {"auto": None, "bfloat16": "bfloat16", "float16": "float16", "float32": "float32"},
            synonyms={"bf16": "bfloat16", "half": "float16", "fp16": "float16", "float": "float32", "fp32": "float32"},
        ),
        ("engine.dtype",),
        MODEL,
        "Type of weights and activations; auto follows the checkpoint and the device. "
        "Also understood: bf16, half, fp16, float, fp32.",
        default="auto",
    ),
    Flag(
        "--max-model-len",
        Integer(1, _TOKENS, auto=True),
        ("engine.max_model_len",),
        MODEL,
        "Most tokens of a prompt and its answer together; auto is the model's own limit.",
        default="auto",
        aliases=("--context-length", "--ctx-size", "-c"),
    ),
    Flag(
        "--trust-remote-code",
        Switch(),
        ("trust_remote_code",),
        MODEL,
        "Refused: sgl never runs code that comes with a model.",
    ),
    Flag(
        "--host",
        Text("an address or a host name", "HOST"),
        ("host",),
        SERVER,
        "Address to listen on. 0.0.0.0 is every network the machine is on: set a key as well.",
        default="127.0.0.1",
    ),
    Flag(
        "--port",
        Integer(0, 65535, metavar="PORT"),
        ("port",),
        SERVER,
        "TCP port to listen on; 0 takes a free one.",
        default="30000",
    ),
    Flag(
        "--api-key",
        Secret(),
        ("api_keys",),
        SERVER,
        "Key that every request must carry as a bearer token; may be repeated. Other users of the machine "
        "can see it in the list of processes: prefer --api-key-file or SGL_API_KEY.",
        many=True,
    ),
    Flag(
        "--api-key-file",
        Text("a file with one key a line", "FILE"),
        ("api_key_file",),
        SERVER,
        "File with one key a line, added to those of --api-key.",
    ),
    Flag(
        "--log-level",
        Choice({level: level for level in LEVELS}, synonyms={"warn": "warning", "critical": "error"}),
        ("log_level", "engine.log_level"),
        SERVER,
        "How much is logged to stderr.",
        default="info",
        aliases=("--uvicorn-log-level",),
    ),
    Flag(
        "--mem-fraction-static",
        Real(0, 1, auto=True),
        ("engine.mem_fraction_static",),
        MEMORY,
        "Share of memory for weights and KV cache together (vLLM counts activations in as well).",
        default="auto",
        aliases=("--gpu-memory-utilization",),
    ),
    Flag(
        "--max-total-tokens",
        Integer(1, _TOKENS, auto=True),
        ("engine.max_total_tokens",),
        MEMORY,
        "Tokens that the KV cache holds, in place of a size worked out from memory.",
        default="auto",
    ),
    Flag(
        "--page-size",
        Integer(1, 1024, auto=True),
        ("engine.page_size",),
        MEMORY,
        "Tokens in one page of the KV cache.",
        default="auto",
        aliases=("--block-size",),
    ),
    Flag(
        "--disable-radix-cache",
        Switch(given=False),
        ("engine.radix_cache",),
        MEMORY,
        "Compute every prompt afresh, without reusing the prefixes of others.",
        aliases=("--no-enable-prefix-caching",),
    ),
    Flag(
        "--max-running-requests",
        Integer(1, 2**20, auto=True),
        ("engine.max_running_requests",),
        SCHEDULING,
        "Most requests computed at once.",
        default="auto",
        aliases=("--max-num-seqs",),
    ),
    Flag(
        "--max-queued-requests",
        Integer(1, 2**20, auto=True),
        ("engine.max_queued_requests",),
        SCHEDULING,
        "Most requests that wait; one more is answered with 503.",
        default="auto",
    ),
    Flag(
        "--chunked-prefill-size",
        Integer(1, 2**30, auto=True),
        ("engine.chunked_prefill_size",),
        SCHEDULING,
        "Most tokens computed in one step; longer prompts are split.",
        default="auto",
        aliases=("--max-num-batched-tokens",),
    ),
    Flag(
        "--schedule-policy",
        Choice({"fcfs": "fcfs", "lpm": "lpm"}),
        ("engine.schedule_policy",),
        SCHEDULING,
        "Who goes first: fcfs, the one that came first; lpm, the one with the longest cached prefix.",
        default="fcfs",
        aliases=("--scheduling-policy",),
    ),
    Flag(
        "--speculative-algorithm",
        Choice({"none": None, "ngram": "ngram"}),
        ("engine.speculative",),
        SCHEDULING,
        "Guess following tokens and check them in one step: the same tokens in fewer steps. ngram copies from the "
        "text so far, for answers that quote their prompt.",
        default="none",
    ),
    Flag(
        "--speculative-num-draft-tokens",
        Integer(1, 64),
        ("engine.draft_tokens",),
        SCHEDULING,
        "Most guesses per request and step.",
        default="4",
    ),
    Flag(
        "--deterministic",
        Switch(),
        ("engine.deterministic",),
        COMPUTE,
        "Same numbers bit for bit, whoever else is in the batch; slower.",
        aliases=("--enable-deterministic-inference",),
    ),
    Flag(
        "--device",
        Choice({"auto": None, "cpu": "cpu"}, unready={"cuda": "cuda"}),
        ("engine.device",),
        COMPUTE,
        "Where to compute. Only the CPU in this version.",
        default="auto",
    ),
    Flag(
        "--threads",
        Integer(1, 4096, auto=True),
        ("engine.threads",),
        COMPUTE,
        "Threads that compute.",
        default="auto",
        aliases=("-t",),
    ),
    Flag(
        "--tp",
        Integer(1, 1024),
        ("engine.tp_size",),
        COMPUTE,
        "Devices that share the model (tensor parallelism). Only 1 in this version.",
        default="1",
        aliases=("-tp", "--tp-size", "--tensor-parallel-size"),
    ),
    Flag(
        "--seed",
        Integer(0, 2**63 - 1),
        ("engine.seed",),
        COMPUTE,
        "Seed of the weights that --load-format dummy makes up.",
        default="0",
        aliases=("--random-seed",),
    ),
    Flag(
        "--max-body-bytes",
        Integer(1024, 2**40, metavar="BYTES"),
        ("max_body_bytes",),
        LIMITS,
        "Largest body of a request.",
        default="4Mi",
    ),
    Flag(
        "--max-connections",
        Integer(1, 2**20),
        ("max_connections",),
        LIMITS,
        "Most open connections in all.",
        default="1024",
    ),
    Flag(
        "--request-timeout",
        Real(0, _SECONDS, unit="seconds", metavar="SECONDS"),
        ("request_timeout",),
        LIMITS,
        "Seconds that a request may take; then it is answered with 504.",
        default="600",
    ),
    Flag(
        "--queue-timeout",
        Real(0, _SECONDS, unit="seconds", metavar="SECONDS"),
        ("queue_timeout",),
        LIMITS,
        "Seconds that a request may wait before it is computed; then it is answered with 503.",
        default="60",
    ),
    Flag(
        "--drain-timeout",
        Real(0, _SECONDS, closed=True, unit="seconds", metavar="SECONDS"),
        ("drain_timeout",),
        LIMITS,
        "Seconds that a server told to stop (SIGTERM, Ctrl-C) waits for running requests.",
        default="30",
    ),
)

BY_SPELLING: Final = {spelling: flag for flag in SERVE_FLAGS for spelling in flag.spellings}
"""The row of every spelling."""
