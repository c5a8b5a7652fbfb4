"""What the doctor says about tokenizer, chat template and end tokens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sgl.config.hf import HfConfig
from sgl.doctor.codes import CODES
from sgl.doctor.finding import Finding
from sgl.doctor.model.tokenizer import TextFiles, text_findings
from tests.unit.doctor.model.folders import make_folder


def findings(folder: Path, *, chat_template: Path | None = None, vocab_size: int = 2048) -> dict[str, Finding]:
    given = TextFiles(
        name="MODEL", folder=folder, model_folder=folder, chat_template=chat_template, vocab_size=vocab_size
    )
    found = text_findings(given, HfConfig.load(folder))
    assert all(finding.code in CODES and str(folder) not in finding.detail for finding in found)
    return {finding.title: finding for finding in found}


def test_all_is_well(tmp_path: Path) -> None:
    found = findings(make_folder(tmp_path))
    assert {finding.status for finding in found.values()} == {"ok"}
    assert found["tokenizer"].detail == "loads, 2048 ids"
    assert found["chat template"].detail.startswith("renders 'Hello' to ")
    assert found["end tokens"].detail == "<|im_end|> (2), <|endoftext|> (0)"


def test_no_tokenizer(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "tokenizer.json").unlink()
    found = findings(folder)
    assert found["tokenizer"].status == "error"
    assert "no tokenizer.json" in found["tokenizer"].detail
    assert "--tokenizer FOLDER" in found["tokenizer"].remedy


def test_a_damaged_tokenizer(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    path = folder / "tokenizer.json"
    path.write_text(path.read_text()[:1000])
    assert findings(folder)["tokenizer"].status == "error"


def test_damaged_small_files(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "tokenizer_config.json").write_text("[]")
    (folder / "generation_config.json").write_text("{")
    found = findings(folder)
    assert found["tokenizer"].detail == "tokenizer_config.json must hold a JSON object."
    assert found["generation"].status == "error"


def test_an_older_format_is_named_and_not_converted(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(b"not opened")
    finding = findings(folder)["tokenizer"]
    assert finding.status == "warn"
    assert finding.detail.startswith("tokenizer.model is of an older format")


def test_more_ids_than_the_model_has(tmp_path: Path) -> None:
    finding = findings(make_folder(tmp_path), vocab_size=2000)["tokenizer"]
    assert finding.status == "error"
    assert finding.detail == "it has ids up to 2047, and the model has 2000 of them"


def test_no_chat_template(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "chat_template.jinja").unlink()
    finding = findings(folder)["chat template"]
    assert finding.status == "warn"
    assert "/v1/chat/completions is refused" in finding.detail
    assert "--chat-template" in finding.remedy


@pytest.mark.parametrize(
    ("template", "status", "said"),
    [
        ("{% for message in messages %}{{ message.content }}", "error", "cannot be used"),
        ("{{ raise_exception('no users here') }}", "error", "no users here"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "error", "takes longer"),
        ("always the same", "warn", "do not hold it"),
        ("{{ messages[0].content }}!", "ok", "renders"),
    ],
)
def test_a_given_template(tmp_path: Path, template: str, status: str, said: str) -> None:
    file = tmp_path / "mine.jinja"
    file.write_text(template)
    finding = findings(make_folder(tmp_path / "model"), chat_template=file)["chat template"]
    assert finding.status == status
    assert said in finding.detail


def test_no_end_token(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, {"eos_token_id": None})
    (folder / "generation_config.json").unlink()
    finding = findings(folder)["end tokens"]
    assert finding.status == "warn"
    assert "max_tokens" in finding.detail


@pytest.mark.parametrize(
    ("ids", "status", "said"),
    [
        (7, "warn", "the tokenizer ends with"),
        (5000, "warn", "5000 is no id of this model"),
        ("</s>", "error", "must be token ids"),
        ([2, 0], "ok", "<|im_end|> (2)"),
    ],
)
def test_odd_end_tokens(tmp_path: Path, ids: object, status: str, said: str) -> None:
    folder = make_folder(tmp_path)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
    finding = findings(folder)["end tokens"]
    assert finding.status == status
    assert said in finding.detail


def test_recommended_sampling(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "generation_config.json").write_text('{"temperature": 0.6, "top_p": 0.95, "eos_token_id": 2}')
    assert findings(folder)["generation"].detail == "recommended to clients: temperature 0.6, top_p 0.95"


def test_transformers_is_not_imported(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    program = (
        "import sys; from pathlib import Path; from sgl.doctor.model.tokenizer import *\n"
        f"p = Path({str(folder)!r})\n"
        "text_findings(TextFiles(name='m', folder=p, model_folder=p, chat_template=None, vocab_size=None), None)\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
