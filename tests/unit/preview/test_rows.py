"""The table of a preview: every flag, with its value, where it came from, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgl.config.arguments import read_serve
from sgl.config.flags import SERVE_FLAGS, Flag
from sgl.config.values import Switch
from sgl.preview.build import Preview, preview
from sgl.preview.rows import Row
from tests.unit.config.samples import sample


def look(words: list[str], folder: Path | None = None, **environ: str) -> Preview:
    return preview(read_serve(words, environ, folder), environ={"HF_HUB_OFFLINE": "1"})


def row(shown: Preview, flag: str) -> Row:
    return next(row for row in shown.rows if row.flag == flag)


def test_every_flag_is_there_once_in_the_order_of_help() -> None:
    assert [row.flag for row in look([]).rows] == [flag.name for flag in SERVE_FLAGS]


@pytest.mark.parametrize("flag", SERVE_FLAGS, ids=lambda flag: flag.name)
def test_every_flag_set_each_way_has_its_origin(flag: Flag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = sample(flag, tmp_path)
    profiles = f"[profiles.{text}]" if flag.name == "--profile" else ""
    (tmp_path / "sgl.toml").write_text(profiles)
    for spelling in flag.spellings:
        words = [f"{spelling}={text}"]
        assert row(look(words, tmp_path), flag.name).origin == spelling
    assert row(look([], tmp_path, **{flag.variable: text}), flag.name).origin == flag.variable
    assert row(look([]), flag.name).origin == "default"
    if not flag.lasting:
        return
    (tmp_path / "sgl.toml").write_text(f"{flag.key} = {text!r}")
    assert row(look([], tmp_path), flag.name).origin == "sgl.toml"
    (tmp_path / "sgl.toml").write_text(f"[profiles.fast]\n{flag.key} = {text!r}")
    assert row(look(["--profile=fast"], tmp_path), flag.name).origin == "profile fast in sgl.toml"
    (tmp_path / "other.yaml").write_text(f"{flag.key}: {text!r}")
    assert row(look(["--config=other.yaml"], tmp_path), flag.name).origin == "other.yaml"


def test_the_model_as_a_bare_word() -> None:
    assert row(look(["builtin"]), "--model")[2:] == ("builtin", "builtin", "MODEL", "")


def test_every_auto_is_decided_and_has_a_reason() -> None:
    shown = look([])
    for flag in SERVE_FLAGS:
        if flag.default == "auto":
            decided = row(shown, flag.name)
            assert decided.value is not None
            assert decided.text != "auto"
            assert decided.reason or flag.name == "--load-format"


def test_auto_on_the_command_line_is_decided_too() -> None:
    asked = row(look(["--max-model-len", "auto"]), "--max-model-len")
    assert (asked.value, asked.origin) == (1024, "--max-model-len")
    assert asked.reason == "config.json's max_position_embeddings says so"


def test_without_a_model_an_auto_stays_one() -> None:
    shown = look(["no/such-model"])
    assert (shown.model, shown.resolved, shown.plan) == (None, None, None)
    assert row(shown, "--page-size")[2:5] == (None, "auto", "default")
    assert row(shown, "--port").value == 30000
    assert len(shown.problems) == 1


@pytest.mark.parametrize(
    ("words", "flag", "value", "text"),
    [
        ("--dtype half", "--dtype", "float16", "float16"),
        ("--max-model-len 0.5k", "--max-model-len", 500, "500"),
        ("--max-body-bytes 2Mi", "--max-body-bytes", 2**21, "2097152"),
        ("", "--max-body-bytes", 2**22, "4Mi"),
        ("--request-timeout 1.5", "--request-timeout", 1.5, "1.5"),
        ("--no-enable-prefix-caching", "--disable-radix-cache", True, "on"),
        ("--disable-radix-cache=0", "--disable-radix-cache", False, "off"),
        ("", "--disable-radix-cache", False, "off"),
        ("", "--speculative-algorithm", None, "none"),
        ("--alias a --alias b", "--served-model-name", ("a", "b"), "a,b"),
        ("--api-key hidden", "--api-key", "(secret)", "(secret)"),
        ("--api-key hidden --api-key more", "--api-key", "(secret)", "(secret)"),
        ("", "--api-key", None, "-"),
        ("", "--kv-cache-dtype", "float32", "float32"),
        ("--kv-cache-dtype fp8", "--kv-cache-dtype", "fp8_e4m3", "fp8_e4m3"),
        ("--device cuda", "--device", "cuda", "cuda"),
    ],
)
def test_values(words: str, flag: str, value: object, text: str) -> None:
    assert row(look(words.split()), flag)[2:4] == (value, text)


def test_switches_are_on_or_off() -> None:
    for flag in SERVE_FLAGS:
        if isinstance(flag.kind, Switch):
            assert row(look([]), flag.name).text == "off"
            assert row(look([f"{flag.name}"]), flag.name).text == "on"


def test_the_pool_says_what_decided_its_size() -> None:
    assert row(look([]), "--max-total-tokens").reason == "every running request can have the whole context"
    small = look(["--mem-fraction-static", "0.0015"])
    assert row(small, "--max-total-tokens").reason == "it is what the memory leaves beside the weights"
    given = look(["--max-total-tokens", "1k"])
    assert row(given, "--mem-fraction-static").reason == "it has no say: --max-total-tokens is given"
