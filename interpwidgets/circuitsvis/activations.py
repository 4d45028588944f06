"""CircuitsVis's ``activations``: neurons' activations on texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from interpwidgets.arrays.built import token_values
from interpwidgets.arrays.reading import read_texts, to_numpy
from interpwidgets.errors import ResultError
from interpwidgets.results.token_values import RowAxis, TokenValues
from interpwidgets.show import show
from interpwidgets.widgets.base import View


def text_neuron_activations(
    tokens: list[str] | list[list[str]],
    activations: Any,
    first_dimension_name: str | None = "Layer",
    second_dimension_name: str | None = "Neuron",
    first_dimension_labels: list[str] | None = None,
    second_dimension_labels: list[str] | None = None,
) -> View:
    """Draw activations on the tokens of one text or several, with a picker for each axis.

    Args:
        tokens: The text of each token, or a list of those.
        activations: ``[pos, layer, neuron]``, or a list of those.
        first_dimension_name: What the second axis is.
        second_dimension_name: What the third axis is.
        first_dimension_labels: A label for each member of the second axis.
        second_dimension_labels: Likewise of the third.

    Raises:
        ResultError: The shapes do not fit together.
    """
    several = isinstance(activations, (list, tuple)) and _ndim(activations) != 3
    texts = list(tokens) if several else [tokens]
    arrays = list(activations) if several else [activations]
    if len(texts) != len(arrays):
        raise ResultError(f"tokens are of {len(texts)} samples, activations of {len(arrays)}.")
    results = []
    for i, (text, one) in enumerate(zip(texts, arrays, strict=True)):
        array = to_numpy(one, "activations")
        if array.ndim != 3:
            raise ResultError(
                f"activations must be [pos, layer, neuron]; sample {i} is {list(array.shape)}."
            )
        names = first_dimension_name or "Layer", second_dimension_name or "Neuron"
        labels = first_dimension_labels, second_dimension_labels
        results.append(
            grid_result(text, np.moveaxis(array, 0, -1), names, labels, i, len(texts))
        )
    return show(results)


def grid_result(
    tokens: Any,
    activations: np.ndarray,
    names: Sequence[str],
    labels: Sequence[Sequence[str] | None],
    index: int,
    count: int,
    label: str = "",
    title: str = "Activations",
) -> TokenValues:
    """Return activations with two axes of rows.

    Args:
        tokens: The text of each token.
        activations: ``[first, second, pos]``.
        names: Of the two axes.
        labels: Of their members; None: their numbers.
        index: Which sample of several this is.
        count: How many there are.
        label: What it is called.
        title: What the values are.

    Raises:
        ResultError: There are not as many labels as members.
    """
    axes = tuple(
        _axis(name, of, n)
        for name, of, n in zip(names, labels, activations.shape[:2], strict=True)
    )
    return token_values(
        read_texts(tokens),
        activations.reshape(-1, activations.shape[-1]),
        row_axes=axes,
        title=title,
        prompt_index=index,
        prompt_count=count,
        prompt_label=label,
    )


def _axis(name: str, labels: Sequence[str] | None, n: int) -> RowAxis:
    if labels is not None and len(labels) != n:
        raise ResultError(f"there are {len(labels)} labels for {n} of {name}.")
    return name, tuple(map(str, labels if labels is not None else range(n)))


def _ndim(value: Any) -> int:
    if isinstance(value, (list, tuple)):
        return 1 + (_ndim(value[0]) if len(value) else 0)
    return int(getattr(value, "ndim", 0))
