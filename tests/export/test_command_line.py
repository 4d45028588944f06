"""The command: exit status, and what goes where."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from interpwidgets.__main__ import main


def test_export_says_what_it_wrote(
    write_notebook: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "page.html"
    assert main(["export", str(write_notebook("# Text")), "-o", str(target)]) == 0
    assert target.is_file()
    out, err = capsys.readouterr()
    assert out.startswith(f"{target}: ")
    assert "0 live views" in out
    assert err == ""


def test_a_failure_goes_to_stderr(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["export", str(tmp_path / "nowhere.ipynb")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("interpwidgets: there is no notebook")


@pytest.mark.parametrize("arguments", [[], ["export"], ["import", "x"]])
def test_a_wrong_call_is_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: interpwidgets" in capsys.readouterr().err


def test_it_runs_as_a_module_without_torch(write_notebook: Callable[..., Path]) -> None:
    code = (
        "import sys; from interpwidgets.__main__ import main; "
        f"main(['export', {str(write_notebook('# Text'))!r}]); "
        "print(*[n for n in ('torch', 'nnsight', 'transformers') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1:] == [""]
