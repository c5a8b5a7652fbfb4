"""Exit codes, what a result file tells of a command line, and comparisons of files."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.campaign.asking import choose_api
from sgl_cli.bench.campaign.compare_files import CompareWish, compare_files
from sgl_cli.bench.campaign.deliver import check_places
from sgl_cli.bench.campaign.ends import exit_code, too_many
from sgl_cli.bench.campaign.facts import config_of, facts_of, host_facts
from sgl_cli.bench.campaign.levels import Level
from sgl_cli.bench.compare.outcome import Outcome
from sgl_cli.bench.flags.plan import ErrorLimit, OutputWish
from sgl_cli.bench.flags.read import read_plan
from sgl_cli.bench.output.json_file import save
from sgl_cli.bench.result import Result
from sgl_cli.bench.target.find import Found
from sgl_cli.bench.target.probe import ProbeFailed
from tests.fake_bench_server import fake_bench_server

from .test_campaign_loads import finished, plan_of

GOOD = Outcome("a", True, 1.0, "")
BAD = Outcome("a", False, 1.0, "")


@pytest.mark.parametrize(
    ("interrupted", "trouble", "outcomes", "code"),
    [
        (False, False, [], 0),
        (False, False, [GOOD], 0),
        (False, False, [GOOD, BAD], 3),
        (False, True, [BAD], 4),
        (True, True, [BAD], 130),
    ],
)
def test_the_gravest_reason_counts(interrupted: bool, trouble: bool, outcomes: list[Outcome], code: int) -> None:
    assert exit_code(interrupted, trouble, outcomes) == code


def result(level: Level | None = None, tok_s: float = 100.0, **fields: Any) -> Result:
    return finished(level or Level(4), tok_s, **fields).result


def test_too_many_failures_are_told_with_the_limit() -> None:
    limit = ErrorLimit(share=0.01)
    assert too_many(limit, [result()]) == ""
    assert too_many(limit, [result(), result(failed=4)]) == "4 of 40 requests failed; --max-errors allows 1%"
    assert too_many(ErrorLimit(count=4), [result(failed=4)]) == ""
    assert too_many(ErrorLimit(share=1.0), [result(failed=40)]) != ""
    nothing = replace(result(), summary={"requests": {"sent": 0, "ok": 0, "failed": 0}})
    assert too_many(ErrorLimit(share=1.0), [nothing]) == "no request was sent"


def test_no_key_of_anybodys_gets_into_a_result() -> None:
    words = ["--api-key", "very-secret", "--header", "X-Pass=hidden-word", "--header=Y-Pass=other-word", "-n", "2"]
    values = {"api_key": "very-secret", "header": ["X-Pass=hidden-word"], "body": '{"user": "very-secret"}'}
    plan = read_plan({**values, "num_prompts": "2", "input_len": "4"})
    with fake_bench_server(key="very-secret") as server:
        ready = choose_api(Found(server.url, "fake", "very-secret", "--url"), plan, None)
        facts = facts_of(ready, plan, ready.questions.asked(0, 2), words, {}, {})
    written = json.dumps([facts.server, facts.client, facts.config, facts.dataset])
    for secret in ("very-secret", "hidden-word", "other-word"):
        assert secret not in written
    assert facts.client["cmdline"][:4] == ["sgl", "bench", "--api-key", "***"]
    assert facts.config["load"]["concurrency"] == [64]


def test_only_a_server_of_this_machine_has_its_cpu() -> None:
    assert host_facts("http://127.0.0.1:30000/v1")["cpu"]
    assert host_facts("https://api.example.com/v1") == {}


def test_the_configuration_is_plain_json() -> None:
    plan = plan_of(rate="inf", num_prompts="5", assert_file="x.toml")
    assert json.loads(json.dumps(config_of(plan, None), allow_nan=False))["load"]["rates"] == ["inf"]


@pytest.mark.parametrize(
    ("values", "refuses", "api", "content"),
    [
        ({}, (), "completions", "token ids"),
        ({"api": "chat"}, (), "chat", "words"),
        ({"api": "generate"}, (), "generate", "token ids"),
        ({"dataset": "multi-turn"}, (), "chat", "words"),
        ({"dataset": "shared-prefix"}, (), "completions", "token ids"),
    ],
)
def test_the_api_that_fits_the_prompts(
    values: dict[str, Any], refuses: tuple[str, ...], api: str, content: str
) -> None:
    with fake_bench_server(refuses=refuses) as server:
        ready = choose_api(Found(server.url, "fake", None, "--url"), plan_of(**values), None)
    assert ready.target.api == api
    assert str(ready.questions.first.describe()["content"]).startswith(content)
    assert ready.notes == ()


def test_a_server_without_completions_is_asked_in_chats_and_the_note_says_so() -> None:
    with fake_bench_server(refuses=("prompt",)) as server:
        ready = choose_api(Found(server.url, "fake", None, "--url"), plan_of(), None)
    assert ready.target.api == "chat"
    assert "takes no token ids" in ready.notes[0]


def test_what_a_server_does_not_know_is_left_out_and_noted() -> None:
    with fake_bench_server(refuses=("ignore_eos", "continuous_usage_stats")) as server:
        ready = choose_api(Found(server.url, "fake", None, "--url"), plan_of(), None)
    assert not ready.target.ask.ignore_eos
    assert not ready.target.ask.continuous_usage
    assert len(ready.notes) == 2


def test_a_wrong_key_is_not_tried_in_other_ways() -> None:
    with fake_bench_server(key="right") as server, pytest.raises(ProbeFailed, match="Incorrect API key") as caught:
        choose_api(Found(server.url, "fake", "wrong", "--url"), plan_of(), None)
    assert caught.value.hint is not None


def test_prompts_from_standard_input_go_as_text() -> None:
    with fake_bench_server() as server:
        stdin = io.StringIO("one question\nanother one\n")
        ready = choose_api(Found(server.url, "fake", None, "--url"), plan_of(dataset="stdin"), stdin)
    assert [prompt.text for prompt in ready.questions.asked(0, None).prompts] == ["one question", "another one"]


def test_sampling_goes_where_the_api_wants_it() -> None:
    plan = plan_of(api="generate", option=["temperature=0.5", "rid=mine"])
    with fake_bench_server() as server:
        ready = choose_api(Found(server.url, "fake", None, "--url"), plan, None)
        body = server.counts()["bodies"][-1]
    assert ready.target.ask.sampling == {"temperature": 0.5}
    assert body["sampling_params"]["temperature"] == 0.5
    assert body["rid"] == "mine"


def test_where_results_cannot_go_is_said_before_the_run(tmp_path: Path) -> None:
    check_places(OutputWish(save=tmp_path, html=tmp_path / "new" / "r.html", csv=Path("-")))
    with pytest.raises(UsageError, match="is a folder"):
        check_places(OutputWish(html=tmp_path))


def files(tmp_path: Path, base: list[Result], new: list[Result]) -> list[str]:
    paths = [tmp_path / "base.json", tmp_path / "new.json"]
    for path, results in zip(paths, (base, new), strict=True):
        save(path, results)
    return [str(path) for path in paths]


def test_two_files_are_compared_and_rules_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = files(tmp_path, [result()], [result(ttft=0.05)])
    assert compare_files(words, CompareWish()) == 0
    assert "worse" in capsys.readouterr().out
    assert compare_files(words, CompareWish(("ttft.p50>+10%",), junit=tmp_path / "j.xml")) == 3
    assert "FAIL  ttft.p50>+10%" in capsys.readouterr().out
    assert 'failures="1"' in (tmp_path / "j.xml").read_text()
    assert compare_files([*words, "out_tok_s<-50%"], CompareWish(("ttft.p50>+900%",))) == 0
    assert capsys.readouterr().out.count("pass  ") == 2
    assert compare_files(words, CompareWish(form="json")) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "sgl bench comparison"
    assert compare_files(words, CompareWish(form="markdown")) == 0
    assert capsys.readouterr().out.startswith("### sgl bench: new against base\n")


def test_levels_with_the_same_load_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, four, eight = (result(Level(number)) for number in (1, 4, 8))
    words = files(tmp_path, [one, four], [one, four, eight])
    assert compare_files(words, CompareWish(("ttft.p50>+10%",), form="json")) == 0
    captured = capsys.readouterr()
    documents = json.loads(captured.out)
    assert [document["outcomes"][0]["asked"] for document in documents] == [
        "ttft.p50>+10% (concurrency 1)",
        "ttft.p50>+10% (concurrency 4)",
    ]
    assert captured.err == "note: 1 levels are in one of the files only\n"
    with pytest.raises(UsageError, match="no load in common"):
        compare_files(files(tmp_path, [one, four], [eight]), CompareWish())
    with pytest.raises(UsageError, match="several runs with the same load"):
        compare_files(files(tmp_path, [one, one], [one, four]), CompareWish())


@pytest.mark.parametrize("words", [[], ["a.json"], ["a.json", "b.json", "c.json"]])
def test_compare_takes_two_files(words: list[str]) -> None:
    with pytest.raises(UsageError, match="compare takes two files"):
        compare_files(words, CompareWish())
