"""``sgl --version``, and with ``--json`` the versions of what it runs on, for scripts and bug reports."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from typing import Final

from sgl._version import __version__

PACKAGES: Final = (
    *("torch", "triton", "flashinfer-python", "transformers", "tokenizers", "safetensors", "huggingface-hub"),
    *("numpy", "msgspec", "pyzmq", "starlette", "uvicorn", "httpx", "typer", "rich", "textual", "llguidance"),
)


def versions() -> str:
    """Returns one JSON document; nothing is imported to find out, and a package that is not installed is null."""
    document = {
        "sgl": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
    }
    return json.dumps(document, indent=2)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
