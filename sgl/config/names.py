"""`WeightNames`: how a checkpoint calls the weights of a decoder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WeightNames:
    """Names without ``.weight`` and ``.bias``; the defaults are Llama's. Those of a layer come after ``layers.N.``.

    Attributes:
        embedding: Rows by token.
        positions: Rows by position, where the model learns them (GPT-2).
        layers: What the number of a layer follows.
        norm: Before the head.
        head: Logits.
        before_attention: Norm of what attention reads; None when there is none, as in OLMo 2.
        after_attention: Norm of what attention adds (Gemma 2, OLMo 2, GLM-4).
        before_mlp: Norm of what the feed-forward block reads.
        after_mlp: Norm of what it adds.
        qkv: Three projections, or one that holds them in this order.
        output: Attention's output projection.
        q_norm: Of queries.
        k_norm: Of keys.
        sinks: One number per head (GPT-OSS).
        gate_up: Two projections, or one that holds them in this order; the first one alone where nothing is gated.
        down: The way back.
        router: Scores of experts.
        correction: See `ExpertsConfig.correction`.
        experts: What the number of an expert follows.
        expert_gate_up: As ``gate_up``, of an expert.
        expert_down: As ``down``, of an expert.
        shared: The expert of every token.
        shared_gate: See `ExpertsConfig.shared_gate`.
        transposed: Matrices of layers are stored as [inputs, outputs] (GPT-2's Conv1D).
        aliases: Beginnings of names that some checkpoints have, each with the beginning that it stands for.
    """

    embedding: str = "model.embed_tokens"
    positions: str = ""
    layers: str = "model.layers"
    norm: str = "model.norm"
    head: str = "lm_head"
    before_attention: str | None = "input_layernorm"
    after_attention: str | None = None
    before_mlp: str | None = "post_attention_layernorm"
    after_mlp: str | None = None
    qkv: tuple[str, ...] = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    output: str = "self_attn.o_proj"
    q_norm: str = "self_attn.q_norm"
    k_norm: str = "self_attn.k_norm"
    sinks: str = "self_attn.sinks"
    gate_up: tuple[str, ...] = ("mlp.gate_proj", "mlp.up_proj")
    down: str = "mlp.down_proj"
    router: str = "mlp.gate"
    correction: str = "mlp.gate.e_score_correction_bias"
    experts: str = "mlp.experts"
    expert_gate_up: tuple[str, ...] = ("gate_proj", "up_proj")
    expert_down: str = "down_proj"
    shared: str = "mlp.shared_experts"
    shared_gate: str = "mlp.shared_expert_gate"
    transposed: bool = False
    aliases: tuple[tuple[str, str], ...] = ()

    def canonical(self, name: str) -> str:
        """A tensor's name in a checkpoint -> its name here; one that no alias fits stays as it is."""
        for beginning, own in self.aliases:
            if name.startswith(beginning):
                return own + name[len(beginning) :]
        return name
