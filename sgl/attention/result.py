"""`Result`: what attention gives for the rows of a batch, as its parts come in."""

from __future__ import annotations

import torch
from torch import Tensor

from sgl.attention.merge import merge


class Result:
    """Rows of one layer. Parts of one softmax are put together by their log-sum-exps, in float32.

    Args:
        query: [tokens, num_heads, head_dim], whose shape and dtype the result has.
        sums: Whether log-sum-exps are kept, which `add` and sinks need.
    """

    def __init__(self, query: Tensor, *, sums: bool) -> None:
        self._dtype = query.dtype
        self.keeps_sums = sums
        if sums:
            self._out = torch.zeros_like(query, dtype=torch.float32)
            self._sums: Tensor | None = self._out.new_full(query.shape[:2], -torch.inf)
        else:
            self._out = torch.empty_like(query)
            self._sums = None

    def put(self, rows: Tensor | slice, mixed: Tensor, sums: Tensor) -> None:
        """Sets rows to their only part, or to the first one.

        Args:
            mixed: [rows, num_heads, head_dim].
            sums: float32 [rows, num_heads]; not read, and of any shape, unless `keeps_sums`.
        """
        self._out[rows] = mixed.to(self._out.dtype)  # A place given by indices takes its own type only.
        if self._sums is not None:
            self._sums[rows] = sums

    def add(self, rows: Tensor | slice, mixed: Tensor, sums: Tensor) -> None:
        """Adds a part, as in `put`, to rows that may have others."""
        if self._sums is None:
            raise RuntimeError("a plan that merges keeps log-sum-exps")
        merge(self._out, self._sums, rows, mixed, sums)

    def finish(self, sinks: Tensor | None) -> Tensor:
        """[tokens, num_heads * head_dim] in the query's dtype; sinks, [num_heads], take their shares."""
        if sinks is not None:
            if self._sums is None:
                raise RuntimeError("sinks need log-sum-exps")
            # exp(lse - logaddexp(lse, sink)): what the keys keep of a softmax that has the sink beside them.
            self._out.mul_(torch.sigmoid(self._sums - sinks.float()).unsqueeze(-1))
        return self._out.to(self._dtype).view(len(self._out), -1)
