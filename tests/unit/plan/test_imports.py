"""The planner loads nothing but the standard library and the plain parts of sgl."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.source import modules

PLAN = sorted(module.name for module in modules() if module.name.startswith("sgl.plan"))


@pytest.mark.parametrize("names", [PLAN, [*PLAN, "sgl.hub.headers"]], ids=["plan", "headers"])
def test_only_the_standard_library(names: list[str]) -> None:
    program = (
        "import sys\nbefore = set(sys.modules)\n"
        + "".join(f"import {name}\n" for name in names)
        + "print(' '.join(set(sys.modules) - before))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = finished.stdout.split()
    foreign = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {"sgl"}
    assert not foreign
    assert {name.split(".")[1] for name in loaded if name.startswith("sgl.")} <= {
        *("_version", "cgroup", "config", "device", "errors", "env", "gpu", "plan"),
        *(("hub",) if "sgl.hub.headers" in names else ()),
    }
