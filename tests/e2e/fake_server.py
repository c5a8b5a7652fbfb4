"""``python -m tests.e2e.fake_server CONFIG``: the real `serve` with a fake engine.

CONFIG is a `ServerConfig` in JSON.
"""

from __future__ import annotations

import os
import sys

import msgspec

from sgl.config.server import ServerConfig
from sgl.exits import run
from sgl.runs.announce import announce
from sgl.server.run import serve
from tests.processes import FAKE_ENGINE


def main() -> int:
    """Registers and serves, as `sgl.launcher` does."""
    config = msgspec.json.decode(sys.argv[1], type=ServerConfig)
    with announce(config, (), os.environ) as registration:
        return serve(config, engine_module=FAKE_ENGINE, registration=registration)


if __name__ == "__main__":
    sys.exit(run(main))
