"""Findings about the flags: what this version refuses, what does not go with the model, and the line that works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sgl.config.arguments import ServeArguments
from sgl.config.model import ModelConfig
from sgl.config.resolve import beyond_machine, longest_context
from sgl.device import probe_cpu
from sgl.doctor.command_line import corrected, refused
from sgl.doctor.finding import Finding
from sgl.doctor.subject import Subject
from sgl.errors import UsageError
from sgl.gpu import NO_GPU, Accelerator

_NEEDLESS = " is not needed: "


@dataclass(frozen=True, kw_only=True)
class FlagReport:
    """What came of looking at the flags.

    Attributes:
        findings: In the order of the report.
        leave_out: Settings, by our names of the flags, that have to go before it can start.
    """

    findings: list[Finding]
    leave_out: frozenset[str]


def check_flags(
    arguments: ServeArguments, model: ModelConfig | None, gpus: int | None, accelerator: Accelerator = NO_GPU
) -> FlagReport:
    """Looks at the flags.

    Args:
        arguments: As they were read.
        model: The decoder; None where it is not known.
        gpus: Number of GPUs, found or assumed; None where that does not matter.
        accelerator: The GPU, found or assumed, or why there is none.
    """
    findings = [_problem(problem) for problem in arguments.problems]
    leave_out = refused(arguments.settings, arguments.problems)
    if model is not None:
        beyond = list(beyond_machine(arguments.config.engine, model, probe_cpu(), accelerator))
        findings += [_problem(problem) for problem in beyond]
        leave_out |= arguments.settings.keys() & {_flag_of(problem) for problem in beyond}
        too_long = _context(arguments, model)
        if too_long is not None:
            findings.append(too_long)
            leave_out |= {"--max-model-len"}
    findings += _parallel(arguments, model, gpus)
    findings += [_notice(notice) for notice in arguments.notices]
    command = corrected(arguments.settings, leave_out)
    if leave_out:
        count = len(leave_out)
        detail = f"{count} {'setting keeps' if count == 1 else 'settings keep'} it from starting; without, it reads:"
        findings.append(Subject("SGL709", "flags", "command").error(detail, command))
    else:
        findings.append(Subject("SGL709", "flags", "command").ok(command))
    return FlagReport(findings=findings, leave_out=leave_out)


def _problem(problem: UsageError) -> Finding:
    """One refusal, titled by the flag that it begins with."""
    first = _flag_of(problem)
    remedy = problem.hint or "leave it out"
    if not first.startswith(("-", "SGL_")):
        return Subject("SGL701", "flags", "flags").error(problem.message, remedy)
    detail = problem.message.removeprefix(first).lstrip(": ")
    return Subject("SGL701", "flags", first).error(detail, remedy)


def _flag_of(problem: UsageError) -> str:
    """The word that a refusal begins with."""
    return problem.message.split(maxsplit=1)[0].rstrip(":")


def _notice(notice: str) -> Finding:
    flag, needless, why = notice.partition(_NEEDLESS)
    if needless:
        return Subject("SGL702", "flags", flag).warn(f"it is not needed: {why}", "leave it out")
    message, asks, near = notice.partition("; did you mean ")
    if asks:
        return Subject("SGL702", "flags", "variable").warn(message, f"use {near.rstrip('?')}")
    message, has_command, rest = notice.partition(": chmod ")
    if has_command:
        return Subject("SGL702", "flags", "file").warn(message, f"chmod {rest}")
    return Subject("SGL702", "flags", "file").ok(notice)


def _context(arguments: ServeArguments, model: ModelConfig) -> Finding | None:
    wanted = arguments.config.engine.max_model_len
    longest = longest_context(model)
    if wanted is None or wanted <= longest:
        return None
    detail = f"{wanted} is beyond the {longest} positions that this model has"
    return Subject("SGL703", "flags", "--max-model-len").error(detail, f"--max-model-len {longest}")


def _parallel(arguments: ServeArguments, model: ModelConfig | None, gpus: int | None) -> Iterator[Finding]:
    """What --tp asks of the model and the machine."""
    setting = arguments.settings.get("--tp")
    if setting is None or not isinstance(setting.value, int) or setting.value == 1:
        return
    tp = setting.value
    if gpus is not None and tp > gpus:
        detail = f"{tp} ranks want {tp} GPUs, there {'is' if gpus == 1 else 'are'} {gpus}"
        yield Subject("SGL707", "flags", "--tp").error(detail, f"--tp {max(gpus, 1)}")
    if model is None:
        return
    if model.num_heads % tp:
        best = max(number for number in range(1, tp) if model.num_heads % number == 0)
        detail = f"{model.num_heads} heads cannot be shared by {tp} ranks"
        yield Subject("SGL704", "flags", "heads").error(detail, f"--tp {best}")
        return
    kv_heads = model.num_kv_heads
    if kv_heads % tp and tp % kv_heads:
        detail = f"{kv_heads} KV heads cannot be shared by {tp} ranks, nor each be held by as many"
        best = max(number for number in range(1, tp) if model.num_heads % number == 0 and kv_heads % number == 0)
        yield Subject("SGL705", "flags", "KV heads").error(detail, f"--tp {best}")
    elif kv_heads < tp:
        detail = f"there are {kv_heads} for {tp} ranks: each is held {tp // kv_heads} times, and so is its KV cache"
        yield Subject("SGL705", "flags", "KV heads").warn(detail, f"--tp {kv_heads}")
    else:
        detail = f"{model.num_heads} heads and {kv_heads} KV heads share out among {tp} ranks"
        yield Subject("SGL704", "flags", "heads").ok(detail)
    if model.vocab_size % tp:
        padded = -(-model.vocab_size // tp) * tp
        detail = f"{model.vocab_size} ids are padded to {padded}, so that {tp} ranks share them"
        yield Subject("SGL706", "flags", "vocabulary").ok(detail)
