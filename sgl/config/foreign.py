"""Flags of vLLM, SGLang, llama.cpp and text-generation-inference that people paste, and our answers.

A flag with the meaning of one of ours is an alias in `sgl.config.flags`. What stands here has no such twin.
"""

from __future__ import annotations

from typing import Final

RENAMED: Final = {
    theirs: ours
    for ours, spellings in {
        "--chunked-prefill-size": "--max-prefill-tokens --max-batch-prefill-tokens --batch-size -b --ubatch-size -ub",
        "--max-total-tokens": "--num-gpu-blocks-override",
        "--max-running-requests": "--parallel -np",
        "--max-queued-requests": "--max-concurrent-requests",
        "--max-model-len": "--max-seq-len --max-input-length",
        "--model": "--model-id --hf-repo -hf -hfr",
        "--tp": "--num-shard",
        "--host": "--hostname",
        "--port": "-p",
        "--request-timeout": "--timeout -to --watchdog-timeout",
        "--threads": "--threads-batch -tb",
        "--chat-template": "--chat-template-file",
    }.items()
    for theirs in spellings.split()
}
"""Their flag -> our nearest one. Its values may count something else, so it is named and not silently taken."""

NEEDLESS: Final = {
    "--enable-prefix-caching": "prefixes are reused unless --disable-radix-cache is given",
    "--enable-chunked-prefill": "long prompts are always split",
    "--enable-mixed-chunk": "prompts and answers always share a step",
    "--async-scheduling": "steps are scheduled ahead unless --disable-overlap-schedule is given",
    "--enable-metrics": "/metrics is always served",
    "--metrics": "/metrics is always served",
    "--enable-cache-report": "cached tokens are always reported",
    "--jinja": "chat templates are always Jinja",
}
"""Switches that ask for what is so anyway -> the notice with which they are accepted."""

REFUSED: Final = {
    theirs: answer
    for answer, spellings in {
        "belongs to each request, not to the server": (
            "--temp --temperature --top-k --top-p --min-p --repeat-penalty --n-predict -n --system-prompt"
        ),
        "is the variable HF_HOME here": "--download-dir",
        "is the variable HF_TOKEN here": "--hf-token",
        "is not in this version: --quantization int8, int4 or fp8 makes weights smaller": (
            "--quantization-* --load-in-* --torchao-config"
        ),
        "is not in this version: --kv-cache-dtype int8 or fp8_e4m3 holds for K and V": "--cache-type-* -ctk -ctv",
        "is not in this version: --attention-backend is for prompts and answers alike": (
            "--prefill-attention-backend --decode-attention-backend --mm-attention-backend --attention-config"
        ),
        "is not in this version: --attention-backend chooses among what it has": "--flash-attn -fa",
        "is not in this version: there is one sampler": "--sampling-backend",
        "is not in this version: every batch up to --cuda-graph-max-bs is captured": (
            "--cuda-graph-bs* --cuda-graph-sizes --cudagraph-* --disable-cuda-graph-* --piecewise-cuda-graph-*"
        ),
        "is not in this version: kernels are fused by hand": "--enable-torch-compile --compilation-config",
        "is not in this version: a model is on one device as a whole, which --device names": (
            "--n-gpu-layers --gpu-layers -ngl"
        ),
        "is not in this version: no LoRA adapters": "--lora* --enable-lora --max-lora*",
        "is not in this version: drafts come from --speculative-algorithm ngram only": (
            "--speculative-draft* --speculative-eagle* --speculative-num-steps --speculative-config --draft-* "
            "--speculative-accept* --speculative-attention* --speculative-token-map --speculative-disable-by* "
            "--speculative-model* --num-speculative-tokens --spec.* --model-draft -md"
        ),
        "is not in this version: no tool calls": "--tool-call-parser --enable-auto-tool-choice --tool-server",
        "is not in this version: reasoning is part of the answer's text": (
            "--reasoning-parser --reasoning-format --enable-reasoning"
        ),
        "is not in this version: no structured output": (
            "--grammar* --guided-decoding-* --structured-outputs-* --json-schema"
        ),
        "is not in this version: models generate text only": ("--embedding --is-embedding --reranking --task --runner"),
        "is not in this version: models read text only": "--mm-* --mmproj --limit-mm-per-prompt",
        "is not in this version: start one server for each replica": "--dp -dp --dp-size --data-parallel*",
        "is not in this version: no pipeline parallelism": "--pp -pp --pp-size --pipeline-parallel*",
        "is not in this version: no expert parallelism": (
            "--ep -ep --ep-size --expert-parallel* --enable-expert-parallel"
        ),
        "is not in this version: it runs on one machine": "--nnodes --node-rank --dist-*",
        "is not in this version: nothing is offloaded": (
            "--swap-space --cpu-offload-* --enable-hierarchical-cache --hicache-*"
        ),
        "is not in this version: put a reverse proxy in front": "--ssl-* --root-path --allowed-* --cors-*",
        "is not in this version: --api-key guards all but the health routes": "--admin-api-key",
        "is not offered: edit the model's config.json": "--hf-overrides --json-model-override-args",
    }.items()
    for theirs in spellings.split()
}
"""Their flag -> why not, to stand after its name. A key that ends in ``*`` stands for all that begin so."""


def refusal(spelling: str) -> str | None:
    """Returns why another engine's flag is refused, or None when it is not known."""
    exact = REFUSED.get(spelling)
    if exact is not None:
        return exact
    for known, answer in REFUSED.items():
        if known.endswith("*") and spelling.startswith(known[:-1]):
            return answer
    return None
