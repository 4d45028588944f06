"""Builds the front end, but only where its bundles are missing.

They are committed, so an install from git or from a wheel needs no node. Which files
they are is told once, in pyproject.toml.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_NODE = 20


class FrontEndHook(BuildHookInterface):
    """Make sure that ``interpwidgets/static`` holds every bundle before it is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the missing bundles, or say how."""
        del version, build_data
        root = Path(self.root)
        if not self._missing(root):
            return
        npm = self._npm(self._missing(root))
        if not (root / "js" / "node_modules").exists():
            # Bundling needs esbuild alone, no development dependency.
            subprocess.run([npm, "ci", "--omit=dev"], cwd=root / "js", check=True)
        subprocess.run([npm, "run", "build"], cwd=root / "js", check=True)
        if missing := self._missing(root):
            raise RuntimeError(f"`npm run build` in js/ did not write {names(missing)}.")

    def _missing(self, root: Path) -> list[Path]:
        static = root / "interpwidgets" / "static"
        bundles = [static / name for name in self.config["bundles"]]
        return [bundle for bundle in bundles if not bundle.is_file()]

    def _npm(self, missing: list[Path]) -> str:
        npm, found = shutil.which("npm"), node_major()
        if npm and found >= OLDEST_NODE:
            return npm
        came = f"found node {found}" if found else "found no node"
        raise RuntimeError(
            f"interpwidgets: the built front end is missing ({names(missing)}), and "
            f"building it needs node >= {OLDEST_NODE} with npm; {came}. Install node and "
            "run `npm ci && npm run build` in js/. A wheel or an untouched git checkout "
            "holds the built files and needs no node."
        )


def node_major() -> int:
    """Return node's major version, 0 where there is none."""
    node = shutil.which("node")
    if node is None:
        return 0
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    match = re.match(r"v(\d+)", told.stdout)
    return int(match[1]) if match else 0


def names(paths: list[Path]) -> str:
    """Return the files' names in one line."""
    return ", ".join(path.name for path in paths)
