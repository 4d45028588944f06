"""A split never divides a group, and labels are shuffled as the groups are made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpwidgets.errors import DatasetError
from interpwidgets.estimators.splitting import (
    check_same_texts,
    grouped_split,
    shuffled_labels,
)

GROUPED = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 2)), min_size=1, max_size=60
).map(lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True)))


@settings(max_examples=60, deadline=None)
@given(GROUPED, st.integers(0, 3), st.sampled_from([0.1, 0.25, 0.5]), st.booleans())
def test_a_grouped_split_never_leaks(
    rows: tuple[np.ndarray, np.ndarray], seed: int, share: float, is_class: bool
) -> None:
    group, target = rows
    try:
        held_out = grouped_split(
            target.astype(float), group, is_class=is_class, share=share, seed=seed
        )
    except DatasetError:
        return
    assert not set(group[held_out]) & set(group[~held_out])
    assert held_out.any()
    assert not held_out.all()
    if is_class:
        assert set(target[held_out]) == set(target[~held_out]) == set(target)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_a_split_holds_out_what_was_asked_for(share: float) -> None:
    target = np.arange(400) % 2.0
    held_out = grouped_split(target, np.arange(400) // 4, is_class=True, share=share, seed=1)
    assert held_out.mean() == pytest.approx(share, abs=0.03)
    assert target[held_out].mean() == pytest.approx(0.5, abs=0.05)


def test_classes_of_one_group_each_are_refused() -> None:
    target = np.repeat([0.0, 1.0], 10)
    with pytest.raises(DatasetError, match="too few groups"):
        grouped_split(target, target.astype(int), is_class=True)


@pytest.mark.parametrize(
    ("target", "group", "share", "message"),
    [
        ([0, 1, 0, 1], [0, 0, 0, 0], 0.25, "one group, which is never divided"),
        ([0, 1, 1, 1], [0, 1, 2, 3], 0.25, "a single example"),
        ([0, 1, 0, 1], [0, 1, 2, 3], 0.9, "at most 0.5"),
    ],
)
def test_impossible_splits_are_refused(
    target: list[float], group: list[int], share: float, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        grouped_split(np.array(target, float), np.array(group), is_class=True, share=share)


def test_identical_texts_in_two_groups_are_leakage() -> None:
    with pytest.raises(DatasetError, match="leakage: texts 0 and 2 are identical, 'a'"):
        check_same_texts(["a", "b", "a"], np.array([0, 1, 2]))
    check_same_texts(["a", "b", "a"], np.array([0, 1, 0]))


@settings(max_examples=40, deadline=None)
@given(GROUPED, st.integers(0, 5))
def test_shuffling_keeps_how_groups_are_made(
    rows: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    group, target = rows[0], (rows[1] % 2).astype(float)
    drawn = shuffled_labels(target, group, np.random.default_rng(seed))
    inside = [target[group == one] for one in set(group)]
    if all(len(set(one)) == 1 for one in inside):
        assert all(len(set(drawn[group == one])) == 1 for one in set(group))
    elif all(len(set(one)) == 2 for one in inside):
        for one in set(group):
            assert sorted(drawn[group == one]) == sorted(target[group == one])
    else:
        assert sorted(drawn) == sorted(target)


def test_pairs_are_turned_round_by_lot() -> None:
    target, group = np.tile([0.0, 1.0], 500), np.repeat(np.arange(500), 2)
    drawn = shuffled_labels(target, group, np.random.default_rng(0))
    assert (drawn[::2] + drawn[1::2] == 1).all()
    assert (drawn == target).mean() == pytest.approx(0.5, abs=0.08)
