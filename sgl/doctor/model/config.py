"""What config.json says: whether it is whole, which architecture it names, and whether this version computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from sgl.config.hf import HfConfig
from sgl.config.layout.count import active_parameter_count, parameter_count
from sgl.config.model import ModelConfig
from sgl.config.quantized.read import FIELDS, read_quantization
from sgl.device import probe_cpu
from sgl.doctor.finding import Finding
from sgl.doctor.subject import Subject
from sgl.errors import ModelError, UnsupportedModel
from sgl.hub.suggest import fitting_models
from sgl.models.table import FAMILIES, read_model_config, served_architecture

_FILE: Final = Subject("SGL602", "model", "config.json")
_ARCHITECTURE: Final = Subject("SGL603", "model", "architecture")
_CODE: Final = Subject("SGL604", "model", "model's code")
_VALUES: Final = Subject("SGL605", "model", "config values")
_WEIGHT_TYPE: Final = Subject("SGL606", "model", "quantisation")


@dataclass(frozen=True, slots=True)
class ConfigReport:
    """What came of reading a config.json.

    Attributes:
        findings: In the order of the report.
        values: The file, where it is a JSON object.
        model: The decoder, where this version has its architecture; a quantised one is described all the same.
        served: Whether this version can serve it.
    """

    findings: list[Finding] = field(default_factory=list)
    values: HfConfig | None = None
    model: ModelConfig | None = None

    @property
    def served(self) -> bool:
        """Whether no finding is an error."""
        return self.model is not None and not any(finding.status == "error" for finding in self.findings)


def read_config(folder: Path, name: str) -> ConfigReport:
    """Reads ``folder/config.json`` and judges it.

    Args:
        name: What the model is called, for remedies.
    """
    try:
        hf = HfConfig.load(folder)
    except ModelError as error:
        detail = error.message.replace(str(folder), name)
        return ConfigReport([_FILE.error(detail, f"sgl download {name}")])
    architectures = hf.raw("architectures")
    if not isinstance(architectures, list) or not all(isinstance(one, str) for one in architectures):
        architectures = []
    served = served_architecture(architectures)
    if served is None:
        return ConfigReport([_unserved(architectures, hf), *_code(hf, folder, served=False), *_quantisation(hf)], hf)
    findings = [_ARCHITECTURE.ok(f"{served}, which this version serves")]
    quantisation = _quantisation(hf)
    findings += [*_code(hf, folder, served=True), *quantisation]
    # One that is not read is told once, and the decoder is described all the same.
    unread = FIELDS if any(finding.status == "error" for finding in quantisation) else ()
    try:
        model = read_model_config(hf.replaced(**dict.fromkeys(unread)))
    except ModelError as error:
        findings.append(_VALUES.error(error.message.replace(f"{folder}/", ""), serve_another()))
        return ConfigReport(findings, hf)
    return ConfigReport([*findings, _VALUES.ok(_shape(model))], hf, model)


def _unserved(architectures: Sequence[str], hf: HfConfig) -> Finding:
    if not architectures:
        detail = "config.json names no architecture ('architectures')"
        return _ARCHITECTURE.error(detail, serve_another())
    stems = {_stem(name): name for name in FAMILIES}
    near = get_close_matches(_stem(architectures[0]), stems, n=1)
    which = f"the nearest that is: {stems[near[0]]}" if near else f"those that are: {', '.join(stems)}"
    detail = f"{architectures[0]} is not served by this version; {which}"
    return _ARCHITECTURE.error(
        detail, serve_another(), architecture=architectures[0], model_type=str(hf.raw("model_type"))
    )


def _stem(architecture: str) -> str:
    """``Qwen3`` of ``Qwen3ForCausalLM``: the rest is the same for too many."""
    return architecture.partition("For")[0]


def _code(hf: HfConfig, folder: Path, *, served: bool) -> list[Finding]:
    """The finding about Python files that come with the model; none where there are none."""
    if not hf.has("auto_map"):
        return []
    files = sorted(path.name for path in folder.glob("*.py"))
    named = f" ({', '.join(files)})" if files else ""
    if served:
        detail = f"it brings code{named}, which is not run: sgl has its own implementation"
        return [_CODE.ok(detail)]
    detail = f"it brings code (auto_map){named}, and sgl never runs a model's code"
    return [_CODE.warn(detail, serve_another())]


def _quantisation(hf: HfConfig) -> list[Finding]:
    """The finding about how weights are quantised; none where they are not."""
    try:
        scheme = read_quantization(hf)
    except UnsupportedModel as error:
        described = next((hf.raw(name) for name in FIELDS if hf.has(name)), None)
        method = described.get("quant_method") if isinstance(described, dict) else None
        detail = error.message.replace(hf.source, Path(hf.source).name)
        remedy = f"{serve_another()}  # or this model's repository with bfloat16 weights"
        return [_WEIGHT_TYPE.error(detail, remedy, method=str(method))]
    if scheme is None:
        return []
    return [_WEIGHT_TYPE.ok("; ".join((f"{scheme}, which this version reads", *scheme.notes)), method=scheme.source)]


def _shape(model: ModelConfig) -> str:
    """The decoder in one line."""
    windows = {window for window in model.windows if window is not None}
    sliding = sum(window is not None for window in model.windows)
    slides = f", {sliding} layers slide over {max(windows)} tokens" if windows else ""
    kind = "heads" if model.num_kv_heads == model.num_heads else f"heads on {model.num_kv_heads} KV heads"
    return (
        f"{short_count(parameter_count(model))} parameters{_active(model)}, {counted(model.num_layers, 'layer')}, "
        f"{model.num_heads} {kind} of {model.head_dim}, context {model.max_position}{slides}"
    )


def _active(model: ModelConfig) -> str:
    """``, 3.3 B active`` where a token meets a part of the experts only."""
    return "" if model.experts is None else f", {short_count(active_parameter_count(model))} active"


def counted(number: int, noun: str) -> str:
    """``1 layer``, ``32 layers``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def short_count(number: int) -> str:
    """A number in words: ``8.03 B``, ``596 M``, ``260 k``."""
    for unit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            return f"{number / unit:.3g} {letter}"
    return str(number)


def serve_another() -> str:
    """A command that serves a model which this machine and this version can serve."""
    return f"sgl serve -m {fitting_models(probe_cpu())[0]}"
