"""What a picker offers to start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sgl import builtin
from sgl_cli.chat.client.cached import startable_models

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HF_HUB_CACHE": str(tmp_path)}


def put(cache: Path, name: str, *, branch: str = "main", lacking: str = "", **config: object) -> Path:
    """Puts the demonstration model into a cache under a name, changed as told."""
    folder = cache / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / branch).write_text(COMMIT)
    for source in builtin.folder().iterdir():
        if source.is_file() and source.suffix in (".json", ".jinja", ".safetensors") and source.name != lacking:
            (snapshot / source.name).write_bytes(source.read_bytes())
    known = json.loads((snapshot / "config.json").read_bytes())
    (snapshot / "config.json").write_text(json.dumps({**known, **config}))
    return snapshot


def test_an_empty_cache(environ: dict[str, str]) -> None:
    (model,) = startable_models(environ)
    assert (model.name, model.why_not) == ("builtin", "")
    assert model.size > 1e6


def test_those_that_can_be_started_come_first(environ: dict[str, str], tmp_path: Path) -> None:
    put(tmp_path, "owner/other", architectures=["OtherForCausalLM"])
    put(tmp_path, "owner/partly", lacking="model.safetensors")
    put(tmp_path, "owner/dev", branch="dev")
    put(tmp_path, "owner/whole")
    snapshot = put(tmp_path, "owner/untold")
    for file in ("chat_template.jinja", "tokenizer_config.json"):
        (snapshot / file).unlink(missing_ok=True)
    assert {model.name: model.why_not for model in startable_models(environ)} == {
        "owner/whole": "",
        "builtin": "",
        "owner/dev": "its branch main is not here: sgl download owner/dev",
        "owner/other": "sgl does not serve OtherForCausalLM yet.",
        "owner/partly": "not all of it is here: sgl download owner/partly",
        "owner/untold": "it has no chat template",
    }
    assert [model.name for model in startable_models(environ)][:2] == ["owner/whole", "builtin"]
