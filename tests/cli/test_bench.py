"""The words of ``sgl bench``: flags, lines of other programs, sub-commands, and how each ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sgl_cli.bench.command import app
from sgl_cli.bench.flags.table import FLAGS, GROUPS
from sgl_cli.bench.typed import values_of
from sgl_cli.main import main
from sgl_cli.table import COMMANDS
from sgl_cli.tree import read_command
from tests.fake_bench_server import FakeServer, fake_bench_server

SMALL = ("-c", "2", "-n", "6", "--input-len", "8", "--output-len", "4", "--warmup", "0")


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


Bench = Callable[..., Ended]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with fake_bench_server(ttft=0.005, per_token=0.001) as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """Runs ``sgl bench`` in a folder of its own."""
    for name in ("SGL_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY", "SGL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str, piped: str = "") -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO(piped))
        code = main(["bench", *words])
        return Ended(code, *capsys.readouterr())

    return run


def test_every_flag_of_the_table_is_a_flag_of_the_command() -> None:
    (command,) = (each for each in COMMANDS if each.name == "bench")
    node = read_command(command)
    spelled = {name for flag in node.flags for name in flag.names}
    assert {flag.name for flag in FLAGS} | {flag.short for flag in FLAGS if flag.short} <= spelled
    assert [child.words[-1] for child in node.children] == ["compare", "report", "offline", "one-batch", "startup"]
    assert list(dict.fromkeys(flag.group for flag in node.flags if flag.group)) == list(GROUPS)
    by_name = {name: flag for flag in node.flags for name in flag.names}
    for flag in FLAGS:
        shown = by_name[flag.name]
        assert (shown.help, shown.metavar, shown.many) == (flag.help, flag.metavar, flag.form == "list")
        assert shown.default == flag.default
    assert app.registered_callback is not None


@pytest.mark.parametrize("name", ["compare", "report", "offline", "one-batch", "startup"])
def test_a_sub_command_has_a_page_of_its_own(name: str, bench: Bench) -> None:
    assert bench(name, "--help").out.startswith(f"usage: sgl bench {name} ")
    assert bench("serve", "--help").out.startswith("usage: sgl bench [COMMAND] [flags]\n")


def test_names_that_python_keeps_for_itself_are_put_back() -> None:
    assert values_of({"assertions": ["a"], "as_json": True, "name": "n"}) == {
        "assert": ["a"],
        "json": True,
        "name": "n",
    }


def test_explain_defines_every_metric_and_asks_nobody(bench: Bench) -> None:
    ended = bench("--explain")
    assert (ended.code, ended.err) == (0, "")
    assert "Time to first token: from writing the first byte" in ended.out


@pytest.mark.parametrize("serve", [(), ("serve",)])
def test_a_run_with_and_without_the_word_serve(serve: tuple[str, ...], bench: Bench, server: FakeServer) -> None:
    ended = bench(*serve, "--url", server.url, *SMALL, "-q")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("sgl bench  fake\n")
    assert server.counts()["requests"] == 7  # One of them is the probe.


def test_a_pasted_line_of_vllm_runs_and_says_what_it_was_read_as(bench: Bench, server: FakeServer) -> None:
    line = (
        f"vllm bench serve --base-url {server.root} --model fake --dataset-name random --random-input-len 8"
        " --random-output-len 4 --num-prompts 6 --max-concurrency 2 --save-result --result-filename r.json"
    )
    ended = bench(*line.split())
    assert ended.code == 0, ended.err
    assert "note: read as flags of vLLM's bench\n" in ended.err
    result = json.loads(Path("r.json").read_text())
    assert result["summary"]["requests"]["ok"] == 6
    assert result["client"]["cmdline"][2:5] == ["vllm", "bench", "serve"]
    assert bench("serve", *line.split()[3:]).code == 0


def test_a_pasted_line_of_sglang_runs(bench: Bench, server: FakeServer) -> None:
    line = (
        f"python -m sglang.bench_serving --backend sglang --base-url {server.root} --dataset-name random-ids"
        " --random-input-len 8 --random-output-len 4 --num-prompts 6 --request-rate 100"
    )
    ended = bench(*line.split())
    assert ended.code == 0, ended.err
    assert "note: read as flags of SGLang's bench\n" in ended.err
    assert "generate" in ended.out


def test_flags_that_cannot_be_followed_are_refused(bench: Bench) -> None:
    ended = bench("vllm", "bench", "latency")
    assert ended.code == 2
    assert "sgl bench one-batch" in ended.err


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ("--concurency 4", "unknown flag --concurency", "did you mean --concurrency?"),
        ("compar a b", "unknown command 'sgl bench compar'", "did you mean 'sgl bench compare'?"),
        ("--sweep -c 1,2", "--sweep chooses the steps by itself", "leave it out, or give one number to start from"),
        ("compare a.json", "compare takes two files, got 1", None),
        ("compare a.json b.json --md --json", "--md and --json exclude each other", "leave out --md"),
        ("report nothing.json", "cannot read nothing.json: No such file or directory", None),
    ],
)
def test_wrong_words(words: str, error: str, hint: str | None, bench: Bench) -> None:
    ended = bench(*words.split())
    assert ended.code == 2
    assert ended.err.startswith(f"error: {error}\n")
    assert hint is None or f"hint: {hint}" in ended.err


def test_nobody_runs(bench: Bench) -> None:
    ended = bench("-q")
    assert ended.code == 5
    assert ended.err.startswith("error: no server is running\n")


def test_results_go_where_they_were_asked_to(bench: Bench, server: FakeServer) -> None:
    outputs = ("--save", "r.json", "--details", "--requests", "r.jsonl", "--csv", "r.csv", "--md", "r.md")
    ended = bench("--url", server.url, *SMALL, *outputs, "--html", "r.html", "--name", "mine", "--meta", "commit=1a2b")
    assert ended.code == 0, ended.err
    assert "saved: r.json" in ended.err
    result = json.loads(Path("r.json").read_text())
    assert (result["name"], result["config"]["meta"]) == ("mine", {"commit": "1a2b"})
    assert len(result["requests"]) == len(Path("r.jsonl").read_text().splitlines()) == 6
    assert "mine" in Path("r.md").read_text()
    assert "<svg" in Path("r.html").read_text()
    assert bench("report", "r.json").out == ended.out
    assert bench("report", "r.json", "--md", "-").out == Path("r.md").read_text()


@pytest.mark.parametrize("form", ["--json", "--md", "--csv"])
def test_a_form_on_standard_output_stands_there_alone(form: str, bench: Bench, server: FakeServer) -> None:
    words = [form] if form == "--json" else [form, "-"]
    ended = bench("--url", server.url, *SMALL, *words, "--assert", "error_rate<1%")
    assert ended.code == 0
    assert "pass  error_rate<1%" in ended.err
    begins = {"--json": "{", "--md": "### sgl bench: fake", "--csv": "name,started,"}[form]
    assert ended.out.startswith(begins)
    assert "pass" not in ended.out.partition("\n")[0]


def test_a_list_of_loads_is_one_table_and_one_file(bench: Bench, server: FakeServer) -> None:
    ended = bench("--url", server.url, "-c", "1,3", "-n", "6", "--input-len", "8", "--output-len", "4", "--save", ".")
    assert ended.code == 0, ended.err
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["concurrency 1", "concurrency 3", "saved"]
    (path,) = Path().glob("*.json")
    runs = json.loads(path.read_text())["runs"]
    assert [run["load"]["concurrency"] for run in runs] == [1, 3]
    compared = bench("compare", str(path), str(path), "--fail-if", "req_s<-5%", "ttft.p50>+10%")
    assert compared.code == 3  # Six requests have no median.
    assert "(concurrency 3)" in compared.out
    assert bench("compare", str(path), str(path)).code == 0


def test_assertions_and_objectives_may_come_from_a_file(bench: Bench, server: FakeServer) -> None:
    Path("slo.toml").write_text('assert = ["slo_attainment>99%", "ttft.max<1ms"]\ngoodput = ["ttft:5s"]\n')
    ended = bench("--url", server.url, *SMALL, "--assert-file", "slo.toml", "-q")
    assert ended.code == 3
    assert "pass  slo_attainment>99%" in ended.out
    assert "FAIL  ttft.max<1ms" in ended.out


def test_prompts_from_a_pipe(bench: Bench, server: FakeServer) -> None:
    ended = bench("--url", server.url, "--dataset", "stdin", "-q", "--warmup", "0", piped="one\ntwo\nthree\n")
    assert ended.code == 0, ended.err
    bodies = server.counts()["bodies"]
    assert {"one", "two", "three"} <= {body.get("prompt") for body in bodies if isinstance(body.get("prompt"), str)}


def test_the_cache_is_flushed_and_the_key_is_sent(bench: Bench) -> None:
    with fake_bench_server(key="secret") as server:
        ended = bench("--url", server.url, *SMALL, "--flush-cache", "--api-key", "secret", "--json")
        refused = bench("--url", server.url, *SMALL, "--api-key", "wrong")
        assert server.counts()["flushes"] == 1
    assert ended.code == 0
    assert "secret" not in ended.out
    assert refused.code == 5
    assert "refuses the key" in refused.err


def test_a_second_server_does_not_get_the_key_of_the_first(bench: Bench, server: FakeServer) -> None:
    with fake_bench_server(key="secret") as other:
        ended = bench("--url", server.url, "--vs", other.url, *SMALL, "--api-key", "secret")
    assert ended.code == 5
    assert "refuses the key" in ended.err
