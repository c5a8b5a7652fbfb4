"""What the doctor says about flags, and the command line that it prints instead."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sgl.config.arguments import parse_serve, read_serve
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.doctor.codes import CODES
from sgl.doctor.command_line import corrected
from sgl.doctor.finding import Finding
from sgl.doctor.flags import check_flags
from sgl.models.table import read_model_config
from tests.unit.doctor.model.folders import CONFIG

MODEL = read_model_config(HfConfig(CONFIG))


def check(
    line: str, environ: Mapping[str, str] | None = None, model: ModelConfig | None = None, gpus: int | None = None
) -> list[Finding]:
    arguments = read_serve(shlex.split(line), environ or {}, None)
    findings = check_flags(arguments, model, gpus).findings
    assert all(finding.code in CODES and finding.group == "flags" for finding in findings)
    return findings


def command(line: str, environ: Mapping[str, str] | None = None) -> str:
    """The corrected command line; a parser accepts it."""
    finding = check(line, environ, MODEL)[-1]
    text = finding.detail if finding.status == "ok" else finding.remedy
    words = shlex.split(text.replace('"$SGL_API_KEY"', "key"))
    assert words[:2] == ["sgl", "serve"]
    parse_serve(words[2:], environ or {}, None)
    return text


def test_good_flags_are_one_line() -> None:
    (finding,) = check("-m x/y --max-model-len 4k --port 80")
    assert finding.status == "ok"
    assert finding.detail == "sgl serve -m x/y --max-model-len 4k --port 80"


def test_every_refusal_is_a_finding_and_the_command_is_whole() -> None:
    findings = check("-m x/y --tp 2 --kv-cache-dtype fp8_e5m2 --max-model-len 4k")
    assert [(finding.title, finding.status) for finding in findings] == [
        ("--tp", "error"),
        ("--kv-cache-dtype", "error"),
        ("command", "error"),
    ]
    assert findings[-1].detail == "2 settings keep it from starting; without, it reads:"
    assert findings[-1].remedy == "sgl serve -m x/y --max-model-len 4k"


@pytest.mark.parametrize(
    ("line", "corrected"),
    [
        ("x/y --tp 2", "sgl serve x/y"),
        ("-m 'a b' --device cuda", "sgl serve -m 'a b'"),
        ("-m x/y --schedule-policy lpm --disable-radix-cache", "sgl serve -m x/y --schedule-policy lpm"),
        ("-m x/y --disable-radix-cache --schedule-policy lpm", "sgl serve -m x/y --disable-radix-cache"),
        ("-m x/y --api-key secret --tp 8", 'sgl serve -m x/y --api-key "$SGL_API_KEY"'),
        ("-m x/y --deterministic=false --tp 8", "sgl serve -m x/y --deterministic=false"),
        ("-m x/y --chat-template /nowhere.jinja", "sgl serve -m x/y"),
        ("-m x/y --trust-remote-code", "sgl serve -m x/y"),
        ("-m x/y --max-model-len 1k", "sgl serve -m x/y"),
        ("-m x/y --enable-mixed-chunk --seed 3", "sgl serve -m x/y --seed 3"),
    ],
)
def test_the_corrected_command(line: str, corrected: str) -> None:
    assert command(line) == corrected


def test_a_variable_is_overruled_by_a_flag() -> None:
    assert command("-m x/y", {"SGL_TP": "4", "SGL_PORT": "99"}) == "sgl serve -m x/y --tp 1"
    assert command("-m x/y", {"SGL_TRUST_REMOTE_CODE": "1"}) == "sgl serve -m x/y --trust-remote-code=false"


def test_flags_that_are_added_replace_the_same_ones() -> None:
    arguments = read_serve(["-m", "x/y", "--context-length", "9"], {"SGL_DTYPE": "float32"}, None)
    added = "--max-model-len 4 --dtype bfloat16"
    assert corrected(arguments.settings, ["--dtype"], added) == f"sgl serve -m x/y {added}"


def test_a_secret_is_never_shown() -> None:
    findings = check("-m x/y --api-key verysecret --tp 2", {"SGL_DTYPE": "bfloat16"})
    assert "verysecret" not in repr(findings)


def test_needless_flags_and_misspelt_variables_are_warnings() -> None:
    findings = check("-m x/y --enable-prefix-caching", {"SGL_PAGE_SIZ": "1"})
    assert [(finding.title, finding.status) for finding in findings] == [
        ("--enable-prefix-caching", "warn"),
        ("variable", "warn"),
        ("command", "ok"),
    ]
    assert findings[0].remedy == "leave it out"
    assert findings[1].remedy == "use SGL_PAGE_SIZE"


def test_a_context_beyond_the_model() -> None:
    finding = check("-m x/y --max-model-len 32k", model=MODEL)[0]
    assert finding.status == "error"
    assert finding.detail == "32000 is beyond the 512 positions that this model has"
    assert finding.remedy == "--max-model-len 512"


def parallel(tp: int, heads: int, kv_heads: int, vocab_size: int = 2048, gpus: int | None = None) -> list[Finding]:
    model = replace(MODEL, num_heads=heads, num_kv_heads=kv_heads, vocab_size=vocab_size)
    findings = check(f"-m x/y --tp {tp}", model=model, gpus=gpus)
    return [finding for finding in findings if finding.code in ("SGL704", "SGL705", "SGL706", "SGL707")]


@pytest.mark.parametrize(
    ("tp", "heads", "kv_heads", "status", "said", "remedy"),
    [
        (2, 32, 8, "ok", "32 heads and 8 KV heads share out among 2 ranks", ""),
        (6, 32, 8, "error", "32 heads cannot be shared by 6 ranks", "--tp 4"),
        (16, 32, 8, "warn", "each is held 2 times", "--tp 8"),
        (8, 24, 6, "error", "6 KV heads cannot be shared by 8 ranks", "--tp 6"),
    ],
)
def test_heads_and_ranks(tp: int, heads: int, kv_heads: int, status: str, said: str, remedy: str) -> None:
    (finding,) = parallel(tp, heads, kv_heads)
    assert finding.status == status
    assert said in finding.detail
    assert finding.remedy == remedy


def test_a_vocabulary_is_padded() -> None:
    findings = parallel(2, 32, 8, vocab_size=151937)
    assert findings[-1].status == "ok"
    assert findings[-1].detail == "151937 ids are padded to 151938, so that 2 ranks share them"


def test_more_ranks_than_gpus() -> None:
    finding = parallel(4, 32, 8, gpus=1)[0]
    assert finding.code == "SGL707"
    assert finding.detail == "4 ranks want 4 GPUs, there is 1"
    assert finding.remedy == "--tp 1"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    finding = check(f"-m x/y --chat-template {tmp_path}/none.jinja")[0]
    assert finding.title == "--chat-template"
    assert "there is no file" in finding.detail
