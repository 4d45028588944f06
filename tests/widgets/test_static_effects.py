"""Grids of paths and of ablations as pages and figures: their numbers, names escaped."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

import interpwidgets.show  # noqa: F401
from interpwidgets.results.ablation_sweep import AblationSweep
from interpwidgets.results.base import Provenance
from interpwidgets.results.path_patching import PathPatching
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.grid_static import number_text

TOKENS = Tokens.of_text(["<b>", " Ada", " gave"])
CELLS = r"<td style=\"[^\"]*\" title=\"[^\"]*\">([^<]*)</td>"


@pytest.fixture
def paths() -> PathPatching:
    return PathPatching(
        provenance=Provenance(model="m", dtype="float32", run=4, sites=("k", "z")),
        direction="denoising",
        metric="logit difference",
        unit="logits",
        senders=("L0 H1", "L1 mlp"),
        receivers=("L1 H0 k", "logits"),
        through="mlps",
        raw=np.array([[[3.0, 2.0], [np.nan, 6.0]]]),
        clean_values=np.array([6.0]),
        corrupted_values=np.array([2.0]),
        clean=(TOKENS,),
        corrupted=(TOKENS,),
        mapping=(((0, 0),),),
    )


@pytest.fixture
def sweep() -> AblationSweep:
    return AblationSweep(
        provenance=Provenance(model="m", dtype="float32", run=2),
        site="attn_out",
        by="position",
        mode="mean",
        of="mean over 6 tokens of 2 prompts",
        metric="probability of ' Ada'",
        unit="",
        layers=(0, 3),
        columns=(0, 1),
        raw=np.array([[[0.02, 0.03], [0.05, 0.01]], [[0.03, 0.03], [0.05, 0.02]]]),
        base_values=np.array([0.05, 0.05]),
        prompts=(TOKENS, TOKENS),
    )


def test_a_page_of_paths_has_every_number(paths: PathPatching) -> None:
    page = paths.to_html()
    assert re.findall(CELLS, page) == ["0.25", "0.00", "", "1.00"]
    assert "L0 H1 → L1 H0 k: 0.25, 3 logits" in page
    assert "Heads on the way are held, MLPs recomputed." in page
    assert "No control yet: iw.path_patching_control(model, result) runs one." in page
    assert "m · k, z · float32 · run 4" in page
    assert page.index(">L1 H0 k</th>") < page.index(">logits</th>")


def test_a_page_of_ablations_has_every_number(sweep: AblationSweep) -> None:
    page = sweep.to_html()
    assert re.findall(CELLS, page) == ["−0.0250", "−0.0200", "0.0000", "−0.0350"]
    assert "Each cell alone is set to a mean: mean over 6 tokens of 2 prompts." in page
    assert "&lt;b&gt;" in page
    assert "<b> " not in page
    assert "over 2 prompts" in page
    raw = np.stack([sweep.raw, sweep.raw + 0.01])
    controlled = dataclasses.replace(sweep, control_raw=raw, control_title="as far")
    assert "n = 2 a cell): as far." in controlled.to_html()


def test_figures_have_the_values(paths: PathPatching, sweep: AblationSweep) -> None:
    pytest.importorskip("plotly")
    for result in (paths, sweep):
        figure = result.figure(width="column")
        (heatmap,) = figure.data
        np.testing.assert_array_equal(np.array(heatmap.z, dtype=float), result.values)
        assert heatmap.zmax == -heatmap.zmin == pytest.approx(result.scale)
    assert list(heatmap.y) == ["L0", "L3"]
    assert list(figure.layout.xaxis.ticktext) == ["&lt;b&gt;", " Ada"]


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [(-0.004, 1, "0.00"), (-0.004, 0.01, "−0.0040"), (12.345, 20, "12.35"), (np.nan, 1, "")],
)
def test_small_numbers_get_more_digits(value: float, scale: float, text: str) -> None:
    assert number_text(value, float(scale)) == text
