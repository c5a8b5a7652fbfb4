"""A load on our own server, with a fake engine behind it: it accepts all that is asked for."""

from __future__ import annotations

import pytest

from sgl_cli.bench.load.plan import closed
from sgl_cli.bench.load.run_load import run_load
from sgl_cli.bench.prompt import Prompt
from sgl_cli.bench.target.facts import server_facts
from sgl_cli.bench.target.probe import probe
from sgl_cli.bench.target.target import Target
from sgl_cli.bench.wire.ask import Api, Ask
from tests.live import live
from tests.serving import MODEL
from tests.unit.bench.loads import kinds, prompts


@pytest.mark.parametrize("api", ["completions", "chat", "generate"])
def test_a_load_on_our_own_server(api: Api) -> None:
    ids = [Prompt(index, 6, ids=(300, 301, 302 + index)) for index in range(6)]
    with live() as server:
        there = probe(Target(server.url, api, Ask(MODEL)))
        run = run_load(there.target, prompts(6, tokens=6) if api == "chat" else ids, closed(3))
        facts = server_facts(there.target)
    assert there.notes == ()
    assert kinds(run.records) == {""}
    assert all(record.output_tokens == 6 and record.chunk_tokens for record in run.records)
    assert facts.software == "sgl"
    assert run.after["sgl:generation_tokens_total"] - run.before["sgl:generation_tokens_total"] == 36
