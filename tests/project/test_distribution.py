"""What pip installs: the wheel, the source archive, and the build hook's refusal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement


def build(project: Path, target: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def archives(
    copy_project: Callable[[Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
    bundles: list[str],
) -> Path:
    """The folder with a wheel and a source archive of a copy."""
    project = copy_project(tmp_path_factory.mktemp("archives") / "project")
    static = project / "interpwidgets" / "static"
    static.mkdir(exist_ok=True)
    for name in bundles:
        (static / name).touch()
    for target in ("wheel", "sdist"):
        done = build(project, target)
        assert done.returncode == 0, done.stdout + done.stderr
    return project / "dist"


@pytest.fixture(scope="module")
def wheel(archives: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(archives.glob("*.whl")))


def package_data(root: Path) -> set[str]:
    """The package's files that are not Python source."""
    paths = (root / "interpwidgets").rglob("*")
    files = (path for path in paths if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(root)) for path in files if path.suffix != ".py"}


def test_wheel_holds_bundles_weights_and_type_marker(
    wheel: zipfile.ZipFile, root: Path, bundles: list[str]
) -> None:
    wanted = package_data(root) | {f"interpwidgets/static/{name}" for name in bundles}
    assert "interpwidgets/py.typed" in wanted
    assert any(name.endswith(".safetensors") for name in wanted)
    assert wanted <= set(wheel.namelist())


def test_wheel_holds_the_package_alone(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {re.sub(r"^interpwidgets-[\d.]+\d", "", top) for top in tops} == {
        "interpwidgets",
        ".dist-info",
    }


def test_source_archive_can_rebuild_the_front_end(archives: Path, root: Path) -> None:
    with tarfile.open(next(archives.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert package_data(root) <= names
    assert {"hatch_build.py", "js/package.json", "js/package-lock.json", "LICENSE"} <= names
    assert not any("node_modules" in name for name in names)


def test_metadata_leaves_torch_and_numpy_to_the_host(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    required = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    versions = {each.name: str(each.specifier) for each in required}
    assert versions["torch"] == ""
    assert versions["numpy"] == ""


def test_missing_bundles_without_node_name_the_command(
    copy_project: Callable[[Path], Path], tmp_path: Path, bundles: list[str]
) -> None:
    project = copy_project(tmp_path / "project")
    (project / "interpwidgets" / "static" / bundles[0]).unlink(missing_ok=True)
    done = build(project, "wheel", PATH=str(tmp_path))
    assert done.returncode != 0
    assert bundles[0] in done.stderr
    assert "npm ci && npm run build" in done.stderr
    assert "node >= 20" in done.stderr


def test_present_bundles_need_no_node(
    copy_project: Callable[[Path], Path], tmp_path: Path, bundles: list[str]
) -> None:
    project = copy_project(tmp_path / "project")
    for name in bundles:
        (project / "interpwidgets" / "static" / name).touch()
    done = build(project, "wheel", PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
