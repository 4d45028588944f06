"""Single patches between the two runs of each pair of a grid, beside the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.errors import InterventionError
from interpwidgets.interventions import Patch, Where
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.capture import Read
from interpwidgets.models.keeping import keep
from interpwidgets.models.pairs import PromptPair
from interpwidgets.models.patching import Donor, Recorded, record
from interpwidgets.models.patching_grid import shifted
from interpwidgets.models.prompts import Batch, Prompt
from interpwidgets.models.token_text import read_tokens
from interpwidgets.reads.metrics import Metric, log_softmax, metric_of
from interpwidgets.results.patched_run import PatchedRun, PatchPlace
from interpwidgets.results.patching import PatchingGrid

#: Next tokens that are kept of a run.
TOP_K = 5
#: Bytes of one prompt's values up to which all layers are recorded in one forward.
DONOR_BYTES = 2**26
#: The metric of an unchanged run may differ so much from the grid's: other batch, same number.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-4

Top = tuple[tuple[str, float], ...]


def _last_logits(
    logits: Float[torch.Tensor, "prompt pos d_vocab"],
) -> Float[torch.Tensor, "prompt d_vocab"]:
    return logits[:, -1].to(torch.promote_types(logits.dtype, torch.float32))


_LAST_LOGITS = Read("logits", None, _last_logits)


def _moved(place: PatchPlace) -> str:
    if place.pos is None:
        return ""
    there = place.pos if place.source_pos is None else place.source_pos
    return f", position {there} → {place.pos}"


class PatchedRuns:
    """The runs of a grid's pairs, kept so that a further patch costs one forward each."""

    def __init__(self, model: Model, grid: PatchingGrid, asked: Any) -> None:
        """Note what is patched between what.

        Args:
            model: The nnsight model of the grid.
            grid: Says which prompts, in which direction, and the metric's answers.
            asked: The metric: a name of ``METRICS`` or a function.
        """
        self.model, self.grid, self._asked = model, grid, asked
        sides = zip(grid.clean, grid.corrupted, grid.mapping, strict=True)
        self._pairs = [PromptPair(*side) for side in sides]
        self._donors: dict[tuple[int, str, int], torch.Tensor] = {}
        self._ends: dict[int, tuple[Recorded, Recorded]] = {}
        self._metrics: dict[int, Metric] = {}

    # ------------------------------------------------------------------------- the pairs

    def ends(self, pair: int) -> tuple[Recorded, Recorded]:
        """Return the clean and the corrupted run of a pair, as they are.

        Raises:
            InterventionError: They are no longer what the grid was measured between.
        """
        if pair not in self._ends:
            of = self._pairs[pair]
            clean, corrupted = (
                record(self.model, tokens.ids, self.grid.site, ())
                for tokens in (of.clean, of.corrupted)
            )
            ids = self.grid.answers[pair] if self.grid.answers else ()
            tokenizer = getattr(self.model, "tokenizer", None)
            words = read_tokens(tokenizer, ids).text if ids else ()
            metric = metric_of(self._asked, words, ids, clean.logits)
            now = metric(clean.logits), metric(corrupted.logits)
            self._check_same(pair, now)
            self._metrics[pair], self._ends[pair] = metric, (clean, corrupted)
        return self._ends[pair]

    def _check_same(self, pair: int, now: tuple[float, float]) -> None:
        grid = self.grid
        before = float(grid.clean_values[pair]), float(grid.corrupted_values[pair])
        if not np.allclose(now, before, rtol=_RELATIVE, atol=_ABSOLUTE):
            raise InterventionError(
                f"without a patch the model gives {now[0]:.4g} and {now[1]:.4g} here and gave "
                f"{before[0]:.4g} and {before[1]:.4g} for the grid: weights, adapter or "
                "precision changed. Run the grid again."
            )

    def top_of_ends(self) -> tuple[Top, Top]:
        """Return the most probable next tokens of the first pair's clean and corrupted run."""
        clean, corrupted = self.ends(0)
        return self.top(clean.logits), self.top(corrupted.logits)

    def top(self, logits: Float[np.ndarray, " d_vocab"]) -> Top:
        """Return the most probable next tokens with their probability.

        Args:
            logits: After the last token.
        """
        p = np.exp(log_softmax(logits.astype(np.float64)))
        ids = np.argsort(-p, kind="stable")[:TOP_K]
        text = read_tokens(getattr(self.model, "tokenizer", None), ids.tolist()).text
        return tuple((word, float(p[i])) for word, i in zip(text, ids, strict=True))

    def donor(self, pair: int, site: str, layer: int) -> torch.Tensor:
        """Return what a layer of the run that is patched from had at a site."""
        if (pair, site, layer) not in self._donors:
            tokens = self.source(pair)
            layers = self._layers_at_once(len(tokens)) or (layer,)
            values = record(self.model, tokens, site, layers).values
            self._donors |= {(pair, site, one): kept for one, kept in values.items()}
        return self._donors[pair, site, layer]

    def _layers_at_once(self, n_tokens: int) -> tuple[int, ...]:
        adapter = adapter_of(self.model)
        needed = 4 * adapter.n_layers * n_tokens * adapter.d_model
        return tuple(range(adapter.n_layers)) if needed <= DONOR_BYTES else ()

    def source(self, pair: int) -> tuple[int, ...]:
        """Return the token ids of the prompt that is patched from."""
        return self.grid.source[pair].ids

    def target(self, pair: int) -> tuple[int, ...]:
        """Return the token ids of the prompt that is changed."""
        return self.grid.base[pair].ids

    def mapping(self, place: PatchPlace, pair: int) -> tuple[tuple[int, int], ...]:
        """Return (position there, position here) of a patch in one pair.

        Raises:
            InterventionError: Its token has no partner in the other prompt.
        """
        if place.pos is not None and place.source_pos is not None:
            return ((place.source_pos, place.pos),)
        every = self._pairs[pair].into(self.grid.direction)[1]
        chosen = self.grid.positions if place.pos is None else (place.pos,)
        pairs = tuple(two for two in every if not chosen or two[1] in chosen)
        if not pairs:
            raise InterventionError(
                f"position {place.pos} has no partner in the other prompt of pair {pair}; say "
                "which position to patch from, source_pos=."
            )
        return pairs

    # -------------------------------------------------------------------------- patching

    def patch(self, place: PatchPlace, pair: int, donor: Donor | None = None) -> Patch:
        """Return one pair's patch as an intervention.

        Args:
            place: What is patched.
            pair: In which pair.
            donor: The values to put there; by default the other run's own.
        """
        given = (
            self.donor(pair, place.site, place.layer) if donor is None else donor[place.layer]
        )
        side = "clean" if self.grid.direction == "denoising" else "corrupted"
        mapping = None if place.site == "pattern" else self.mapping(place, pair)
        return Patch(
            values=given[None].float().cpu().numpy(),
            layers=(place.layer,),
            site=place.site,
            where=Where(layers=place.layer, heads=place.heads or None),
            mapping=mapping,
            of=f"the {side} run{_moved(place)}",
        )

    def logits(
        self, place: PatchPlace, pair: int, donor: Donor | None = None
    ) -> tuple[Float[np.ndarray, " d_vocab"], int]:
        """Return one pair's logits with a patch, and the number of the run."""
        batch = Batch((Prompt(tuple(self.target(pair))),))
        patch = self.patch(place, pair, donor)
        run, capture = keep(self.model, batch, [_LAST_LOGITS], [patch], last_logits=True)
        return run.visits("logits")[0][0].numpy(), capture.number

    def measure(self, place: PatchPlace, pair: int, donor: Donor | None = None) -> float:
        """Return the metric of one pair with a patch."""
        self.ends(pair)
        return self._metrics[pair](self.logits(place, pair, donor)[0])

    def run(self, place: PatchPlace, pairs: Sequence[int]) -> PatchedRun:
        """Return what a patch does in some pairs.

        Args:
            place: What is patched.
            pairs: In which pairs; the next tokens are those of the first.
        """
        raw: list[float] = []
        top: Top = ()
        number = 0
        for pair in pairs:
            self.ends(pair)
            logits, number = self.logits(place, pair)
            raw.append(self._metrics[pair](logits))
            top = top or self.top(logits)
        grid, which = self.grid, list(pairs)
        return PatchedRun(
            place=place,
            words=place.words(grid.source[which[0]].text, grid.base[which[0]].text),
            direction=grid.direction,
            metric=grid.metric,
            unit=grid.unit,
            pairs=tuple(pairs),
            raw=np.array(raw),
            clean_values=grid.clean_values[which],
            corrupted_values=grid.corrupted_values[which],
            top=top,
            run=number,
        )

    def control_donors(self, place: PatchPlace, n: int, seed: int) -> list[list[Donor]]:
        """Return for each draw and pair the values of another position, as long.

        Args:
            place: What was patched.
            n: How many draws; fewer where there are fewer positions.
            seed: Of the draw.

        Raises:
            InterventionError: There is no other position to draw from.
        """
        pairs = range(self.grid.n)
        likes = [{place.layer: self.donor(p, place.site, place.layer)} for p in pairs]
        length = min(len(like[place.layer]) for like in likes)
        if n < 1 or length < 2:
            raise InterventionError(
                f"a control draws n ≥ 1 other positions; got n = {n} and a prompt of {length}."
            )
        by = 1 + np.random.default_rng(seed).permutation(length - 1)[:n]
        return [[shifted(like, int(one), like, place.site) for like in likes] for one in by]
