"""Dividing labelled texts so that nothing of a group is on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from interpwidgets.errors import DatasetError


def check_same_texts(keys: Sequence[str], side: Int[np.ndarray, " text"]) -> None:
    """Refuse identical texts that are on different sides, or could come to be.

    Args:
        keys: Each text.
        side: The number of each text's group, or of its side of a split.

    Raises:
        DatasetError: A text is in two.
    """
    first: dict[str, int] = {}
    for at, key in enumerate(keys):
        before = first.setdefault(key, at)
        if side[before] != side[at]:
            raise DatasetError(
                f"leakage: texts {before} and {at} are identical, {key!r:.60}, and could be on "
                "both sides of the split. Leave one out, or give both the same group."
            )


def grouped_split(
    target: Float[np.ndarray, " text"],
    group: Int[np.ndarray, " text"],
    *,
    is_class: bool,
    share: float = 0.25,
    seed: int = 0,
) -> Bool[np.ndarray, " text"]:
    """Return which texts are held out: whole groups, every class on both sides.

    Of classes, the shares on both sides are as near as groups allow.

    Args:
        target: Numbers of classes, or amounts.
        group: The number of each text's group.
        is_class: Whether the targets are classes.
        share: Of the texts to hold out.
        seed: Of the draw.

    Raises:
        DatasetError: The groups are too few, or hold a class each.
    """
    if not 0 < share <= 0.5:
        raise DatasetError(f"the held-out share is above 0 and at most 0.5; got {share}.")
    n_groups = len(np.unique(group))
    if n_groups < 2:
        raise DatasetError(
            f"all {len(group)} texts are one group, which is never divided. Give more groups, "
            "or leave `groups` out."
        )
    held_out = _drawn(target, group, is_class, share, seed)
    if is_class:
        check_classes(target, held_out)
    return held_out


def _drawn(
    target: np.ndarray, group: np.ndarray, is_class: bool, share: float, seed: int
) -> Bool[np.ndarray, " text"]:
    from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

    rows = np.zeros((len(group), 1))
    n_folds = min(round(1 / share), len(np.unique(group)))
    if is_class:
        rarest = int(np.unique(target, return_counts=True)[1].min())
        if rarest < 2:
            raise DatasetError(
                "a class has a single example, which cannot be on both sides. Give more."
            )
        folds = StratifiedGroupKFold(min(n_folds, rarest), shuffle=True, random_state=seed)
        _, test = next(folds.split(rows, target, group))
    else:
        drawn = GroupShuffleSplit(1, test_size=share, random_state=seed)
        _, test = next(drawn.split(rows, target, group))
    held_out = np.zeros(len(group), dtype=bool)
    held_out[test] = True
    return held_out


def check_classes(
    target: Float[np.ndarray, " text"], held_out: Bool[np.ndarray, " text"]
) -> None:
    """Refuse a split that has a class on one side only.

    Args:
        target: Numbers of classes.
        held_out: Which texts are held out.

    Raises:
        DatasetError: A class is missing on a side.
    """
    every = set(np.unique(target).tolist())
    for side, name in ((~held_out, "trained on"), (held_out, "held out")):
        missing = every - set(np.unique(target[side]).tolist())
        if missing:
            raise DatasetError(
                f"of {len(every)} classes {len(missing)} has no text among those {name}: its "
                "texts are in too few groups. Give each class several groups."
            )


def shuffled_labels(
    target: Float[np.ndarray, " text"],
    group: Int[np.ndarray, " text"],
    rng: np.random.Generator,
) -> Float[np.ndarray, " text"]:
    """Return the labels in an order that means nothing, the groups' make-up kept.

    Groups of one label swap theirs as wholes; groups that all mix labels swap within, as a
    contrast pair does; of both kinds together any text may swap with any other.

    Args:
        target: Labels.
        group: The number of each text's group.
        rng: The draw.
    """
    numbers, of = np.unique(group, return_inverse=True)
    low, high = np.full(len(numbers), np.inf), np.full(len(numbers), -np.inf)
    np.minimum.at(low, of, target)
    np.maximum.at(high, of, target)
    if (low == high).all():
        return rng.permutation(low)[of]
    if (low == high).any():
        return rng.permutation(target)
    # Sorting by group, ties broken at random, is a draw within each.
    places, drawn = np.argsort(of, kind="stable"), np.lexsort((rng.random(len(of)), of))
    out = np.empty_like(target)
    out[places] = target[drawn]
    return out
