"""Messages from the browser are answered where it asked, not where Python last spoke."""

from __future__ import annotations

from typing import Any

import ipykernel.comm.comm as kernel_comm

from interpwidgets.widgets.subshell import let_browser_choose


def test_what_is_sent_from_a_cell_never_moves_the_answers_there() -> None:
    comm = kernel_comm.BaseComm(target_name="x", primary=False)
    let_browser_choose(comm)
    comm._reply_subshell_id = None  # a cell sends, and a click comes that moment
    assert comm._reply_subshell_for({}, "the browser's") == "the browser's"


def test_answers_leave_no_entry_behind() -> None:
    comm = kernel_comm.BaseComm(target_name="x", primary=False)
    comm._reply_subshell_ids["7"] = None
    let_browser_choose(comm)
    assert comm._reply_subshell_ids == {}


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
