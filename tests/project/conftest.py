"""A copy of the project, for tests that build in it or break it."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

BUILT = (
    "build",
    "dist",
    "node_modules",
    "__pycache__",
    ".*cache",
    ".venv",
    ".git",
    ".hypothesis",
)


@pytest.fixture(scope="session")
def bundles(root: Path) -> list[str]:
    """The front end's files, from the one list of them."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    return project["tool"]["hatch"]["build"]["hooks"]["custom"]["bundles"]


@pytest.fixture(scope="session")
def copy_project(root: Path) -> Callable[[Path], Path]:
    """Copies what a fresh checkout would hold into a new folder."""

    def copy(target: Path) -> Path:
        return shutil.copytree(root, target, ignore=shutil.ignore_patterns(*BUILT))

    return copy


@pytest.fixture(scope="session")
def project_files(root: Path) -> list[Path]:
    """Every file that is, or could be, committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = (root / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]
