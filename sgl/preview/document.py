"""A preview as a JSON document of stable shape, for programs."""

from __future__ import annotations

from typing import Any, Final

from sgl.config.layout.count import active_parameter_count, parameter_count
from sgl.plan.memory import MemoryPlan
from sgl.preview.build import Preview

SCHEMA_VERSION: Final = 1
"""Counts up when a field changes its meaning or goes; new fields may come at any time."""

CONTEXTS: Final = (2048, 8192, 32768, 131072)
"""Contexts for which it is told how many requests fit, beside the longest."""


def preview_document(preview: Preview) -> dict[str, Any]:
    """Returns the document.

    ``schema_version``; ``starts``, whether nothing stops a start; ``model``, null when config.json cannot be read;
    ``settings``, for every flag without its dashes ``value``, ``origin`` and ``reason`` (null for none); ``memory``
    as in `plan_document`, null without a model; ``notices``; ``problems`` with ``message``, ``hint`` and
    ``exit_code``, which is the process's own for the first one.
    """
    model = preview.model
    return {
        "schema_version": SCHEMA_VERSION,
        "starts": not preview.problems,
        "model": None
        if model is None
        else {
            "architecture": model.architecture,
            "parameters": parameter_count(model),
            "active_parameters": active_parameter_count(model),
            "max_position": model.max_position,
            "checkpoint_dtype": model.checkpoint_dtype,
            "quantization": None if model.quantization is None else str(model.quantization),
        },
        "settings": {
            row.flag.lstrip("-"): {"value": row.value, "origin": row.origin, "reason": row.reason or None}
            for row in preview.rows
        },
        "memory": None if preview.plan is None else plan_document(preview.plan),
        "notices": list(preview.notices),
        "problems": [
            {"message": problem.message, "hint": problem.hint, "exit_code": problem.exit_code}
            for problem in preview.problems
        ],
    }


def plan_document(plan: MemoryPlan) -> dict[str, Any]:
    """The memory plan of one rank; every size is in bytes, and ``free_bytes`` is negative when it does not fit."""
    demand = plan.demand
    return {
        "place": demand.place.kind,
        "place_name": demand.place.name,
        "memory_bytes": demand.place.memory_bytes,
        "available_bytes": demand.place.available_bytes,
        "ranks": demand.tp,
        "weight_bytes": plan.weight_bytes,
        "copy_bytes": plan.copy_bytes,
        "activation_bytes": plan.activation_bytes,
        "graph_bytes": plan.graph_bytes,
        "buffer_bytes": plan.buffer_bytes,
        "runtime_bytes": plan.runtime_bytes,
        "kv_bytes": plan.kv_bytes,
        "free_bytes": plan.free_bytes,
        "page_size": demand.page_size,
        "page_bytes": plan.page_bytes,
        "pages": plan.pages,
        "kv_tokens": plan.kv_tokens,
        "max_request_tokens": plan.max_request_tokens,
        "requests_at": {str(context): plan.requests_at(context) for context in contexts_of(plan)},
        "fits": plan.shortage is None,
        "shortage": None
        if plan.shortage is None
        else {"message": plan.shortage.message, "hint": plan.shortage.hint or None},
    }


def contexts_of(plan: MemoryPlan) -> tuple[int, ...]:
    """Contexts worth telling about, the longest first: that of one request, and the usual ones below it."""
    longest = plan.max_request_tokens
    usual = tuple(context for context in reversed(CONTEXTS) if context < longest)
    return (longest, *usual) if longest > 0 else ()
