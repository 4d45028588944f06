"""What taking away each place of a model does to a metric, over prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, with_tuples
from interpwidgets.results.effect_grid import EffectGrid
from interpwidgets.results.renderings import rendering
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd

#: What a sweep goes through beside the layers.
BY = ("head", "layer", "position")


@dataclass(frozen=True, kw_only=True, repr=False)
class AblationSweep(EffectGrid):
    """Layers × heads, × positions, or layers alone: the metric ablated less as it is."""

    kind: ClassVar[str] = "ablation_sweep"
    control_call: ClassVar[str] = "iw.ablation_control(model, result)"
    case: ClassVar[str] = "prompt"

    site: str
    """What was ablated."""

    by: str
    """``"head"``, ``"layer"`` or ``"position"``: what the columns are."""

    mode: str
    """``"zero"``, ``"mean"`` or ``"resample"``."""

    of: str
    """What was put there, in words: which references."""

    layers: tuple[int, ...]
    """The rows."""

    columns: tuple[int, ...]
    """Heads or positions; one column for whole layers."""

    prompts: tuple[Tokens, ...]
    """Each case."""

    base_values: Float[np.ndarray, " prompt"]
    """The metric of each prompt's run as it is."""

    positions: tuple[int, ...] = ()
    """Positions that are ablated at once; empty: all."""

    heads: tuple[int, ...] = ()
    """Heads that are ablated at once, of a sweep by layer or position; empty: no heads."""

    seed: int = 0
    """Of the draw of ``"resample"``."""

    def __post_init__(self) -> None:
        self._check_raw((len(self.prompts), len(self.layers), len(self.columns)))
        if self.by not in BY or len(self.base_values) != len(self.prompts):
            raise ResultError(
                f"a sweep is by {', '.join(BY)}, with a value of each of its "
                f"{len(self.prompts)} prompts; got {self.by!r} and {len(self.base_values)}."
            )

    @property
    def effects(self) -> Float[np.ndarray, "prompt row column"]:
        """Every prompt's cells: the metric ablated less as it is, in the metric's unit."""
        return self._normalised(self.raw)

    def _normalised(self, raw: np.ndarray) -> np.ndarray:
        return raw - self.base_values[:, None, None]

    def row_names(self) -> tuple[str, ...]:
        """Return the layers as views name them."""
        return tuple(f"L{layer}" for layer in self.layers)

    def column_names(self) -> tuple[str, ...]:
        """Return the columns as views name them; tokens where all prompts have the same."""
        if self.by == "layer":
            return (self.site,)
        return tuple(self._column_name(at) for at in self.columns)

    def _column_name(self, at: int) -> str:
        if self.by == "head":
            return f"H{at}"
        texts = {tokens.text[at] for tokens in self.prompts}
        return texts.pop() if len(texts) == 1 else f"position {at}"

    def cell_name(self, row: int, column: int) -> str:
        """Return one cell's name: ``"L3 H2"``, ``"L3 mlp_out"``, ``"L3 pos 4 ' Ada'"``."""
        layer, at = self.layers[row], self.columns[column]
        if self.by == "head":
            return head_name(layer, at)
        if self.by == "layer":
            return f"L{layer} {self.site}"
        return f"L{layer} pos {at} {self._column_name(at)!r}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per prompt and cell.

        Columns: prompt, layer, head or position (and token), raw, effect, base, and, once
        there is a control, its mean and interval over draws.
        """
        import pandas as pd

        prompt, row, column = (axis.ravel() for axis in np.indices(self.raw.shape))
        table: dict[str, Any] = {"prompt": prompt, "layer": np.array(self.layers)[row]}
        if self.by != "layer":
            table[self.by] = np.array(self.columns)[column]
        if self.by == "position":
            table["token"] = [
                self.prompts[p].text[self.columns[c]]
                for p, c in zip(prompt, column, strict=True)
            ]
        table |= {
            "raw": self.raw.ravel(),
            "effect": self.effects.ravel(),
            "base": self.base_values[prompt],
        }
        return pd.DataFrame(table | self._control_columns(row, column))

    def summary(self) -> str:
        """Return in one line what was ablated by what, and how it was measured."""
        name = self.provenance.model or "a model"
        prompts = "1 prompt" if self.n == 1 else f"{self.n} prompts"
        what = f"{self.mode}-ablation of {self.site} by {self.by}"
        return f"{name}: {what}{f' ({self.of})' if self.of else ''}, {self.metric}, {prompts}"

    def __repr__(self) -> str:
        control = "no control yet" if self.control is None else f"control {self.control}"
        lines = [
            self.summary(),
            f"  as it is {self.base_values.mean():.4g} {self.unit}; cells: ablated less that",
            f"  {', '.join(self.best()) or 'no cell was run'}",
            f"  {control}",
        ]
        return "\n".join(lines)

    def figure(self, **which: Any) -> Any:
        """Return a plotly heat map.

        Args:
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.
        """
        return rendering("ablation_sweep_figure")(self, **which)

    def to_html(self) -> str:
        """Return a static page: the grid as a picture, and its table."""
        page: str = rendering("ablation_sweep_html")(self)
        return page

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> AblationSweep:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["prompts"] = tuple(Tokens.from_plain(tokens) for tokens in plain["prompts"])
        fields["answers"] = tuple(tuple(ids) for ids in plain["answers"])
        return cls(**fields)

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, plain = super()._parts()
        plain["prompts"] = [vars(tokens) for tokens in self.prompts]
        return arrays, plain
