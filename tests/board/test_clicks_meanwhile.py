"""A click that comes while a run is being shown, in another thread, is not lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import interpwidgets as iw
from interpwidgets.selection import Selection
from tiny import tiny_gpt2, wrapped


def test_a_click_while_the_selection_is_kept_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    board = iw.Board(wrapped(tiny_gpt2()))
    view = board.attention()
    board.run("the cat sat")
    view.selection = Selection([(0, 1)])
    rest = {"layer": None, "feature": None, "prompt": None}
    content = {"id": "1", "kind": "select", "heads": [[3, 2]], "tokens": [1], **rest}
    click = threading.Thread(target=view._on_message, args=(view, content, []))
    keep = Selection.tokens_of

    def keep_slowly(self: Selection, *run: Any) -> Selection:
        monkeypatch.undo()
        click.start()
        click.join(0.5)
        return keep(self, *run)

    monkeypatch.setattr(Selection, "tokens_of", keep_slowly)
    board.run("the cat sat")
    click.join(10)
    assert view.selection.heads == ((3, 2),)
    assert view.selection.tokens == (1,)
