"""What ``sgl serve --dry-run`` says about a start is what the started server says about itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.server_process import starting

SETTINGS = {
    "dtype": "dtype",
    "max_model_len": "max-model-len",
    "page_size": "page-size",
    "mem_fraction_static": "mem-fraction-static",
    "max_running_requests": "max-running-requests",
    "max_queued_requests": "max-queued-requests",
    "chunked_prefill_size": "chunked-prefill-size",
    "schedule_policy": "schedule-policy",
    "deterministic": "deterministic",
    "speculative": "speculative-algorithm",
    "threads": "threads",
    "device": "device",
    "seed": "seed",
    "max_total_num_tokens": "max-total-tokens",
}
"""Field of /server_info -> key of the dry run's settings."""


def test_the_dry_run_tells_what_the_server_tells(stories260k: Path, tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    config.write_text(f"model = '{stories260k}'\nport = 0\n[profiles.small]\nmax-running-requests = 5\npage-size = 8")
    words = ["-m", "sgl.launcher", "--config", str(config), "--profile", "small", "--max-model-len", "0.25k"]
    finished = subprocess.run(
        [sys.executable, *words, "--dry-run", "--json"], capture_output=True, text=True, timeout=60, check=True
    )
    promised = json.loads(finished.stdout)
    with tempfile.TemporaryDirectory(prefix="rt") as folder, starting(words, Path(folder)) as process:
        process.until("curl ", seconds=120)
        info: dict[str, Any] = httpx.get(f"{process.url}/server_info").raise_for_status().json()
    told = {key: info[field] for field, key in SETTINGS.items()}
    assert told == {key: promised["settings"][key]["value"] for key in SETTINGS.values()}
    assert info["reasons"] == [
        f"{key.replace('-', '_')}: {setting['value']}, because {setting['reason']}"
        for reason in info["reasons"]
        for key, setting in promised["settings"].items()
        if key.replace("-", "_") == reason.partition(":")[0]
    ]
    memory = promised["memory"]
    assert memory["kv_tokens"] == info["max_total_num_tokens"] == 5 * 256
    assert os.path.samefile(info["model_path"], promised["settings"]["model"]["value"])
