"""Messages from the browser are answered where it asked, not where Python last spoke."""

from __future__ import annotations

from typing import Any

import ipykernel.comm.comm as kernel_comm

from interpwidgets.widgets.subshell import let_browser_choose


def test_a_comm_forgets_which_shell_it_last_sent_from() -> None:
    comm = kernel_comm.BaseComm(target_name="x", primary=False)
    comm._reply_subshell_id = None
    comm._reply_subshell_ids["7"] = None
    let_browser_choose(comm)
    message: Any = {"content": {"id": "7"}}
    assert comm._reply_subshell_for(message, "the browser's") == "the browser's"


def test_other_kernels_comms_are_left_alone() -> None:
    let_browser_choose(object())
    let_browser_choose(None)
