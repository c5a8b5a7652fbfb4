"""Which files of a repository are downloaded."""

from __future__ import annotations

import pytest

from sgl.errors import CheckpointError, ModelNotFound, SglError, UsageError
from sgl.hub.listing import RemoteFile
from sgl.hub.selection import Selection, select

SMALL = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def files(*paths: str, size: int = 1 << 30) -> dict[str, RemoteFile]:
    return {path: RemoteFile(path, size, "0" * 64) for path in paths}


def names(selection: Selection) -> list[str]:
    return [file.path for file in selection.files]


def refused(*paths: str, **options: str) -> SglError:
    with pytest.raises(SglError) as caught:
        select("owner/name", files(*paths), **options)  # type: ignore[arg-type]
    return caught.value


def test_safetensors_config_tokenizer_and_templates() -> None:
    noise = ("README.md", ".gitattributes", "pytorch_model.bin", "model.onnx", "figures/a.png", "training_args.bin")
    again = ("consolidated.safetensors", "original/x.safetensors", "onnx/config.json", "pytorch_model.bin.index.json")
    texts = ("merges.txt", "vocab.json", "tokenizer.model", "qwen.tiktoken", "additional_chat_templates/rag.jinja")
    chosen = names(select("o/n", files(*SMALL, *texts, *noise, *again, "model.safetensors", "trainer_state.json")))
    assert set(chosen) == {*SMALL, *texts, "model.safetensors"}
    assert chosen[-1] == "model.safetensors"


def test_the_weights_are_those_that_the_loader_opens() -> None:
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    assert names(select("o/n", files("config.json", *shards)))[1:] == list(shards)
    assert names(select("o/n", files("config.json", "a.safetensors", "b.safetensors"), indexed=["b.safetensors"]))[
        1:
    ] == ["b.safetensors"]
    single = files("config.json", "model.safetensors", "model.fp16.safetensors")
    assert names(select("o/n", single))[1:] == ["model.safetensors"]


def test_alternatives_are_named_with_their_sizes() -> None:
    error = refused("config.json", "fp8-00001-of-00002.safetensors", "fp8-00002-of-00002.safetensors", "x.safetensors")
    assert isinstance(error, UsageError)
    assert error.message == ("owner/name has 2 sets of weights: fp8-*.safetensors (2.0 GiB), x.safetensors (1.0 GiB)")
    assert error.hint == "--quant-file 'fp8-*.safetensors' takes this one"


@pytest.mark.parametrize("pattern", ["fp8", "FP8", "fp8-*", "*fp8*", "fp8-*.safetensors"])
def test_quant_file_takes_one_set_with_its_shards(pattern: str) -> None:
    paths = ("config.json", "fp8-00001-of-00002.safetensors", "fp8-00002-of-00002.safetensors", "x.safetensors")
    assert names(select("o/n", files(*paths), quant=pattern)) == list(paths[:3])


def test_quant_file_that_matches_too_much_or_nothing() -> None:
    paths = ("config.json", "m-Q4_K_M.gguf", "m-Q8_0.gguf")
    error = refused(*paths, quant="*.gguf")
    assert "matches 2 sets of weights: m-Q4_K_M.gguf (1.0 GiB), m-Q8_0.gguf (1.0 GiB)" in error.message
    assert "--quant-file 'm-Q4_K_M.gguf'" in str(error.hint)
    error = refused(*paths, quant="Q5")
    assert "matches no weights" in error.message
    assert "m-Q8_0.gguf" in str(error.hint)


def test_a_gguf_file_comes_when_asked_for_and_is_not_served_yet() -> None:
    selection = select("o/n", files("config.json", "m-Q4_K_M.gguf", "m-Q8_0.gguf"), quant="q4_k_m")
    assert names(selection) == ["config.json", "m-Q4_K_M.gguf"]
    assert selection.warnings == ("sgl does not serve .gguf files yet: m-Q4_K_M.gguf",)
    error = refused("config.json", "m-Q4_K_M.gguf")
    assert "GGUF" in error.message
    assert "--quant-file 'm-Q4_K_M.gguf'" in str(error.hint)


def test_pickles_alone_are_refused_and_come_only_with_everything() -> None:
    error = refused("config.json", "pytorch_model.bin", "model.gguf")
    assert isinstance(error, CheckpointError)
    assert "only pickled weights (pytorch_model.bin)" in error.message
    selection = select("o/n", files("config.json", "pytorch_model.bin", "rng.pth", "a.png"), everything=True)
    assert set(names(selection)) == {"config.json", "pytorch_model.bin", "rng.pth", "a.png"}
    assert "pytorch_model.bin and 1 more: pickled" in selection.warnings[0]


def test_no_weights_and_a_broken_repository() -> None:
    assert "no weights" in refused("config.json").message
    with pytest.raises(ModelNotFound, match=r"lacks b\.safetensors"):
        select("o/n", files("config.json", "a.safetensors"), indexed=["a.safetensors", "b.safetensors"])


def test_a_tokenizer_needs_no_weights() -> None:
    assert names(select("o/n", files(*SMALL, "model.safetensors"), weights=False)) == sorted(SMALL)
