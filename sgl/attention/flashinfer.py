"""Attention on a GPU by FlashInfer's kernels (extra ``[cuda]``): planned once per batch, run for every layer.

FlashInfer plans on the host, from lengths, for which it copies a few arrays to the device; pages are told on the device
alone (`sgl.attention.flashinfer_pages`). A captured step is planned before each launch (`FlashInferAttention.prepare`),
by wrappers of its size, whose arrays stay where they are. Written against FlashInfer 0.6; not run on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from sgl.attention.flashinfer_pages import LONGER, SINGLE, PartLengths, StepPages, part_of, told
from sgl.batch.paged import HostLayout, PagedBatch
from sgl.config.flashinfer import CAPTURED_PLAN_BYTES, workspace_bytes
from sgl.kernels.fused import KvTarget
from sgl.kvcache.pool import KVPool

TENSOR_CORE_GROUP: Final = 4
"""Query heads for each KV head from which single queries are multiplied by tensor cores, which pad them to a tile."""


class FlashInferAttention:
    """Plans batches over one pool.

    Args:
        heads: Query heads.
        windows: Per layer, the sliding window or None.
        softcap: Soft cap of attention scores, or None.
        scale: Scores are multiplied with it; None is head_dim ** -0.5.
        pages: Places of a step's lengths and pages.
        multiprocessors: Of the GPU.
        largest_captured: Most sequences of a captured step.
    """

    plans_on_host = True

    def __init__(
        self,
        pool: KVPool,
        *,
        heads: int,
        windows: Sequence[int | None],
        softcap: float | None,
        scale: float | None,
        pages: StepPages,
        multiprocessors: int,
        largest_captured: int,
        device: torch.device,
    ) -> None:
        # Imported here: nothing else needs it, and it takes seconds.
        import flashinfer

        self.pool = pool
        self.heads = heads
        self.windows = tuple(windows)
        self.pages = pages
        self._softcap = softcap
        self._scale = pool.head_dim**-0.5 if scale is None else scale
        self._device = device
        self._wrappers: Any = flashinfer
        size = workspace_bytes(
            heads=heads,
            kv_heads=pool.num_kv_heads,
            head_dim=pool.head_dim,
            multiprocessors=multiprocessors,
            largest_captured=largest_captured,
        )
        # Kernels run one after the other, so all share it. FlashInfer wants zeros for the first use.
        self._workspace = torch.zeros(size, dtype=torch.uint8, device=device)
        self._single = {window: self._single_wrapper() for window in set(self.windows)}
        self._longer = {
            window: flashinfer.BatchPrefillWithPagedKVCacheWrapper(self._workspace, "NHD")
            for window in set(self.windows)
        }
        self._captured: dict[int, dict[int | None, Any]] = {}
        self._captured_plans: dict[int | None, Tensor] = {}

    def plan(self, batch: PagedBatch) -> PlannedFlashInfer:
        """Plans a step, or takes what `prepare` has planned for a captured one of its size."""
        if batch.host is None:
            planned = PlannedFlashInfer(self, batch, batch.sequences, self._captured[batch.sequences], {})
        else:
            self._plan(batch)
            planned = PlannedFlashInfer(self, batch, batch.decodes, self._single, self._longer)
        self.pages.flatten(batch)
        return planned

    def prepare(self, host: HostLayout) -> None:
        """Plans a captured step of one token for each sequence, before it is captured and before each launch."""
        if host.sequences not in self._captured:
            self._captured[host.sequences] = {
                window: self._captured_wrapper(host.sequences, window) for window in set(self.windows)
            }
        self.pages.begin()
        lengths = self.pages.lengths(host)
        for window, wrapper in self._captured[host.sequences].items():
            # The pages come with the step.
            self._plan_single(wrapper, window, lengths, self.pages.indices[:0])
        self.pages.end()

    def warm_up(self) -> None:
        """Has all kernels compiled that a step may need: in the midst of requests it would take minutes."""
        batch = PagedBatch.padding((1, 2), self._device)
        query = torch.zeros(3, self.heads, self.pool.head_dim, dtype=self.pool.dtype, device=self._device)
        planned = self.plan(batch)
        for window in set(self.windows):
            planned.attend(self.windows.index(window), query)

    def layer(self, number: int) -> tuple[Tensor, Tensor]:
        """K and V by pages, [pages, page_size, num_kv_heads, head_dim] each."""
        shape = (-1, self.pages.page_size, self.pool.num_kv_heads, self.pool.head_dim)
        return self.pool.keys[number].view(shape), self.pool.values[number].view(shape)

    def _plan(self, batch: PagedBatch) -> None:
        host, decodes = told(batch), batch.decodes
        self.pages.begin()
        whole = self.pages.lengths(host)
        self.pages.send_starts(whole)
        if decodes:
            lengths = self.pages.lengths(part_of(host, slice(decodes)), SINGLE)
            for window, wrapper in self._single.items():
                self._plan_single(wrapper, window, lengths, self.pages.indices)
        if decodes < batch.sequences:
            lengths = self.pages.lengths(part_of(host, slice(decodes, None)), LONGER)
            indices = self.pages.indices[int(whole.pages[decodes]) :]
            for window, wrapper in self._longer.items():
                self._plan_longer(wrapper, window, lengths, indices)
        self.pages.end()

    def _plan_single(self, wrapper: Any, window: int | None, lengths: PartLengths, indices: Tensor) -> None:
        wrapper.plan(
            lengths.pages,
            indices,
            lengths.last,
            num_qo_heads=self.heads,
            num_kv_heads=self.pool.num_kv_heads,
            head_dim=self.pool.head_dim,
            page_size=self.pages.page_size,
            window_left=_left(window),
            logits_soft_cap=self._softcap,
            q_data_type=self.pool.dtype,
            kv_data_type=self.pool.dtype,
            sm_scale=self._scale,
            seq_lens=lengths.tokens,
        )

    def _plan_longer(self, wrapper: Any, window: int | None, lengths: PartLengths, indices: Tensor) -> None:
        wrapper.plan(
            lengths.rows,
            lengths.pages,
            indices,
            lengths.last,
            num_qo_heads=self.heads,
            num_kv_heads=self.pool.num_kv_heads,
            head_dim_qk=self.pool.head_dim,
            page_size=self.pages.page_size,
            causal=True,
            sm_scale=self._scale,
            window_left=_left(window),
            logits_soft_cap=self._softcap,
            q_data_type=self.pool.dtype,
            kv_data_type=self.pool.dtype,
            seq_lens=lengths.tokens,
        )

    def _single_wrapper(self, **captured: Any) -> Any:
        tensor_cores = self.heads // self.pool.num_kv_heads >= TENSOR_CORE_GROUP
        return self._wrappers.BatchDecodeWithPagedKVCacheWrapper(
            self._workspace, "NHD", use_tensor_cores=tensor_cores, **captured
        )

    def _captured_wrapper(self, sequences: int, window: int | None) -> Any:
        """All sizes share their arrays, and those of one window the place of their plan: each is planned anew before
        it is launched, and one is launched at a time."""
        wrapper = self._single_wrapper(
            use_cuda_graph=True,
            paged_kv_indptr_buffer=self.pages.starts[: sequences + 1],
            paged_kv_indices_buffer=self.pages.indices,
            paged_kv_last_page_len_buffer=self.pages.last[:sequences],
        )
        if window not in self._captured_plans:
            room = torch.zeros(CAPTURED_PLAN_BYTES, dtype=torch.uint8, device=self._device)
            self._captured_plans[window] = room
        wrapper.reset_workspace_buffer(self._workspace, self._captured_plans[window])
        return wrapper


class PlannedFlashInfer:
    """`sgl.batch.context.PagedAttention` of one batch.

    Args:
        decodes: Leading sequences that ``single`` computes; ``longer`` computes the others.
        single: The planned wrapper for each window.
        longer: The same.
    """

    def __init__(
        self,
        backend: FlashInferAttention,
        batch: PagedBatch,
        decodes: int,
        single: dict[int | None, Any],
        longer: dict[int | None, Any],
    ) -> None:
        self._backend = backend
        self._batch = batch
        self._decodes = decodes
        self._single = single
        self._longer = longer

    def target(self, layer: int) -> KvTarget:
        """See `sgl.batch.context.PagedAttention.target`."""
        return self._backend.pool.target(layer, self._batch.slots)

    def attend(self, layer: int, query: Tensor, sinks: Tensor | None = None) -> Tensor:
        """See `sgl.batch.context.PagedAttention.attend`.

        Raises:
            ValueError: There are sinks, which these kernels do not take; `sgl.config.attention` asks for other ones.
        """
        if sinks is not None:
            raise ValueError("FlashInfer's kernels take no attention sinks; use --attention-backend triton")
        backend, decodes = self._backend, self._decodes
        window, stored = backend.windows[layer], backend.layer(layer)
        out = torch.empty(query.shape, dtype=query.dtype, device=query.device)
        if decodes:
            self._single[window].run(query[:decodes], stored, out=out[:decodes])
        if decodes < self._batch.sequences:
            self._longer[window].run(query[decodes:], stored, out=out[decodes:])
        return out.flatten(1)


def _left(window: int | None) -> int:
    """Tokens that a query sees beside itself; -1 is all."""
    return -1 if window is None else window - 1
