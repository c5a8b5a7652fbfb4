"""``python -m tests.e2e.fake_starter CONFIG``: ``sgl serve -d`` for a `tests.e2e.fake_server`."""

from __future__ import annotations

import os
import sys

import msgspec

from sgl.config.server import ServerConfig
from sgl.exits import run
from sgl.runs.detach import start

if __name__ == "__main__":
    config = msgspec.json.decode(sys.argv[1], type=ServerConfig)
    sys.exit(run(lambda: start(sys.argv[1:], config, os.environ, module="tests.e2e.fake_server")))
