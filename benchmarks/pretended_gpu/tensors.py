"""Tensors on a pretended GPU: torch's fake ones beside real ones on the CPU, and the copies between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from benchmarks.pretended_gpu.ledger import Ledger

aten: Final = torch.ops.aten
ONES: Final = torch.bool
"""What is brought back is made of zeros, and of True: tokens are 0, and finite."""


class PretendedTensors(TorchDispatchMode):
    """Operations on the device compute shapes, those on the CPU numbers; copies between them are looked at."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        super().__init__()
        self._ledger = ledger
        self._number = number
        self._pinned: dict[int, Tensor] = {}

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if torch.is_inference_mode_enabled() and _is_composite(func):
            # In inference mode, operations come here before they are taken apart.
            with self:
                return func.decompose(*args, **given)
        tensors = [each for each in tree_flatten((args, given))[0] if isinstance(each, Tensor)]
        device = given.get("device")
        target = None if device is None else torch.device(device).type
        fake = [each for each in tensors if isinstance(each, FakeTensor)]
        if func is aten.copy_.default and fake:
            return self._copy(*args, **given)
        if fake and target == "cpu":
            return self._download(fake[0], given)
        if not fake and target != "cuda":
            return self._on_cpu(func, args, given)
        if func is aten._to_copy.default and not fake:
            (source,) = args
            self._check_upload(source, given.get("non_blocking", False))
            return torch.empty(tuple(source.shape), dtype=given.get("dtype") or source.dtype, device=device)
        elif len(fake) < len(tensors):
            self._check_mixed(func, tensors)
        if func is aten._local_scalar_dense.default:
            self._ledger.wait("a number of the device that is looked at")
            return self._number if fake[0].dtype != ONES else bool(self._number)
        if func is aten.equal.default:
            self._ledger.wait("tensors of the device that are compared on the host")
            return True
        if func in _INDEXED and any(each.dtype in (torch.bool, torch.uint8) for each in tensors[1:]):
            self._ledger.wait(f"{func} with a mask counts on the host what it selects")
        try:
            return func(*args, **given)
        except (DataDependentOutputException, DynamicOutputShapeException) as error:
            raise RuntimeError(f"{func} needs numbers of the device on the host") from error

    def pin(self, tensor: Tensor) -> Tensor:
        """Marks the memory of a tensor on the CPU as page-locked."""
        self._pinned[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    def is_pinned(self, tensor: Tensor) -> bool:
        """Whether a copy of it can be launched like a kernel."""
        return tensor.numel() == 0 or tensor.untyped_storage().data_ptr() in self._pinned

    def _on_cpu(self, func: Callable[..., Any], args: Sequence[Any], given: dict[str, Any]) -> Any:
        pinned = given.pop("pin_memory", False)
        with unset_fake_temporarily():
            result = func(*args, **given)
        return self.pin(result) if pinned else result

    def _copy(self, to: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
        """``to.copy_(source)``: nothing is moved, and zeros arrive at the host."""
        if torch.broadcast_shapes(source.shape, to.shape) != to.shape:
            raise RuntimeError(f"{list(source.shape)} does not fit into {list(to.shape)}")
        if isinstance(to, FakeTensor):
            if source.device.type == "cpu":
                self._check_upload(source, non_blocking)
            return to
        if not (non_blocking and self.is_pinned(to)):
            self._ledger.wait("a copy to the host that is waited for")
        return to.fill_(1 if to.dtype == ONES else 0)

    def to_list(self, tensor: Tensor) -> Any:
        """``tensor.tolist()``."""
        return self._download(tensor, {}).tolist()

    def _download(self, source: Tensor, given: dict[str, Any]) -> Tensor:
        """What makes a tensor on the host of one on the device: a copy of it, or one like it."""
        with unset_fake_temporarily():
            dtype = given.get("dtype") or source.dtype
            result = torch.full(tuple(source.shape), 1 if dtype == ONES else 0, dtype=dtype)
        if given.get("pin_memory"):
            return self.pin(result)
        self._ledger.wait("a copy to the host that is waited for")
        return result

    def _check_upload(self, source: Tensor, non_blocking: bool) -> None:
        self._ledger.uploads += source.numel() > 0
        if not (non_blocking and self.is_pinned(source)) and source.numel():
            self._ledger.wait(f"a copy of {source.numel()} numbers to the device that is waited for")

    def _check_mixed(self, func: Any, tensors: Sequence[Tensor]) -> None:
        """Single numbers on the CPU are arguments of a kernel; torch copies indices itself, and waits."""
        if func in _INDEXED:
            self._ledger.wait(f"{func} copies its indices to the device")
            return
        wrong = [each for each in tensors if not isinstance(each, FakeTensor) and each.dim() > 0]
        if wrong:
            raise RuntimeError(f"{func} meets a tensor of the CPU, {list(wrong[0].shape)}, on the device")


def _is_composite(func: Any) -> bool:
    return func.namespace == "aten" and torch._C._dispatch_has_kernel_for_dispatch_key(
        func.name(), "CompositeImplicitAutograd"
    )


_INDEXED: Final = (aten.index.Tensor, aten.index_put_.default, aten.index_put.default)


@contextmanager
def pretended_tensors(ledger: Ledger, number: int) -> Iterator[PretendedTensors]:
    """Tensors on "cuda" are fake while this lasts, and whoever looks at a number of theirs sees ``number``."""
    with FakeTensorMode(allow_non_fake_inputs=True), PretendedTensors(ledger, number) as mode:
        yield mode
