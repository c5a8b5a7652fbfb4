"""What a preview says is what a real start gives, to the byte."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sgl import builtin
from sgl.config.arguments import read_serve
from sgl.engine.build import build_engine
from sgl.preview.build import preview

WORDS = [
    "",
    "--max-model-len 256 --max-running-requests 3",
    "--page-size 1 --max-total-tokens 1000",
    "--max-total-tokens 1k --page-size 16",
    "--deterministic --dtype bfloat16 --max-total-tokens 4Ki",
    "--mem-fraction-static 0.001 --chunked-prefill-size 64",
    "--load-format dummy --seed 3 --max-total-tokens 2048",
]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("name", ["stories260k", "builtin"])
def test_a_start_gives_what_was_promised(name: str, words: str, stories260k: Path) -> None:
    folder = stories260k if name == "stories260k" else builtin.folder()
    arguments = read_serve(["-m", str(folder), *words.split()], {}, None)
    promised = preview(arguments)
    assert promised.problems == ()
    plan, resolved = promised.plan, promised.resolved
    assert plan is not None
    assert resolved is not None

    info = build_engine(arguments.config.engine, lambda *_: None).info
    assert (plan.weight_bytes, plan.kv_bytes, plan.kv_tokens) == (info.weight_bytes, info.kv_bytes, info.kv_tokens)
    assert plan.max_request_tokens == info.max_request_tokens
    assert resolved.reasons == info.reasons
    wished = msgspec.structs.asdict(resolved)
    assert info.settings == {setting: value for setting, value in wished.items() if setting != "reasons"}
    shown = {row.flag: row.value for row in promised.rows}
    assert shown["--max-model-len"] == info.max_model_len
    assert shown["--page-size"] == info.page_size
    assert shown["--dtype"] == info.dtype
    assert shown["--max-running-requests"] == info.max_running_requests
    if "--max-total-tokens" not in words:
        assert shown["--max-total-tokens"] == info.kv_tokens
