"""Quantised matrices as checkpoints hold them, drawn at random, and what they mean, told from the stored words alone.

Written from the formats' definitions, for reading and not for speed; nothing here comes from ``sgl``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

Tensors = dict[str, torch.Tensor]
Floats = NDArray[np.float32]
AWQ_OUTPUTS: Final = (0, 2, 4, 6, 1, 3, 5, 7)
"""Of eight neighbouring outputs: the one in bits 0-3 of a word, in bits 4-7, and so on."""


@dataclass(frozen=True, eq=False)
class Format:
    """One way to store matrices.

    Attributes:
        config: ``quantization_config`` of a checkpoint.
        draw: (random generator, outputs, inputs) -> tensors by suffix.
        meaning: The matrix [outputs, inputs] that such tensors stand for.
        activations: The engine quantises activations, too.
    """

    name: str
    config: dict[str, Any]
    draw: Callable[[np.random.Generator, int, int], Tensors]
    meaning: Callable[[Tensors], Floats]
    activations: bool = False


def word(codes: list[int], bits: int) -> int:
    """Codes in one int32, the first in the lowest bits."""
    total = sum(code << (bits * place) for place, code in enumerate(codes))
    return total - (1 << 32) if total >= 1 << 31 else total


def code(number: int, place: int, bits: int) -> int:
    """The code at a place of an int32."""
    return ((number & 0xFFFFFFFF) >> (bits * place)) & ((1 << bits) - 1)


def packed_rows(codes: NDArray[np.int64], bits: int) -> torch.Tensor:
    """Neighbours of one column in one word."""
    count = 32 // bits
    rows = [
        [word([int(codes[top + k, column]) for k in range(count)], bits) for column in range(codes.shape[1])]
        for top in range(0, codes.shape[0], count)
    ]
    return torch.tensor(rows, dtype=torch.int32)


def packed_columns(codes: NDArray[np.int64], bits: int, places: tuple[int, ...] | None = None) -> torch.Tensor:
    """Neighbours of one row in one word; ``places`` says which of them comes first."""
    count = 32 // bits
    places = places or tuple(range(count))
    rows = [
        [word([int(row[left + k]) for k in places], bits) for left in range(0, codes.shape[1], count)] for row in codes
    ]
    return torch.tensor(rows, dtype=torch.int32)


def scales(draw: np.random.Generator, *shape: int, bits: int) -> torch.Tensor:
    """Scales that make weights of a standard deviation of some 0.12."""
    return torch.from_numpy(draw.uniform(0.4, 1.6, shape) * 0.12 / (0.29 * 2**bits)).to(torch.float16)


def gptq(
    name: str, bits: int, group: int, *, ordered: bool = False, sym: bool = True, v2: bool = False, **more: Any
) -> Format:
    """GPTQ: qweight [in / n, out], qzeros [groups, out / n], scales [groups, out], g_idx [in]."""
    count, offset = 32 // bits, 0 if v2 else 1

    def draw(random: np.random.Generator, outputs: int, inputs: int) -> Tensors:
        size = inputs if group == -1 else group
        groups = inputs // size
        index = np.arange(inputs) // size
        middle = 1 << (bits - 1)
        zeros = (
            np.full((groups, outputs), middle) if sym else random.integers(middle - 3, middle + 3, (groups, outputs))
        )
        if not sym:
            zeros[0, :4] = (0, (1 << bits) - 1, 1, 2)
        return {
            "qweight": packed_rows(random.integers(0, 1 << bits, (inputs, outputs)), bits),
            "qzeros": packed_columns((zeros - offset) % (1 << bits), bits),
            "scales": scales(random, groups, outputs, bits=bits),
            "g_idx": torch.from_numpy(random.permutation(index) if ordered else index).to(torch.int32),
        }

    def meaning(tensors: Tensors) -> Floats:
        qweight, qzeros = tensors["qweight"].numpy(), tensors["qzeros"].numpy()
        scale, index = tensors["scales"].float().numpy(), tensors["g_idx"].numpy()
        inputs, outputs = len(index), scale.shape[1]
        weight = np.empty((outputs, inputs), dtype=np.float32)
        for i in range(inputs):
            g = int(index[i])
            for o in range(outputs):
                zero = (code(int(qzeros[g, o // count]), o % count, bits) + offset) % (1 << bits)
                weight[o, i] = (code(int(qweight[i // count, o]), i % count, bits) - zero) * scale[g, o]
        return weight

    config = {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": ordered, "sym": sym, **more}
    if v2:
        config["checkpoint_format"] = "gptq_v2"
    return Format(name, config, draw, meaning)


def awq(name: str, group: int, *, zero_point: bool = True) -> Format:
    """AWQ for GEMM: qweight [in, out / 8], qzeros [groups, out / 8], scales [groups, out]."""

    def draw(random: np.random.Generator, outputs: int, inputs: int) -> Tensors:
        groups = 1 if group == -1 else inputs // group
        tensors = {
            "qweight": packed_columns(random.integers(0, 16, (inputs, outputs)), 4, AWQ_OUTPUTS),
            "scales": scales(random, groups, outputs, bits=4),
        }
        if zero_point:
            tensors["qzeros"] = packed_columns(random.integers(4, 12, (groups, outputs)), 4, AWQ_OUTPUTS)
        return tensors

    def meaning(tensors: Tensors) -> Floats:
        qweight, scale = tensors["qweight"].numpy(), tensors["scales"].float().numpy()
        qzeros = tensors["qzeros"].numpy() if zero_point else None
        inputs, outputs = qweight.shape[0], scale.shape[1]
        size = inputs // scale.shape[0]
        weight = np.empty((outputs, inputs), dtype=np.float32)
        for o in range(outputs):
            place = AWQ_OUTPUTS.index(o % 8)
            for i in range(inputs):
                zero = 8 if qzeros is None else code(int(qzeros[i // size, o // 8]), place, 4)
                weight[o, i] = (code(int(qweight[i, o // 8]), place, 4) - zero) * scale[i // size, o]
        return weight

    config = {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm", "zero_point": zero_point}
    return Format(name, config, draw, meaning)


def packed(name: str, bits: int, group: int | None, *, symmetric: bool = True, actorder: str | None = None) -> Format:
    """pack-quantized: weight_packed [out, in / n], weight_scale [out, groups], weight_zero_point [out / n, groups]."""
    count, middle, ordered = 32 // bits, 1 << (bits - 1), actorder == "group"

    def draw(random: np.random.Generator, outputs: int, inputs: int) -> Tensors:
        size = group or inputs
        groups = inputs // size
        tensors = {
            "weight_packed": packed_columns(random.integers(0, 1 << bits, (outputs, inputs)), bits),
            "weight_scale": scales(random, outputs, groups, bits=bits),
            "weight_shape": torch.tensor([outputs, inputs]),
        }
        if not symmetric:
            zeros = random.integers(middle - 3, middle + 3, (outputs, groups))
            zeros[0, 0], zeros[1, 0] = 0, (1 << bits) - 1
            tensors["weight_zero_point"] = packed_rows(zeros, bits)
        if ordered:
            index = random.permutation(np.arange(inputs) // size)
            tensors["weight_g_idx"] = torch.from_numpy(index).to(torch.int32)
        return tensors

    def meaning(tensors: Tensors) -> Floats:
        words, scale = tensors["weight_packed"].numpy(), tensors["weight_scale"].float().numpy()
        zeros = None if symmetric else tensors["weight_zero_point"].numpy()
        index = tensors["weight_g_idx"].numpy() if ordered else None
        outputs, inputs = tensors["weight_shape"].tolist()
        size = inputs // scale.shape[1]
        weight = np.empty((outputs, inputs), dtype=np.float32)
        for o in range(outputs):
            for i in range(inputs):
                g = i // size if index is None else int(index[i])
                value = code(int(words[o, i // count]), i % count, bits) - middle
                zero = 0 if zeros is None else code(int(zeros[o // count, g]), o % count, bits) - middle
                weight[o, i] = (value - zero) * scale[o, g]
        return weight

    weights = {
        "num_bits": bits,
        "type": "int",
        "symmetric": symmetric,
        "strategy": "group" if group else "channel",
        "group_size": group,
        "actorder": actorder,
        "dynamic": False,
    }
    return Format(name, compressed("pack-quantized", weights, None), draw, meaning)


def fp8(name: str, config: dict[str, Any], scale_name: str, shape: str, extra: str | None = None) -> Format:
    """FP8 codes, and a scale per ``tensor``, ``channel`` or ``block`` of 128 x 128; maybe one of activations."""

    def draw(random: np.random.Generator, outputs: int, inputs: int) -> Tensors:
        sizes = {"tensor": (), "one": (1,), "channel": (outputs, 1), "block": (-(-outputs // 128), -(-inputs // 128))}
        weight = torch.from_numpy(random.normal(0.0, 120.0, (outputs, inputs))).clamp(-448, 448)
        tensors = {
            "weight": weight.to(torch.float8_e4m3fn),
            scale_name: torch.from_numpy(np.asarray(random.uniform(0.5, 1.5, sizes[shape]) * 1e-3)).float(),
        }
        if extra is not None:
            tensors[extra] = torch.tensor(0.02)
        return tensors

    def meaning(tensors: Tensors) -> Floats:
        weight, scale = e4m3(tensors["weight"]), tensors[scale_name].numpy()
        for o in range(weight.shape[0]):
            for i in range(weight.shape[1]):
                where = {"tensor": (), "one": (0,), "channel": (o, 0), "block": (o // 128, i // 128)}[shape]
                weight[o, i] *= scale[where]
        return weight

    return Format(name, config, draw, meaning)


def e4m3(tensor: torch.Tensor) -> Floats:
    """FP8 E4M3 by its definition: sign, four bits of exponent (bias 7), three of mantissa, subnormal at exponent 0."""
    values = np.empty(256, dtype=np.float32)
    for byte in range(256):
        exponent, mantissa = byte >> 3 & 15, byte & 7
        size = (1 + mantissa / 8) * 2.0 ** (exponent - 7) if exponent else mantissa / 8 * 2.0**-6
        values[byte] = -size if byte & 128 else size
    return values[tensor.view(torch.uint8).numpy()]


def int8(name: str, strategy: str, *, activations: bool = True, static: bool = False) -> Format:
    """int8 codes and a scale per ``channel`` or ``tensor``."""

    def draw(random: np.random.Generator, outputs: int, inputs: int) -> Tensors:
        shape = (outputs, 1) if strategy == "channel" else (1,)
        weight = np.clip(np.round(random.normal(0.0, 40.0, (outputs, inputs))), -127, 127)
        tensors = {
            "weight": torch.from_numpy(weight).to(torch.int8),
            "weight_scale": torch.from_numpy(random.uniform(0.5, 1.5, shape) * 3e-3).float(),
        }
        if static:
            tensors |= {"input_scale": torch.tensor([0.02]), "input_zero_point": torch.tensor([3])}
        return tensors

    def meaning(tensors: Tensors) -> Floats:
        weight, scale = tensors["weight"].numpy().astype(np.float32), tensors["weight_scale"].numpy()
        for o in range(weight.shape[0]):
            weight[o] *= scale[o, 0] if strategy == "channel" else scale[0]
        return weight

    weights = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": strategy, "dynamic": False}
    inputs = {"num_bits": 8, "type": "int", "symmetric": not static, "strategy": "token", "dynamic": not static}
    config = compressed("int-quantized", weights, inputs if activations else None)
    return Format(name, config, draw, meaning, activations)


def compressed(form: str, weights: dict[str, Any], inputs: dict[str, Any] | None) -> dict[str, Any]:
    """``quantization_config`` as llm-compressor writes it."""
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs, "output_activations": None}
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "config_groups": {"group_0": group},
        "ignore": ["lm_head", "re:.*mlp.gate$", "re:.*shared_expert_gate$"],
        "kv_cache_scheme": None,
    }


def float8(strategy: str, **more: Any) -> dict[str, Any]:
    """compressed-tensors' config of FP8."""
    weights = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": strategy, "dynamic": False, **more}
    return compressed("float-quantized", weights, {"num_bits": 8, "type": "float", "dynamic": True})


BLOCKS: Final = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128], "fmt": "e4m3"}
AUTO_FP8: Final = {"quant_method": "fp8", "ignored_layers": ["lm_head"]}
FORMATS: Final = (
    gptq("gptq", 4, 32),
    gptq("gptq-128", 4, 128),
    gptq("gptq-one-group", 4, -1),
    gptq("gptq-desc-act", 4, 32, ordered=True),
    gptq("gptq-asymmetric", 4, 64, sym=False),
    gptq("gptq-v2-asymmetric-desc-act", 4, 64, sym=False, v2=True, ordered=True),
    gptq("gptq-8-bits", 8, 32),
    gptq("gptq-8-bits-desc-act", 8, 128, ordered=True),
    gptq("gptq-8-bits-asymmetric-one-group", 8, -1, sym=False),
    awq("awq", 32),
    awq("awq-64", 64),
    awq("awq-128-symmetric", 128, zero_point=False),
    awq("awq-one-group", -1),
    packed("w4a16", 4, 32),
    packed("w4a16-channel", 4, None),
    packed("w4a16-asymmetric", 4, 128, symmetric=False),
    packed("w4a16-actorder-group", 4, 32, actorder="group"),
    packed("w4a16-actorder-weight", 4, 32, actorder="weight"),
    packed("w8a16", 8, 64),
    packed("w8a16-asymmetric-channel", 8, None, symmetric=False),
    fp8("fp8-blocks", BLOCKS, "weight_scale_inv", "block"),
    fp8("fp8-tensor-dynamic", {**AUTO_FP8, "activation_scheme": "dynamic"}, "weight_scale", "tensor"),
    fp8("fp8-tensor-static", {**AUTO_FP8, "activation_scheme": "static"}, "weight_scale", "one", "input_scale"),
    fp8(
        "fp8-tensor-static-transformers",
        {"quant_method": "fp8", "activation_scheme": "static", "weight_block_size": None},
        "weight_scale_inv",
        "tensor",
        "activation_scale",
    ),
    fp8("fp8-channel-fbgemm", {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0}, "weight_scale", "channel"),
    fp8("fp8-compressed-tensor", float8("tensor"), "weight_scale", "one"),
    fp8("fp8-compressed-channel", float8("channel"), "weight_scale", "channel"),
    fp8("fp8-compressed-block", float8("block", block_structure=[128, 128]), "weight_scale", "block"),
    int8("w8a8", "channel"),
    int8("w8a8-tensor", "tensor"),
    int8("w8a8-static", "channel", static=True),
    int8("int8-weights-only", "channel", activations=False),
)
