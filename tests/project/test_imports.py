"""Who imports whom, and what `import interpwidgets` costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "nnsight", "transformers", "plotly", "pandas")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import interpwidgets, sys; print(*[n for n in {HEAVY} if n in sys.modules])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_import_contracts_hold(root: Path) -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
