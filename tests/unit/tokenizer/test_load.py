"""Folders as people have them: what is read, what is converted, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken

from sgl.errors import ModelError
from sgl.tokenizer.load import Tokenizer
from tests.unit.tokenizer.folders import byte_level, byte_level_folder, write_folder
from tests.unit.tokenizer.reference import reference

TEXT = "<|im_start|>user\nHello <extra><|im_end|> </s> <pad>"

CONFIGS: dict[str, dict[str, Any]] = {
    "tokens as text": {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"},
    "tokens as objects": {"eos_token": {"content": "<|im_end|>", "lstrip": False, "__type": "AddedToken"}},
    "no tokens": {"bos_token": None},
    "a token that is not in the file": {"eos_token": "<|im_end|>", "pad_token": "<pad>"},
    "an ordinary word made special": {"eos_token": "user"},
    "extra tokens": {"additional_special_tokens": ["<extra>", {"content": "</s>", "__type": "AddedToken"}]},
    "named extra tokens": {"extra_special_tokens": {"image_token": "<extra>"}},
    "own names": {"image_token": "<extra>", "add_prefix_space": False},
    "bos wanted but not in tokenizer.json": {"bos_token": "<|im_start|>", "add_bos_token": True},
    "added_tokens_decoder": {
        "eos_token": "<|im_end|>",
        "added_tokens_decoder": {"600": {"content": "<extra>", "special": True}, "601": {"content": "<pad>"}},
    },
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("map_too", [False, True])
def test_special_tokens_are_those_of_transformers(tmp_path: Path, name: str, map_too: bool) -> None:
    folder = write_folder(tmp_path, byte_level(), config=CONFIGS[name])
    if map_too:
        (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "<pad>", "eos_token": "<|im_end|>"}))
    ours, theirs = Tokenizer.load(folder), reference(folder)
    assert (ours.bos_token, ours.bos_token_id) == (theirs.bos_token, theirs.bos_token_id)
    assert (ours.eos_token, ours.eos_token_id) == (theirs.eos_token, theirs.eos_token_id)
    assert ours.vocab_size == len(theirs)
    ids = theirs(TEXT)["input_ids"]
    assert ours.encode(TEXT) == ids
    assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
    assert ours.decode(ids, skip_special_tokens=False) == theirs.decode(ids)


def test_truncation_and_padding_in_the_file_are_not_applied(tmp_path: Path) -> None:
    backend = byte_level()
    backend.enable_truncation(3)
    backend.enable_padding(length=50)
    tokenizer = Tokenizer.load(write_folder(tmp_path, backend))
    assert 3 < len(tokenizer.encode("The little girl had a red ball.")) < 50


def test_an_older_format_is_converted_without_importing_transformers(tmp_path: Path) -> None:
    backend = byte_level()
    backend.model.save(str(tmp_path))  # vocab.json and merges.txt
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|im_end|>", "bos_token": "<|im_start|>"})
    )
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    program = (
        "import sys\nfrom pathlib import Path\nfrom sgl.tokenizer.load import Tokenizer\n"
        "tokenizer = Tokenizer.load(Path(sys.argv[1]))\n"
        "print(tokenizer.encode(sys.argv[2]), tokenizer.eos_token_id, 'transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), TEXT], capture_output=True, text=True, check=True, timeout=120
    )
    theirs = reference(tmp_path)
    assert done.stdout.strip() == f"{theirs(TEXT)['input_ids']} {theirs.eos_token_id} False"


def test_a_format_that_cannot_be_converted_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (tmp_path / "tokenizer.model").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="older tokenizer cannot be converted") as caught:
        Tokenizer.load(tmp_path)
    assert "\n" not in caught.value.message
    assert "save_pretrained" in str(caught.value.hint)


def test_code_in_the_folder_is_not_run(tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'ran')!r}, 'w')"
    for name in ("tokenizer.py", "modeling_x.py", "jinja2.py", "json.py"):
        (tmp_path / name).write_text(code)
    config = {"auto_map": {"AutoTokenizer": ["tokenizer.X", "tokenizer.X"]}, "trust_remote_code": True}
    tokenizer = Tokenizer.load(write_folder(tmp_path, byte_level(), config=config, template="x"))
    assert tokenizer.encode("x")
    assert not (tmp_path / "ran").exists()


def damage(folder: Path, name: str, text: str | bytes) -> Path:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tokenizer.json", "", "tokenizer.json cannot be read by the tokenizers library"),
        ("tokenizer.json", "[]", "tokenizer.json cannot be read by the tokenizers library"),
        ("tokenizer.json", b"\xff", "tokenizer.json cannot be read"),
        ("tokenizer_config.json", "{", "tokenizer_config.json is not valid JSON"),
        ("tokenizer_config.json", "[1]", "tokenizer_config.json must hold a JSON object"),
        ("tokenizer_config.json", '{"eos_token": [1]}', "tokenizer_config.json: eos_token is not what it should be"),
        ("tokenizer_config.json", '{"eos_token": {"x": 1}}', "eos_token .* missing required field `content`"),
        ("tokenizer_config.json", '{"added_tokens_decoder": [1]}', "added_tokens_decoder"),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"x": "y"}}', "added_tokens_decoder"),
        ("tokenizer_config.json", '{"additional_special_tokens": 5}', "additional_special_tokens"),
        ("tokenizer_config.json", '{"chat_template": {}}', "chat_template is not what it should be"),
        ("tokenizer_config.json", '{"chat_template": [{"name": "x"}]}', "chat_template is not .* `template`"),
        ("special_tokens_map.json", "nope", "special_tokens_map.json is not valid JSON"),
        ("config.json", b"{\xff}", "config.json is not valid JSON"),
        ("chat_template.jinja", b"\xff", "chat_template.jinja is not UTF-8"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    folder = damage(byte_level_folder(tmp_path, template=None), name, text)
    with pytest.raises(ModelError, match=message) as caught:
        Tokenizer.load(folder)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("empty", [True, False])
def test_a_folder_without_a_tokenizer(tmp_path: Path, empty: bool) -> None:
    if not empty:
        byte_level_folder(tmp_path)
        (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        Tokenizer.load(tmp_path)


def test_named_templates_without_a_default_are_served_only_with_tools(tmp_path: Path) -> None:
    config = {"chat_template": [{"name": "tool_use", "template": "x"}]}
    tokenizer = Tokenizer.load(write_folder(tmp_path, byte_level(extra=(AddedToken("<e>"),)), config=config))
    assert tokenizer.has_chat_template


async def test_files_beside_the_config_come_first(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, byte_level(), config={"chat_template": "config"}, template="file")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text("tools")
    tokenizer = Tokenizer.load(folder)
    hello = [{"role": "user", "content": "x"}]
    assert await tokenizer.render_chat(hello) == "file" == reference(folder).apply_chat_template(hello, tokenize=False)
    tool: dict[str, Any] = {"type": "function", "function": {"name": "f"}}
    assert await tokenizer.render_chat(hello, tools=[tool]) == "tools"
    await tokenizer.close()
