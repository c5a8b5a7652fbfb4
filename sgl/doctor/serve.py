"""`examine_serve`: a command line of ``sgl serve``, its model and the machine, judged together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from sgl.config.arguments import ServeArguments
from sgl.doctor.accelerator import accelerator_of
from sgl.doctor.assume import AssumedGpus
from sgl.doctor.checks.network import check_network
from sgl.doctor.finding import Finding
from sgl.doctor.fit import NO_MODEL, Fit, Wanted, check_fit
from sgl.doctor.flags import check_flags
from sgl.doctor.machine import Machine
from sgl.doctor.model.config import ConfigReport, read_config
from sgl.doctor.model.source import Source, find_source
from sgl.doctor.model.tokenizer import TOKENIZER, TextFiles, text_findings
from sgl.doctor.model.weights import WeightReport, check_weights, room_for_download
from sgl.doctor.parallel import Job, run_all
from sgl.doctor.probes.gpu import SMI_TIMEOUT, GpuFacts, probe_gpu
from sgl.doctor.probes.network import NetworkFacts, probe_network
from sgl.doctor.probes.python import probe_python
from sgl.errors import SglError
from sgl.hub.resolve import resolve_tokenizer

_PORT_CODE: Final = "SGL408"
_PORT_TIMEOUT: Final = 5.0

Wait = Callable[[list[str]], None]


@dataclass(frozen=True, kw_only=True)
class ServeReport:
    """What came of it.

    Attributes:
        findings: In the order of the report: model, flags, fit.
        fit: The memory plan, with what would make it fit.
    """

    findings: list[Finding]
    fit: Fit


def examine_serve(
    arguments: ServeArguments, gpus: AssumedGpus | None, machine: Machine, on_wait: Wait = lambda names: None
) -> ServeReport:
    """Looks at everything that a start would look at. Starts nothing, and reads no weights.

    Args:
        arguments: What was typed (`sgl.config.arguments.read_serve`).
        gpus: GPUs to plan for in place of this machine.
        machine: Where it is to run.
        on_wait: Told what is waited for.
    """
    facts, _ = run_all(_jobs(arguments, machine), on_wait)
    on_wait(["model"])
    source = find_source(arguments.config.engine, arguments.revision, machine.environ)
    model, config, weights = _look_at_model(arguments, source, machine)
    found: GpuFacts | None = facts.get("GPU")
    count = gpus.count if gpus is not None else len(found.gpus) if found is not None and found.gpus else None
    accelerator = accelerator_of(found or GpuFacts(smi="missing"), None, probe_python(machine), machine.environ)
    flags = check_flags(arguments, config.model, count, accelerator if gpus is None else gpus.accelerator)
    port = [] if "port" not in facts else _port(facts["port"], arguments)
    on_wait(["memory"])
    if source.folder is None:
        return ServeReport(findings=[*model, *port, *flags.findings, NO_MODEL], fit=Fit(findings=[NO_MODEL]))
    fit = check_fit(
        Wanted(
            arguments=arguments,
            leave_out=flags.leave_out,
            config=config.values,
            headers=None if weights is None else weights.headers,
            gpus=gpus,
            accelerator=accelerator,
        )
    )
    return ServeReport(findings=[*model, *port, *flags.findings, *fit.findings], fit=fit)


def _jobs(arguments: ServeArguments, machine: Machine) -> dict[str, Job]:
    jobs = {"GPU": Job(partial(probe_gpu, machine), 3 * SMI_TIMEOUT)}
    port = arguments.config.port
    if port:
        jobs["port"] = Job(partial(probe_network, machine, port), _PORT_TIMEOUT)
    return jobs


def _look_at_model(
    arguments: ServeArguments, source: Source, machine: Machine
) -> tuple[list[Finding], ConfigReport, WeightReport | None]:
    """Findings about the files of the model, as far as there are any."""
    findings = [source.finding]
    if source.folder is None:
        return findings, ConfigReport(), None
    config = read_config(source.folder, source.name)
    findings += config.findings
    weights = check_weights(source, config, arguments.config.engine.load_format, arguments.revision, machine.environ)
    findings += weights.findings
    if weights.headers is not None and not source.weights_here:
        findings.append(room_for_download(weights.headers, machine))
    findings += _look_at_text(arguments, source, source.folder, config)
    return findings, config, weights


def _look_at_text(arguments: ServeArguments, source: Source, folder: Path, config: ConfigReport) -> list[Finding]:
    """Findings about tokenizer and chat template, which may be named apart from the model."""
    named, template = arguments.config.tokenizer_path, arguments.config.chat_template
    try:
        tokenizer = folder if named is None else resolve_tokenizer(named)
    except SglError as error:  # No such folder, or the hub cannot be reached.
        return [TOKENIZER.error(error.message, error.hint or "leave --tokenizer out")]
    files = TextFiles(
        name=source.name,
        folder=tokenizer,
        model_folder=folder,
        chat_template=None if template is None else Path(template),
        vocab_size=None if config.model is None else config.model.vocab_size,
    )
    return text_findings(files, config.values)


def _port(facts: NetworkFacts, arguments: ServeArguments) -> list[Finding]:
    asked = "--port" in arguments.settings
    found = [finding for finding in check_network(facts, asked=asked) if finding.code == _PORT_CODE]
    return [replace(finding, group="flags") for finding in found]
