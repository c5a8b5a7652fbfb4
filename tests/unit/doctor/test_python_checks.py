"""The versions of Python that the doctor knows are those of the package."""

from __future__ import annotations

from pathlib import Path

from sgl.doctor.checks.python import NEWEST_TESTED, OLDEST


def test_versions_are_those_of_the_package(root: Path) -> None:
    project = Path(root / "pyproject.toml").read_text(encoding="utf-8")
    marks = [line.rpartition(":: ")[2].rstrip('",') for line in project.splitlines() if "Python :: 3." in line]
    versions = sorted(tuple(map(int, mark.split("."))) for mark in marks)
    assert (versions[0], versions[-1]) == (OLDEST, NEWEST_TESTED)
    assert f'requires-python = ">={OLDEST[0]}.{OLDEST[1]}"' in project
