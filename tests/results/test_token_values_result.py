"""Values on tokens: what they check, and that they survive a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance
from interpwidgets.results.saved import load_result
from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.tokens import Tokens

VALUES = np.array([[np.nan, 2.0, -4.0], [1.0, np.inf, 0.5]], dtype=np.float32)


def values_of(**fields: Any) -> TokenValues:
    plain = {
        "provenance": Provenance(model="m", run=3),
        "tokens": Tokens.of_text(["a", " b", "c"]),
        "values": VALUES,
        "rows": ("x", "y"),
    }
    return TokenValues(**{**plain, **fields})


def test_the_scale_is_from_zero_to_the_largest_finite_value() -> None:
    assert values_of().scale == (0, 2)


def test_a_signed_scale_is_symmetric() -> None:
    assert values_of(signed=True).scale == (-4, 4)


def test_values_that_are_all_zero_or_absent_have_a_scale() -> None:
    assert values_of(values=np.zeros((2, 3), np.float32)).scale == (0, 1)
    assert values_of(values=np.full((2, 3), np.nan, np.float32), signed=True).scale == (-1, 1)


def test_rows_are_named_by_their_axes_the_last_one_fastest() -> None:
    axes = (("layer", ("0", "1")), ("neuron", ("7", "8")))
    found = values_of(values=np.zeros((4, 3), np.float32), rows=(), row_axes=axes)
    assert found.rows[1] == "layer 0, neuron 8"
    assert found.rows[2] == "layer 1, neuron 7"


def test_a_row_is_found_by_number_and_by_name() -> None:
    assert values_of().row("y")[0] == values_of().row(1)[0] == 1
    with pytest.raises(ResultError, match=r"no row 'z'\. Known: x, y"):
        values_of().row("z")
    with pytest.raises(ResultError, match="row 2 is outside 0-1"):
        values_of().row(2)


def test_what_is_absent_does_not_count_as_not_finite() -> None:
    assert values_of().nonfinite().tolist() == [1, 1]
    assert values_of(absent=(0,)).nonfinite().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rows": ("x",)}, r"\[row, pos\] = \(1, 3\).*they are \(2, 3\)"),
        ({"tokens": Tokens.of_text(["a"])}, r"\[row, pos\] = \(2, 1\)"),
        ({"row_axes": (("layer", ("0", "1", "2")),)}, "row_axes are 3 layer; there are 2 rows"),
        ({"scale": (1.0, 1.0)}, r"low below high; got \(1.0, 1.0\)"),
        ({"scale": (0.0, np.inf)}, "finite"),
        ({"absent": (3,)}, "absent positions are 0-2"),
        (
            {"top_text": ((),), "top_logprob": np.zeros((3, 1), np.float32)},
            r"one entry per token, 3; got \[1, 3\]",
        ),
        ({"top_text": ((), (), ())}, "top_text and top_logprob come together"),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultError, match=message):
        values_of(**fields)


def test_a_file_keeps_everything(tmp_path: Path) -> None:
    axes = (("layer", ("0",)), ("neuron", ("7", "8")))
    before = values_of(
        rows=(),
        row_axes=axes,
        unit="nats",
        signed=True,
        scale=(-3.0, 9.0),
        absent=(0,),
        top_text=((), ("b", "<x>"), ("c",)),
        top_logprob=np.full((3, 2), -1, np.float32),
        rank=np.array([-1, 0, 4], np.int32),
        prompt_label="second",
        prompt_count=2,
        prompt_index=1,
    )
    after = load_result(before.save(tmp_path / "values"))
    for field in dataclasses.fields(TokenValues):
        ours, theirs = getattr(before, field.name), getattr(after, field.name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs)
        else:
            assert ours == theirs, field.name


def test_the_table_has_a_row_for_each_value() -> None:
    axes = (("layer", ("0",)), ("neuron", ("7", "8")))
    top = {"top_text": (("p",), ("q",), ()), "top_logprob": np.zeros((3, 1), np.float32)}
    found = values_of(rows=(), row_axes=axes, rank=np.array([0, 1, -1], np.int32), **top)
    frame = found.to_frame()
    assert len(frame) == 6
    row = frame[(frame.neuron == "8") & (frame.pos == 2)].iloc[0]
    assert (row.value, row.token, row["rank"], row.expected) == (0.5, "c", -1, "")
    assert row.layer == "0"
