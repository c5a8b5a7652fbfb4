"""Rows of the table of serve flags: memory, scheduling and computing."""

from __future__ import annotations

from typing import Final

from sgl.config.at_load import QUANTIZATIONS
from sgl.config.flag import COMPUTE, MEMORY, SCHEDULING, Flag
from sgl.config.kv import KV_FORMATS, KV_UNREADY
from sgl.config.values import Choice, Integer, Real, Switch

_TOKENS: Final = 2**40
_ATTENTION_SYNONYMS: Final = {
    **dict.fromkeys(("torch_native", "sdpa", "TORCH_SDPA"), "torch"),
    "TRITON_ATTN": "triton",
    "FLASHINFER": "flashinfer",
}
"""SGLang's and vLLM's names of the same."""
ATTENTION_UNREADY: Final = (
    *("fa3", "fa4", "flashmla", "cutlass_mla", "trtllm_mla", "trtllm_mha", "flex_attention", "dual_chunk_flash_attn"),
    *("FLASH_ATTN", "FLEX_ATTENTION", "FLASHMLA", "CUTLASS_MLA", "TRITON_MLA"),
)
"""Backends of theirs that we have not."""

ENGINE_FLAGS: Final = (
    Flag(
        "--mem-fraction-static",
        Real(0, 1, auto=True),
        ("engine.mem_fraction_static",),
        MEMORY,
        "Share of all memory for weights and KV cache together. vLLM's --gpu-memory-utilization is taken for it, but "
        "counts activations in as well: use about 0.05 less than there.",
        default="auto",
        aliases=("--gpu-memory-utilization",),
        common=True,
    ),
    Flag(
        "--max-total-tokens",
        Integer(1, _TOKENS, auto=True),
        ("engine.max_total_tokens",),
        MEMORY,
        "Tokens that the KV cache holds, in place of a size worked out from memory.",
        default="auto",
        common=True,
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
        "--quantization",
        Choice(
            {"auto": None, **{name: name for name in QUANTIZATIONS}},
            synonyms={"w8a8_int8": "int8", "w8a8_fp8": "fp8", "gptq_marlin": "gptq", "awq_marlin": "awq"},
        ),
        ("engine.quantization",),
        MEMORY,
        "Weights in fewer bits, made as they are loaded: int8 and int4 stay so on a CPU, fp8 is only rounded to. "
        "auto is as the checkpoint has them; gptq, awq, compressed-tensors and mxfp4 check that it has those.",
        default="auto",
        aliases=("-q",),
        common=True,
    ),
    Flag(
        "--kv-cache-dtype",
        Choice(
            {"auto": None, **{name: name for name in KV_FORMATS}},
            synonyms={"fp8": "fp8_e4m3"},
            unready={name: name for name in KV_UNREADY},
        ),
        ("engine.kv_cache_dtype",),
        MEMORY,
        "Type of the KV cache: auto, the type of --dtype, or 8 bits, which hold two to four times as many tokens and "
        "round them. int8 is the faster one on a CPU.",
        default="auto",
        common=True,
    ),
    Flag(
        "--disable-radix-cache",
        Switch(given=False),
        ("engine.radix_cache",),
        MEMORY,
        "Compute every prompt afresh, without reusing the prefixes of others.",
        aliases=("--no-enable-prefix-caching",),
        common=True,
    ),
    Flag(
        "--max-running-requests",
        Integer(1, 2**20, auto=True),
        ("engine.max_running_requests",),
        SCHEDULING,
        "Most requests computed at once.",
        default="auto",
        aliases=("--max-num-seqs",),
        common=True,
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
        common=True,
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
        common=True,
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
        "--disable-overlap-schedule",
        Switch(given=False),
        ("engine.overlap",),
        SCHEDULING,
        "Plan a step only when the one before it is done: the same tokens, while a GPU waits for the plan. A CPU "
        "always works so, and so does guessing.",
        aliases=("--no-async-scheduling",),
    ),
    Flag(
        "--deterministic",
        Switch(),
        ("engine.deterministic",),
        COMPUTE,
        "Same numbers bit for bit, whoever else is in the batch; slower.",
        aliases=("--enable-deterministic-inference",),
        common=True,
    ),
    Flag(
        "--device",
        Choice({"auto": None, "cpu": "cpu", "cuda": "cuda"}, synonyms={"gpu": "cuda"}),
        ("engine.device",),
        COMPUTE,
        "Where to compute. auto takes the first visible GPU where torch, its driver and triton can use one.",
        default="auto",
        common=True,
    ),
    Flag(
        "--attention-backend",
        Choice(
            {"auto": None, "torch": "torch", "triton": "triton", "flashinfer": "flashinfer"},
            synonyms=_ATTENTION_SYNONYMS,
            unready={name: name for name in ATTENTION_UNREADY},
        ),
        ("engine.attention_backend",),
        COMPUTE,
        "Whose kernels compute attention. auto: on a CPU torch; on a GPU triton, which are our own, or flashinfer for "
        "what they do not take.",
        default="auto",
    ),
    Flag(
        "--cuda-graph-max-bs",
        Integer(0, 4096, auto=True),
        ("engine.cuda_graph_max_bs",),
        COMPUTE,
        "Largest batch whose decode step is captured as a CUDA graph, with all smaller ones; 0 is none.",
        default="auto",
        aliases=("--max-cudagraph-capture-size",),
    ),
    Flag(
        "--disable-cuda-graph",
        Switch(given=False),
        ("engine.cuda_graphs",),
        COMPUTE,
        "Launch every kernel of a step anew: slower with small batches, and a faster start. A CPU has no graphs.",
        aliases=("--enforce-eager",),
    ),
    Flag(
        "--threads",
        Integer(1, 4096, auto=True),
        ("engine.threads",),
        COMPUTE,
        "Threads that compute.",
        default="auto",
        aliases=("-t",),
        common=True,
    ),
    Flag(
        "--tp",
        Integer(1, 1024),
        ("engine.tp_size",),
        COMPUTE,
        "Devices that share the model (tensor parallelism). Only 1 in this version.",
        default="1",
        aliases=("-tp", "--tp-size", "--tensor-parallel-size"),
        common=True,
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
)
