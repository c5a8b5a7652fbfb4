"""Whether two results may be compared: the same prompts, model and GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sgl.errors import UsageError, echo

from ..result import Result

MUST_EQUAL: Final = (
    ("prompts differ", "dataset", "sha256"),
    ("model differs", "server", "model"),
    ("GPU differs", "host", "gpu"),
)
"""(what is said when it is not, part of the result, its key)."""

CACHED_SHARE: Final = 0.05
"""Shares of cached prompt tokens that differ by more are worth a word."""


def check_compatible(base: Result, new: Result, force: bool = False) -> list[str]:
    """What a reader of the comparison has to know.

    Args:
        base: The older result.
        new: The newer one.
        force: Whether results are compared that differ in what must be equal; then that is among the notes.

    Raises:
        UsageError: They differ in that, without ``force``.
    """
    notes = []
    for what, part, key in MUST_EQUAL:
        left, right = (_part(result, part).get(key) for result in (base, new))
        if left != right:
            difference = f"the {what}: {_shown(left)} and {_shown(right)}"
            if not force:
                raise UsageError(f"these results cannot be compared, {difference}", hint="--force compares them anyway")
            notes.append(difference)
    notes += [f"the load differs: {_load(base)} and {_load(new)}"] if base.load != new.load else []
    notes += _cache_differs(base, new)
    for name, result in (("base", base), ("new", new)):
        notes += _doubts(name, result)
    return notes


def _cache_differs(base: Result, new: Result) -> list[str]:
    """The usual reason for a gain that is none: the second run found the first one's prompts in the server's cache."""
    shares = [(result.summary.get("cache") or {}).get("share") for result in (base, new)]
    left, right = (share if isinstance(share, float | int) else None for share in shares)
    if left is None or right is None or abs(left - right) <= CACHED_SHARE:
        return []
    found = f"{100 * left:.0f} % of the base run's prompt tokens were cached, {100 * right:.0f} % of the new one's"
    return [f"{found}: part of the change may come from that; --flush-cache before each run makes them alike"]


def _doubts(name: str, result: Result) -> list[str]:
    summary = result.summary
    doubts = []
    if summary.get("partial"):
        doubts.append(f"the {name} run was cut short")
    failed, sent = summary["requests"]["failed"], summary["requests"]["sent"]
    if failed:
        doubts.append(f"{failed} of {sent} requests of the {name} run failed; latencies are those of the others")
    if summary.get("answers_with_estimated_tokens"):
        doubts.append(f"the server of the {name} run does not count tokens; chunks were counted")
    doubts += [f"{name}: {warning}" for warning in summary.get("client", {}).get("warnings", ())]
    return doubts


def _part(result: Result, name: str) -> Mapping[str, Any]:
    part: Mapping[str, Any] = getattr(result, name)
    return part


def _shown(value: object) -> str:
    return "unknown" if value is None else echo(value if not isinstance(value, str) else value[:40])


def _load(result: Result) -> str:
    words = [f"{name} {value:g}" for name, value in result.load.items() if value is not None]
    return ", ".join(words) or "no bound"
