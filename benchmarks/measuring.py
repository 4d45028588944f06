"""Clocks, paired rounds and tables that every benchmark prints with.

CPU seconds are those of this process; a machine with other work on it stretches wall time
far more than them.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib.metadata
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

NOT_INSTALLED = "not installed"
Arm = Callable[[], object]

#: How to get a peer that is not a dependency of ours, by the name of its distribution.
HOW_TO_GET = {
    "bertviz": "pip install bertviz==1.4.1",
    "circuitsvis": "pip install circuitsvis==1.43.3",
    "transformer-lens": (
        "it disagrees with ours on versions, so in an environment of its own: "
        "python -m venv ENV; ENV/bin/pip install torch==2.13.0; "
        "ENV/bin/pip install transformer-lens==4.3.0 torch==2.13.0; "
        "then --tl-python ENV/bin/python"
    ),
}


@dataclass
class Stopwatch:
    """CPU seconds of this process spent inside what it wraps."""

    seconds: float = 0.0
    _depth: int = field(default=0, repr=False)

    def around(self, call: Callable[..., object]) -> Callable[..., object]:
        """Return the same call, counted; one counted call inside another counts once."""

        def timed(*args: object, **kwargs: object) -> object:
            self._depth += 1
            start = time.process_time()
            try:
                return call(*args, **kwargs)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.process_time() - start

        return timed

    def take(self) -> float:
        """Return what was counted and start over."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


def cpu_seconds(call: Arm) -> float:
    """Return the CPU seconds, of all threads, that one call takes."""
    gc.collect()
    start = time.process_time()
    call()
    return time.process_time() - start


def in_rounds(arms: Mapping[str, Arm], n_rounds: int) -> dict[str, list[float]]:
    """Time every arm once a round, after one round that is thrown away.

    Each round has an order of its own, so that no arm always follows the same one.

    Returns:
        CPU seconds of each arm, in the order of the rounds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    order = random.Random(0)
    for number in range(-1, n_rounds):
        for name in order.sample(list(arms), len(arms)):
            spent = cpu_seconds(arms[name])
            if number >= 0:
                seconds[name].append(spent)
    return seconds


def paired_ratios(values: Sequence[float], reference: Sequence[float]) -> list[float]:
    """Return one ratio per round."""
    return [value / base for value, base in zip(values, reference, strict=True)]


def spread(values: Sequence[float], form: str = ".3f") -> str:
    """Return the median and the middle half of some values, e.g. ``1.02 (1.01-1.04)``."""
    if len(values) < 2:
        return f"{values[0]:{form}} (n=1)"
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{statistics.median(values):{form}} ({low:{form}}-{high:{form}})"


def beside_limit(value: float, limit: float) -> str:
    """Say whether a value keeps its limit and by how much; small is good."""
    where = "within" if value <= limit else "ABOVE"
    return f"{value:.3g}, limit {limit:g}: {where} ({value / limit:.0%} of it)"


def peak_bytes(call: Arm) -> int | None:
    """Return by how much one call raises this process's resident memory, at its peak.

    Returns:
        Bytes; None where the system does not tell (Linux does).
    """
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what was freed before would hide a new peak
        Path("/proc/self/clear_refs").write_text("5")
        before = _status_bytes("VmRSS")
        call()
        return _status_bytes("VmHWM") - before
    except (AttributeError, OSError):
        return None


def _status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def version_of(distribution: str) -> str | None:
    """Return the version that is installed; None where there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing(distribution: str) -> str:
    """Return how to get a peer that is not there."""
    return f"{NOT_INSTALLED} ({HOW_TO_GET[distribution]})"


def print_machine(*distributions: str) -> None:
    """Print the date, the machine's class, its load, and versions."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{date.today()}  {platform.machine()}, {os.cpu_count()} cores{load}")
    versions = [f"{name} {version_of(name) or NOT_INSTALLED}" for name in distributions]
    print(f"Python {platform.python_version()}, {', '.join(versions)}\n")


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under heads in aligned columns: a table in Markdown, too."""
    lines = [list(heads), *(list(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    lines.insert(1, ["-" * width for width in widths])
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"| {' | '.join(cells)} |")
    print(flush=True)


def megabytes(n_bytes: float | None) -> str:
    """Return bytes in millions, e.g. ``32.6 MB``."""
    return "n/a" if n_bytes is None else f"{n_bytes / 1e6:.3g} MB"


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the option that every benchmark has."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, few rounds: does it run at all"
    )
    return parser
