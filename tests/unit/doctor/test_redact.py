"""What a bug report must not give away. No key here is real."""

from __future__ import annotations

import pytest

from sgl.doctor.machine import Identity
from sgl.doctor.markdown import markdown_report
from sgl.doctor.recorded import RecordedMachine
from sgl.doctor.redact import HIDDEN, Redactor, is_secret
from sgl.doctor.subject import Subject
from tests.doctor.parts import ordinary, with_variables

ADA = Redactor(
    Identity(user="ada", hostname="lovelace.example.org", home="/home/ada"),
    {"MY_API_KEY": "difference-engine", "NO_PROXY": "localhost,.intern.example", "X_URL": "https://git.example:8443/"},
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key difference-engine!", f"key {HIDDEN}!"),
        ("hf_abcdefghijklmnop", HIDDEN),
        ("sgl serve --api-key s3cr3t -m x", f"sgl serve --api-key {HIDDEN} -m x"),
        ("--hf-token=s3cr3t", f"--hf-token={HIDDEN}"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("http://ada:pw@proxy.example:3128/x", "http://<host>:3128/x"),
        ("https://huggingface.co/Qwen", "https://huggingface.co/Qwen"),
        ("https://token@huggingface.co/x", "https://huggingface.co/x"),
        ("http://127.0.0.1:30000", "http://127.0.0.1:30000"),
        ("on git.example and a.intern.example", "on <host> and a.<host>"),
        ("/home/ada/.cache", "~/.cache"),
        ("/home/grace/x, /Users/alan/y", "/home/<user>/x, /Users/<user>/y"),
        ("ada on lovelace (lovelace.example.org)", "<user> on <host> (<host>)"),
        ("adaptive lovelaces", "adaptive lovelaces"),
        ("10.1.2.3 and 127.0.0.1", "<host> and 127.0.0.1"),
        ("driver 580.95.05, torch 2.13.0", "driver 580.95.05, torch 2.13.0"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert ADA(text) == shown


@pytest.mark.parametrize(
    ("name", "secret"),
    [("HF_TOKEN", True), ("SGL_API_KEY", True), ("MY_PASSWORD", True), ("HF_TOKEN_PATH", False), ("HF_HOME", False)],
)
def test_names_of_secret_variables(name: str, secret: bool) -> None:
    assert is_secret(name) is secret
    assert (ADA.variable(name, "v4lue!") == HIDDEN) is secret


def test_common_names_take_nothing_out() -> None:
    redact = Redactor(Identity(user="root", hostname="localhost", home="/root"), {})
    assert redact("only root may, on localhost, in /root/.cache") == "only root may, on localhost, in /root/.cache"


def test_placeholders_survive_as_markdown() -> None:
    """GitHub takes an unknown tag out, so ``<user>`` must not look like one."""
    machine = RecordedMachine(with_variables(ordinary(), MY_KEY="s3cr3t-word"))
    finding = Subject("SGL408", "system", "port").warn("s3cr3t-word of ada | `x` & y<z", "kill -9 1 # s3cr3t-word")
    row = markdown_report([finding], machine).splitlines()[9]
    assert row == (
        "| SGL408 | port | **warning** | &lt;hidden&gt; of &lt;user&gt; \\| 'x' &amp; y&lt;z"
        "<br>remedy: `kill -9 1 # <hidden>` |"
    )
