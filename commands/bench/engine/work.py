"""How much a step must read and multiply, from the shapes of the model: what a measured machine is held against."""

from __future__ import annotations

from dataclasses import dataclass

from sgl.config.layout.count import parameter_count
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

        The embedding matrix counts only where it is the output head as well; of another one a step reads a row per
        request.

        Args:
            batch: Requests.
            context: Tokens of each, the one that is computed among them.
        """
        kv = request_bytes(kv_layers(self.model), context, self.element_bytes)
        return self._read_parameters() * self.element_bytes + batch * kv

    def prefill_flops(self, batch: int, tokens: int) -> int:
        """Floating-point operations of computing prompts from their beginning, a multiply-add as two.

        Matrix products of every token, those of causal attention, and the output head for the last token of each
        prompt. Norms, rope and softmax are left out, as usual.

        Args:
            batch: Prompts.
            tokens: Of each.
        """
        model = self.model
        head = model.vocab_size * model.hidden_size
        layers = self._read_parameters() - head
        pairs = sum(_causal_pairs(tokens, window) for window in model.windows)
        attention = 4 * model.num_heads * model.head_dim * pairs
        return batch * (2 * layers * tokens + 2 * head + attention)

    def _read_parameters(self) -> int:
        model = self.model
        embedding = 0 if model.tie_embeddings else model.vocab_size * model.hidden_size
        return parameter_count(model) - embedding


def _causal_pairs(tokens: int, window: int | None) -> int:
    """Pairs of a token and one that it sees, itself among them, in one layer."""
    seen = min(tokens, window or tokens)
    return seen * (seen + 1) // 2 + (tokens - seen) * seen
