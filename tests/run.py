"""Runs the test tiers and says at the end what passed, failed or could not run.

python tests/run.py                    every tier
python tests/run.py python js          these
python tests/run.py python -- -k lens  the rest goes to pytest

With REQUIRE_ALL=1 a tier that lacks its tool is an error. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from outside import OLDEST_NODE, find_chromium, find_npm

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
NO_TESTS_COLLECTED = 5

LINTERS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)


@dataclass(frozen=True)
class Tier:
    """A group of checks. ``lacks`` says which tool is missing, or nothing.

    ``workers`` is how many processes share the tests.
    """

    name: str
    marks: str | None = None
    lacks: Callable[[], str | None] = lambda: None
    may_be_empty: bool = False
    workers: int = 1


def lacks_npm() -> str | None:
    return None if find_npm() else f"no node >= {OLDEST_NODE} with npm found"


def lacks_chromium() -> str | None:
    return None if find_chromium() else "no chromium found"


TIERS = (
    Tier("lint"),
    Tier("python", "not browser and not js and not slow", workers=2),
    Tier("slow", "slow and not browser and not js", may_be_empty=True, workers=2),
    Tier("js", "js", lacks_npm),
    Tier("browser", "browser", lacks_chromium),
)


@dataclass
class Outcome:
    """How a tier ended; ``counts`` are tests, or linters."""

    tier: Tier
    status: str
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def is_failure(self) -> bool:
        return self.status == "FAILED" or (self.did_not_run and required())

    @property
    def did_not_run(self) -> bool:
        return self.status.startswith("NOT RUN")


def main(arguments: Sequence[str]) -> int:
    """Run the tiers that were asked for; return the exit status."""
    ours, pytest_arguments = split_at_dashes(arguments)
    parser = argparse.ArgumentParser(description="Run the test tiers.")
    known = [tier.name for tier in TIERS]
    parser.add_argument("tiers", nargs="*", metavar="tier", help=f"of {', '.join(known)}")
    asked = parser.parse_args(ours).tiers
    if unknown := sorted(set(asked) - set(known)):
        parser.error(f"no tier {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = [tier for tier in TIERS if tier.name in asked or not asked]
    outcomes = [run(tier, pytest_arguments) for tier in chosen]
    summarise(outcomes)
    return 1 if any(outcome.is_failure for outcome in outcomes) else 0


def split_at_dashes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    ours = list(arguments)
    if "--" not in ours:
        return ours, []
    cut = ours.index("--")
    return ours[:cut], ours[cut + 1 :]


def required() -> bool:
    return os.environ.get("REQUIRE_ALL", "") not in ("", "0")


def run(tier: Tier, pytest_arguments: Sequence[str]) -> Outcome:
    if reason := tier.lacks():
        return Outcome(tier, f"NOT RUN: {tier.name} ({reason})")
    say(f"\n==== {tier.name}")
    start = time.monotonic()
    if tier.marks is None:
        outcome = run_linters(tier)
    else:
        outcome = run_pytest(tier, tier.marks, pytest_arguments)
    outcome.seconds = time.monotonic() - start
    return outcome


def run_linters(tier: Tier) -> Outcome:
    failed = 0
    for name, *arguments in LINTERS:
        say(f"-- {' '.join((name, *arguments))}")
        failed += call([str(BIN / name), *arguments]) != 0
    counts = {"passed": len(LINTERS) - failed, "failed": failed}
    return Outcome(tier, "FAILED" if failed else "passed", counts=counts)


def run_pytest(tier: Tier, marks: str, arguments: Sequence[str]) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", marks, f"--junitxml={report}"]
        if tier.workers > 1:
            # By file: fixtures that train or run a notebook serve a whole one.
            command += [f"--numprocesses={tier.workers}", "--dist=loadfile"]
        exit_status = call([*command, *arguments])
        counts = read_counts(report) if report.exists() else {}
    if exit_status == NO_TESTS_COLLECTED:
        # Also with arguments of the caller's, which may select in one tier only.
        fine = tier.may_be_empty or bool(arguments)
        return Outcome(tier, "no tests" if fine else "FAILED", counts=counts)
    return Outcome(tier, "FAILED" if exit_status else "passed", counts=counts)


def read_counts(report: Path) -> dict[str, int]:
    suites = ElementTree.parse(report).getroot().iter("testsuite")
    total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in suites:
        for name in total:
            total[name] += int(suite.get(name, 0))
    failed = total["failures"] + total["errors"]
    skipped = total["skipped"]
    return {
        "passed": total["tests"] - failed - skipped,
        "failed": failed,
        "skipped": skipped,
    }


def call(command: Sequence[str]) -> int:
    # The models here are tiny: more threads than one are slower, and workers' would clash.
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def summarise(outcomes: Sequence[Outcome]) -> None:
    say("\n==== summary")
    for outcome in outcomes:
        if outcome.did_not_run:
            continue
        counts = ", ".join(f"{n} {what}" for what, n in outcome.counts.items() if n)
        say(f"{outcome.tier.name:8} {outcome.status:8} {outcome.seconds:6.1f} s  {counts}")
    for outcome in outcomes:
        if outcome.did_not_run:
            say(outcome.status)
    tests = [outcome.counts for outcome in outcomes if outcome.tier.marks]
    passed, failed, skipped = (
        sum(counts.get(what, 0) for counts in tests) for what in ("passed", "failed", "skipped")
    )
    if tests:
        say(f"tests: {passed} passed, {failed} failed, {skipped} skipped")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
