"""How much a step must read and multiply, from the shapes of the model: what a measured machine is held against."""

from __future__ import annotations

from dataclasses import dataclass

from sgl.config.layout.count import expert_parameter_count, parameter_count
from sgl.config.model import ModelConfig
from sgl.plan.kv import kv_layers, request_bytes


@dataclass(frozen=True)
class Work:
    """Counts for one model whose weights and KV cache have elements of one size.

    Attributes:
        model: Its shapes.
        element_bytes: Of a weight and of the KV cache.
    """

    model: ModelConfig
    element_bytes: int

    def decode_bytes(self, batch: int, context: int) -> int:
        """Bytes that one decode step reads at least: every weight once, and the KV cache of every request.

        Of a mixture of experts, as many as requests meet that choose independently and evenly. The embedding matrix
        counts only where it is the output head as well; of another one a step reads a row per request.

        Args:
            batch: Requests.
            context: Tokens of each, the one that is computed among them.
        """
        kv = request_bytes(kv_layers(self.model), context, self.element_bytes)
        return self._read_parameters(self._experts_met(batch)) * self.element_bytes + batch * kv

    def prefill_flops(self, batch: int, tokens: int) -> int:
        """Floating-point operations of computing prompts from their beginning, a multiply-add as two.

        Matrix products of every token (of a mixture of experts those of its own ones), those of causal attention, and
        the output head for the last token of each prompt. Norms, rope and softmax are left out, as usual.

        Args:
            batch: Prompts.
            tokens: Of each.
        """
        model = self.model
        head = model.vocab_size * model.hidden_size
        layers = self._read_parameters(self._experts_met(1)) - head
        pairs = sum(_causal_pairs(tokens, window) for window in model.windows)
        attention = 4 * model.num_heads * model.head_dim * pairs
        return batch * (2 * layers * tokens + 2 * head + attention)

    def _experts_met(self, batch: int) -> float:
        """Experts of a layer that some of ``batch`` tokens choose, on average; at most ``batch * chosen``."""
        experts = self.model.experts
        return 0.0 if experts is None else experts.count * (1 - (1 - experts.chosen / experts.count) ** batch)

    def _read_parameters(self, experts_met: float) -> int:
        model = self.model
        embedding = 0 if model.tie_embeddings else model.vocab_size * model.hidden_size
        count = 0 if model.experts is None else model.experts.count
        idle = round(expert_parameter_count(model) * (count - experts_met))
        return parameter_count(model) - embedding - idle


def _causal_pairs(tokens: int, window: int | None) -> int:
    """Pairs of a token and one that it sees, itself among them, in one layer."""
    seen = min(tokens, window or tokens)
    return seen * (seen + 1) // 2 + (tokens - seen) * seen
