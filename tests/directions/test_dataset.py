"""Labelled prompts: what forms are read, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from interpwidgets.directions import Dataset
from interpwidgets.directions.dataset import dataset_of
from interpwidgets.errors import DatasetError

TEXTS = ["a b", "a c", "b c", "c d"]


def test_two_classes_are_in_order_with_the_positive_one_last() -> None:
    data = Dataset(TEXTS, ["pos", "neg", "neg", "pos"])
    assert data.classes == ("neg", "pos")
    assert data.target.tolist() == [1, 0, 0, 1]
    assert Dataset(TEXTS, data.labels, positive="neg").target.tolist() == [0, 1, 1, 0]
    assert Dataset(TEXTS, np.array([True, False, False, True])).target.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        ([0, 1, 1, 0], "binary"),
        ([1.0, 0.0, 1.0, 0.0], "binary"),
        ([1, 2, 3, 3], "multiclass"),
        ([0.5, 1.0, 2.0, 3.0], "regression"),
        (["x", "y", "z", "z"], "multiclass"),
    ],
)
def test_the_labels_say_the_task(labels: list[Any], task: str) -> None:
    assert Dataset(TEXTS, labels).task == task
    assert bool(Dataset(TEXTS, labels).classes) == (task != "regression")


def test_pairs_are_groups() -> None:
    data = dataset_of([("good one", "bad one"), ("good two", "bad two")])
    assert data.paired
    assert data.group.tolist() == [0, 0, 1, 1]
    assert data.target.tolist() == [1, 0, 1, 0]
    assert not Dataset(TEXTS, [0, 1, 1, 0]).paired


def test_a_table_is_read_by_its_columns() -> None:
    frame = pd.DataFrame({"text": TEXTS, "label": [0, 1, 0, 1], "group": list("xxyy")})
    data = dataset_of(frame)
    assert (data.group.tolist(), data.classes) == ([0, 0, 1, 1], ("0", "1"))
    with pytest.raises(DatasetError, match="no column 'review'"):
        Dataset.from_frame(frame, text="review")


def test_identical_texts_are_a_group_unless_told_otherwise() -> None:
    assert Dataset(["a", "b", "a"], [0, 1, 0]).group.tolist() == [0, 1, 0]
    ids = [[1, 2], (1, 2), [1, 3]]
    assert Dataset(ids, [0, 0, 1]).group.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("texts", "labels", "more", "message"),
    [
        (TEXTS, [1, 1, 1, 1], {}, "all 4 labels are 1: one class"),
        (TEXTS, [0, 1, float("nan"), 1], {}, "label 2 is nan: missing"),
        (TEXTS, ["x", None, None, "y"], {}, "label 1 is None and 1 more"),
        (TEXTS, [0, 1], {}, "4 texts came with 2 labels"),
        ([], [], {}, "0 texts came with none"),
        (["a", " ", "b", "c"], [0, 1, 0, 1], {}, "text 1 is empty"),
        ([[1], [], [2], [3]], [0, 1, 0, 1], {}, "text 1 is empty"),
        (["a", None, "b", "c"], [0, 1, 0, 1], {}, "text 1 is NoneType"),
        (TEXTS, [0, "x", 1, 1], {}, "all texts, all booleans or all numbers"),
        (TEXTS, [0, 1, 0, 1], {"positive": 7}, "positive=7 is no label"),
        (TEXTS, [0, 1, 2, 1], {"task": "binary"}, "has two classes; the labels have 3"),
        (TEXTS, ["x", "y", "x", "y"], {"task": "regression"}, "needs numbers"),
        (TEXTS, [0, 1, 0, 1], {"task": "ranking"}, "task is 'ranking'"),
        (TEXTS, [0, 1, 0, 1], {"groups": "ab"}, "one entry for each text"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    texts: list[Any], labels: list[Any], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        Dataset(texts, labels, **more)


def test_many_whole_numbers_have_to_be_called_classes_or_amounts() -> None:
    texts, labels = [str(i) for i in range(30)], list(range(30))
    with pytest.raises(DatasetError, match="classes or amounts"):
        Dataset(texts, labels)
    assert Dataset(texts, labels, task="regression").task == "regression"


@pytest.mark.parametrize("given", ["text", 3, {"a": 1}, ["a", "b"], [("a", "b", "c")]])
def test_what_is_no_dataset_is_refused(given: Any) -> None:
    with pytest.raises(DatasetError):
        dataset_of(given)
