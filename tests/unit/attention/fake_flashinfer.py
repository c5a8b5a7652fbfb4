"""What takes FlashInfer's place in tests: the same calls, computed by our twins, and every plan written down.

It looks for its inputs where FlashInfer does: what ``plan`` is given on the host is read there, and what is kept on
the device is read when ``run`` is called. Signatures are those of FlashInfer 0.6.6.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from sgl.kernels.twins.extend_attention import extend_attention
from sgl.kernels.twins.latent_attention import latent_attention


@dataclass
class Calls:
    """All that was asked of the fake; plans by the kind of wrapper, in order."""

    plans: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    wrappers: list[dict[str, Any]] = field(default_factory=list)


def install(patch: pytest.MonkeyPatch) -> Calls:
    """Puts the fake in FlashInfer's place."""
    calls = Calls()
    module, mla = ModuleType("flashinfer"), ModuleType("flashinfer.mla")
    for name, into, base in (
        ("BatchDecodeWithPagedKVCacheWrapper", module, Single),
        ("BatchPrefillWithPagedKVCacheWrapper", module, Longer),
        ("BatchMLAPagedAttentionWrapper", mla, Latent),
    ):
        setattr(into, name, type(name, (base,), {"calls": calls}))
    patch.setitem(sys.modules, "flashinfer", module)
    patch.setitem(sys.modules, "flashinfer.mla", mla)
    return calls


def on_host(*arrays: Tensor) -> None:
    """FlashInfer would wait for the device to learn what is there."""
    for array in arrays:
        assert (array.dtype, array.device.type) == (torch.int32, "cpu")


class Paged:
    """What the wrappers have in common: arrays that a kernel reads on the device."""

    calls: Calls

    def keep(self, rows: Tensor, pages: Tensor, indices: Tensor, last: Tensor) -> None:
        on_host(rows, pages, last)
        assert indices.dtype == torch.int32
        if self.captured is None:
            # Indices are on the device already and stay where they are.
            self.pages, self.last, self.indices = pages.clone(), last.clone(), indices
        else:
            assert len(pages) == len(self.captured[0])
            for place, given in zip(self.captured, (pages, indices, last), strict=True):
                place[: len(given)].copy_(given)
            self.pages, self.indices, self.last = self.captured
        self.rows = rows.clone()

    captured: tuple[Tensor, Tensor, Tensor] | None

    def table(self) -> tuple[Tensor, list[int]]:
        """Pages by sequence, and how many each has."""
        counts = (self.pages[1:] - self.pages[:-1]).tolist()
        table = torch.full((len(counts), max(counts)), 10**6, dtype=torch.int32)
        for number, count in enumerate(counts):
            table[number, :count] = self.indices[self.pages[number] : self.pages[number] + count]
        return table, counts

    def attend(self, kind: str, q: Tensor, kv: tuple[Tensor, Tensor], out: Tensor) -> Tensor:
        self.calls.runs.append(kind)
        plan = self.plan_
        keys, values = kv
        assert keys.shape[1] == plan["page_size"]
        assert q.dtype == keys.dtype == plan["q_data_type"] == plan["kv_data_type"]
        table, counts = self.table()
        seq_lens = (torch.tensor(counts) - 1) * plan["page_size"] + self.last
        assert seq_lens.equal(plan["seq_lens"])
        mixed, _ = extend_attention(
            q,
            keys.flatten(0, 1),
            values.flatten(0, 1),
            table,
            seq_lens,
            self.rows,
            page_size=plan["page_size"],
            scale=plan["sm_scale"],
            window=None if plan["window_left"] < 0 else plan["window_left"] + 1,
            softcap=plan["logits_soft_cap"],
        )
        assert out.is_contiguous()
        return out.copy_(mixed)

    plan_: dict[str, Any]


class Single(Paged):
    """``BatchDecodeWithPagedKVCacheWrapper``."""

    def __init__(
        self,
        float_workspace_buffer: Tensor,
        kv_layout: str = "NHD",
        use_cuda_graph: bool = False,
        use_tensor_cores: bool = False,
        paged_kv_indptr_buffer: Tensor | None = None,
        paged_kv_indices_buffer: Tensor | None = None,
        paged_kv_last_page_len_buffer: Tensor | None = None,
    ) -> None:
        self.captured = None
        if use_cuda_graph:
            assert paged_kv_indptr_buffer is not None
            assert paged_kv_indices_buffer is not None
            assert paged_kv_last_page_len_buffer is not None
            assert len(paged_kv_indptr_buffer) == len(paged_kv_last_page_len_buffer) + 1
            self.captured = (paged_kv_indptr_buffer, paged_kv_indices_buffer, paged_kv_last_page_len_buffer)
        self.calls.wrappers.append({"captured": use_cuda_graph, "tensor_cores": use_tensor_cores})

    def reset_workspace_buffer(self, float_workspace_buffer: Tensor, int_workspace_buffer: Tensor) -> None:
        assert int_workspace_buffer.dtype == torch.uint8

    def plan(self, indptr: Tensor, indices: Tensor, last_page_len: Tensor, **rest: Any) -> None:
        self.keep(torch.arange(len(indptr), dtype=torch.int32), indptr, indices, last_page_len)
        self.plan_ = {**rest, "seq_lens": rest["seq_lens"].clone()}
        self.calls.plans.append(("single", self.plan_))

    def run(self, q: Tensor, paged_kv_cache: tuple[Tensor, Tensor], *, out: Tensor) -> Tensor:
        return self.attend("single", q, paged_kv_cache, out)


class Longer(Paged):
    """``BatchPrefillWithPagedKVCacheWrapper``."""

    captured = None

    def __init__(self, float_workspace_buffer: Tensor, kv_layout: str = "NHD") -> None:
        pass

    def plan(
        self,
        qo_indptr: Tensor,
        paged_kv_indptr: Tensor,
        paged_kv_indices: Tensor,
        paged_kv_last_page_len: Tensor,
        *,
        causal: bool = False,
        **rest: Any,
    ) -> None:
        assert causal
        self.keep(qo_indptr, paged_kv_indptr, paged_kv_indices, paged_kv_last_page_len)
        self.plan_ = {**rest, "seq_lens": rest["seq_lens"].clone()}
        self.calls.plans.append(("longer", self.plan_))

    def run(self, q: Tensor, paged_kv_cache: tuple[Tensor, Tensor], *, out: Tensor) -> Tensor:
        return self.attend("longer", q, paged_kv_cache, out)


class Latent(Paged):
    """``BatchMLAPagedAttentionWrapper``."""

    def __init__(
        self,
        float_workspace_buffer: Tensor,
        use_cuda_graph: bool = False,
        qo_indptr: Tensor | None = None,
        kv_indptr: Tensor | None = None,
        kv_indices: Tensor | None = None,
        kv_len_arr: Tensor | None = None,
    ) -> None:
        self.captured, self.captured_rows = None, qo_indptr
        if use_cuda_graph:
            assert kv_indptr is not None
            assert kv_indices is not None
            assert kv_len_arr is not None
            self.captured = (kv_indptr, kv_indices, kv_len_arr)

    def plan(
        self,
        qo_indptr: Tensor,
        kv_indptr: Tensor,
        kv_indices: Tensor,
        kv_len_arr: Tensor,
        num_heads: int,
        head_dim_ckv: int,
        head_dim_kpe: int,
        page_size: int,
        causal: bool,
        sm_scale: float,
        q_data_type: torch.dtype,
        kv_data_type: torch.dtype,
    ) -> None:
        assert causal
        if self.captured_rows is not None:
            self.captured_rows.copy_(qo_indptr)
        self.keep(qo_indptr, kv_indptr, kv_indices, kv_len_arr)
        self.plan_ = {"page_size": page_size, "sm_scale": sm_scale, "heads": num_heads, "rank": head_dim_ckv}
        self.calls.plans.append(("latent", self.plan_))

    def run(self, q_nope: Tensor, q_pe: Tensor, ckv_cache: Tensor, kpe_cache: Tensor, *, out: Tensor) -> Tensor:
        self.calls.runs.append("latent")
        assert out.is_contiguous()
        assert q_nope.shape[1:] == (self.plan_["heads"], self.plan_["rank"])
        vectors = torch.cat([ckv_cache, kpe_cache], dim=-1).flatten(0, 1)
        mixed = latent_attention(
            torch.cat([q_nope, q_pe], dim=-1),
            vectors,
            ckv_cache.shape[-1],
            self.table()[0],
            self.last,
            self.rows,
            page_size=self.plan_["page_size"],
            scale=self.plan_["sm_scale"],
        )
        return out.copy_(mixed)
