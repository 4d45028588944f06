"""The direction of one of a Result's probes, with where it comes from."""

from __future__ import annotations

from typing import Any

import numpy as np

from interpwidgets.directions import Direction, Origin
from interpwidgets.directions.direction import first_examples
from interpwidgets.errors import ResultError

#: What stands for the embedding among the layers.
EMBED = -1


def layer_name(layer: int) -> str:
    """Return a layer as views write it: ``"L6"``, ``"embed"``.

    Args:
        layer: Its number, or ``EMBED``.
    """
    return "embed" if layer == EMBED else f"L{layer}"


def place_of(site: str, layer: int) -> tuple[str, int | None]:
    """Return the site and layer that are meant by a layer of a probe.

    Args:
        site: The probe's.
        layer: Its number, or ``EMBED``.
    """
    return ("embed", None) if layer == EMBED else (site, layer)


def direction_of(result: Any, at: tuple[int, int, int], output: int) -> Direction:
    """Return a probe's direction.

    Args:
        result: A ``ProbeResult``, which imports this.
        at: Where on the axes method, position, layer.
        output: Which output.

    Raises:
        ResultError: It was not fitted, or is zero.
    """
    m, p, n = at
    vector, layer = result.vectors[m, p, n, output], result.layers[n]
    if not np.isfinite(vector).all() or not vector.any():
        raise ResultError(
            f"{result.methods[m]} gave no direction at {layer_name(layer)}: it was not "
            "fitted, or nothing there tells the labels apart."
        )
    trained = np.flatnonzero(result.part == 0)
    classes = result.classes
    origin = Origin(
        method=result.methods[m],
        how=result.methods[m].replace("_", " "),
        model=result.provenance.model,
        revision=result.provenance.revision,
        adapter=result.provenance.adapter,
        classes=(classes[output],) if len(classes) > 2 else classes,
        position=result.positions[p],
        split=f"train; {result.split}",
        n_examples=len(trained),
        examples=first_examples([result.texts[i] for i in trained]),
        checksum=result.checksum,
        site_norm=float(result.site_norm[p, n]),
    )
    name = classes[output if len(classes) > 2 else 1] if classes else result.about
    return Direction(vector, *place_of(result.site, layer), name or "the amount", origin)
