"""Messages from the browser while a cell runs.

JupyterLab sends a widget's messages to a subshell, which answers while the main shell is
busy. ipykernel 7.4, however, hands them to the shell that last *sent* on the widget's
comm, so that after any update from a cell a click waits for the running cell, and is then
answered after clicks that came later. It also keeps one entry for each answer that carries
an id, for ever.
"""

from __future__ import annotations

from typing import Any


def let_browser_choose(comm: Any) -> None:
    """Make the kernel answer where the browser asked, whoever sent last.

    To be called after each message, which leaves its entry behind.

    Args:
        comm: A widget's comm; other kernels' comms are left as they are.
    """
    entries = getattr(comm, "__dict__", {}).get("_reply_subshell_ids")
    if entries is not None:
        # Not by forgetting who sent: a click may come between the sending and that.
        comm._reply_subshell_for = _where_it_asked
        entries.clear()


def _where_it_asked(_message: Any, asked: str | None) -> str | None:
    return asked
