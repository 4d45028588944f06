"""The TypeScript side: checked, tested, and built to exactly what is committed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from outside import find_npm

pytestmark = [pytest.mark.js, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def npm(
    copy_project: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Runs npm in a fresh copy with its packages installed; returns the copy."""
    program = find_npm()
    if program is None:
        pytest.skip("no npm found")
    copy = copy_project(tmp_path_factory.mktemp("front-end") / "project")

    def run(*arguments: str) -> Path:
        command = [program, *arguments]
        done = subprocess.run(
            command, cwd=copy / "js", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return copy

    run("ci")
    return run


def test_types_and_style_hold(npm: Callable[..., Path]) -> None:
    npm("run", "check")


def test_views_pass_their_tests(npm: Callable[..., Path]) -> None:
    npm("test")


def test_a_rebuild_equals_what_is_committed(
    npm: Callable[..., Path], root: Path, bundles: list[str]
) -> None:
    copy = npm("run", "build")
    for name in bundles:
        built = (copy / "interpwidgets" / "static" / name).read_bytes()
        committed = (root / "interpwidgets" / "static" / name).read_bytes()
        assert built == committed, f"{name} is stale: run `make bundles` and commit it"


def test_every_bundle_is_in_the_list(
    npm: Callable[..., Path], root: Path, bundles: list[str]
) -> None:
    built = npm("run", "build") / "interpwidgets" / "static"
    for static in (built, root / "interpwidgets" / "static"):
        assert sorted(path.name for path in static.iterdir()) == sorted(bundles), (
            "the list is `bundles` in pyproject.toml"
        )
