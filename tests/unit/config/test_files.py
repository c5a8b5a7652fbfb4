"""Config files: TOML and YAML mean the same, and whatever is wrong with one is a single line that names it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgl.config.arguments import ServeArguments, read_serve
from sgl.config.setting import Setting
from sgl.config.sources import profile_names
from sgl.errors import UsageError

TOML = """
model = "org/name"
port = 8000
max-model-len = "8k"
mem_fraction_static = 0.5
deterministic = true
served-model-name = ["a", "b"]

[profiles.fast]
tp = 1
dtype = "half"
"""
YAML = """
model: org/name
port: 8000
max-model-len: 8k
mem_fraction_static: 0.5
deterministic: true
served-model-name: [a, b]
profiles:
  fast:
    tp: 1
    dtype: half
"""


def read(name: str, text: str | bytes, folder: Path, *words: str) -> ServeArguments:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_serve(["--config", str(file), *words], {}, None)


def refusal(name: str, text: str | bytes, folder: Path, *words: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(name, text, folder, *words)
    error = caught.value
    assert error.exit_code == 2
    assert "\n" not in error.message
    error.message = error.message.replace(f"{folder}/", "")
    return error


@pytest.mark.parametrize("words", [(), ("--profile", "fast")])
def test_toml_and_yaml_mean_the_same(words: tuple[str, ...], tmp_path: Path) -> None:
    toml, yaml, yml = (
        read(name, text, tmp_path, *words) for name, text in (("f.toml", TOML), ("f.yaml", YAML), ("f.yml", YAML))
    )
    assert toml.config == yaml.config == yml.config
    assert toml.config.engine.max_model_len == 8000
    assert toml.config.engine.dtype == ("float16" if words else None)
    assert [setting.value for name, setting in toml.settings.items() if name != "--config"] == [
        setting.value for name, setting in yaml.settings.items() if name != "--config"
    ]


@pytest.mark.parametrize("text", ["", "# only words\n", "\ufeffport = 1\n", "[profiles]\n", "[profiles.fast]\n"])
def test_little_is_fine(text: str, tmp_path: Path) -> None:
    assert read("f.toml", text, tmp_path).problems == ()


@pytest.mark.parametrize("text", ["", "# only words\n", "profiles:\n", "profiles: {fast: }\n", "---\nport: 1\n"])
def test_little_yaml_is_fine(text: str, tmp_path: Path) -> None:
    assert read("f.yaml", text, tmp_path).problems == ()


SYNTAX = [
    ("f.toml", "a = 1\nport 8", "f.toml, line 2: Expected '=' after a key in a key/value pair"),
    ("f.toml", "model = org/name", "f.toml, line 1: Invalid value"),
    ("f.toml", "port = 1\n\nport = 2", "f.toml, line 3: Cannot overwrite a value"),
    ("f.toml", "[profiles.a]\n[profiles.a]", "f.toml, line 2: Cannot declare ('profiles', 'a') twice"),
    ("f.toml", "\nmodel = 'x", "f.toml, line 2: "),
    ("f.toml", "model = '''x\n\n", "f.toml, line 2: "),
    ("f.yaml", "a: 1\nb: [", "f.yaml, line 2: "),
    ("f.yaml", "port: 1\nhost: x\nport: 2", "f.yaml, line 3: the key 'port' is there twice"),
    ("f.yaml", "profiles:\n  a: {tp: 1, tp: 2}", "f.yaml, line 2: the key 'tp' is there twice"),
    ("f.yaml", "x: !!python/object/apply:os.system [ls]", "f.yaml, line 1: could not determine a constructor"),
    ("f.yaml", "a: *b", "f.yaml, line 1: found undefined alias"),
    ("f.yaml", "a: 1\n--- \nb: 1", "f.yaml, line 2: but found another document"),
    ("f.yaml", "a: \x07", "f.yaml: unacceptable character"),
    ("f.yaml", "day: 2026-13-45", "f.yaml: month must be in 1..12"),
    ("f.yaml", "- port", "f.yaml has to be a table of keys and values, such as port: 8000"),
    ("f.yaml", "1: 2", "f.yaml: the key 1 is not the name of a flag"),
    ("f.yaml", "on: 2", "f.yaml: the key True is not the name of a flag"),
    ("f.yaml", "profiles: [a]", "f.yaml: profiles has to be a table of tables"),
    ("f.toml", "profiles = 1", "f.toml: profiles has to be a table of tables"),
    ("f.toml", "[profiles]\nfast = 1", "f.toml: profiles has to be a table of tables"),
    ("f.json", "{}", "f.json is neither TOML nor YAML by its name"),
    ("f", "", "f is neither TOML nor YAML by its name"),
    ("f.toml", b"\xff", "f.toml is not UTF-8 text"),
    ("f.toml", b"#" * 2**20 + b"##", "f.toml is larger than 1048576 bytes"),
    ("f.toml", "a = " + "[" * 100_000, "f.toml"),
    ("f.yaml", "a: " + "[" * 100_000, "f.yaml is nested too deeply"),
]


@pytest.mark.parametrize(("name", "text", "message"), SYNTAX, ids=lambda value: ascii(value)[:30])
def test_a_file_of_wrong_form(name: str, text: str | bytes, message: str, tmp_path: Path) -> None:
    assert refusal(name, text, tmp_path).message.startswith(message)


KEYS = [
    ("prot = 1", "unknown key prot in f.toml", "did you mean port?"),
    ("page_siez = 1", "unknown key page_siez in f.toml", "did you mean page-size?"),
    ("--port = 1", "unknown key --port in f.toml", "did you mean port?"),
    ("'a\\u0007b' = 1", None, None),
    ("parallel = 2", "unknown key parallel in f.toml", "the nearest key here is max-running-requests"),
    (
        "quantization = 'int3'",
        "quantization in f.toml expects one of auto, int8, int4, fp8, gptq, awq, compressed-tensors, mxfp4, got 'int3'",
        None,
    ),
    (
        "load-in-4bit = true",
        "load-in-4bit in f.toml is not in this version: --quantization int8, int4 or fp8 makes weights smaller",
        None,
    ),
    (
        "ngl = 99",
        "ngl in f.toml is not in this version: a model is on one device as a whole, which --device names",
        None,
    ),
    ("download-dir = 'x'", "download-dir in f.toml is the variable HF_HOME here", None),
    (
        "enable_prefix_caching = false",
        "enable_prefix_caching in f.toml can only be true: prefixes are reused unless --disable-radix-cache is given",
        None,
    ),
    ("detach = true", "detach in f.toml is about one start only", "give --detach on the command line"),
    ("profile = 'fast'", "profile in f.toml is about one start only", "give --profile on the command line"),
    ("tp = 1\ntensor-parallel-size = 1", "tp and tensor-parallel-size in f.toml are both --tp", "keep one of them"),
    ("page-size = 1\npage_size = 2", "page-size and page_size in f.toml are both --page-size", "keep one of them"),
    ("port = true", "port in f.toml expects an integer from 0 to 65535, got true", None),
    ("port = 1.5", "port in f.toml expects an integer from 0 to 65535, got 1.5", None),
    ("port = [1]", "port in f.toml expects an integer from 0 to 65535, got a list", None),
    ("port = {a = 1}", "'port' in f.toml is a table; settings stand outside of tables", "only a profile is one: ["),
    ("[fast]\nport = 1", "'fast' in f.toml is a table; settings stand outside of tables", "only a profile is one: ["),
    ("[profile.fast]\nport = 1", "'profile' in f.toml is a table; ", "only a profile is one: [profiles.NAME]"),
    ("alias = [{a = 1}]", "alias in f.toml expects names separated by commas, got a table", None),
    ("port = 65536", "port in f.toml expects an integer from 0 to 65535, got '65536'", None),
    ("port = 2026-01-01", "port in f.toml expects an integer from 0 to 65535, got a date", None),
    ("port = ''", "port in f.toml is empty; it expects an integer from 0 to 65535", None),
    ("revision = 1234567", "revision in f.toml expects a branch, tag or commit, got 1234567", "put it in quotes"),
    ("model = true", "model in f.toml expects a folder, a Hugging Face repository id, or builtin, got true", "put it"),
    ("dtype = 'bfloat61'", "dtype in f.toml expects one of auto, ", "did you mean bfloat16?"),
    ("dtype = 16", "dtype in f.toml expects one of auto, bfloat16, float16, float32, got 16", None),
    ("deterministic = 'maybe'", "deterministic in f.toml expects 1 or 0, got 'maybe'", None),
    ("deterministic = 2", "deterministic in f.toml expects 1 or 0, got '2'", None),
    ("request-timeout = inf", "request-timeout in f.toml expects seconds above 0", None),
    ("served-model-name = []", "served-model-name in f.toml is empty; it expects names", None),
    ("served-model-name = ['a', 1]", "served-model-name in f.toml expects names separated by commas, got 1", None),
    ("api-key = 'not good'", "api-key in f.toml expects a key of visible ASCII characters without blanks", None),
    ("api-key = 12345", "api-key in f.toml expects a key of visible ASCII characters without blanks, in quotes", None),
    ("api-key = ['ok', 'not good']", "api-key in f.toml expects a key of visible ASCII", None),
]


@pytest.mark.parametrize(("text", "message", "hint"), KEYS, ids=lambda value: ascii(value)[:30])
def test_a_wrong_key_or_value(text: str, message: str | None, hint: str | None, tmp_path: Path) -> None:
    if text.startswith("'a"):
        text = text.encode().decode("unicode_escape").replace("\x07", "\\u0007").replace("'", '"')
    error = refusal("f.toml", text, tmp_path)
    if message is None:
        assert "\x07" not in error.message
        return
    assert error.message.startswith(message)
    assert (error.hint or "").startswith(hint or "")
    assert "not good" not in error.message
    assert "12345" not in error.message.replace("1234567", "")


def test_a_null_is_nothing(tmp_path: Path) -> None:
    assert refusal("f.yaml", "port:", tmp_path).message.endswith("expects an integer from 0 to 65535, got nothing")


def test_a_refusal_from_a_file_names_key_and_file(tmp_path: Path) -> None:
    problems = read("f.toml", "tp = 2\ntrust-remote-code = true\nchat-template = 'no.jinja'", tmp_path).problems
    assert [problem.message.replace(f"{tmp_path}/", "") for problem in problems] == [
        "trust-remote-code in f.toml is refused: sgl never runs code that comes with a model",
        "tp = 2 in f.toml is not in this version: a model runs on one device",
        "chat-template in f.toml: there is no file 'no.jinja'",
    ]


def test_needless_flags_of_other_engines_are_noted(tmp_path: Path) -> None:
    notices = read("f.toml", "enable-mixed-chunk = true\njinja = true", tmp_path).notices
    assert len(notices) == 2
    assert notices[0].replace(f"{tmp_path}/", "").startswith("enable-mixed-chunk in f.toml is not needed: ")


def test_a_missing_file_is_named_by_who_named_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--config: there is no file 'no\.toml'$"):
        read_serve(["--config", "no.toml"], {}, tmp_path)
    with pytest.raises(UsageError, match=r"^SGL_CONFIG: there is no file 'no\.toml'$"):
        read_serve([], {"SGL_CONFIG": "no.toml"}, tmp_path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "f.toml").mkdir()
    with pytest.raises(UsageError, match=r"^cannot read .*f\.toml: Is a directory$"):
        read_serve(["--config", str(tmp_path / "f.toml")], {}, None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.touch(mode=0)
    with pytest.raises(UsageError, match=r"^cannot read .*f\.toml: Permission denied$"):
        read_serve(["--config", str(file)], {}, None)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[profiles.fast]\n[profiles.small]", "did you mean fast?"),
        ("[profiles.small]\n[profiles.big]", "there are: small, big"),
        ("", "a profile is a table [profiles.NAME] in a --config file, ./sgl.toml or ~/.config/sgl/config.toml"),
    ],
)
def test_an_unknown_profile(text: str, hint: str, tmp_path: Path) -> None:
    error = refusal("f.toml", text, tmp_path, "--profile", "fasst")
    assert error.message == "--profile: there is no profile 'fasst' in f.toml"
    assert error.hint == hint


def test_a_profile_without_any_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^SGL_PROFILE: there is no profile 'fast'$"):
        read_serve([], {"SGL_PROFILE": "fast"}, tmp_path)


def test_only_the_chosen_profile_has_to_be_right(tmp_path: Path) -> None:
    text = "[profiles.good]\nport = 1\n[profiles.bad]\nprot = 1"
    assert read("f.toml", text, tmp_path, "--profile", "good").config.port == 1
    assert refusal("f.toml", text, tmp_path, "--profile", "bad").message == "unknown key prot in profile bad in f.toml"


def test_a_key_that_others_can_read_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text("api-key = 'k'")
    for mode, noted in ((0o600, False), (0o640, True), (0o604, True), (0o700, False)):
        file.chmod(mode)
        notices = read_serve(["--config", str(file)], {}, None).notices
        assert notices == ((f"{file} holds a key, and other users can read it: chmod 600 {file}",) if noted else ())


def test_yaml_aliases_and_merges_work(tmp_path: Path) -> None:
    text = "profiles:\n  base: &base {port: 1, threads: 2}\n  fast:\n    <<: *base\n    port: 3\n"
    arguments = read("f.yaml", text, tmp_path, "--profile", "fast")
    assert (arguments.config.port, arguments.config.engine.threads) == (3, 2)


def test_names_of_profiles(tmp_path: Path) -> None:
    (tmp_path / "sgl.toml").write_text("[profiles.a]\n[profiles.b]")
    (tmp_path / "more.yaml").write_text("profiles: {c: {}, a: {}}")
    assert profile_names({}, tmp_path) == ("a", "b")
    more = Setting(None, "--config", str(tmp_path / "more.yaml"))
    assert profile_names({}, tmp_path, more) == ("c", "a", "b")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=60), suffix=st.sampled_from([".toml", ".yaml"]))
def test_any_text_is_read_or_refused_in_one_line(text: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"any{suffix}"
    file.write_text(text, encoding="utf-8", errors="replace")
    message = ""
    try:
        read_serve(["--config", str(file)], {}, None)
    except UsageError as error:
        message = error.message
    assert "\n" not in message
