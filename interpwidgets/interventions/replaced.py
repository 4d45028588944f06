"""Interventions that put something else in a site's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from interpwidgets.errors import InterventionError
from interpwidgets.interventions.value import Intervention
from interpwidgets.interventions.where import Where

MODES = ("zero", "mean", "resample")


@runtime_checkable
class Kept(Protocol):
    """What a run gave of a site: an ``Activations`` Result is one."""

    site: str
    layers: tuple[int, ...]
    values: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Ablate(Intervention):
    """Put zero, a mean, or what another prompt has there, in a site's place.

    ``"mean"`` is over the positions of the same prompt in the same run, as it was given;
    with ``values``, over what those were a mean of. ``"resample"`` takes one prompt of
    ``values`` for each prompt, drawn by the seed, position by position; generated
    positions stay. ``iw.references`` makes such values.

    Source:
        Chan et al. (2022), "Causal Scrubbing", for resampling; Wang et al. (2022),
        "Interpretability in the Wild", for means over prompts. We differ in: nothing.
    """

    kind: ClassVar[str] = "ablate_site"

    mode: str = "zero"
    """What takes the place."""

    values: np.ndarray | None = None
    """Of ``"mean"`` ``[layer, *axes]``, of ``"resample"`` ``[prompt, layer, pos, *axes]``
    with NaN behind the end of a shorter prompt; float32."""

    layers: Sequence[int] = ()
    """The layers of ``values``."""

    of: str = ""
    """What ``values`` were taken from, in words."""

    seed: int = 0
    """Of the draw of ``"resample"``."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InterventionError(
                f"a site is ablated by 'zero', 'mean' or 'resample'; got {self.mode!r:.40}."
            )
        if self.mode != "mean" and (self.mode == "resample") != (self.values is not None):
            raise InterventionError(
                "resampling needs values to draw from, zero takes none: "
                "iw.references(model, prompts, site, mode='resample') makes them."
            )
        if self.values is not None:
            layer_axis = 1 if self.mode == "resample" else 0
            _settle_layers(self, np.asarray(self.values, np.float32), layer_axis)
        if self.site == "pattern" and self.mode != "zero":
            raise InterventionError(
                "attention weights of prompts of different length have no mean; ablate "
                "'pattern' by 'zero', or Patch it."
            )
        super().__post_init__()

    def words(self) -> str:
        """Return what it does, without where."""
        return f"{self.mode}-ablated" + (f" ({self.of})" if self.of else "")


@dataclass(frozen=True, eq=False, repr=False)
class Patch(Intervention):
    """Put what another run had in a site's place, position by position.

    Patching a run into itself changes nothing.

    Source:
        Vig et al. (2020), "Causal mediation analysis"; Meng et al. (2022), "Locating and
        Editing Factual Associations in GPT". We differ in: nothing.
    """

    kind: ClassVar[str] = "patch"

    values: np.ndarray
    """``[layer, pos, *axes]`` of the other run, float32; of ``"pattern"``
    ``[layer, head, query_pos, key_pos]``."""

    layers: Sequence[int] = ()
    """The layers of ``values``; empty for a site that exists once."""

    mapping: Sequence[tuple[int, int]] | None = None
    """(position there, position here); None: the same position, in prompts of one length
    or at the positions of ``where``."""

    of: str = "another run"
    """What ``values`` were taken from, in words."""

    def __post_init__(self) -> None:
        _settle_layers(self, np.asarray(self.values, np.float32), 0)
        if self.mapping is not None:
            pairs = tuple((int(there), int(here)) for there, here in self.mapping)
            object.__setattr__(self, "mapping", pairs)
            self._check_mapping(pairs)
        super().__post_init__()

    def _check_mapping(self, pairs: tuple[tuple[int, int], ...]) -> None:
        n = self.n_positions
        outside = [there for there, here in pairs if not (0 <= there < n and here >= 0)]
        twice = len({here for _, here in pairs}) != len(pairs)
        if outside or twice or self.site == "pattern":
            raise InterventionError(
                f"`mapping` pairs a position of the other run, 0-{n - 1}, with one here, each "
                "once, for a site that is no pattern; leave it out otherwise."
            )

    @property
    def n_positions(self) -> int:
        """How many positions the other run had."""
        return int(self.values.shape[2 if self.site == "pattern" else 1])

    @classmethod
    def of_run(cls, run: Kept, where: Where | None = None, **more: Any) -> Patch:
        """Make one of what another run gave.

        Args:
            run: ``iw.activations(model, prompt, site)``.
            where: As ever.
            more: Further fields.
        """
        return cls(
            values=run.values, layers=run.layers, site=run.site, where=where or Where(), **more
        )

    def words(self) -> str:
        """Return what it does, without where."""
        return f"from {self.of}"


def _settle_layers(of: Ablate | Patch, values: np.ndarray, axis: int) -> None:
    """Check that values have the layers they say, and change those alone."""
    layers = tuple(int(layer) for layer in of.layers)
    if values.ndim < axis + 2 or values.shape[axis] != max(1, len(layers)):
        raise InterventionError(
            f"`values` has shape {list(values.shape)}; its axis {axis} must be the "
            f"{len(layers)} `layers` {list(layers)}."
        )
    wanted = of.where.layers
    missing = sorted(set(wanted or ()) - set(layers))
    if missing:
        raise InterventionError(
            f"`values` holds layers {list(layers)}; `where` also asks for {missing}."
        )
    object.__setattr__(of, "values", values)
    object.__setattr__(of, "layers", layers)
