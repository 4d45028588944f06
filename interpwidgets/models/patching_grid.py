"""A grid of patches: which cells there are, and running them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from interpwidgets.axes import check_members
from interpwidgets.errors import InterventionError, PromptError, SiteError, nearest
from interpwidgets.interventions.value import HEAD_SITES
from interpwidgets.models.adapter import Adapter, Model, adapter_of
from interpwidgets.models.pairs import PromptPair
from interpwidgets.models.patching import Cell, Donor, ProgressTeller, Recorded, record
from interpwidgets.models.patching_engine import PatchingEngine
from interpwidgets.results.pair_grid import DIRECTIONS

#: Sites that are patched head by head unless told otherwise.
BY_HEAD = (*sorted(HEAD_SITES), "pattern")
SITES = (
    "resid_pre",
    "resid_mid",
    "resid_post",
    "attn_out",
    "mlp_in",
    "mlp_post",
    "mlp_out",
    *BY_HEAD,
)

Measure = Callable[[np.ndarray], float]


class GridPlan:
    """What is patched in each cell, checked against the model."""

    def __init__(
        self,
        model: Model,
        site: str,
        by: str | None,
        direction: str,
        layers: Sequence[int] | None,
        heads: Sequence[int] | None,
        positions: Sequence[int] | None,
        neurons: Sequence[int] | None = None,
        *,
        march: bool = True,
    ) -> None:
        """Check what was asked for.

        Args:
            model: The nnsight model.
            site: What is patched.
            by: What the columns are; None: what suits the site.
            direction: Which run is changed.
            layers: The rows; None: all.
            heads: Which heads; None: all.
            positions: Which positions; None: all.
            neurons: Which neurons of each layer, where those are the columns.
            march: As of ``PatchingEngine``.

        Raises:
            SiteError: The site cannot be patched, or the architecture lacks it.
            InterventionError: No such direction or grid.
        """
        adapter = adapter_of(model)
        if site not in SITES:
            raise SiteError(f"{site!r} is not patched in a grid. {nearest(site, SITES)}")
        if direction not in DIRECTIONS:
            raise InterventionError(
                f"direction is 'denoising' or 'noising'; got {direction!r:.40}."
            )
        self.model, self.site, self.direction = model, site, direction
        part = "head" if site in BY_HEAD else "neuron" if site == "mlp_post" else "position"
        self.by, has_heads = by or part, part == "head"
        if self.by not in ("position", part):
            also = "" if part == "position" else f" or '{part}'"
            raise InterventionError(f"a grid of {site} is by 'position'{also}; got {by!r:.40}.")
        if heads is not None and not has_heads:
            raise InterventionError(f"{site} has no heads; leave `heads` out.")
        self.layers = check_members("layer", layers, adapter.n_layers, of=adapter.name)
        adapter.place(site, self.layers[0])
        n_heads = adapter.n_kv_heads if site in ("k", "v") else adapter.n_heads
        self.heads = check_members("head", heads, n_heads, of=adapter.name) if has_heads else ()
        self.neurons = self._neurons(neurons, adapter)
        self.positions = positions
        #: Positions that a grid of heads patches; None: all that have a partner.
        self._chosen: frozenset[int] | None = None
        self._engine = PatchingEngine(model, site, march=march)

    def _neurons(self, neurons: Sequence[int] | None, adapter: Adapter) -> tuple[int, ...]:
        if self.by != "neuron":
            if neurons is not None:
                raise InterventionError(
                    f"a grid of {self.site} by {self.by} takes no neurons; leave them out, or "
                    "patch site='mlp_post' by='neuron'."
                )
            return ()
        if neurons is None:
            raise InterventionError(
                f"each layer has {adapter.d_mlp:,} neurons: say which, neurons=[...], or how "
                "many of those that matter most by gradient, top=."
            )
        return check_members("neuron", neurons, adapter.d_mlp or 0, of=adapter.name)

    def check_pairs(self, pairs: Sequence[PromptPair]) -> tuple[int, ...]:
        """Return the columns for some pairs.

        Raises:
            PromptError: They differ in length, so that no column is one position of all.
            InterventionError: Patterns of prompts of different length.
            ResultError: A position is not there.
        """
        lengths = sorted({len(pair.into(self.direction)[0]) for pair in pairs})
        identity = all(a == b for pair in pairs for a, b in pair.mapping)
        same = all(len(pair.clean) == len(pair.corrupted) for pair in pairs)
        if self.site == "pattern" and not (identity and same):
            raise InterventionError(
                "a pattern is patched between prompts of one length, position by position: "
                "leave `align` out, or patch z, q or k."
            )
        if len(lengths) > 1 and (self.by == "position" or self.positions is not None):
            raise PromptError(
                f"the prompts to change have {lengths[0]} to {lengths[-1]} tokens, so a column "
                "would mean another place in each. Give pairs of one length, or by='head'."
            )
        chosen = check_members("position", self.positions, lengths[0], of="the prompt")
        self._chosen = None if self.positions is None else frozenset(chosen)
        parts = {"head": self.heads, "neuron": self.neurons}
        return parts.get(self.by, chosen)

    def cell(self, pair: PromptPair, layer: int, column: int) -> Cell | None:
        """Return one cell; None where its token has no partner.

        Args:
            pair: The prompts.
            layer: Of the cell.
            column: A position, a head or a neuron.
        """
        _, mapping = pair.into(self.direction)
        if self.by == "position":
            pairs = tuple(two for two in mapping if two[1] == column)
            return Cell(layer, pairs, self.heads) if pairs else None
        chosen = self._chosen
        pairs = tuple(two for two in mapping if chosen is None or two[1] in chosen)
        return Cell(layer, pairs, (column,)) if pairs else None

    def record(self, pair: PromptPair) -> tuple[Recorded, Recorded]:
        """Run the clean and the corrupted prompt as they are.

        Only the one that is patched from keeps its values.
        """
        kept = (self.layers, ()) if self.direction == "denoising" else ((), self.layers)
        clean, corrupted = (
            record(self.model, tokens.ids, self.site, layers)
            for tokens, layers in zip((pair.clean, pair.corrupted), kept, strict=True)
        )
        return clean, corrupted

    def sweep(
        self,
        pair: PromptPair,
        donor: Donor,
        columns: Sequence[int],
        measure: Measure,
        into: np.ndarray,
        rows: int | None,
        teller: ProgressTeller,
        wanted: np.ndarray | None = None,
        tokens: Sequence[int] = (),
    ) -> bool:
        """Run one pair's cells, and return whether all were; an interrupt ends it.

        Args:
            pair: The prompts.
            donor: The values to patch in.
            columns: From ``check_pairs``.
            measure: The metric.
            into: ``[layer, column]``, filled in place.
            rows: Patched runs in one forward; None: what fits.
            teller: Is told how many are done.
            wanted: Which cells to run; all by default.
            tokens: The only ones whose logits the metric looks at; all by default. The
                others are NaN to it.
        """
        places, cells = [], []
        for at in np.ndindex(into.shape):
            cell = self.cell(pair, self.layers[at[0]], columns[at[1]])
            if cell is not None and (wanted is None or wanted[at]):
                places.append(at)
                cells.append(cell)
        teller.add(into.size - len(cells))
        ids = pair.into(self.direction)[0].ids
        try:
            for done, logits in self._engine.logits(ids, cells, donor, rows, tokens):
                for one, row in zip(done, self._whole_rows(logits, tokens), strict=True):
                    into[places[one]] = measure(row)
                teller.add(len(done))
        except KeyboardInterrupt:
            return False
        return True

    @property
    def note(self) -> str:
        """How the cells were run, for the provenance; empty before any was."""
        return self._engine.note

    def _whole_rows(self, logits: np.ndarray, tokens: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield logits over the whole vocabulary."""
        for row in logits:
            if not tokens:
                yield row
                continue
            whole = np.full(adapter_of(self.model).d_vocab or 0, np.nan)
            whole[list(tokens)] = row
            yield whole


def shifted(donor: Donor, by: int, like: Donor, site: str) -> Donor:
    """Return values from other positions of a run, as long as those that they stand for.

    Args:
        donor: The values.
        by: How many positions further on, around the end.
        like: Whose lengths to take.
        site: Of the values; patterns do not move.
    """
    if site == "pattern":
        raise InterventionError(
            "attention weights of another position look at keys that are not there; control a "
            "grid of patterns with prompts=[...] of the same length."
        )
    return {
        layer: _rescaled(values.roll(-by, 0), like[layer]) for layer, values in donor.items()
    }


def as_long_as(donor: Donor, like: Donor, site: str) -> Donor:
    """Return values cut to the positions of others, and as long as those vectors are.

    Args:
        donor: The values; of at least as many positions.
        like: Whose lengths to take.
        site: Of the values; attention weights stay as they are.
    """
    if site == "pattern":
        return donor
    return {
        layer: _rescaled(values[: len(like[layer])], like[layer])
        for layer, values in donor.items()
    }


def _rescaled(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    wide = torch.promote_types(values.dtype, torch.float32)
    own, wanted = (one.to(wide).norm(dim=-1, keepdim=True) for one in (values, like))
    tiny = torch.finfo(wide).tiny
    return (values.to(wide) * (wanted / own.clamp(min=tiny))).to(values.dtype)
