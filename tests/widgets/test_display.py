"""A view in a notebook: two outputs, the second brought up to date after each cell."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from interpwidgets.results.attention import AttentionPattern
from interpwidgets.selection import Selection
from interpwidgets.show import show
from interpwidgets.widgets.base import View
from interpwidgets.widgets.display import display_view, refresh_static_copies
from interpwidgets.widgets.static_form import MIME

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class Published:
    """Stands in for what a kernel sends to the notebook."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def publish(self, data: Any, metadata: Any = None, **other: Any) -> None:
        self.messages.append({"data": data, "metadata": metadata, **other})

    def take(self) -> list[dict[str, Any]]:
        taken, self.messages = self.messages, []
        return taken


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.fixture
def published(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Published:
    published = Published()
    monkeypatch.setattr(shell.display_pub, "publish", published.publish)
    return published


@pytest.fixture
def view() -> View:
    weights = np.tril(np.ones((2, 3, 4, 4))) / np.arange(1, 5)[:, None]
    return show(AttentionPattern.of_arrays(list("abcd"), weights))


def end_cell(shell: InteractiveShell) -> None:
    shell.events.trigger("post_run_cell", None)


def test_two_outputs_the_live_one_first(published: Published, view: View) -> None:
    display_view(view)
    live, static = published.take()
    assert live["data"][WIDGET_MIME]["model_id"] == view.model_id
    assert live["data"]["text/plain"] == "Live view: run this cell to have it."
    assert MIME in static["data"]
    assert static["data"]["text/plain"] == view.summary()
    assert static["transient"]["display_id"].endswith(view.view_id)


def test_a_view_displays_itself_so(published: Published, view: View) -> None:
    view._ipython_display_()
    assert len(published.take()) == 2


def test_an_unchanged_view_is_not_sent_again(
    shell: InteractiveShell, published: Published, view: View
) -> None:
    display_view(view)
    published.take()
    end_cell(shell)
    assert published.take() == []


def test_a_changed_view_updates_its_copy_once(
    shell: InteractiveShell, published: Published, view: View
) -> None:
    display_view(view)
    _, static = published.take()
    view.selection = Selection([(1, 2)])
    view.set_status("running", "half way")
    end_cell(shell)
    end_cell(shell)
    (update,) = published.take()
    assert update["update"] is True
    assert update["transient"] == static["transient"]
    assert update["data"][MIME]["traits"]["selection"]["heads"] == [[1, 2]]
    assert "half way" in update["data"]["text/html"]


@pytest.mark.parametrize(
    ("trait", "value"), [("kept", {"zoom": [0, 2, 0, 2]}), ("selection", Selection([(0, 1)]))]
)
def test_what_a_person_does_outdates_the_copy(
    shell: InteractiveShell, published: Published, view: View, trait: str, value: Any
) -> None:
    display_view(view)
    published.take()
    setattr(view, trait, value)
    end_cell(shell)
    assert len(published.take()) == 1


def test_a_closed_view_is_left_alone(
    shell: InteractiveShell, published: Published, view: View
) -> None:
    display_view(view)
    published.take()
    view.set_status("stale")
    view.close()
    end_cell(shell)
    assert published.take() == []


def test_a_view_that_nobody_holds_is_forgotten(
    shell: InteractiveShell, published: Published
) -> None:
    from interpwidgets.widgets import display

    gc.collect()
    before = len(display._DISPLAYED)
    view = show(AttentionPattern.of_arrays(["a"], np.ones((1, 1, 1, 1))))
    display_view(view)
    assert len(display._DISPLAYED) == before + 1
    view.close()
    published.take()
    del view
    gc.collect()
    assert len(display._DISPLAYED) == before


def test_embed_none_publishes_text_beside_the_live_view(
    published: Published, view: View
) -> None:
    view.embed = "none"
    display_view(view)
    _, static = published.take()
    assert static["data"] == {"text/plain": view.summary()}


def test_refreshing_hooks_in_once(
    shell: InteractiveShell, published: Published, view: View
) -> None:
    for _ in range(3):
        display_view(view)
    hooks = shell.events.callbacks["post_run_cell"]
    assert hooks.count(refresh_static_copies) == 1
