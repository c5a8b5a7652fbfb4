"""Offline runs on a small model: what is asked comes back, counted once, and what does not fit is said before."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from sgl.errors import UsageError
from sgl.terminal import Terminal
from sgl_cli.bench.engine.offline import Cancelled, OfflineOptions, run_offline
from sgl_cli.bench.engine.offline_prompts import all_prompts, offline_dataset, scaled
from sgl_cli.bench.engine.offline_report import lines
from sgl_cli.bench.engine.settings import Settings, read_settings, with_model
from sgl_cli.bench.prompt import Prompt


@pytest.fixture
def settings(stories260k: Path) -> Settings:
    return read_settings(with_model(str(stories260k), ["--max-running-requests", "8"]), os.environ)


def public(settings: Settings) -> list[Prompt]:
    return all_prompts(offline_dataset({"dataset": "public-256"}, settings))


def report(result: object) -> str:
    return "\n".join(lines(result, Terminal(io.StringIO(), {})))  # type: ignore[arg-type]


def test_the_public_workload_is_the_published_one(settings: Settings) -> None:
    prompts = public(settings)

    assert len(prompts) == 256
    assert sum(len(prompt.ids or ()) for prompt in prompts) == 142_827
    assert sum(prompt.output_tokens for prompt in prompts) == 133_966


def test_scale_shortens_prompts_and_answers_and_keeps_their_number(settings: Settings) -> None:
    prompts = public(settings)
    short = scaled(prompts, 0.05)

    assert len(short) == 256
    assert sum(len(prompt.ids or ()) for prompt in short) == pytest.approx(142_827 * 0.05, rel=0.01)
    assert sum(prompt.output_tokens for prompt in short) == pytest.approx(133_966 * 0.05, rel=0.01)
    assert all((long.ids or ())[: len(one.ids or ())] == one.ids for long, one in zip(prompts, short, strict=True))
    assert scaled(prompts, 1) == prompts


@pytest.mark.parametrize("scale", [0, -1, 1.5])
def test_a_scale_is_a_part(scale: float) -> None:
    with pytest.raises(UsageError, match="--scale takes a part"):
        scaled([], scale)


def test_text_cannot_be_scaled() -> None:
    with pytest.raises(UsageError, match="these are text"):
        scaled([Prompt(0, 4, text="hello")], 0.5)


def test_a_scaled_public_run_is_counted_and_marked(settings: Settings) -> None:
    prompts = scaled(public(settings), 0.01)

    result = run_offline(OfflineOptions(settings, prompts, "public-256", scale=0.01))

    assert result.input_tokens == sum(len(prompt.ids or ()) for prompt in prompts)
    assert result.output_tokens == sum(prompt.output_tokens for prompt in prompts)
    assert result.cached_tokens == 0  # Neither shared, nor left there by the warm-up.
    assert (result.answered, result.failed, result.unfinished) == (256, 0, 0)
    assert not result.workload.published
    shown = report(result)
    assert "public-256 x 0.01" in shown
    assert "no published figure compares" in shown
    assert "folded into the model's vocabulary of 512" in shown
    assert "temperature 0.6" in shown
    document = json.loads(json.dumps(result.to_json()))
    assert document["summary"]["out_tok_s"] == pytest.approx(result.output_tokens / result.run.duration)
    assert document["engine"]["max_running_requests"] == 8
    assert document["dataset"]["published"] is False


def test_records_hold_the_time_of_every_token(settings: Settings) -> None:
    prompts = [Prompt(index, 6 + index, ids=tuple(range(40, 60 + index))) for index in range(12)]

    result = run_offline(OfflineOptions(settings, prompts, "mine"))

    assert [record.index for record in result.run.records] == list(range(12))
    for prompt, record in zip(prompts, result.run.records, strict=True):
        assert record.output_tokens == record.asked_tokens == prompt.output_tokens
        assert record.chunk_tokens[-1] == prompt.output_tokens
        assert len(record.chunks) == len(record.chunk_tokens)
        assert sorted(record.chunks) == list(record.chunks)
        assert 0 <= record.sent <= record.chunks[0] <= record.chunks[-1] <= record.ended <= result.run.duration
        assert record.finish_reason == "length"
        assert set(record.server) == {"queue_ms", "prefill_ms", "decode_ms"}
    assert "12 of 12 answered" in report(result)


def test_text_is_tokenised_by_the_model(settings: Settings) -> None:
    prompts = [Prompt(0, 4, text="Once upon a time"), Prompt(1, 4, text="The end")]

    result = run_offline(OfflineOptions(settings, prompts, "stdin", warm_up=False))

    assert [record.input_tokens is not None and record.input_tokens > 1 for record in result.run.records] == [True] * 2


def test_cut_short_it_reports_what_was_computed(settings: Settings) -> None:
    said: list[str] = []
    prompts = scaled(public(settings), 0.2)

    result = run_offline(
        OfflineOptions(settings, prompts, "public-256", scale=0.2),
        said.append,
        lambda: any("answered, " in line and ", 0 tok/s" not in line for line in said),
    )

    assert result.run.partial
    assert result.failed == 0
    assert result.unfinished > 0
    assert result.answered + result.unfinished == 256
    assert 0 < result.output_tokens < sum(prompt.output_tokens for prompt in prompts)
    assert "cut short" in report(result)


def test_stopped_while_loading_nothing_is_measured(settings: Settings) -> None:
    with pytest.raises(Cancelled):
        run_offline(OfflineOptions(settings, public(settings), "public-256"), stopped=lambda: True)


def test_what_does_not_fit_is_said_with_a_scale_that_does(settings: Settings) -> None:
    prompts = public(settings)

    with pytest.raises(UsageError, match="and this engine takes 512 at most") as caught:
        run_offline(OfflineOptions(settings, prompts, "public-256"))

    hint = caught.value.hint or ""
    scale = float(hint.partition("--scale ")[2].partition(")")[0])
    longest = max(len(prompt.ids or ()) + prompt.output_tokens for prompt in scaled(prompts, scale))
    assert 0.9 * 512 < longest <= 512


@pytest.mark.parametrize(
    ("prompts", "message"),
    [([], "no prompt to run"), ([Prompt(0, 4, text="a", conversation=1)], "prompts that stand alone")],
)
def test_prompts_that_cannot_be_run(settings: Settings, prompts: Sequence[Prompt], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run_offline(OfflineOptions(settings, prompts, "mine"))


def test_made_prompts_are_as_many_as_asked_for(settings: Settings) -> None:
    source = offline_dataset({"dataset": "random", "input_len": "20-30", "output_len": "4"}, settings)

    assert len(all_prompts(source, 5)) == 5
    assert len(all_prompts(source)) == 256
    assert all(max(prompt.ids or (512,)) < 512 for prompt in all_prompts(source, 5))


def test_a_file_is_read_once(settings: Settings) -> None:
    source = offline_dataset({"dataset": "stdin", "output_len": "4"}, settings, io.StringIO("one\ntwo\nthree\n"))

    assert len(all_prompts(source)) == 3


@pytest.mark.parametrize("switch", ["--dry-run", "-d"])
def test_flags_about_a_server_are_refused(stories260k: Path, switch: str) -> None:
    with pytest.raises(UsageError, match="is about a server"):
        read_settings(with_model(str(stories260k), [switch]), os.environ)
