"""Every part of a logit by one breakdown, so that the parts sum to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from interpwidgets.results.attribution import DirectLogitAttribution
from interpwidgets.results.bootstrap import bootstrap_interval, mean_of

#: What each breakdown splits, and what the biases beside it are called.
_SPLITS = {"head": "attn", "source": "attn", "neuron": "mlp"}
_BIASES = {"head": "head_bias", "source": "head_bias", "neuron": "neuron_bias"}


class Place(NamedTuple):
    """Which part of a model a bar is of; −1 where a kind has no such number."""

    kind: str
    """``embed``, ``attn``, ``mlp``, ``bias``, ``head``, ``neuron``, ``source``, or
    ``attn_bias`` and ``mlp_bias``: what the biases of a layer's output add."""

    layer: int = -1
    member: int = -1
    """The number of the head or neuron."""

    pos: int = -1
    """Of the source token."""


class _Block(NamedTuple):
    """Parts of one kind; places have so many numbers as the values have axes."""

    kind: str
    values: np.ndarray
    chance: np.ndarray
    layers: tuple[int, ...] = ()

    def place(self, at: int) -> Place:
        numbers = [int(i) for i in np.unravel_index(at, self.values.shape[1:])]
        if self.layers:
            numbers[0] = self.layers[numbers[0]]
        return Place(self.kind, *numbers)


@dataclass(frozen=True)
class Bars:
    """The largest parts of a breakdown, and the sum of the others."""

    places: tuple[Place, ...]
    value: Float[np.ndarray, " bar"]
    """float64, logits; the mean over prompts."""

    low: Float[np.ndarray, " bar"]
    """Low end of the 95 % interval over prompts; NaN with one prompt."""

    high: Float[np.ndarray, " bar"]
    chance: Float[np.ndarray, " bar"]
    """± this holds 95 % of what random directions would give; NaN: there is no control."""

    rest_count: int
    rest_value: float


def bars_of(result: DirectLogitAttribution, by: str, most: int | None = None) -> Bars:
    """Return the parts of a breakdown: with the rest and the remainder they sum to the logit.

    What the breakdown does not split is there as it is: by head also the MLPs, embeddings
    and biases.

    Args:
        result: The numbers.
        by: One of its breakdowns.
        most: How many of the largest to return one by one; all by default.

    Raises:
        ResultError: The breakdown is not held, or has no mean over these prompts.
    """
    blocks = _blocks(result, by)
    values = np.concatenate([b.values.reshape(result.n, -1) for b in blocks], axis=1)
    chance = np.concatenate([b.chance.reshape(-1) for b in blocks])
    starts = np.cumsum([0, *(b.chance.size for b in blocks)])
    mean = mean_of(values)
    chosen = np.argsort(-np.abs(mean), kind="stable")[:most]
    low, high = bootstrap_interval(values[:, chosen])
    of_block = np.searchsorted(starts, chosen, side="right") - 1
    places = [
        blocks[block].place(int(at - starts[block]))
        for at, block in zip(chosen, of_block, strict=True)
    ]
    rest = float(mean.sum() - mean[chosen].sum())
    count = len(mean) - len(chosen)
    shown = (mean[chosen], low, high, chance[chosen])
    return Bars(tuple(places), *shown, count, rest if count else 0.0)


def _blocks(result: DirectLogitAttribution, by: str) -> list[_Block]:
    values, level = result.values(by), result.chance_level(by)
    parts = _components(result)
    if by == "component":
        return list(parts.values())
    split = parts.pop(_SPLITS[by])
    blocks = [*parts.values(), _Block(by, values, level)]
    bias = getattr(result, _BIASES[by])
    if bias is None:  # sources alone: what they leave of their layer's attention
        bias = split.values - values.sum(axis=(2, 3))
    if np.abs(bias).max() > 0:
        nothing = np.full(bias.shape[1:], np.nan)
        blocks.append(_Block(f"{_SPLITS[by]}_bias", bias, nothing))
    return blocks


def _components(result: DirectLogitAttribution) -> dict[str, _Block]:
    """Return the components by kind."""
    level = result.chance_level("component")
    found: dict[str, dict[int, int]] = {}
    for at, name in enumerate(result.components):
        layer, kind = re.fullmatch(r"(?:L(\d+) )?(.+)", name).groups()  # type: ignore[union-attr]
        found.setdefault(kind, {})[-1 if layer is None else int(layer)] = at
    blocks = {}
    for kind, of_layer in found.items():
        layers, columns = tuple(of_layer), list(of_layer.values())
        if layers == (-1,):
            values, chance = result.component[:, columns[0]], level[columns[0]]
            blocks[kind] = _Block(kind, values, chance)
        else:
            blocks[kind] = _Block(kind, result.component[:, columns], level[columns], layers)
    return blocks
