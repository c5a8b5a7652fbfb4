"""Steps of fixed batches on a small model: whole batches, times that add up, and clear refusals."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from sgl.errors import UsageError
from sgl.scheduler.build import build_scheduler
from sgl.terminal import Terminal
from sgl_cli.bench.engine import sections
from sgl_cli.bench.engine.driver import Answers, StepDriver
from sgl_cli.bench.engine.machine import measure_machine
from sgl_cli.bench.engine.one_batch import OneBatchOptions, run_one_batch
from sgl_cli.bench.engine.one_batch_report import lines
from sgl_cli.bench.engine.settings import Settings, read_settings, with_model


def settings_of(model: Path, *words: str) -> Settings:
    return read_settings(with_model(str(model), words), os.environ)


def test_small_batches_are_measured(stories260k: Path) -> None:
    said: list[str] = []
    options = OneBatchOptions(settings_of(stories260k), (1, 4), input_len=40, output_len=6, repeat=2)

    result = run_one_batch(options, said.append)

    assert [one.batch for one in result.batches] == [1, 4]
    for one in result.batches:
        assert one.prefill.count == 2
        assert one.prefill_steps == 1
        assert one.decode is not None
        assert one.decode.count == 2 * 5
        assert 0 < one.decode.p10 <= one.decode.median <= one.decode.p90
        assert one.decode_rate == pytest.approx(one.batch / one.decode.median)
        assert one.prefill_rate == pytest.approx(one.batch * 40 / one.prefill.median)
        assert one.prefill_share > 0
        assert one.decode_share == pytest.approx(one.decode_bytes / one.decode.median / result.machine.bytes_per_second)
        assert {"linears", "attention", "sampling"} <= one.decode_parts.keys()
        assert {"linears", "attention", "sampling"} <= one.prefill_parts.keys()
    assert result.engine["radix_cache"] is False
    assert "batch 4, round 2 of 2" in said
    shown = "\n".join(lines(result, Terminal(io.StringIO(), {})))
    assert "40 in, 6 out" in shown
    assert "batch 4: where the time goes" in shown
    assert "of decode step" in shown
    assert "linears" not in shown
    assert "linears" in "\n".join(lines(result, Terminal(io.StringIO(), {}), parts=True))
    document = json.loads(json.dumps(result.to_json()))
    assert document["batches"][1]["decode_step"]["count"] == 10
    assert document["machine"]["flop_s"] > 0


def test_answers_of_one_token_have_no_decode(stories260k: Path) -> None:
    options = OneBatchOptions(settings_of(stories260k), (2,), input_len=8, output_len=1, repeat=1, breakdown=False)

    one = run_one_batch(options).batches[0]

    assert one.decode is None
    assert one.decode_share == 0
    assert one.decode_parts == {}


def test_a_prefill_of_several_steps_leaves_the_batch_whole(stories260k: Path) -> None:
    config = settings_of(stories260k, "--chunked-prefill-size", "64", "--disable-radix-cache").config.engine
    answers = Answers()
    scheduler = build_scheduler(config, answers, lambda phase: None)
    driver = StepDriver(scheduler, answers)
    computed: list[int] = []
    told: list[int] = []

    def begin_decode() -> None:
        computed.append(scheduler.counters.computed_tokens)
        told.append(len(scheduler.planner.running))

    prompts = [[40 + row] * 50 for row in range(5)]
    run = driver.run(prompts, 7, before_decode=begin_decode)

    assert len(run.prefill) > 1
    assert len(run.decode) == 7
    assert told == [5]
    # Nothing but one token of every request, in each of those steps.
    assert scheduler.counters.computed_tokens - computed[0] == 7 * 5
    assert scheduler.planner.idle


def test_every_part_of_a_step_is_of_a_kind() -> None:
    assert {part for _, _, part in sections._parts()} == sections.GROUPS.keys()
    assert sections.grouped({"linears": 1.0, "output head": 2.0, "sampling": 0.5}) == {
        "matrix products": 3.0,
        "sampling": 0.5,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batches": (0,)}, "--batch takes"),
        ({"batches": ()}, "--batch takes"),
        ({"input_len": 0}, "--input-len takes"),
        ({"repeat": 0}, "--repeat takes"),
        ({"input_len": 500, "output_len": 20}, "this engine takes 512"),
    ],
)
def test_what_cannot_be_measured_is_said(stories260k: Path, changes: dict[str, object], message: str) -> None:
    options = OneBatchOptions(settings_of(stories260k), **changes)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match=message):
        run_one_batch(options)


def test_a_pool_that_is_too_small_is_said_with_the_size_that_is_needed(stories260k: Path) -> None:
    options = OneBatchOptions(settings_of(stories260k, "--max-total-tokens", "512"), (8,), input_len=100, output_len=8)

    with pytest.raises(UsageError, match="8 requests of") as caught:
        run_one_batch(options)

    assert "--max-total-tokens" in (caught.value.hint or "")


def test_more_requests_than_were_allowed_are_refused(stories260k: Path) -> None:
    options = OneBatchOptions(settings_of(stories260k, "--max-running-requests", "2"), (4,), input_len=8, output_len=2)

    with pytest.raises(UsageError, match="needs --max-running-requests 4"):
        run_one_batch(options)


def test_the_machine_is_measured() -> None:
    machine = measure_machine("bfloat16", "cpu", 1)

    assert machine.bytes_per_second > 1e8
    assert machine.flops > 1e8
    assert machine.product_dtype in ("bfloat16", "float32")
