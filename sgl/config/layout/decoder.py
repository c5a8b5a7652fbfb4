"""What weights a decoder has, what a checkpoint calls them, and which matrix products they make.

The one map of it: layers fill their slots by it, memory is planned and packed weights are counted by it. It also
tells how ranks share each tensor (Megatron-LM, Shoeybi et al. 2019):

* q, k, v, gate and up projections are split by output rows, with their biases; whole heads stay together, and where
  there are fewer KV heads than ranks each rank keeps one;
* o and down projections are split by input columns; their biases are added once and kept whole;
* embedding and head are split over the vocabulary;
* norms and routers are kept whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from sgl.config.experts import ExpertsConfig
from sgl.config.layout.group import (
    AttentionWeights,
    ExpertWeights,
    LatentWeights,
    LayerWeights,
    MlpWeights,
    OuterWeights,
    parts,
)
from sgl.config.layout.weight import VOCABULARY_MULTIPLE, ExpertStack, Matrix, Norm, Table, Vector, Weight
from sgl.config.model import ModelConfig


def outer_weights(model: ModelConfig) -> OuterWeights:
    """Embeddings, last norm, head."""
    names = model.names
    rows, width = model.vocab_size, model.hidden_size
    return OuterWeights(
        embedding=Table(names.embedding, rows, width),
        positions=Table(names.positions, model.max_position, width) if names.positions else None,
        norm=_norm(model, names.norm, width),
        head=None
        if model.tie_embeddings
        else Matrix(
            (names.head,), (rows,), width, split="rows", units=(rows,), multiple=VOCABULARY_MULTIPLE, quantized=False
        ),
    )


def layer_weights(model: ModelConfig, layer: int) -> LayerWeights:
    """One layer."""
    prefix = f"{model.names.layers}.{layer}"

    def norm(name: str | None) -> Norm | None:
        return None if name is None else _norm(model, f"{prefix}.{name}", model.hidden_size)

    names = model.names
    return LayerWeights(
        before_attention=norm(names.before_attention),
        attention=_heads(model, prefix) if model.latent is None else _latent(model, prefix),
        after_attention=norm(names.after_attention),
        before_mlp=norm(names.before_mlp),
        mlp=_experts(model, model.experts, prefix)
        if model.experts is not None and model.has_experts(layer)
        else _mlp(model, prefix, names.gate_up, names.down, model.intermediate_size, bias=model.mlp_bias),
        after_mlp=norm(names.after_mlp),
    )


def weights(model: ModelConfig) -> Iterator[Weight]:
    """All of them, in the order in which a token meets them."""
    outer = outer_weights(model)
    yield outer.embedding
    if outer.positions is not None:
        yield outer.positions
    for layer in range(model.num_layers):
        yield from parts(layer_weights(model, layer))
    yield outer.norm
    if outer.head is not None:
        yield outer.head


def counted_weights(model: ModelConfig) -> Iterator[tuple[Weight, int]]:
    """For sums: each weight with how many are like it in all but its name.

    Layers are alike when both have experts or neither has. A scheme may treat modules by name, so a quantised model's
    weights are told one by one.
    """
    if model.quantization is not None:
        yield from ((weight, 1) for weight in weights(model))
        return
    yield from ((weight, 1) for weight in parts(outer_weights(model)))
    for experts in (False, True):
        layers = [layer for layer in range(model.num_layers) if model.has_experts(layer) == experts]
        if layers:
            yield from ((weight, len(layers)) for weight in parts(layer_weights(model, layers[0])))


def _norm(model: ModelConfig, name: str, size: int) -> Norm:
    return Norm(name, size, bias=model.norm == "layer")


def _heads(model: ModelConfig, prefix: str) -> AttentionWeights:
    names = model.names
    widths = (model.q_width, model.kv_width, model.kv_width)
    heads = (model.num_heads, model.num_kv_heads, model.num_kv_heads)
    norms: tuple[Norm | None, Norm | None] = (None, None)
    if model.qk_norm is not None:
        sizes = (model.head_dim, model.head_dim) if model.qk_norm == "head" else widths[:2]
        norms = (Norm(f"{prefix}.{names.q_norm}", sizes[0]), Norm(f"{prefix}.{names.k_norm}", sizes[1]))
    return AttentionWeights(
        qkv=_by_rows(model, prefix, names.qkv, widths, heads, model.hidden_size, bias=model.qkv_bias),
        out=_by_columns(
            model, f"{prefix}.{names.output}", model.q_width, model.hidden_size, model.num_heads, bias=model.output_bias
        ),
        q_norm=norms[0],
        k_norm=norms[1],
        sinks=Vector(f"{prefix}.{names.sinks}", model.num_heads) if model.sinks else None,
    )


def _latent(model: ModelConfig, prefix: str) -> LatentWeights:
    latent = model.latent
    assert latent is not None, "asked for a model that has it"
    own = f"{prefix}.self_attn"
    heads, hidden = model.num_heads, model.hidden_size
    q_width = heads * (latent.nope_dim + latent.rope_dim)
    kv_width = heads * (latent.nope_dim + latent.value_dim)

    def whole(name: str, width: int) -> Matrix:
        return Matrix((f"{own}.{name}",), (width,), hidden, bias=model.qkv_bias)

    def by_heads(name: str, width: int, inputs: int, *, apart: bool = False) -> Matrix:
        return Matrix((f"{own}.{name}",), (width,), inputs, split="rows", units=(heads,), apart=apart)

    rank = latent.q_rank
    return LatentWeights(
        query=by_heads("q_proj", q_width, hidden) if rank is None else None,
        query_down=None if rank is None else whole("q_a_proj", rank),
        query_norm=None if rank is None else Norm(f"{own}.q_a_layernorm", rank),
        query_up=None if rank is None else by_heads("q_b_proj", q_width, rank),
        kv_down=whole("kv_a_proj_with_mqa", latent.cached_width),
        kv_norm=Norm(f"{own}.kv_a_layernorm", latent.kv_rank),
        kv_up=by_heads("kv_b_proj", kv_width, latent.kv_rank, apart=True),
        out=_by_columns(model, f"{own}.o_proj", heads * latent.value_dim, hidden, heads, bias=model.output_bias),
    )


def _mlp(
    model: ModelConfig,
    prefix: str,
    gate_up: tuple[str, ...],
    down: str,
    inner: int,
    *,
    bias: bool,
    expert: bool = False,
) -> MlpWeights:
    count = 2 if model.gated else 1
    units = (inner,) * count
    return MlpWeights(
        gate_up=_by_rows(model, prefix, gate_up, units, units, model.hidden_size, bias=bias, expert=expert),
        down=_by_columns(model, f"{prefix}.{down}", inner, model.hidden_size, inner, bias=bias, expert=expert),
    )


def _experts(model: ModelConfig, experts: ExpertsConfig, prefix: str) -> ExpertWeights:
    names, hidden, inner = model.names, model.hidden_size, experts.intermediate_size

    def block(own: str, size: int, *, expert: bool) -> MlpWeights:
        return _mlp(model, own, names.expert_gate_up, names.expert_down, size, bias=experts.bias, expert=expert)

    def stack(name: str, inputs: int, outputs: int) -> ExpertStack | None:
        own = f"{prefix}.{names.experts}.{name}"
        packed = model.quantization is not None and model.quantization.method == "mxfp4"
        return ExpertStack(own, experts.count, inputs, outputs, experts.bias, packed) if experts.stacked else None

    gate = Matrix((f"{prefix}.{names.shared_gate}",), (1,), hidden, quantized=False, apart=True)
    each = () if experts.stacked else range(experts.count)
    return ExpertWeights(
        router=Matrix(
            (f"{prefix}.{names.router}",),
            (experts.count,),
            hidden,
            bias=experts.router_bias,
            quantized=False,
            apart=True,
            wide=True,
        ),
        correction=Vector(f"{prefix}.{names.correction}", experts.count, wide=True) if experts.correction else None,
        experts=tuple(block(f"{prefix}.{names.experts}.{number}", inner, expert=True) for number in each),
        gate_up=stack("gate_up_proj", hidden, 2 * inner),
        down=stack("down_proj", inner, hidden),
        shared=block(f"{prefix}.{names.shared}", experts.shared_size, expert=False) if experts.shared_size else None,
        shared_gate=gate if experts.shared_gate else None,
    )


def _by_rows(
    model: ModelConfig,
    prefix: str,
    names: tuple[str, ...],
    outputs: tuple[int, ...],
    units: tuple[int, ...],
    inputs: int,
    *,
    bias: bool,
    expert: bool = False,
) -> Matrix:
    """Matrices side by side; a checkpoint that has fewer of them stores the rest in its last one."""
    last = len(names) - 1
    return Matrix(
        tuple(f"{prefix}.{name}" for name in names),
        (*outputs[:last], sum(outputs[last:])),
        inputs,
        bias=bias,
        split="rows",
        units=(*units[:last], sum(units[last:])),
        transposed=model.names.transposed,
        expert=expert,
    )


def _by_columns(
    model: ModelConfig, name: str, inputs: int, outputs: int, units: int, *, bias: bool, expert: bool = False
) -> Matrix:
    return Matrix(
        (name,),
        (outputs,),
        inputs,
        bias=bias,
        split="columns",
        units=(units,),
        transposed=model.names.transposed,
        expert=expert,
    )
