"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from tests.turns import Turns

ROOT: Final = Path(__file__).resolve().parent.parent

# Kernels for GPUs are interpreted in tests. Triton looks at the variable when it defines a kernel, so it has to be set
# before anything imports one.
os.environ["TRITON_INTERPRET"] = "1"

# Workers of one run share the cores: products of each, and of what it starts, take one. OpenMP looks at the variable
# when torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says who else is on the machine.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps the garbage collector from millions of objects that are made now and stay: a quarter of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


TURNS: Final = pytest.StashKey[Turns]()


def pytest_configure(config: pytest.Config) -> None:
    """Workers of one run share the machine, and tests that take the time need it for themselves."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        turns = Turns(worker["testrunuid"])
        config.stash[TURNS] = turns
        config.add_cleanup(turns.close)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Runs a test when it is its turn: alone if it is marked ``alone``."""
    turns = item.config.stash.get(TURNS, None)
    with nullcontext() if turns is None else turns.take(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout: the folder with pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def stories260k() -> Path:
    """The folder of the small trained model: ``SGL_TEST_MODEL``, or its place beside the checkout.

    A missing model is a failure, not a skip: without it, the end-to-end tests would pass by doing nothing.
    """
    folder = Path(os.environ.get("SGL_TEST_MODEL") or ROOT.parent / "shared" / "models" / "stories260k")
    if not (folder / "config.json").is_file():
        pytest.fail(f"no model in {folder}; set SGL_TEST_MODEL to the folder of stories260k", pytrace=False)
    return folder.resolve()


@pytest.fixture(scope="session", autouse=True)
def _records_and_logs_of_their_own() -> Iterator[None]:
    """Keeps servers that tests start out of the developer's ``sgl ps``, and their logs out of the home folder.

    The developer's own ``sgl/config.toml`` has no say in tests either.

    The path is short: Unix sockets are made under it, and theirs may have 107 bytes.
    """
    with tempfile.TemporaryDirectory(prefix="t") as folder, pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            base = Path(folder) / name[4]
            base.mkdir(mode=0o700)
            patch.setenv(name, str(base))
        yield


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes ``SGL_*`` variables of the developer's shell away, for this process and those it starts.

    The size of its terminal as well, which pytest-xdist tells to its workers: terminals of tests have their own.
    """
    for name in list(os.environ):
        if name in ("COLUMNS", "LINES") or (name.startswith("SGL_") and name != "SGL_TEST_MODEL"):
            monkeypatch.delenv(name)
