"""The flags of ``sgl bench``: what they come to, and what is said of those that contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.data.lengths import Fixed, Uniform
from sgl_cli.bench.flags.plan import AT_ONCE, BenchPlan, ErrorLimit, Ramp
from sgl_cli.bench.flags.read import read_plan
from sgl_cli.bench.flags.table import FLAGS, GROUPS


def plan(**values: object) -> BenchPlan:
    return read_plan(values)


def test_nothing_given() -> None:
    result = plan()
    assert result.load.concurrency == (64,)
    assert not result.load.open
    assert result.data.kind == "random"
    assert (result.data.input_len, result.data.output_len) == (Fixed(1000), Fixed(256))
    assert result.ignore_eos
    assert result.prompts(64) == 640
    assert result.prompts(1) == 100
    assert [result.load.warmups(number) for number in (1, 4, 64, None)] == [1, 4, 8, 8]
    assert result.output.live


def test_what_is_none_or_off_was_not_given() -> None:
    values: dict[str, object] = {flag.key: None if flag.form in ("text", "pair") else False for flag in FLAGS}
    values |= {flag.key: [] for flag in FLAGS if flag.form == "list"}
    assert read_plan(values) == plan()


def test_a_series_of_closed_loops_and_of_open_ones() -> None:
    assert plan(concurrency="1,4,1,64").load.concurrency == (1, 4, 64)
    load = plan(rate="2, 8,inf", arrival="constant").load
    assert load.rates == (2.0, 8.0, AT_ONCE)
    assert load.open
    assert load.concurrency == ()
    assert load.bound is None
    assert load.arrival == "constant"


def test_one_concurrency_bounds_an_open_loop() -> None:
    load = plan(rate="8", concurrency="32", burstiness="0.5").load
    assert (load.rates, load.bound, load.burstiness) == ((8.0,), 32, 0.5)


def test_ramps() -> None:
    assert plan(ramp="1-50").load.ramp == Ramp(1, 50)
    assert plan(ramp="exp:0.5-50").load.ramp == Ramp(0.5, 50, "exponential")
    assert plan(ramp="linear:0-50").load.ramp == Ramp(0, 50)


def test_quick_stands_for_two_loads() -> None:
    load = plan(quick=True).load
    assert (load.concurrency, load.duration) == ((1, 64), 30.0)


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60.0), ("60s", 60.0), ("2m", 120.0), ("1.5h", 5400.0), ("500ms", 0.5), ("1min", 60.0)]
)
def test_times(text: str, seconds: float) -> None:
    assert plan(duration=text).load.duration == seconds


def test_error_limits() -> None:
    assert plan(max_errors="5").load.max_errors == ErrorLimit(count=5)
    assert plan(max_errors="2.5%").load.max_errors == ErrorLimit(share=0.025)
    limit = plan().load.max_errors
    assert limit.allows(0, 100)
    assert limit.allows(1, 100)
    assert not limit.allows(2, 100)
    assert not ErrorLimit(count=5).allows(3, 3)
    assert not ErrorLimit(share=1.0).allows(3, 3)
    assert (str(limit), str(ErrorLimit(count=5))) == ("1%", "5")


def test_requests_get_more_fields_and_headers() -> None:
    target = plan(
        url="localhost:8000",
        option=["temperature=0.7", 'stop=["x"]', "user=me"],
        body='{"top_k": 20, "temperature": 1}',
        header=["X-A=1", "X-B: a=b"],
        api_key="secret",
    ).target
    assert target.url == "http://localhost:8000"
    assert target.body == {"top_k": 20, "temperature": 0.7, "stop": ["x"], "user": "me"}
    assert target.headers == {"X-A": "1", "X-B": "a=b"}
    assert "secret" not in repr(target)


def test_datasets() -> None:
    shared = plan(dataset="shared-prefix", groups="4", per_group="3", prefix_len="1k-2k")
    assert (shared.data.prefix_len, shared.data.input_len) == (Uniform(1000, 2000), Fixed(128))
    assert shared.prompts(64) == 12
    talks = plan(dataset="multi_turn").data
    assert (talks.kind, talks.turns) == ("multi-turn", Fixed(5))
    file = plan(dataset="jsonl:a.jsonl")
    assert (file.data.kind, file.data.path, file.data.output_len) == ("jsonl", Path("a.jsonl"), None)
    assert not file.ignore_eos
    assert file.one_pass
    assert file.prompts(64) is None
    assert plan(dataset="jsonl:a.jsonl", ignore_eos=True).ignore_eos
    assert not plan(ignore_eos=False).ignore_eos
    assert plan(dataset="public-256").one_pass
    assert plan(dataset="sharegpt:s.json", output_len="100", max_total_len="4k").data.max_total_len == 4000


def test_a_trace_is_sent_at_its_times_unless_another_load_is_given() -> None:
    assert plan(dataset="trace:t.jsonl").load.arrival == "trace"
    assert plan(dataset="trace:t.jsonl", rate="trace", concurrency="64").load.bound == 64
    assert plan(dataset="trace:t.jsonl", concurrency="64").load.concurrency == (64,)
    assert plan(dataset="trace:t.jsonl", rate="8").load.arrival == "poisson"


def test_objectives_and_outputs() -> None:
    result = plan(
        goodput=["ttft:200 tpot:25", "e2el:3s"], save="r.json", details=True, md="-", no_tui=True, meta=["commit=1a"]
    )
    assert result.measure.goodput == ("ttft:200", "tpot:25", "e2el:3s")
    assert (result.output.save, result.output.markdown) == (Path("r.json"), Path("-"))
    assert not result.output.live
    assert result.output.meta == {"commit": "1a"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"concurrency": "1,4", "rate": "8"}, "a list of --concurrency is a series of closed-loop runs"),
        ({"concurrency": "1,4", "ramp": "1-8"}, "a list of --concurrency"),
        ({"rate": "8", "ramp": "1-8"}, "--ramp is a rate that rises"),
        ({"num_prompts": "5", "duration": "5s"}, "both say when a run ends"),
        ({"rate": "inf", "duration": "5s"}, "--duration cannot end it"),
        ({"arrival": "constant"}, "there is none"),
        ({"burstiness": "2"}, "--burstiness says how requests of a --rate"),
        ({"rate": "2", "arrival": "constant", "burstiness": "2"}, "constant ones have no bursts"),
        ({"sweep": True, "concurrency": "1,4"}, "--sweep chooses the steps"),
        ({"sweep": True, "ramp": "1-4"}, "--sweep chooses the load"),
        ({"sweep": True, "rate": "inf"}, "inf cannot be raised"),
        ({"quick": True, "rate": "1"}, "--quick chooses --rate by itself"),
        ({"quick": True, "num_prompts": "1"}, "--quick chooses --num-prompts"),
        ({"workers": "8", "concurrency": "4"}, "cannot share --concurrency 4"),
        ({"vs": "http://b", "concurrency": "1,4"}, "--vs compares two servers under one load"),
        ({"rate": "trace"}, "--rate trace needs a trace"),
        ({"dataset": "jsonl:a", "input_len": "5"}, "--input-len means nothing for --dataset jsonl"),
        ({"groups": "5"}, "--groups means nothing for --dataset random"),
        ({"dataset": "trace:a", "output_len": "5"}, "--output-len means nothing for --dataset trace"),
        ({"dataset": "shared-prefix", "turns": "1-3"}, "--turns is one number"),
        ({"dataset": "sharegpt"}, "--dataset sharegpt needs a file"),
        ({"dataset": "random:x"}, "--dataset random reads no file"),
        ({"save": "a", "requests": "a"}, "would write the same file"),
        ({"json": True, "md": "-"}, "both print to standard output"),
        ({"details": True}, "none is saved"),
        ({"concurrency": "0"}, "--concurrency expects at least 1, got '0'"),
        ({"concurrency": "1,,4"}, "numbers with commas"),
        ({"rate": "-1"}, "--rate expects a number above 0"),
        ({"rate": "nan"}, "--rate expects a number above 0"),
        ({"rate": "fast"}, "--rate expects a number"),
        ({"ramp": "8-1"}, "--ramp expects a first rate"),
        ({"ramp": "exponential:0-1"}, "--ramp expects a first rate above 0"),
        ({"ramp": "8"}, "--ramp expects two rates"),
        ({"duration": "5x"}, "--duration expects a time"),
        ({"duration": "0s"}, "--duration expects a time above 0"),
        ({"max_errors": "101%"}, "--max-errors expects"),
        ({"api": "grpc"}, "--api expects one of auto, chat"),
        ({"path": "v1"}, "--path starts with a slash"),
        ({"body": "[1]"}, "--body expects a JSON object"),
        ({"option": ["x"]}, "--option expects NAME=VALUE"),
        ({"header": ["=x"]}, "--header expects NAME=VALUE"),
        ({"model": " "}, "--model is empty"),
        ({"seed": "-1"}, "--seed expects at least 0"),
    ],
)
def test_contradictions_and_wrong_values_are_explained(values: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_plan(values)
    assert words in str(caught.value)
    assert "\n" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sharegtp:x", "did you mean sharegpt?"),
        ("prompts.jsonl", "jsonl:FILE"),
        ("generated-shared-prefix", "did you mean shared-prefix?"),
    ],
)
def test_datasets_that_are_not_there(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(dataset=name)
    assert hint in str(caught.value.hint)


def test_the_table_of_flags_is_complete_and_reads_well() -> None:
    assert len({flag.name for flag in FLAGS}) == len(FLAGS)
    for flag in FLAGS:
        assert flag.help.endswith("."), flag.name
        assert bool(flag.metavar) == (flag.form in ("text", "list")), flag.name
        assert len(flag.help) <= 120, flag.name
    assert list(GROUPS) == ["Target", "Load", "Data", "Measuring", "Output"]


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_every_flag_is_read(flag: object) -> None:
    """A value that no flag takes is an error, or makes another plan: then somebody has looked at it."""
    from sgl_cli.bench.flags.table import Flag

    assert isinstance(flag, Flag)
    value: object = False if flag.form == "pair" else True if flag.form == "switch" else "\x07"
    base: dict[str, object] = {"save": "x.json"} if flag.name == "--details" else {}
    base |= {"dataset": "shared-prefix"} if flag.name == "--in-order" else {}
    base |= {flag.key: [value] if flag.form == "list" else value}
    try:
        result = read_plan(base)
    except UsageError:
        return
    assert result != plan(**{name: item for name, item in base.items() if name != flag.key})
