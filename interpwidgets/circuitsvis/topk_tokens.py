"""CircuitsVis's ``topk_tokens``: where each neuron is most and least active."""

from __future__ import annotations

from typing import Any

import numpy as np

from interpwidgets.arrays.reading import to_numpy
from interpwidgets.circuitsvis.activations import grid_result
from interpwidgets.errors import ResultError
from interpwidgets.show import show
from interpwidgets.widgets.base import View


def topk_tokens(
    tokens: list[list[str]],
    activations: list[Any],
    max_k: int = 10,
    first_dimension_name: str = "Layer",
    third_dimension_name: str = "Neuron",
    sample_labels: list[str] | None = None,
    first_dimension_labels: list[str] | None = None,
) -> View:
    """Draw activations on several texts, with a table of the highest and lowest of each.

    Args:
        tokens: The text of each token, of each sample.
        activations: ``[layer, pos, neuron]`` of each sample.
        max_k: How many of each end the table lists.
        first_dimension_name: What the first axis is.
        third_dimension_name: What the third axis is.
        sample_labels: A label for each sample.
        first_dimension_labels: A label for each member of the first axis.

    Raises:
        ResultError: The shapes do not fit together.
    """
    if len(tokens) != len(activations):
        raise ResultError(
            f"tokens and activations are of as many samples; got {len(tokens)} and "
            f"{len(activations)}."
        )
    if sample_labels is not None and len(sample_labels) != len(tokens):
        raise ResultError(f"there are {len(sample_labels)} labels for {len(tokens)} samples.")
    names = first_dimension_name, third_dimension_name
    results = []
    for i, (text, one) in enumerate(zip(tokens, activations, strict=True)):
        array = to_numpy(one, "activations")
        if array.ndim != 3:
            raise ResultError(
                f"activations must be [layer, pos, neuron]; sample {i} is {list(array.shape)}."
            )
        label = sample_labels[i] if sample_labels else ""
        values = np.moveaxis(array, 1, -1)
        labels = first_dimension_labels, None
        results.append(grid_result(text, values, names, labels, i, len(tokens), label))
    view = show(results)
    view.kept = {**view.kept, "table_open": True, "by_value": True, "most": int(max_k)}
    return view
