"""``python -m tests.e2e.fake_server CONFIG``: the real `serve` with a fake engine.

CONFIG is a `ServerConfig` in JSON.
"""

from __future__ import annotations

import sys

import msgspec

from sgl.config.server import ServerConfig
from sgl.exits import run
from sgl.server.run import serve
from tests.processes import FAKE_ENGINE

if __name__ == "__main__":
    config = msgspec.json.decode(sys.argv[1], type=ServerConfig)
    sys.exit(run(lambda: serve(config, engine_module=FAKE_ENGINE)))
