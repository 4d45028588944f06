"""A direction from labelled prompts, and opening a saved one for a model."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from interpwidgets.directions import Direction, Origin, read_direction
from interpwidgets.directions.dataset import Dataset, dataset_of
from interpwidgets.directions.direction import first_examples
from interpwidgets.errors import DatasetError, DirectionError
from interpwidgets.estimators.bench import TRAIN, Design
from interpwidgets.estimators.fitting import check_methods, fit
from interpwidgets.models.adapter import Adapter, adapter_of
from interpwidgets.models.labelled_rows import read_rows, site_layers
from interpwidgets.models.loading import ready
from interpwidgets.models.prompts import read_prompts
from interpwidgets.models.reading_positions import Rule
from interpwidgets.models.token_spans import token_spans
from interpwidgets.results.base import Provenance
from interpwidgets.results.probe_direction import place_of

MAX_BYTES = 2**29


def direction(
    model: Any,
    dataset: Any,
    labels: Any = None,
    *,
    layer: int,
    method: str = "mean_difference",
    site: str = "resid_post",
    position: str | int = "last",
    tokens_per_text: int | None = None,
    output: str | None = None,
    name: str = "",
    groups: Any = None,
    spans: Any = None,
    positive: Any = None,
    task: str | None = None,
    regularisation: float | int = 1.0,
    seed: int = 0,
    prepend_bos: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> Direction:
    """Make a direction of all of some labelled prompts, towards the positive ones.

    The difference of means of contrast pairs is the mean of the pairs' differences. How well
    a direction tells texts apart that it was not made of, ``iw.probe`` measures.

    Args:
        model: An nnsight or a Hugging Face model.
        dataset: As of ``iw.probe``: an ``iw.Dataset``, a DataFrame, prompts with ``labels``, or
            contrast pairs [(positive, negative), ...].
        labels: One for each prompt.
        layer: The layer; −1 for the embedding.
        method: ``"mean_difference"``, ``"pca"``, ``"logistic"``, ``"lda"`` or ``"sign"``; for
            amounts ``"ridge"`` or ``"pca"``.
        site: A site with one vector at each position.
        position: As of ``iw.probe``, one.
        tokens_per_text: As of ``iw.probe``.
        output: Of several classes, which one against the rest.
        name: What it stands for; by default the class that it points to.
        groups: As of ``iw.probe``.
        spans: As of ``iw.probe``.
        positive: As of ``iw.probe``.
        task: As of ``iw.probe``.
        regularisation: As of ``iw.probe``.
        seed: Of the draw of ``tokens_per_text``.
        prepend_bos: As of ``iw.attention``.
        max_bytes: Refuse to keep more activations than this.

    Returns:
        ``Direction``, for ``iw.interventions.Add`` and ``ProjectOut``.

    Raises:
        DatasetError: The labels do not fit the method.
        DirectionError: The examples are all alike there.
        SiteError: The site is not one vector at each position, or is not there.

    Example:
        >>> import interpwidgets as iw
        >>> pairs = [([1, 5, a], [1, 6, a]) for a in range(7, 11)]
        >>> iw.direction(iw.load("lil-attn-2l"), pairs, layer=0).place
        'resid_post L0'

    Source:
        Marks and Tegmark (2023), "The Geometry of Truth", for the difference of means. We
        differ in: the estimators are scikit-learn's where it has them.
    """
    model = ready(model)
    own = {"groups": groups, "spans": spans, "positive": positive, "task": task}
    data = dataset_of(dataset, labels, **own)
    check_methods((method,), len(data.classes))
    number = _output(data, output)
    adapter = adapter_of(model)
    prompts = read_prompts(list(data.texts), model, prepend_bos=prepend_bos).prompts
    rule, marked = Rule(position, tokens_per_text, seed), None
    if position == "span" and data.spans is not None:
        marked = token_spans(model, data.texts, prompts, data.spans)
    found = read_rows(
        model,
        prompts,
        site,
        site_layers(adapter, site, [layer]),
        [rule],
        spans=marked,
        max_bytes=max_bytes,
    )
    rows = found.by_rule[0]
    part = np.where(found.read, TRAIN, -1)
    design = Design(data.target, data.group, part, 1, len(data.classes), data.paired)
    of_rows, chosen = design.labels(rows, data.target)
    learnt_from = rows.values[0][chosen]
    vector = fit(method, learnt_from, of_rows, float(regularisation)).vectors[number]
    if not np.abs(vector).max() > 0:
        raise DirectionError(
            f"{method} finds no direction at {site} of layer {layer}: read at the {rule}, "
            "the examples of all labels are alike there. Try a later layer or another position."
        )
    norm = float(np.linalg.norm(learnt_from.astype(np.float64), axis=1).mean())
    origin = _origin(data, number, method, found.provenance, str(rule), norm)
    return Direction(vector, *place_of(site, layer), name or _name(data, number), origin)


def load_direction(path: str | Path, model: Any = None) -> Direction:
    """Open a direction that ``Direction.save`` wrote.

    Args:
        path: The file.
        model: An nnsight or a Hugging Face model that it is meant for, to check that it fits.

    Returns:
        The direction, with a ``UserWarning`` where it was made on another model.

    Raises:
        DirectionError: It is no saved direction, or of another width than the model's site.
        SiteError: The model has no such site or layer.

    Source:
        Ours: what is said of a vector that was kept is what was known when it was made.
    """
    found = read_direction(path)
    if model is not None:
        _check_fits(found, adapter_of(ready(model)))
    return found


def _check_fits(found: Direction, adapter: Adapter) -> None:
    """Refuse a direction that the model has no place for; warn of another model's."""
    adapter.place(found.site, 0)  # refuses what the architecture lacks
    width = adapter.width(found.site)
    if len(found) != width:
        raise DirectionError(
            f"{found.name} is {len(found)} wide; {found.site} of {adapter.name} is {width}. It "
            f"was made on {found.origin.model or 'a model not known'}: load that one."
        )
    adapter.place(found.site, found.layer or 0)
    theirs = (found.origin.model, found.origin.revision)
    if found.origin.model and theirs != (adapter.name, adapter.revision):
        warnings.warn(
            f"{found.name} was made on {' '.join(theirs).strip()}, not on "
            f"{adapter.name} {adapter.revision}".strip()
            + ": as wide, but another model.",
            stacklevel=3,
        )


def _output(data: Dataset, output: str | None) -> int:
    if len(data.classes) <= 2:
        return 0
    if output not in data.classes:
        raise DatasetError(
            f"there are {len(data.classes)} classes: output= one of {', '.join(data.classes)}."
        )
    return data.classes.index(output)


def _name(data: Dataset, number: int) -> str:
    if not data.classes:
        return data.name or "the amount"
    return data.classes[number if len(data.classes) > 2 else 1]


def _origin(
    data: Dataset, number: int, method: str, p: Provenance, position: str, norm: float
) -> Origin:
    several = len(data.classes) > 2
    return Origin(
        method=method,
        how=method.replace("_", " ") + (" of pairs" if data.paired else ""),
        model=p.model,
        revision=p.revision,
        adapter=p.adapter,
        classes=(data.classes[number],) if several else data.classes,
        position=position,
        split="all examples",
        n_examples=len(data),
        examples=first_examples(data.keys),
        checksum=data.checksum,
        site_norm=norm,
    )
