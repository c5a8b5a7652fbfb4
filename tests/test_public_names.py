"""What ``import sgl`` offers, and the version in its three places."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

import sgl


def test_the_public_names() -> None:
    assert sorted(sgl.__all__) == ["Engine", "SamplingParams", "__version__"]
    assert set(sgl.__all__) <= set(dir(sgl))


def test_names_are_the_ones_of_their_modules() -> None:
    from sgl.protocol.sampling import SamplingParams
    from sgl.runtime.offline import Engine

    assert sgl.SamplingParams is SamplingParams
    assert sgl.Engine is Engine


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'sgl' has no attribute 'Engin'"):
        sgl.Engin  # noqa: B018


def test_version_equals_the_newest_entry_of_the_changelog(root: Path) -> None:
    headings = [line for line in (root / "CHANGELOG.md").read_text("utf-8").splitlines() if line.startswith("## ")]
    assert headings[0].split()[1] == sgl.__version__


def test_version_equals_that_of_the_installed_distribution() -> None:
    assert metadata.version("sgl") == sgl.__version__
