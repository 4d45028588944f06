"""What `import interpwidgets` costs in a fresh process, beside its peers.

The files are in the disk's cache after the first process; "cold" means a new interpreter.
Our names load lazily, so the first name that needs a model is timed as well.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from measuring import (
    argument_parser,
    beside_limit,
    missing,
    print_machine,
    print_table,
    spread,
    version_of,
)

LIMIT_SECONDS = 0.5
BARE = "pass"
OURS = "import interpwidgets"
FIRST_USE = "import interpwidgets; interpwidgets.attention"
PEERS = {"circuitsvis": "import circuitsvis", "bertviz": "import bertviz"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Time the imports in turn and print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, help="processes per import (10; quick: 2)")
    options = parser.parse_args(arguments)
    n_rounds = options.rounds or (2 if options.quick else 10)
    print_machine("interpwidgets", *PEERS)
    codes = [BARE, OURS, FIRST_USE, *(code for name, code in PEERS.items() if version_of(name))]
    times = import_times(codes, n_rounds)
    base = times[BARE]
    rows = [
        [
            f"`{code}`",
            spread([wall for wall, _ in pairs], ".2f"),
            spread([cpu for _, cpu in pairs], ".2f"),
            spread([max(0.0, p[0] - b[0]) for p, b in zip(pairs, base, strict=True)], ".2f"),
        ]
        for code, pairs in times.items()
    ]
    print_table(["", "wall s", "CPU s", "wall s beyond bare Python"], rows)
    for name in PEERS:
        if not version_of(name):
            print(f"{name}: {missing(name)}")
    print(f"median (middle half) of {n_rounds}")
    ours = statistics.median(wall for wall, _ in times[OURS])
    print(f"wall seconds of `{OURS}`, Python's own start included: "
          f"{beside_limit(ours, LIMIT_SECONDS)}")  # fmt: skip
    for code in codes[3:]:
        peer = statistics.median(wall for wall, _ in times[code])
        print(f"`{code}` takes {peer / ours:.1f} times as long")
    print(f"torch loaded by `{OURS}`: {'yes' if loads_torch(OURS) else 'no'}")


def import_times(codes: Sequence[str], n_rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Return (wall, CPU) seconds of each code in processes of its own, in rounds.

    The first round, which fills the disk's cache, is thrown away.
    """
    times: dict[str, list[tuple[float, float]]] = {code: [] for code in codes}
    for number in range(n_rounds + 1):
        for code in codes:
            pair = process_times(code)
            if number:
                times[code].append(pair)
    return times


def process_times(code: str) -> tuple[float, float]:
    """Return the wall and CPU seconds of one Python process.

    The process reads its own CPU clock, as a parent cannot tell children apart.
    """
    whole = f"{code}\nimport time\nprint(time.process_time())"
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", whole], capture_output=True, text=True, check=True
    )
    return time.perf_counter() - start, float(done.stdout)


def loads_torch(code: str) -> bool:
    """Tell whether torch is in ``sys.modules`` afterwards."""
    whole = f"{code}\nimport sys\nprint('torch' in sys.modules)"
    command = [sys.executable, "-c", whole]
    return "True" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
