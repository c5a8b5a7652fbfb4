"""The parser: spellings, precedence, conflicts, and where a value came from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl.config.arguments import ServeArguments, parse_serve, read_serve
from sgl.config.flags import BY_SPELLING, SERVE_FLAGS, Flag
from sgl.config.server import ServerConfig
from sgl.config.values import Switch, Value
from sgl.errors import UsageError
from tests.unit.config.samples import sample


def parse(words: str, **environ: str) -> ServeArguments:
    return parse_serve(words.split(), environ)


def refusal(words: str, **environ: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(words, **environ)
    return caught.value


@pytest.mark.parametrize(
    "words", ["org/name", "-m org/name", "--model org/name", "--model-path=org/name", "-- org/name"]
)
def test_spellings_of_the_model(words: str) -> None:
    assert parse(words).config.engine.model_path == "org/name"


@pytest.mark.parametrize("spelling", ["--tp", "-tp", "--tp-size", "--tensor-parallel-size", "--tensor_parallel_size"])
def test_spellings_of_tp(spelling: str) -> None:
    assert parse(f"m {spelling} 1").settings["--tp"].value == 1
    assert parse(f"m {spelling}=1").settings["--tp"].value == 1


@pytest.mark.parametrize("flag", SERVE_FLAGS, ids=lambda flag: flag.name)
def test_every_spelling_and_the_variable_mean_the_same(flag: Flag, tmp_path: Path) -> None:
    text = sample(flag, tmp_path)
    model = [] if flag.name == "--model" else ["-m", "m"]
    if flag.name == "--profile":
        file = tmp_path / "profiles.toml"
        file.write_text(f"[profiles.{text}]")
        model += ["--config", str(file)]
    if flag.name == "--json":
        model += ["--dry-run"]

    def meaning(words: list[str], environ: dict[str, str]) -> tuple[ServerConfig, Value]:
        arguments = parse_serve([*model, *words], environ)
        return arguments.config, arguments.settings[flag.name].value

    wanted = meaning([], {flag.variable: text})
    for spelling in flag.spellings:
        assert meaning([f"{spelling}={text}"], {}) == wanted
        assert meaning([f"{spelling.replace('-', '_').replace('_', '-', 2)}={text}"], {}) == wanted
        if not isinstance(flag.kind, Switch):
            assert meaning([spelling, text], {}) == wanted


def test_without_a_model_it_is_the_built_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unnamed, named = parse(""), parse("-m builtin")
    assert unnamed.config == named.config
    assert unnamed.config.engine.model_path == "builtin"
    assert unnamed.config.served_model_name == ("builtin",)
    assert ("--model" in unnamed.settings, "--model" in named.settings) == (False, True)
    assert parse("", SGL_MODEL="org/name").config.engine.model_path == "org/name"
    assert parse("--served-model-name demo").config.served_model_name == ("demo",)
    (tmp_path / "builtin").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse("").config.served_model_name == ("builtin",)
    assert parse("./builtin").config.served_model_name == ("builtin", "./builtin")


def test_the_tutorial_s_line() -> None:
    config = parse("--model M --host 0.0.0.0 --port 30000 --tp 1 --max-model-len 8192").config
    assert (config.host, config.port, config.engine.max_model_len) == ("0.0.0.0", 30000, 8192)


def test_defaults_are_those_of_the_config() -> None:
    arguments = parse("-m org/name")
    assert arguments.revision is None
    assert arguments.notices == ()
    assert arguments.config.engine.dtype is None
    assert arguments.config.served_model_name == ("org/name",)


def test_a_folder_is_called_by_its_name_and_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stories").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse("stories").config.served_model_name == ("stories",)
    assert parse("./stories").config.served_model_name == ("stories", "./stories")
    monkeypatch.chdir(tmp_path / "stories")
    assert parse(".").config.served_model_name == ("stories", ".")


def test_a_flag_wins_over_its_variable_and_the_variable_over_the_default() -> None:
    assert parse("m --port 1", SGL_PORT="2").config.port == 1
    assert parse("m", SGL_PORT="2").config.port == 2
    assert parse("m").config.port == 30000
    assert parse("m", SGL_PORT="2").settings["--port"].origin == "SGL_PORT"
    assert parse("m --port 1", SGL_PORT="nonsense").config.port == 1


def test_the_model_may_come_from_its_variable() -> None:
    assert parse("", SGL_MODEL="org/name").config.engine.model_path == "org/name"
    assert parse("other", SGL_MODEL="org/name").config.engine.model_path == "other"


def test_switches_take_no_word_but_may_be_turned_off() -> None:
    assert parse("--deterministic m").config.engine.deterministic
    assert not parse("--deterministic=false m").config.engine.deterministic
    assert not parse("--no-enable-prefix-caching m").config.engine.radix_cache
    assert parse("m --disable-radix-cache=0").config.engine.radix_cache
    assert not parse("m", SGL_DISABLE_RADIX_CACHE="1").config.engine.radix_cache


def test_the_log_level_goes_to_both_processes() -> None:
    config = parse("m --log-level warn").config
    assert config.log_level == config.engine.log_level == "warning"
    for words in ("m -v", "m --verbose", "m -v --log-level debug"):
        config = parse(words).config
        assert config.log_level == config.engine.log_level == "debug"


def test_verbose_is_for_once_what_a_variable_says_for_good() -> None:
    assert parse_serve(["m", "-v"], {"SGL_LOG_LEVEL": "error"}).config.log_level == "debug"
    with pytest.raises(UsageError, match=r"^-v logs everything, and --log-level warn does not$"):
        parse("m -v --log-level warn")


def test_names_and_keys_add_up() -> None:
    config = parse("m --alias a,b --served-model-name c --api-key k1 --api-key k2").config
    assert config.served_model_name == ("a", "b", "c")
    assert config.api_keys == ("k1", "k2")


def test_a_key_file_adds_to_the_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("first\n\n  second  \n")
    assert parse(f"m --api-key zero --api-key-file {file}").config.api_keys == ("zero", "first", "second")


def test_keys_stay_out_of_what_may_be_shown(tmp_path: Path) -> None:
    arguments = parse("m --api-key hidden", SGL_TP="1")
    assert "hidden" not in arguments.settings["--api-key"].written


def test_a_bad_key_file_is_named_and_its_keys_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    assert refusal(f"m --api-key-file {file}").message.endswith(": No such file or directory")
    file.write_text("\n \n")
    assert "there is no key in" in refusal(f"m --api-key-file {file}").message
    file.write_text("good\nnot good\n")
    assert "line 2 of" in refusal(f"m --api-key-file {file}").message
    assert "not good" not in refusal(f"m --api-key-file {file}").message
    file.write_bytes(b"\xff")
    assert refusal(f"m --api-key-file {file}").message.endswith("is not UTF-8 text")


def test_a_missing_chat_template_is_named() -> None:
    assert refusal("m --chat-template none.jinja").message == "--chat-template: there is no file 'none.jinja'"


def test_revision_is_handed_on() -> None:
    assert parse("m --revision v1").revision == "v1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a b", "unexpected argument 'b': the model is 'a' already"),
        ("-m a b", "unexpected argument 'b': the model is 'a' already"),
        ("b -m a", "MODEL b and -m a contradict each other; give one of them"),
        ("m --port 1 --port 2", "--port 1 and --port 2 contradict each other; give one of them"),
        ("m --dtype half --dtype=bf16", "--dtype half and --dtype bf16 contradict each other; give one of them"),
        ("m --port", "--port needs a value: an integer from 0 to 65535"),
        ("m --port --host x", "--port needs a value: an integer from 0 to 65535; what follows is '--host'"),
        ("m --api-key -secret", "--api-key needs a value: a key of visible ASCII characters without blanks"),
        ("m --port=", "--port is empty; it expects an integer from 0 to 65535"),
        ("m --port 65536", "--port expects an integer from 0 to 65535, got '65536'"),
        ("m --seed -1", "--seed expects an integer of at least 0 (8k = 8000, 8K = 8192), got '-1'"),
        ("m --tp two", "--tp expects an integer from 1 to 1024, got 'two'"),
        ("m --request-timeout 0", "--request-timeout expects seconds above 0 and at most 604800, got '0'"),
        ("m --deterministic=maybe", "--deterministic expects 1 or 0, got 'maybe'"),
        ("m --api-key=", "--api-key expects a key of visible ASCII characters without blanks"),
        ("m --tp 2", "--tp 2 is not in this version: a model runs on one device"),
        (
            "m --attention-backend fa3",
            "--attention-backend fa3 is not in this version: it has torch, triton and flashinfer",
        ),
        (
            "m --kv-cache-dtype fp8_e5m2",
            "--kv-cache-dtype fp8_e5m2 is not in this version: the KV cache has the type of --dtype, or is fp8_e4m3 or "
            "int8",
        ),
        ("m --kv-cache-dtype int3", "--kv-cache-dtype expects one of auto, fp8_e4m3, int8, got 'int3'"),
        ("m --json", "--json is for --dry-run and --detach: a server prints no document"),
        ("m --trust-remote-code", "--trust-remote-code is refused: sgl never runs code that comes with a model"),
        ("m --enable-prefix-caching=0", "--enable-prefix-caching takes no value"),
    ],
)
def test_refusals(words: str, message: str) -> None:
    error = refusal(words)
    assert error.message == message
    assert error.exit_code == 2


def test_a_policy_that_needs_the_cache_contradicts_turning_it_off() -> None:
    message = refusal("m --schedule-policy lpm --no-enable-prefix-caching").message
    assert message.startswith("--schedule-policy lpm orders requests by their cached prefix")
    assert message.endswith("and --no-enable-prefix-caching turns the cache off")
    assert parse("m --schedule-policy lpm --disable-radix-cache=0").config.engine.schedule_policy == "lpm"


def test_graphs_that_are_turned_off_have_no_largest_batch() -> None:
    message = refusal("m --cuda-graph-max-bs 8 --enforce-eager").message
    assert message == "--cuda-graph-max-bs 8 says how far CUDA graphs go, and --enforce-eager turns them off"
    assert parse("m --cuda-graph-max-bs 0 --disable-cuda-graph").config.engine.cuda_graph_max_bs == 0
    assert parse("m --cuda-graph-max-bs 8 --disable-cuda-graph=0").config.engine.cuda_graph_max_bs == 8


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("torch_native", "torch"), ("sdpa", "torch"), ("TRITON_ATTN", "triton"), ("FLASHINFER", "flashinfer")],
)
def test_other_engines_names_of_attention_backends(theirs: str, ours: str) -> None:
    assert parse(f"m --attention-backend {theirs}").config.engine.attention_backend == ours


def test_the_same_value_twice_is_no_contradiction() -> None:
    assert parse("m -m m --tp 1 --tp-size 1 --dtype bf16 --dtype bfloat16").config.engine.dtype == "bfloat16"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SGL_PORT", "web", "SGL_PORT expects an integer from 0 to 65535, got 'web'"),
        ("SGL_PORT", "", "SGL_PORT is empty; it expects an integer from 0 to 65535"),
        ("SGL_API_KEY", "", "SGL_API_KEY expects a key of visible ASCII characters without blanks"),
        ("SGL_DETERMINISTIC", "ja", "SGL_DETERMINISTIC expects 1 or 0, got 'ja'"),
        ("SGL_TRUST_REMOTE_CODE", "1", "SGL_TRUST_REMOTE_CODE is refused: sgl never runs code that comes with a model"),
        ("SGL_TP", "4", "SGL_TP 4 is not in this version: a model runs on one device"),
    ],
)
def test_a_bad_variable_is_named(name: str, value: str, message: str) -> None:
    assert refusal("m", **{name: value}).message == message


def test_a_service_called_sgl_is_explained() -> None:
    assert "Kubernetes" in (refusal("m", SGL_PORT="tcp://10.0.0.1:80").hint or "")


def test_a_misspelt_variable_is_noted() -> None:
    notices = parse("m", SGL_PAGE_SIZ="4", SGL_PORT_80_TCP="x", OTHER="y").notices
    assert notices == ("the variable SGL_PAGE_SIZ is unknown and ignored; did you mean SGL_PAGE_SIZE?",)


def test_needless_flags_are_accepted_and_noted() -> None:
    arguments = parse("--enable_prefix_caching m --jinja")
    assert arguments.config.engine.model_path == "m"
    assert len(arguments.notices) == 2


def test_a_strange_word_is_shown_quoted_and_cut() -> None:
    assert "\x1b" not in refusal("m --\x1b[31mred").message
    assert len(refusal("m --" + "x" * 1000).message) < 100


def test_problems_are_collected_and_the_rest_is_a_config() -> None:
    words = (
        "m --tp 2 --attention-backend fa3 --kv-cache-dtype bf16 --trust-remote-code --chat-template no.ja "
        "--api-key-file no"
    )
    arguments = read_serve(words.split(), {})
    assert [problem.message.split()[0].rstrip(":") for problem in arguments.problems] == [
        *("--trust-remote-code", "--tp", "--attention-backend", "--kv-cache-dtype", "--api-key-file"),
        "--chat-template",
    ]
    assert (arguments.config.engine.tp_size, arguments.config.engine.attention_backend) == (2, None)
    with pytest.raises(UsageError) as caught:
        parse_serve(words.split(), {})
    assert caught.value.message == arguments.problems[0].message
    assert read_serve(["m"], {}).problems == ()


def test_a_switch_that_is_asked_for() -> None:
    assert parse("m --dry-run").asks_for("--dry-run")
    assert parse("m -d").asks_for("--detach")
    assert not parse("m --dry-run=0").asks_for("--dry-run")
    assert not parse("m").asks_for("--dry-run")


@given(st.lists(st.one_of(st.sampled_from(sorted(BY_SPELLING)), st.text(max_size=8)), max_size=6))
def test_any_command_line_is_parsed_or_refused(argv: list[str]) -> None:
    try:
        arguments = parse_serve(argv, {})
    except UsageError:
        return
    assert arguments.config.engine.model_path
