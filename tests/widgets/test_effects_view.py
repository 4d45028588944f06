"""Paths and ablations as a live grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.widgets.effects import EffectsView

PAIR = [1, 5, 6, 7, 5], [1, 5, 8, 7, 5]


@pytest.fixture(scope="module")
def model() -> Any:
    return iw.load("lil-attn-2l")


@pytest.fixture(scope="module")
def paths(model: Any) -> Any:
    return iw.path_patching(model, *PAIR, answers=(6, 8), receivers="k")


def test_paths_travel_with_the_heads_that_a_click_selects(paths: Any) -> None:
    view = iw.show(paths)
    assert isinstance(view, EffectsView)
    payload = view.payload
    assert payload["rows"] == list(paths.senders)
    assert payload["columns"] == list(paths.receivers)
    values = np.frombuffer(payload["values"], "<f4").reshape(paths.values.shape)
    np.testing.assert_allclose(values, paths.values, rtol=1e-6)
    at = paths.receivers.index("L1 H2 k") + len(paths.receivers) * paths.senders.index("L0 H3")
    assert payload["heads"][at] == [(0, 3), (1, 2)]
    assert payload["control"] is None
    assert "path_patching_control" in payload["control_call"]
    view.selection = iw.Selection(heads=[(0, 3), (1, 2)])
    assert view.selection.heads == ((0, 3), (1, 2))


def test_a_control_travels_with_its_range(model: Any, paths: Any) -> None:
    controlled = iw.path_patching_control(model, paths, n=2)
    payload = iw.show(controlled).payload
    low, high = controlled.control.interval()
    assert payload["control"]["n"] == 2
    shape = paths.values.shape
    for name, wanted in (("low", low), ("high", high)):
        found = np.frombuffer(payload["control"][name], "<f4").reshape(shape)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_an_ablation_sweep_is_drawn_by_head_and_by_layer(model: Any) -> None:
    prompts = [PAIR[0], PAIR[1]]
    by_head = iw.show(iw.ablation_sweep(model, prompts, answers=(6, 8)))
    assert by_head.payload["heads"][5] == [(1, 1)]
    assert by_head.payload["n"] == 2
    sweep = iw.ablation_sweep(model, prompts, answers=(6, 8), site="attn_out", by="layer")
    by_layer = iw.show(sweep)
    assert by_layer.payload["heads"] == [[], []]
    assert by_layer.payload["layers"] == [0, 1]
    assert "less as it is" in by_layer.payload["caption"]


def test_it_is_saved_exported_and_drawn_as_a_figure(paths: Any, tmp_path: Path) -> None:
    view = iw.show(iw.load_result(paths.save(tmp_path / "paths")))
    page = view.to_html()
    assert "L0 H3" in page
    assert "Path patching" in view.static_html()
    assert view.figure().data[0].z.shape == paths.values.shape
    assert len(view.to_frame()) == paths.raw.size
    assert "iw.load_result" in view.code()
