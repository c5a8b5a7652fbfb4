"""A value for every serve flag that can really be used."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sgl.config.flags import Flag
from sgl.config.values import Switch

_TEXTS: Final = {
    "--trust-remote-code": "0",
    "--tp": "1",
    "--device": "cpu",
    "--attention-backend": "torch",
    "--kv-cache-dtype": "int8",
    "--quantization": "int4",
    "--dtype": "fp32",
    "--load-format": "dummy",
    "--speculative-algorithm": "ngram",
    "--schedule-policy": "lpm",
    "--log-level": "debug",
    "--mem-fraction-static": "0.25",
    "--request-timeout": "1.5",
    "--max-model-len": "0.25k",
    "--max-body-bytes": "2Mi",
}


def sample(flag: Flag, folder: Path) -> str:
    """Text for ``flag``, other than its default where there is another; files are made in ``folder``."""
    if flag.name in _TEXTS:
        return _TEXTS[flag.name]
    if isinstance(flag.kind, Switch):
        return "1"
    if flag.completes == "file":
        file = folder / ("sample.toml" if flag.name == "--config" else "sample")
        file.write_text("" if flag.name == "--config" else "key")
        return str(file)
    return "64" if flag.default else "x"
