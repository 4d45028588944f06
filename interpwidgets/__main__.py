"""The command line: ``interpwidgets export notebook.ipynb -o page.html``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from interpwidgets import __version__
from interpwidgets.errors import InterpWidgetsError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0, or 1 with the error on stderr.

    Args:
        argv: The arguments; the program's own by default.
    """
    arguments = _parser().parse_args(argv)
    from interpwidgets.export import export

    try:
        report = export(arguments.notebook, arguments.output)
    except InterpWidgetsError as error:
        print(f"interpwidgets: {error}", file=sys.stderr)
        return 1
    print(report)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="interpwidgets", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    export = commands.add_parser(
        "export",
        help="write a notebook as one HTML file that opens with no network",
        description="Writes a notebook, as it was saved, as one HTML file with its views "
        "live. Nothing is run, and the page loads nothing.",
    )
    export.add_argument("notebook", help="a .ipynb file")
    export.add_argument("-o", "--output", help="the page; beside the notebook by default")
    return parser


if __name__ == "__main__":
    sys.exit(main())
