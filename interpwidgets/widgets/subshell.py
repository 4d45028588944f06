"""Messages from the browser while a cell runs.

JupyterLab sends a widget's messages to a subshell, which answers while the main shell is
busy. ipykernel 7.4, however, hands them to the shell that last *sent* on the widget's
comm, so that after any update from a cell a click waits for the running cell. It also
keeps one entry for each answer that carries an id, for ever. Forgetting both after each
message leaves the choice to the browser's own header.
"""

from __future__ import annotations

from typing import Any


def let_browser_choose(comm: Any) -> None:
    """Make the kernel answer where the browser asked, whoever sent last.

    Args:
        comm: A widget's comm; other kernels' comms are left as they are.
    """
    state = getattr(comm, "__dict__", {})
    state.pop("_reply_subshell_id", None)
    state.get("_reply_subshell_ids", {}).clear()
