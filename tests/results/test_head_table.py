"""A table of heads: it joins what there is, and computes nothing of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.errors import ResultError
from interpwidgets.methods.direct_logit_attribution import direct_logit_attribution
from interpwidgets.methods.head_scores import head_scores
from interpwidgets.methods.weight_circuits import weight_circuits
from interpwidgets.results.base import Provenance
from interpwidgets.results.head_table import HeadTable
from interpwidgets.results.saved import load_result
from interpwidgets.results.tokens import Tokens

PROMPT = [1, 5, 6, 7, 5]


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    model = iw.load("lil-attn-2l")
    return {
        "scores": head_scores(model, scores=["previous_token", "induction"], n=4),
        "circuits": weight_circuits(model),
        "attribution": direct_logit_attribution(model, PROMPT, 6, against=7),
    }


@pytest.fixture(scope="module")
def table(parts: dict[str, Any]) -> HeadTable:
    effects = np.full((2, 4), np.nan, dtype=np.float32)
    effects[1] = [0.1, 0.2, 3.0, 0.15]
    return HeadTable(
        parts["attribution"].provenance,
        **parts,
        ablation=effects,
        ablation_mode="zero",
        tokens=Tokens.of_text(["<b>", "a"]),
        absent=(("x", "why"),),
    )


def test_columns_are_the_parts_own_numbers(parts: dict[str, Any], table: HeadTable) -> None:
    for name in ("previous_token", "induction"):
        np.testing.assert_array_equal(table.column(name).values, parts["scores"].of(name))
    np.testing.assert_array_equal(table.column("copying").values, parts["circuits"].copying)
    attributed = parts["attribution"].of("head")
    np.testing.assert_array_equal(table.column("attribution").values, attributed)
    names = [column.name for column in table.columns]
    assert names == ["previous_token", "induction", "copying", "attribution", "ablation"]


def test_controls_are_the_parts_own(parts: dict[str, Any], table: HeadTable) -> None:
    even = parts["scores"].uniform_of("induction")
    np.testing.assert_array_equal(table.column("induction").high, even)
    low, high = parts["circuits"].copying_interval
    assert np.all(table.column("copying").low == low)
    assert np.all(table.column("copying").high == high)
    chance = parts["attribution"].chance_level("head")
    np.testing.assert_array_equal(table.column("attribution").low, -chance)


def test_a_head_is_beyond_where_its_number_leaves_the_control(table: HeadTable) -> None:
    copying = table.column("copying")
    outside = (copying.values > copying.high) | (copying.values < copying.low)
    np.testing.assert_array_equal(copying.beyond, outside)
    assert table.column("previous_token").beyond[0, 3]
    assert not table.column("previous_token").beyond[1, 0]


def test_an_ablation_is_compared_with_that_of_the_other_heads(table: HeadTable) -> None:
    column = table.column("ablation")
    others = [0.1, 0.2, 0.15]
    assert column.high[1, 2] == pytest.approx(np.quantile(others, 0.975))
    assert column.beyond.tolist() == [[False] * 4, [False, False, True, False]]


def test_the_frame_has_one_row_a_head_and_every_column(table: HeadTable) -> None:
    frame = table.to_frame()
    assert len(frame) == 8
    assert frame.loc[3, ["layer", "head"]].tolist() == [0, 3]
    assert frame["copying"].tolist() == table.column("copying").values.ravel().tolist()
    assert {"lag", "induction_high", "attribution_beyond"} <= set(frame.columns)


def test_the_best_of_a_column_come_first_whatever_their_sign(table: HeadTable) -> None:
    best = table.best("attribution", 8)["attribution"].abs()
    assert best.is_monotonic_decreasing
    assert table.best("ablation", 8)["ablation"].isna().tolist() == [False] * 4 + [True] * 4


def test_it_is_saved_with_its_parts(table: HeadTable, tmp_path: Path) -> None:
    other = load_result(table.save(tmp_path / "heads"))
    assert isinstance(other, HeadTable)
    assert other.fingerprint == table.fingerprint
    assert other.to_frame().equals(table.to_frame())
    assert (other.tokens, other.absent) == (table.tokens, table.absent)


def test_one_part_alone_is_a_table(parts: dict[str, Any]) -> None:
    alone = HeadTable.of(parts["circuits"])
    assert [column.name for column in alone.columns] == ["copying"]
    assert HeadTable.of(alone) is alone
    with pytest.raises(ResultError, match="no part of type AttentionPattern"):
        HeadTable.of(iw.show_attention(["a"], np.ones((1, 1, 1, 1))).result)


def test_parts_of_other_heads_are_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(ResultError, match=r"same layers and heads.*'ablation': \(3, 4\)"):
        HeadTable(Provenance(), circuits=parts["circuits"], ablation=np.zeros((3, 4)))
    with pytest.raises(ResultError, match=r"at least one; got .* nothing"):
        HeadTable(Provenance())
    with pytest.raises(ResultError, match=r"no column 'coping'.*copying"):
        HeadTable.of(parts["circuits"]).column("coping")


def test_it_says_its_best_heads_in_words(table: HeadTable) -> None:
    said = repr(table)
    assert "previous_token  L0 H3 0.98" in said
    assert "(lag 1)" in said
