"""How many KV pages fit: what is allowed, less the weights, in whole pages."""

from __future__ import annotations

from typing import Final

from sgl.config.engine import ResolvedConfig
from sgl.config.model import ModelConfig
from sgl.config.resolve import ELEMENT_BYTES, gib
from sgl.device import DeviceInfo
from sgl.errors import StartupError, UsageError

RESERVE: Final = 256 * 2**20
"""Bytes left for activations and the interpreter when memory is short."""


def check_weights_fit(weight_bytes: int, device: DeviceInfo) -> None:
    """Refuses a model that cannot be loaded, before anything is read.

    Raises:
        StartupError: With the numbers and what to change.
    """
    if weight_bytes + RESERVE > device.available_bytes:
        raise StartupError(
            f"the weights need {gib(weight_bytes)} and only {gib(device.available_bytes)} of memory is available; "
            "use --dtype bfloat16, a smaller model, or close other programs"
        )


def count_pages(config: ResolvedConfig, model: ModelConfig, weight_bytes: int, device: DeviceInfo) -> int:
    """Pages of the KV pool.

    ``max_total_tokens`` decides when given. Otherwise the pool gets what ``mem_fraction_static`` of the
    memory leaves beside the weights, but no more than every running request at full context can use.

    Raises:
        UsageError: The asked-for pool cannot hold a single page.
        StartupError: The memory does not hold a useful pool; the message has values that fit.
    """
    page_bytes = config.page_size * model.kv_bytes_per_token(ELEMENT_BYTES[config.dtype])
    if config.max_total_tokens is not None:
        pages = config.max_total_tokens // config.page_size
        if pages < 1:
            raise UsageError(f"--max-total-tokens {config.max_total_tokens} is less than one page ({config.page_size})")
        if pages * page_bytes + RESERVE > device.available_bytes:
            fits = max(0, device.available_bytes - RESERVE) // page_bytes * config.page_size
            raise StartupError(
                f"--max-total-tokens {config.max_total_tokens} needs {gib(pages * page_bytes)} for the KV pool and "
                f"{gib(device.available_bytes)} is available; use --max-total-tokens {fits}"
            )
        return pages
    budget = int(device.memory_bytes * config.mem_fraction_static) - weight_bytes
    budget = min(budget, device.available_bytes - RESERVE)
    useful = config.max_running_requests * -(-config.max_model_len // config.page_size)
    pages = min(budget // page_bytes, useful)
    if pages * config.page_size < min(config.max_model_len, 256):
        fraction = (weight_bytes + 256 * page_bytes / config.page_size) / device.memory_bytes
        raise StartupError(
            f"--mem-fraction-static {config.mem_fraction_static:g} of {gib(device.memory_bytes)} leaves no room for a "
            f"KV pool beside {gib(weight_bytes)} of weights; use --mem-fraction-static {min(fraction + 0.05, 0.95):.2f}"
            " or a smaller model"
        )
    return int(pages)
