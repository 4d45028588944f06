"""DirectLogitAttribution as HTML, as a figure and on disk: the same numbers, harmless."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.errors import ResultError
from interpwidgets.results.attribution import DirectLogitAttribution, signed_text
from interpwidgets.results.base import Provenance
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.attribution_static import attribution_html

HOSTILE = '"><script>alert(1)</script>'
NAMES = ("embed", "L0 attn", "L0 mlp", "bias")


def result_of(n: int = 3, **more: Any) -> DirectLogitAttribution:
    rng = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        return rng.normal(size=(n, *shape)).astype(np.float32)

    component = some(4)
    fields: dict[str, Any] = {
        "provenance": Provenance(model="m", revision="abc", dtype="float32", run=7),
        "targets": ("'a' − 'b'",) * n,
        "measure": "logit difference",
        "pos": (2,) * n,
        "tokens": (Tokens.of_text(["x", " y", " z"]),) * n,
        "components": NAMES,
        "component": component,
        "chance": np.abs(some(4)),
        "logit": component.sum(axis=1) + np.float32(0.25),
        "remainder": np.full(n, 0.25, np.float32),
        "output": component.sum(axis=1),
        "head": some(1, 2),
        "head_bias": some(1),
        "head_chance": np.abs(some(1, 2)),
        "source": some(1, 2, 3),
        **more,
    }
    return DirectLogitAttribution(**fields)


def test_the_page_has_every_bar_and_the_remainder() -> None:
    result = result_of()
    page = attribution_html(result)
    for name, value in zip(NAMES, result.of("component"), strict=True):
        assert re.search(rf">{name}</th>.*?>{re.escape(signed_text(value))} \(", page)
    assert re.search(r">remainder</th>.*?>\+0\.25 \(", page)
    assert page.count("<tr ") == 5 + 2 + 6
    assert "remainder of at most 2.5e-01" in page


def test_bars_grow_right_for_more_and_left_for_less() -> None:
    component = np.tile(np.array([2.0, -1.0, 0.0, 0.0], np.float32), (1, 1))
    page = attribution_html(result_of(1, component=component, head=None, source=None))
    assert 'style="margin-left:80px;width:80px;height:10px;background-color:rgba(49' in page
    assert 'style="margin-left:40px;width:40px;height:10px;background-color:rgba(174' in page


def test_each_bar_says_its_control_or_that_there_is_none() -> None:
    result = result_of()
    level = result.chance_level("head")[0, 1]
    page = attribution_html(result)
    assert f"random direction ±{level:.2f}" in page
    assert "neurons and sources have none" in page


def test_texts_of_models_and_tokens_are_harmless() -> None:
    result = result_of(
        1,
        provenance=Provenance(model=HOSTILE),
        targets=(HOSTILE,),
        tokens=(Tokens.of_text([HOSTILE] * 3),),
    )
    assert "<script" not in attribution_html(result)
    figure = result.figure("source")
    assert "<script" not in "".join([figure.layout.title.text, *figure.data[0].y])


def test_figures_have_the_numbers_and_intervals() -> None:
    result = result_of()
    bars = result.figure().data[0]
    assert list(bars.y) == [*NAMES, "remainder"]
    np.testing.assert_allclose(bars.x[:4], result.of("component"))
    low, high = result.interval("component")
    np.testing.assert_allclose(bars.error_x.array[:4], high - result.of("component"))
    np.testing.assert_allclose(bars.error_x.arrayminus[:4], result.of("component") - low)
    grid = result.figure("head").data[0]
    np.testing.assert_allclose(grid.z, result.of("head"))
    assert grid.zmin == -grid.zmax


def test_the_table_has_axes_and_the_largest_come_first() -> None:
    result = result_of()
    frame = result.to_frame("source")
    assert list(frame.columns[:4]) == ["name", "layer", "head", "key_pos"]
    assert frame["name"][1] == "L0 H0 ← 1 ' y'"
    assert frame["value"][4] == pytest.approx(result.of("source")[0, 1, 1])
    sizes = result.best("source")["value"].abs()
    assert sizes.is_monotonic_decreasing
    assert frame["chance"].isna().all()


def test_a_saved_one_opens_as_it_was(tmp_path: Path) -> None:
    result = result_of()
    again = iw.load_result(result.save(tmp_path / "found"))
    assert isinstance(again, DirectLogitAttribution)
    for field in dataclasses.fields(result):
        one, other = getattr(result, field.name), getattr(again, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)
        else:
            assert one == other
    assert repr(again) == repr(result)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ResultError, match=r"one entry of everything per prompt"):
        result_of(3, targets=("a",))
    with pytest.raises(ResultError, match=r"no measure 'logits'\. Did you mean 'logit'"):
        result_of(3, measure="logits")
    with pytest.raises(ResultError, match=r"`prompt` is 3; there are 3, 0-2"):
        result_of(3).prompt(3)
