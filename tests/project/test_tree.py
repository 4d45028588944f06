"""What the repository's files may say, and how long they may be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LONGEST_MODULE = 400
LONGEST_README = 150
BINARY = {".safetensors", ".png", ".npz", ".ico", ".woff2"}

# Written so that this file does not hold what it looks for.
HOME_OR_SCRATCH = r"(?<![\w.$~}>-])/(?:root|home|Users|tmp|work)/\w"
FILE_ADDRESS = r"\bfile" + r":///"
REGISTRY = (
    r"https?" + r"://[^\s\"'<>)/]*(?:pypi|pythonhosted|npmjs|npmmirror|registry|mirror"
    r"|artifactory|nexus|deb\.debian|download\.pytorch)"
)
CHOSEN_INDEX = r"--(?:extra-)?index" + r"-url|--find" + r"-links|--registry[= ]"

RESOLVED = re.compile(r'"resolved"\s*:')


def text_of(path: Path) -> str:
    return "" if path.suffix in BINARY else path.read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", [HOME_OR_SCRATCH, FILE_ADDRESS, REGISTRY, CHOSEN_INDEX])
def test_no_file_names_a_machine_or_a_registry(
    project_files: list[Path], root: Path, pattern: str
) -> None:
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for path in project_files
        for match in re.finditer(pattern, text_of(path))
    ]
    assert not found


def test_lock_file_names_no_download_address(root: Path) -> None:
    assert not RESOLVED.search((root / "js" / "package-lock.json").read_text())


def test_constraints_are_exact_versions(root: Path) -> None:
    lines = (root / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    wrong = [pin for pin in pins if not re.fullmatch(r"[a-z0-9.-]+==[\w.]+", pin)]
    assert not wrong
    assert "torch==2.13.0" in pins


def test_modules_stay_short(root: Path) -> None:
    modules = (root / "interpwidgets").rglob("*.py")
    lengths = {
        str(path.relative_to(root)): len(path.read_text().splitlines()) for path in modules
    }
    assert not {path: n for path, n in lengths.items() if n >= LONGEST_MODULE}


def test_readme_is_short(root: Path) -> None:
    assert len((root / "README.md").read_text().splitlines()) <= LONGEST_README


def tree_in(readme: str) -> list[str]:
    """The paths in the README's tree: the fenced block that starts with the package.

    A line is indented by two spaces a level and begins with one or more names, each a
    folder (``models/``) or a file (``axes.py``); what follows them is a description.
    """
    blocks = re.findall(r"```\w*\n(.*?)```", readme, flags=re.DOTALL)
    trees = [block for block in blocks if block.startswith("interpwidgets/")]
    assert trees, "README.md shows no tree: a fenced block that starts with interpwidgets/"
    (block,) = trees
    paths: list[str] = []
    parents: list[str] = []
    for line in block.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.match(r"\s*((?:[\w.-]+(?:/|\.\w+)\s*)*)", line)
        found = names[1].split() if names else []
        parents = parents[:depth]
        paths += ["".join(parents) + name for name in found]
        parents += found[-1:]
    return paths


def test_readme_tree_names_what_is_there(root: Path) -> None:
    paths = tree_in((root / "README.md").read_text())
    assert not [path for path in paths if not (root / path).exists()]


def test_readme_tree_names_every_part_of_the_package(root: Path) -> None:
    paths = {path.rstrip("/") for path in tree_in((root / "README.md").read_text())}
    parts = {
        f"interpwidgets/{path.name}"
        for path in (root / "interpwidgets").iterdir()
        if path.name not in {"__pycache__", "py.typed"}
    }
    assert not parts - paths
