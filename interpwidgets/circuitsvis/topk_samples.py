"""CircuitsVis's ``topk_samples``: the texts on which each neuron is most active."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from interpwidgets.arrays.built import token_values
from interpwidgets.arrays.reading import read_texts, to_numpy
from interpwidgets.errors import ResultError
from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.tokens import Tokens
from interpwidgets.show import show
from interpwidgets.widgets.base import View


def topk_samples(
    tokens: list[list[list[list[str]]]],
    activations: Any,
    zeroth_dimension_name: str | None = "Layer",
    first_dimension_name: str | None = "Neuron",
    zeroth_dimension_labels: list[str] | None = None,
    first_dimension_labels: list[str] | None = None,
) -> View:
    """Draw the samples of each neuron, the one with the largest activation first.

    Each (layer, neuron) is a text of its own, which the prompt picker chooses; its samples
    stand below one another, each under a line with its number and its largest activation.

    Args:
        tokens: ``[layer][neuron][sample]``, each the texts of its tokens.
        activations: The same with a number for each token.
        zeroth_dimension_name: What the first axis is.
        first_dimension_name: What the second axis is.
        zeroth_dimension_labels: A label for each member of the first axis.
        first_dimension_labels: Likewise of the second.

    Raises:
        ResultError: The shapes do not fit together.
    """
    if [len(layer) for layer in tokens] != [len(layer) for layer in activations]:
        raise ResultError("tokens and activations need the same layers and neurons.")
    pairs = [(i, j) for i, layer in enumerate(tokens) for j in range(len(layer))]
    names = zeroth_dimension_name or "Layer", first_dimension_name or "Neuron"
    results = []
    for at, (i, j) in enumerate(pairs):
        labels = (_label(zeroth_dimension_labels, i), _label(first_dimension_labels, j))
        name = ", ".join(f"{n} {label}" for n, label in zip(names, labels, strict=True))
        result = _result(tokens[i][j], activations[i][j], name)
        results.append(dataclasses.replace(result, prompt_index=at, prompt_count=len(pairs)))
    return show(results)


def _label(labels: list[str] | None, index: int) -> str:
    return str(index) if labels is None else labels[index]


def _result(samples: list[list[str]], activations: Any, name: str) -> TokenValues:
    values = [to_numpy(one, "activations") for one in activations]
    for i, (text, one) in enumerate(zip(samples, values, strict=False)):
        if one.shape != (len(text),):
            raise ResultError(
                f"{name}: sample {i} has {len(text)} tokens and activations {list(one.shape)}."
            )
    if len(samples) != len(values):
        raise ResultError(f"{name}: {len(samples)} texts and {len(values)} activations.")
    order = sorted(range(len(values)), key=lambda i: -float(values[i].max(initial=-np.inf)))
    text = [word for i in order for word in samples[i]]
    role = [f"sample {i}, at most {values[i].max():.3g}" for i in order for _ in samples[i]]
    turn = [place for place, i in enumerate(order) for _ in samples[i]]
    plain = read_texts(text)
    chat = Tokens(
        plain.ids, plain.text, plain.special, plain.generated, tuple(role), tuple(turn)
    )
    return token_values(
        chat,
        np.concatenate([values[i] for i in order]),
        title="Samples",
        prompt_label=name,
    )
