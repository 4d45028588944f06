"""What probes read off a site, layer by layer, on texts that they were not fitted on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpwidgets.directions import Direction
from interpwidgets.errors import ResultError, nearest
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.probe_direction import direction_of, layer_name
from interpwidgets.results.probe_numbers import (
    Calibration,
    Histogram,
    Roc,
    calibration_of,
    confusion_of,
    histogram_of,
    interval_of,
    roc_of,
)
from interpwidgets.results.renderings import rendering

if TYPE_CHECKING:
    import pandas as pd

#: What the first two parts are called; further ones are other datasets.
TRAIN, HELD_OUT = "train", "held out"


@dataclass(frozen=True, repr=False)
class ProbeResult(Result):
    """Probes at every layer and position rule, and how well they do beside their controls.

    A *part* is what texts were for: ``"train"``, ``"held out"``, then other datasets. An
    *output* is one score: of two classes or an amount there is one. The score of a text is
    the mean over the positions that the rule reads.
    """

    kind: ClassVar[str] = "probe"

    task: str
    """``"binary"``, ``"multiclass"`` or ``"regression"``."""

    classes: tuple[str, ...]
    """In the order of their numbers, the positive one last of two; empty for amounts."""

    about: str
    """What the labels are of, in words; may be empty."""

    site: str
    """A name of ``interpwidgets.sites.SITES``."""

    layers: tuple[int, ...]
    """Numbers of layers; −1 for the embedding."""

    positions: tuple[str, ...]
    """Which token was read, in words."""

    methods: tuple[str, ...]
    """How the probes were fitted."""

    metrics: tuple[str, ...]
    """``accuracy`` and ``auroc``, or ``r2`` and ``correlation``."""

    parts: tuple[str, ...]
    """What texts were for."""

    part: Int[np.ndarray, " text"]
    """int32; which part each text is of."""

    target: Float[np.ndarray, " text"]
    """float32; the number of its class, or its amount."""

    group: Int[np.ndarray, " text"]
    """int32; texts of one group are never on both sides."""

    texts: tuple[str, ...]
    """The texts; chats and token ids as JSON."""

    scores: Float[np.ndarray, "method position layer text output"]
    """float32; log-odds of the class (of several: against the rest), or the amount. NaN
    where none was read or fitted."""

    vectors: Float[np.ndarray, "method position layer output d"]
    """float32; the probes' directions, in units of the site."""

    slope: Float[np.ndarray, "method position layer output"]
    """float32; a score is slope × vector · activation + intercept."""

    intercept: Float[np.ndarray, "method position layer output"]
    """float32."""

    value: Float[np.ndarray, "part metric method position layer"]
    """float32."""

    low: Float[np.ndarray, "part metric method position layer"]
    """float32; the 95 % interval over groups, resampled; NaN for the training part."""

    high: Float[np.ndarray, "part metric method position layer"]
    """float32."""

    shuffled: Float[np.ndarray, "metric method position layer shuffle"]
    """float32, a control: held out, all labels in an order that means nothing."""

    random: Float[np.ndarray, "metric position layer random_draw"]
    """float32, a control: held out, along random directions with the best line."""

    rotated: Float[np.ndarray, "metric method position layer rotation"]
    """float32, the control of methods that speak of single components: held out, the site
    turned at random; NaN for other methods."""

    site_norm: Float[np.ndarray, "position layer"]
    """float32; mean length of the site's vectors at the positions read."""

    split: str = ""
    """How the held-out texts were chosen, in words."""

    position_names: tuple[str, ...] = ()
    """The rules as ``position=`` takes them."""

    prepend_bos: bool | None = None
    """As it was asked for."""

    seed: int = 0
    """Of the split and the controls."""

    checksum: str = ""
    """Of the dataset."""

    def __post_init__(self) -> None:
        m, p, n = len(self.methods), len(self.positions), len(self.layers)
        wanted = {
            "scores": (m, p, n, len(self.texts)),
            "vectors": (m, p, n),
            "slope": (m, p, n),
            "value": (len(self.parts), len(self.metrics), m, p, n),
            "shuffled": (len(self.metrics), m, p, n),
            "random": (len(self.metrics), p, n),
            "site_norm": (p, n),
        }
        for name, shape in wanted.items():
            given = getattr(self, name).shape[: len(shape)]
            if given != shape:
                raise ResultError(f"{name} must begin {shape} for these axes; it is {given}.")

    # ---------------------------------------------------------------------- one probe

    def at(
        self, layer: int, *, method: str | None = None, position: str | int | None = None
    ) -> tuple[int, int, int]:
        """Return where a probe is on the axes method, position, layer.

        Args:
            layer: The layer; −1 for the embedding.
            method: One of ``methods``; the first by default.
            position: One of ``position_names``; the first by default.

        Raises:
            ResultError: There is no such probe.
        """
        if layer not in self.layers:
            have = ", ".join(map(layer_name, self.layers))
            raise ResultError(f"there is no probe at layer {layer}; they are at {have}.")
        return (
            _index("method", method, self.methods),
            _index("position", position, self.position_names),
            self.layers.index(layer),
        )

    def best_layer(
        self, *, method: str | None = None, position: str | int | None = None
    ) -> int:
        """Return the layer whose probe does best on held-out texts, by the last metric.

        What is then reported of it on the same texts is optimistic: choose on one dataset,
        report on another.

        Args:
            method: As of ``at``.
            position: As of ``at``.

        Raises:
            ResultError: None was measured.
        """
        of = self.at(self.layers[0], method=method, position=position)[:2]
        values = self.value[1, -1, of[0], of[1]]
        if np.isnan(values).all():
            raise ResultError("no probe was measured on held-out texts.")
        return self.layers[int(np.nanargmax(values))]

    def direction(
        self,
        layer: int,
        *,
        method: str | None = None,
        position: str | int | None = None,
        output: int | str | None = None,
    ) -> Direction:
        """Return a probe's direction, towards the positive class or the larger amount.

        Args:
            layer: The layer; −1 for the embedding.
            method: As of ``at``.
            position: As of ``at``.
            output: Of several classes which one, by name or number.

        Raises:
            ResultError: There is no such probe, or it was not fitted.
        """
        at = self.at(layer, method=method, position=position)
        return direction_of(self, at, self._output(output))

    def held_out(
        self,
        layer: int,
        *,
        part: str = HELD_OUT,
        method: str | None = None,
        position: str | int | None = None,
    ) -> tuple[Float[np.ndarray, "text output"], Float[np.ndarray, " text"]]:
        """Return scores and targets of one part's texts, those without a score left out.

        Args:
            layer: The layer.
            part: One of ``parts``.
            method: As of ``at``.
            position: As of ``at``.
        """
        chosen = self.part == _index("part", part, self.parts)
        scores = self.scores[self.at(layer, method=method, position=position)][chosen]
        known = np.isfinite(scores).all(axis=1)
        return scores[known], self.target[chosen][known]

    def roc(self, layer: int, **which: Any) -> Roc:
        """Return false and true positive rates over all thresholds, of two classes.

        Args:
            layer: The layer.
            which: ``part``, ``method``, ``position`` as of ``held_out``.

        Raises:
            ResultError: There are not two classes.
        """
        self._need_two("a ROC curve")
        scores, target = self.held_out(layer, **which)
        return roc_of(scores[:, 0], target)

    def histogram(self, layer: int, *, bins: int = 24, **which: Any) -> Histogram:
        """Return how many texts of each class have which score, of two classes.

        Args:
            layer: The layer.
            bins: How many, of one width.
            which: ``part``, ``method``, ``position`` as of ``held_out``.

        Raises:
            ResultError: There are not two classes.
        """
        self._need_two("a histogram of scores by class")
        scores, target = self.held_out(layer, **which)
        return histogram_of(scores[:, 0], target, bins)

    def calibration(self, layer: int, *, bins: int = 10, **which: Any) -> Calibration:
        """Return how often the positive class is there when the probe says how likely.

        Args:
            layer: The layer.
            bins: How many, of one width in probability.
            which: ``part``, ``method``, ``position`` as of ``held_out``.

        Raises:
            ResultError: There are not two classes.
        """
        self._need_two("calibration")
        scores, target = self.held_out(layer, **which)
        return calibration_of(scores[:, 0], target, bins)

    def confusion(
        self, layer: int, *, threshold: float | int = 0.0, **which: Any
    ) -> Int[np.ndarray, "true predicted"]:
        """Return how many texts of each class are taken for which.

        Args:
            layer: The layer.
            threshold: Of two classes, the log-odds above which it is the second.
            which: ``part``, ``method``, ``position`` as of ``held_out``.

        Raises:
            ResultError: The labels are amounts.
        """
        if not self.classes:
            raise ResultError("amounts have no classes to confuse.")
        scores, target = self.held_out(layer, **which)
        return confusion_of(scores, target, len(self.classes), threshold)

    # ------------------------------------------------------------------------- showing

    def to_frame(self) -> pd.DataFrame:
        """Return one row per part, metric, method, position and layer.

        Columns: those, value, low and high (95 %), and of held-out texts the controls:
        shuffled, shuffled_low, shuffled_high, random (three), rotated (three).
        """
        import pandas as pd

        axes = (self.parts, self.metrics, self.methods, self.position_names, self.layers)
        names = ("part", "metric", "method", "position", "layer")
        index = list(itertools.product(*axes))
        table = pd.DataFrame(index, columns=list(names))
        for name in ("value", "low", "high"):
            table[name] = getattr(self, name).reshape(-1)
        of_held_out = table["part"] == HELD_OUT
        for name in ("shuffled", "random", "rotated"):
            mean, low, high = self.control(name)
            for suffix, numbers in (("", mean), ("_low", low), ("_high", high)):
                table[f"{name}{suffix}"] = np.nan
                table.loc[of_held_out, f"{name}{suffix}"] = numbers.reshape(-1)
        return table

    def control(self, name: str) -> Float[np.ndarray, "3 metric method position layer"]:
        """Return a control's mean over draws, and between what 95 % of them lie.

        Args:
            name: ``"shuffled"``, ``"random"`` or ``"rotated"``.
        """
        draws = getattr(self, name)
        if name == "random":
            shape = (len(self.metrics), len(self.methods), *draws.shape[1:])
            draws = np.broadcast_to(draws[:, None], shape)
        return interval_of(draws)

    @cached_property
    def n(self) -> dict[str, int]:
        """How many texts each part has."""
        return {name: int((self.part == i).sum()) for i, name in enumerate(self.parts)}

    def summary(self) -> str:
        """Return in one line what was probed, and on how many texts."""
        what = self.about or " / ".join(self.classes) or "an amount"
        counts = ", ".join(f"{n} {name}" for name, n in self.n.items())
        return f"{what}, {counts}, {self.split}"

    def __repr__(self) -> str:
        lines = [f"ProbeResult of {self.provenance.model or 'a model'}: {self.summary()}"]
        shuffled = self.control("shuffled")[0]
        for m, p in np.ndindex(len(self.methods), len(self.positions)):
            lines.append(f"  {self.methods[m]}, {self.positions[p]}, {self.metrics[0]}")
            for n, layer in enumerate(self.layers):
                value, low, high = (a[1, 0, m, p, n] for a in (self.value, self.low, self.high))
                null = shuffled[0, m, p, n]
                lines.append(
                    f"    {layer_name(layer):>5} {value:.3f}, {low:.3f}–{high:.3f}; "
                    + (f"shuffled {null:.3f}" if np.isfinite(null) else "no control yet")
                )
        return "\n".join(lines)

    def figure(self, **which: Any) -> Any:
        """Return a plotly figure: a metric by layer with its controls, ROC and scores.

        Args:
            which: ``layer``, ``method``, ``position``, and ``width`` (``"column"``,
                ``"page"``, ``"slide"``).
        """
        return rendering("probe_figure")(self, **which)

    def _need_two(self, what: str) -> None:
        if self.task != "binary":
            raise ResultError(f"{what} needs two classes; these labels are {self.task}.")

    def _output(self, output: int | str | None) -> int:
        n = self.vectors.shape[3]
        if n == 1:
            return 0
        if output is None:
            raise ResultError(f"which class? output= one of {', '.join(self.classes)}.")
        return _index("output", output, self.classes)

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> ProbeResult:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        return cls(**fields)


def _index(axis: str, wanted: str | int | None, known: tuple[str, ...]) -> int:
    if wanted is None:
        return 0
    if str(wanted) in known:
        return known.index(str(wanted))
    if axis == "output" and isinstance(wanted, int) and 0 <= wanted < len(known):
        return wanted
    raise ResultError(f"there is no {axis} {wanted!r}. {nearest(str(wanted), known)}")
