"""What the HTTP side and an engine say to each other: tagged msgspec structs, nothing else.

Every frame is a `Frame`: (epoch, sequence, body). ``epoch`` names one life of one engine process,
``sequence`` counts frames of one direction from 0; a frame of another epoch is dropped, a gap is an
error. Token ids travel as little-endian int32 bytes where there are many, as plain lists where there
are few.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sgl.protocol.sampling import SamplingParams


class LogprobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which log probabilities a request wants (natural log of the model's own distribution).

    Attributes:
        output: Whether each generated token carries its logprob.
        top: How many likeliest alternatives come with each position, 0 to 20.
        prompt_start: First prompt position whose logprob is wanted; -1 wants none. Position 0 has no
            logprob (nothing precedes it) and is reported as None.
        token_ids: Ids whose logprob is reported at every position (SGLang's ``token_ids_logprob``).
    """

    output: bool = False
    top: int = 0
    prompt_start: int = -1
    token_ids: tuple[int, ...] = ()


class TokenLogprob(msgspec.Struct, frozen=True, array_like=True):
    """One position: the token, its logprob, the likeliest alternatives, and the asked-for ids."""

    token_id: int
    logprob: float
    top: list[tuple[int, float]] = []
    chosen: list[tuple[int, float]] = []


class Message(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True):
    """Root of the messages below: a closed union, told apart by ``kind``."""


# -- to the engine ---------------------------------------------------------------------------------


class Generate(Message, frozen=True, kw_only=True, tag="generate"):
    """Asks for tokens. ``rid`` is the client's own counter, never text from outside.

    ``namespace`` separates prefix-cache trees (tenant, adapter, salt); ``input_ids`` is int32 LE.
    """

    rid: int
    input_ids: bytes
    sampling: SamplingParams
    seed: int
    logprobs: LogprobRequest = LogprobRequest()
    namespace: str = ""
    priority: int = 0


class Abort(Message, frozen=True, tag="abort"):
    """Ends a request; harmless when it has ended already."""

    rid: int


class FlushCache(Message, frozen=True, tag="flush"):
    """Empties the prefix cache; answered by `Flushed`."""

    ticket: int


class Probe(Message, frozen=True, tag="probe"):
    """Asks for a `Stats` with this ticket: proof that the loop turns."""

    ticket: int


class Stop(Message, frozen=True, tag="stop"):
    """The engine leaves its loop and exits 0."""


ToEngine = Generate | Abort | FlushCache | Probe | Stop


# -- from the engine -------------------------------------------------------------------------------


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a started engine turned out to be; every value is resolved.

    Attributes:
        architecture: As in config.json, e.g. ``LlamaForCausalLM``.
        model_type: As in config.json, e.g. ``llama``.
        vocab_size: Rows of the embedding; valid token ids are below it.
        max_model_len: Most tokens of prompt and output together, per request.
        max_request_tokens: As before, but also bounded by the KV pool.
        kv_tokens: Tokens the KV pool holds.
        page_size: Tokens per KV page.
        max_running_requests: Most requests computed at once.
        chunked_prefill_size: Token budget of one step.
        eos_token_ids: Tokens that end a request.
        dtype: Name of the compute type, e.g. ``float32``.
        device: ``cpu`` or ``cuda:0``.
        weight_bytes: Bytes of all parameters as held in memory.
        kv_bytes: Bytes of the KV pool.
        reasons: "name: value, because ..." for every "auto" that was resolved.
        settings: The resolved engine config as plain values, for /server_info.
        load_seconds: Time from process start to ready, in seconds, by phase.
    """

    architecture: str
    model_type: str
    vocab_size: int
    max_model_len: int
    max_request_tokens: int
    kv_tokens: int
    page_size: int
    max_running_requests: int
    chunked_prefill_size: int
    eos_token_ids: tuple[int, ...]
    dtype: str
    device: str
    weight_bytes: int
    kv_bytes: int
    reasons: tuple[str, ...] = ()
    settings: dict[str, str | int | float | bool | None] = {}
    load_seconds: dict[str, float] = {}


class Phase(Message, frozen=True, tag="phase"):
    """Start-up progress: ``name`` has begun or goes on (``seconds`` None), or has ended after ``seconds``.

    ``done`` of ``total`` bytes say how far a phase is that moves data; a phase without them just takes its time.
    """

    name: str
    detail: str = ""
    seconds: float | None = None
    done: int | None = None
    total: int | None = None


class Ready(Message, frozen=True, tag="ready"):
    """The engine takes requests from now on."""

    info: EngineInfo


class StartupFailed(Message, frozen=True, tag="startup_failed"):
    """The engine cannot start; ``message`` is one line for the user, then the process exits.

    ``hint`` is a second line that says what to do, as in `sgl.errors.SglError`.
    """

    message: str
    exit_code: int
    hint: str | None = None


class Finish(msgspec.Struct, frozen=True, array_like=True):
    """Why a request ended: ``stop`` (``matched`` is the token id), ``length`` or ``abort``."""

    kind: Literal["stop", "length", "abort"]
    matched: int | None = None


class Timings(msgspec.Struct, frozen=True, array_like=True):
    """Seconds a request spent queued, until its first token after that, and decoding after that."""

    queue: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0


class Delta(msgspec.Struct, frozen=True, array_like=True):
    """News of one request in one step.

    ``start`` is the output position of ``token_ids[0]``, so a lost or repeated delta is seen.
    ``cached_tokens`` (of the prompt, from the prefix cache) and ``prompt_logprobs`` come with the
    first delta of a request; ``timings`` with the last. A finish may come without tokens
    (max_new_tokens 0, abort).
    """

    rid: int
    start: int
    token_ids: list[int]
    finish: Finish | None = None
    logprobs: list[TokenLogprob] = []
    cached_tokens: int = 0
    prompt_logprobs: list[TokenLogprob | None] | None = None
    timings: Timings | None = None
    retractions: int = 0


class Outputs(Message, frozen=True, tag="outputs"):
    """All news of one step in one frame."""

    deltas: list[Delta]


class Failed(Message, frozen=True, kw_only=True, tag="failed"):
    """A request that was refused or failed; fields as in `sgl.errors.SglError`."""

    rid: int
    message: str
    http_status: int
    type: str
    code: str | None = None
    param: str | None = None


class Flushed(Message, frozen=True, tag="flushed"):
    """Answer to `FlushCache`; ``ok`` is False, with the reason, while requests hold pages."""

    ticket: int
    ok: bool
    message: str


class Stats(Message, frozen=True, kw_only=True, tag="stats"):
    """Counters since start (``*_total``) and gauges of now. ``ticket`` is 0 when nobody asked."""

    ticket: int = 0
    running: int = 0
    queued: int = 0
    kv_tokens: int = 0
    kv_used: int = 0
    kv_cached: int = 0
    steps_total: int = 0
    prompt_tokens_total: int = 0
    cached_tokens_total: int = 0
    computed_tokens_total: int = 0
    generated_tokens_total: int = 0
    evicted_tokens_total: int = 0
    retractions_total: int = 0
    aborts_total: int = 0
    finished_total: int = 0
    failed_total: int = 0
    invariant_violations_total: int = 0
    generation_rate: float = 0.0
    last_step_seconds: float = 0.0


FromEngine = Phase | Ready | StartupFailed | Outputs | Failed | Flushed | Stats


class ToEngineFrame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A frame to an engine."""

    epoch: int
    sequence: int
    body: ToEngine


class FromEngineFrame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A frame from an engine."""

    epoch: int
    sequence: int
    body: FromEngine
