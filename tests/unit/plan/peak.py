"""Run as a process: serves 64 requests at once and prints how much private memory the step's tensors and the rest took.

Arguments: a folder with config.json, and a dtype. Prints JSON: ``peak_bytes`` beyond weights and touched KV pages, and
``planned_bytes`` for it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sgl.config.engine import EngineConfig
from sgl.config.hf import HfConfig
from sgl.config.resolve import resolve
from sgl.device import probe_cpu
from sgl.models.table import read_model_config
from sgl.plan.demand import demand
from sgl.plan.memory import plan_memory
from sgl.plan.place import cpu_place
from tests.harness import LocalEngine, generate

REQUESTS, PROMPT, ANSWER = 64, 100, 12


def private_bytes() -> int:
    """Bytes that belong to this process alone and are no file's."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def main(folder: Path, dtype: str) -> None:
    options: dict[str, Any] = {"load_format": "dummy", "dtype": dtype, "max_total_tokens": 8192, "threads": 1}
    engine = LocalEngine.load(folder, **options)
    model = read_model_config(HfConfig.load(folder))
    machine = probe_cpu()
    resolved = resolve(EngineConfig(model_path=str(folder), **options), model, machine)
    plan = plan_memory(demand(resolved, model, cpu_place(machine)))
    draw = np.random.default_rng(0)
    prompts = [draw.integers(3, model.vocab_size, PROMPT).tolist() for _ in range(REQUESTS)]
    options = {"max_new_tokens": ANSWER, "ignore_eos": True, "temperature": 1.0, "top_p": 0.9}
    engine.submit(*(generate(rid, prompt, **options) for rid, prompt in enumerate(prompts)))
    peak = private_bytes()
    while engine.step() or not engine.scheduler.planner.idle:
        peak = max(peak, private_bytes())
    kept = plan.weight_bytes + plan.copy_bytes + REQUESTS * (PROMPT + ANSWER) * plan.page_bytes // resolved.page_size
    print(json.dumps({"peak_bytes": peak - kept, "planned_bytes": plan.activation_bytes + plan.runtime_bytes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
