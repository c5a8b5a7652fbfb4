"""What is installed: exactly the two packages of the tree, under their two names."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sgl import builtin
from tests.source import ROOT, modules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


SCRIPTS = "sgl_cli.completion.scripts"
"""The one package without Python files: the folder completions/."""

COMPLETIONS = {
    "sgl.bash": "share/bash-completion/completions",
    "_sgl": "share/zsh/site-functions",
    "sgl.fish": "share/fish/vendor_completions.d",
}
"""Each script, and where a shell looks for it below the prefix."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_list_of_packages_equals_the_tree(project: dict[str, Any]) -> None:
    """A package that is not listed still works in a checkout, and is missing from the wheel."""
    tree = {module.package for module in modules()} | {SCRIPTS}
    assert project["tool"]["setuptools"]["packages"] == sorted(tree)


def test_every_folder_with_python_files_is_a_package() -> None:
    for top in ("sgl", "commands"):
        for path in (ROOT / top).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), path


def test_the_extras_do_not_weigh_on_a_plain_install(project: dict[str, Any]) -> None:
    names = " ".join(project["project"]["dependencies"])
    assert not [heavy for heavy in ("triton", "flashinfer", "pytest", "openai") if heavy in names]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of what is packaged, where a build may leave its traces."""
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in ("sgl", "commands", "completions"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    return source


def test_the_wheel_holds_two_packages_and_their_typing_marks(source: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    finished = subprocess.run([*build, str(source)], capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr

    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name and ".data/" not in name}
    assert tops == {"sgl", "sgl_cli"}
    expected = {str(module.path.relative_to(ROOT)).replace("commands/", "sgl_cli/", 1) for module in modules()}
    assert expected | {"sgl/py.typed", "sgl_cli/py.typed"} | built_in_model() <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    pages = {f"sgl_cli/pages/{path.name}" for path in (ROOT / "commands" / "pages").glob("*.txt")}
    assert pages
    assert pages <= names
    for script, folder in COMPLETIONS.items():
        assert f"sgl_cli/completion/scripts/{script}" in names
        assert any(name.endswith(f".data/data/{folder}/{script}") for name in names)


def test_the_source_archive_holds_the_built_in_model(source: Path, tmp_path: Path) -> None:
    build = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    finished = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=source, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        assert built_in_model() <= {name.partition("/")[2] for name in file.getnames()}


def built_in_model() -> set[str]:
    """The files of the demonstration model, relative to the checkout."""
    files = {path.name for path in builtin.folder().iterdir() if path.is_file()}
    assert {"config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors", "README.md"} <= files
    return {f"sgl/builtin/{name}" for name in files}
