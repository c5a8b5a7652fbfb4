"""The benchmark's model as a GGUF file for llama.cpp: ``python -m benchmarks.gguf_model [BF16|Q8_0|Q4_0]``.

Needs the package ``gguf`` (llama.cpp's own writer). Matrices stay bfloat16 bit for bit or become blocks of 8 or 4 bits,
the embedding, which is the head, too; norms become float32 as llama.cpp wants them, and the tokenizer has the same ids
and texts. Runs with the Python that has ``gguf``, so it imports nothing else that is not in every Python with numpy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from gguf import (  # type: ignore[import-not-found, unused-ignore]
    GGMLQuantizationType,
    GGUFWriter,
    LlamaFileType,
    TokenType,
)
from gguf.quants import quantize  # type: ignore[import-not-found, unused-ignore]

from benchmarks.model import CONTEXT, END_ID, MODEL, byte_alphabet, ensure_model, vocabulary

BFLOAT16: Final = "BF16"
FILE_TYPES: Final = {
    BFLOAT16: LlamaFileType.MOSTLY_BF16,
    "Q8_0": LlamaFileType.MOSTLY_Q8_0,
    "Q4_0": LlamaFileType.MOSTLY_Q4_0,
}

LAYER_NAMES: Final = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""Hugging Face's name of a layer's part -> llama.cpp's."""
OTHER_NAMES: Final = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}


def write_gguf(folder: Path, kind: str) -> Path:
    """Writes the file of a type of weights, made beside it and renamed when complete; returns it."""
    target = MODEL.with_name(f"{MODEL.name}-{kind.lower()}.gguf")
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    unfinished = target.with_name(target.name + ".unfinished")
    writer = GGUFWriter(unfinished, "qwen3")
    writer.add_name(folder.name)
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    _add_tokenizer(writer)
    for name, bits in _bfloat16_tensors(folder / "model.safetensors"):
        if bits.ndim == 1:
            writer.add_tensor(_gguf_name(name), _wide(bits))
        elif kind == BFLOAT16:
            writer.add_tensor(_gguf_name(name), bits.view(np.uint8), raw_dtype=GGMLQuantizationType.BF16)
        else:
            blocks = GGMLQuantizationType[kind]
            writer.add_tensor(_gguf_name(name), quantize(_wide(bits), blocks), raw_dtype=blocks)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.rename(target)
    return target


def _wide(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _add_tokenizer(writer: GGUFWriter) -> None:
    alphabet = byte_alphabet()
    texts = vocabulary()
    kinds = [TokenType.NORMAL] * len(texts)
    kinds[END_ID] = TokenType.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{alphabet[0]} {alphabet[1]}"])
    writer.add_eos_token_id(END_ID)
    writer.add_pad_token_id(END_ID)
    writer.add_add_bos_token(False)


def _gguf_name(name: str) -> str:
    """``model.layers.3.mlp.up_proj.weight`` -> ``blk.3.ffn_up.weight``."""
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    index, _, part = name.removeprefix("model.layers.").removesuffix(".weight").partition(".")
    return f"blk.{index}.{LAYER_NAMES[part]}.weight"


def _bfloat16_tensors(file: Path) -> list[tuple[str, npt.NDArray[np.uint16]]]:
    """Every tensor of a safetensors file that holds bfloat16 only, as its bits, mapped and not read."""
    with file.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        header = json.loads(source.read(length))
    data = np.memmap(file, dtype=np.uint8, mode="r", offset=8 + length)
    tensors = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "BF16":
            raise ValueError(f"{name} is {entry['dtype']}, not BF16")
        start, end = entry["data_offsets"]
        tensors.append((name, np.asarray(data[start:end]).view(np.uint16).reshape(entry["shape"])))
    return tensors


if __name__ == "__main__":
    made = write_gguf(ensure_model(), sys.argv[1] if len(sys.argv) > 1 else BFLOAT16)
    sys.stdout.write(f"{made.name} is ready\n")
