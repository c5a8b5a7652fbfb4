"""What a result file says besides figures: the machine, the server, the command line."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sgl import __version__
from sgl.device import probe_cpu

from ..flags.plan import BenchPlan
from ..result import Facts
from ..target.facts import HIDDEN, without_secrets
from .asking import Ready
from .questions import Asked

_LOCAL: Final = ("127.0.0.1", "localhost", "::1")
_CPU_INFO: Final = Path("/proc/cpuinfo")
_SECONDS: Final = 10.0


def facts_of(
    ready: Ready,
    plan: BenchPlan,
    asked: Asked,
    command: Sequence[str],
    host: Mapping[str, Any],
    more: Mapping[str, Any],
) -> Facts:
    """What is known besides one run.

    Args:
        ready: The server.
        plan: What was asked for.
        asked: The prompts of the run.
        command: The words after ``sgl bench``, as they were typed.
        host: See `host_facts`.
        more: For the configuration: what sets this run apart from others of its campaign.
    """
    return Facts(
        sgl_version=__version__,
        name=plan.output.name or "",
        host=host,
        server={**ready.facts.to_json(), "url": ready.found.url, "api": ready.target.api, "notes": list(ready.notes)},
        client={
            "cmdline": _command(command, ready.found.key),
            "git": git_commit(),
            "python": platform.python_version(),
        },
        dataset=asked.to_json(),
        config={**config_of(plan, ready.found.key), **more, "meta": dict(plan.output.meta)},
    )


def host_facts(url: str) -> dict[str, Any]:
    """CPU, GPU and driver of this machine, when it is the one that serves; nothing of another one."""
    if urlsplit(url).hostname not in _LOCAL:
        return {}
    gpu, driver = _gpu()
    device = probe_cpu()
    return {"cpu": _cpu(), "cores": device.cores, "memory_bytes": device.memory_bytes, "gpu": gpu, "driver": driver}


def config_of(plan: BenchPlan, key: str | None) -> dict[str, Any]:
    """The plan as plain values, without a key of anybody's."""
    parts = {name: asdict(getattr(plan, name)) for name in ("target", "load", "measure")}
    del parts["target"]["api_key"]
    parts["target"]["headers"] = dict.fromkeys(parts["target"]["headers"], HIDDEN)
    found: dict[str, Any] = without_secrets(_plain({**parts, "ignore_eos": plan.ignore_eos}), key)
    return found


def git_commit() -> str | None:
    """The commit of the checkout that runs; None when it is none."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    return _output("git", "-C", str(root), "rev-parse", "--short=12", "HEAD") or None


def _command(words: Sequence[str], key: str | None) -> list[str]:
    shown: list[str] = without_secrets(["sgl", "bench", *words], key)
    hide_next = False
    for place, word in enumerate(shown):
        if hide_next:
            shown[place] = word.partition("=")[0] + f"={HIDDEN}"
        elif word.startswith("--header="):
            shown[place] = "=".join(word.split("=")[:2]) + f"={HIDDEN}"
        hide_next = word == "--header"
    return shown


def _cpu() -> str:
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _gpu() -> tuple[str | None, str | None]:
    """Names of the GPUs and version of the driver, as ``nvidia-smi`` has them."""
    if shutil.which("nvidia-smi") is None:
        return None, None
    lines = _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").splitlines()
    rows = [line.split(", ") for line in lines if line.count(", ") == 1]
    if not rows:
        return None, None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = len(rows) if visible is None else min(len(rows), len([word for word in visible.split(",") if word]))
    names = [name for name, _ in rows][:count]
    kinds = [f"{names.count(name)} x {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)]
    return ", ".join(kinds) or None, rows[0][1]


def _output(*words: str) -> str:
    """What a program prints; nothing when it fails."""
    try:
        finished = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return finished.stdout.strip() if finished.returncode == 0 else ""


def _plain(value: Any) -> Any:
    """A copy of JSON's types only."""
    if isinstance(value, dict):
        return {str(name): _plain(content) for name, content in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "inf"
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
