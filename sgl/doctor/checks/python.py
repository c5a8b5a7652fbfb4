"""Python: its version, its environment, and packages that go together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.doctor.finding import Finding
from sgl.doctor.machine import Distribution, Interpreter
from sgl.doctor.probes.python import PythonFacts, requirement_name
from sgl.doctor.subject import Subject

OLDEST: Final = (3, 10)
NEWEST_TESTED: Final = (3, 13)

_VERSION: Final = Subject("SGL101", "python", "Python")
_BITS: Final = Subject("SGL102", "python", "64-bit")
_ENVIRONMENT: Final = Subject("SGL103", "python", "environment")
_PACKAGES: Final = Subject("SGL104", "python", "packages")
_TWICE: Final = Subject("SGL111", "python", "duplicates")
_NEW_ENVIRONMENT: Final = "uv venv --python 3.12 && . .venv/bin/activate"
_NAMED: Final = 3
"""Conflicts that a line names; the rest is counted."""


def check_python(facts: PythonFacts, *, container: bool) -> Iterator[Finding]:
    """The interpreter, its environment, its packages."""
    yield _version(facts.interpreter)
    if facts.interpreter.bits != 64:
        yield _BITS.error(f"this Python is a {facts.interpreter.bits}-bit program", _NEW_ENVIRONMENT)
    yield _environment(facts.interpreter, container=container)
    yield _packages(facts)
    twice = [package for package in facts.packages.values() if len(package.versions) > 1]
    if twice:
        yield _duplicates(twice)


def _version(interpreter: Interpreter) -> Finding:
    version = interpreter.version
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    oldest, newest = (".".join(map(str, bound)) for bound in (OLDEST, NEWEST_TESTED))
    if numbers < OLDEST:
        return _VERSION.error(f"{version} is too old: sgl needs {oldest} or newer", _NEW_ENVIRONMENT, version=version)
    if numbers > NEWEST_TESTED:
        detail = f"{version} is newer than what sgl is tested with ({oldest} to {newest})"
        return _VERSION.warn(detail, _NEW_ENVIRONMENT, version=version)
    return _VERSION.ok(f"{version}, {interpreter.bits}-bit", version=version)


def _environment(interpreter: Interpreter, *, container: bool) -> Finding:
    if interpreter.prefix != interpreter.base_prefix:
        return _ENVIRONMENT.ok(f"virtual, in {interpreter.prefix}", prefix=interpreter.prefix)
    if container:
        return _ENVIRONMENT.ok("the Python of this container", prefix=interpreter.prefix)
    if not interpreter.managed and not interpreter.prefix.startswith("/usr"):
        return _ENVIRONMENT.ok(f"a Python of its own, in {interpreter.prefix}", prefix=interpreter.prefix)
    detail = "sgl is installed into the Python of the system"
    return _ENVIRONMENT.warn(detail, "python3 -m venv .venv && . .venv/bin/activate", prefix=interpreter.prefix)


def _packages(facts: PythonFacts) -> Finding:
    """Compares what is installed with what is required."""
    if "sgl" not in facts.packages:
        return _PACKAGES.skip("sgl runs from a folder: there is no metadata to compare with", "pip install -e .")
    try:
        # Everything that sgl needs brings it along; a broken installation may still lack it.
        import packaging  # noqa: F401
    except ImportError:
        return _PACKAGES.skip("the package `packaging` is missing", "pip install packaging")
    conflicts = list(_conflicts(facts))
    if not conflicts:
        return _PACKAGES.ok(f"{len(facts.packages)} packages go together", packages=len(facts.packages))
    named = "; ".join(text for text, _ in conflicts[:_NAMED])
    more = f"; and {len(conflicts) - _NAMED} more" if len(conflicts) > _NAMED else ""
    wanted = dict.fromkeys(requirement for _, requirement in conflicts[:_NAMED])
    remedy = " ".join(["pip install", *(f"'{requirement}'" for requirement in wanted)])
    return _PACKAGES.error(named + more, remedy, conflicts=[text for text, _ in conflicts])


def _conflicts(facts: PythonFacts) -> Iterator[tuple[str, str]]:
    """(what is wrong in words, the requirement to install) for every requirement that is not met."""
    from packaging.requirements import InvalidRequirement, Requirement  # See `_packages`.

    environment = _marker_environment(facts.interpreter)
    for package in facts.packages.values():
        for line in package.requires:
            try:
                requirement = Requirement(line)
            except InvalidRequirement:  # Old packages have old syntax; pip ignores them as well.
                continue
            if requirement.marker is not None and not requirement.marker.evaluate(environment):
                continue
            name = requirement_name(requirement.name)
            wanted = f"{requirement.name}{requirement.specifier}"
            version = facts.version(name)
            if not version and name == "torch":
                continue  # It has a finding of its own.
            if not version:
                yield f"{package.name} needs {wanted}, which is not installed", wanted
            elif not requirement.specifier.contains(version, prereleases=True):
                yield f"{package.name} needs {wanted}, and {version} is installed", wanted


def _marker_environment(interpreter: Interpreter) -> dict[str, str]:
    """What the conditions of a requirement are about (PEP 508), for the interpreter that was looked at."""
    return {
        "python_version": ".".join(interpreter.version.split(".")[:2]),
        "python_full_version": interpreter.version,
        "sys_platform": interpreter.platform,
        "platform_system": interpreter.platform.capitalize(),
        "platform_machine": interpreter.machine,
        "extra": "",
    }


def _duplicates(twice: list[Distribution]) -> Finding:
    names = [package.name for package in twice]
    detail = "; ".join(f"{package.name} {' and '.join(package.versions)}" for package in twice)
    again = f"pip uninstall -y {' '.join(names)} && pip install {' '.join(names)}"
    return _TWICE.warn(f"installed twice: {detail}", again, packages=names)
