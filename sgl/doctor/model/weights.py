"""The weight files: all there, whole, and holding what config.json asks for. Their headers are read, and no more."""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sgl.config.sizes import gib
from sgl.doctor.finding import Datum, Finding
from sgl.doctor.machine import Machine
from sgl.doctor.model.config import ConfigReport, counted, short_count
from sgl.doctor.model.convert import convert
from sgl.doctor.model.source import Source
from sgl.doctor.subject import Subject
from sgl.errors import SglError
from sgl.hub.cached import cache_folder
from sgl.hub.headers import local_headers, remote_headers
from sgl.hub.selection import INDEX
from sgl.hub.weights import is_pickled, no_weights
from sgl.plan.header import TensorHeader
from sgl.plan.weights import header_bytes

_FILES: Final = Subject("SGL607", "model", "weight files")
_HEADERS: Final = Subject("SGL608", "model", "weight headers")
_TYPES: Final = Subject("SGL609", "model", "weight types")
_TENSORS: Final = Subject("SGL610", "model", "tensors")
_ROOM: Final = Subject("SGL615", "model", "download")
_ANOTHER: Final = "sgl serve -m FOLDER  # one with *.safetensors files"
_SHOWN: Final = 3
"""Most names in one line."""


@dataclass(frozen=True, kw_only=True)
class WeightReport:
    """What came of looking at the weights.

    Attributes:
        findings: In the order of the report.
        headers: Every stored tensor; None where they could not be read.
    """

    findings: list[Finding] = field(default_factory=list)
    headers: tuple[TensorHeader, ...] | None = None


def check_weights(
    source: Source, config: ConfigReport, load_format: str, revision: str | None, environ: Mapping[str, str]
) -> WeightReport:
    """Reads the headers, in the folder or from the hub, and judges them."""
    if source.folder is None:
        return WeightReport()
    if load_format == "dummy":
        return WeightReport(findings=[_FILES.skip("not looked at: --load-format dummy draws random weights")])
    try:
        if source.weights_here:
            missing = _missing(source.folder)
            if missing is not None:
                return WeightReport(findings=[missing])
            headers = local_headers(source.folder)
        else:
            headers = remote_headers(source.name, revision, environ)
    except SglError as error:
        return WeightReport(findings=[_unreadable(source, error)])
    findings = [*_stored(headers), _agreement(headers, config)]
    return WeightReport(findings=[finding for finding in findings if finding is not None], headers=headers)


def room_for_download(headers: Sequence[TensorHeader], machine: Machine) -> Finding:
    """Whether the cache's disk takes the weights that a start would download."""
    need = sum(header.stored_bytes for header in headers)
    folder = str(cache_folder(machine.environ))
    disk = machine.disk(folder)
    if disk is None:
        return _ROOM.skip(f"{gib(need)} to download; the free space in {folder} is not known")
    data: dict[str, Datum] = {"download_bytes": need, "free_bytes": disk.free}
    if disk.free < need:
        detail = f"{gib(need)} to download, and only {gib(disk.free)} are free in {folder}"
        return _ROOM.error(detail, "export HF_HOME=FOLDER  # on a bigger disk", **data)
    return _ROOM.ok(f"{gib(need)} to download, {gib(disk.free)} free in the cache", **data)


def _missing(folder: Path) -> Finding | None:
    """The finding about weight files that are not there, or None."""
    names = os.listdir(folder)
    if not any(name.endswith(".safetensors") for name in names) and INDEX not in names:
        error = no_weights("the folder", names)
        pickled = any(is_pickled(name) for name in names)
        remedy = convert("AutoModelForCausalLM", folder) if pickled else _ANOTHER
        return _FILES.error(error.message, remedy)
    promised = _promised(folder)
    missing = [name for name in promised if not (folder / name).is_file()]
    if not missing:
        return None
    shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
    detail = f"{len(missing)} of {len(promised)} are missing: {shown}"
    return _FILES.error(detail, f"copy them into {shlex.quote(str(folder))}", missing=missing)


def _promised(folder: Path) -> list[str]:
    """The files that the index names; none where there is no index, or one that `local_headers` will complain of."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
        return sorted({str(name) for name in index["weight_map"].values()})
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return []


def _unreadable(source: Source, error: SglError) -> Finding:
    """The finding about a header: a download that was cut off, or a file that is something else."""
    detail = error.message.replace(f"{source.folder}/", "").replace(str(source.folder), "the folder")
    remedy = f"sgl download {source.name} --verify"
    if Path(source.name).is_dir():
        remedy = "copy the file again from where the model came from"
    return (_HEADERS if source.weights_here else _FILES).error(detail, remedy)


def _stored(headers: Sequence[TensorHeader]) -> list[Finding]:
    """What is stored, in numbers."""
    elements: Counter[str] = Counter()
    for header in headers:
        elements[header.dtype] += header.elements
    total = sum(header.stored_bytes for header in headers)
    types = ", ".join(f"{short_count(count)} {dtype}" for dtype, count in elements.most_common())
    files = _FILES.ok(f"all there, headers sane: {counted(len(headers), 'tensor')}, {gib(total)}", stored_bytes=total)
    return [files, _TYPES.ok(types, **elements)]


def _agreement(headers: Sequence[TensorHeader], config: ConfigReport) -> Finding | None:
    """Whether the tensors are those that config.json asks for."""
    if config.model is None:
        return None
    if not config.served:
        return _TENSORS.skip("not compared with config.json, whose model is not served")
    problems = header_bytes(headers, config.model, element_bytes=1).problems
    if not problems:
        return _TENSORS.ok("names and shapes are those that config.json asks for")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    remedy = "get config.json and weights of one revision"
    return _TENSORS.error(f"{problems[0]}{more}", remedy, problems=list(problems[:_SHOWN]))
