"""Which way patched runs are computed: from the patch on, or by whole forwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.layer_calls import CannotMarchError
from interpwidgets.models.layer_march import SITES, LayerMarch
from interpwidgets.models.memory import budget
from interpwidgets.models.patching import Cell, Donor, patched_logits, record

#: Fewer patched runs are not worth a run to start from and a check.
_WORTH = 8

#: Of the largest logit, by how much a march may differ from whole forwards: at least this,
#: and a few steps of the model's precision.
_TOLERANCE, _STEPS = 1e-4, 4


class PatchingEngine:
    """Runs cells the cheapest way that was seen to give what whole forwards give.

    Marching through the layers (``layer_march``) depends on how a model's code is written,
    so two cells of each prompt are compared to forwards of the whole model first. Where they
    differ, or the march fails, all cells are run by whole forwards, several in each.
    """

    def __init__(self, model: Model, site: str) -> None:
        """Make one for a sweep.

        Args:
            model: The nnsight model.
            site: What is patched.
        """
        self._model, self._site = model, site
        self._march: tuple[tuple[int, ...], LayerMarch] | None = None
        #: Why whole forwards were needed; empty: they were not, or no march is known.
        self._why = "" if site in SITES else f"{site} is inside attention or the MLP"
        self._worst, self._marched, self._whole = 0.0, 0, 0

    @property
    def note(self) -> str:
        """How the cells were run, for the provenance."""
        marched = f"layer march, within {self._worst:.0e} of whole forwards where compared"
        whole = "batched whole forwards" + (f" ({self._why})" if self._why else "")
        return "; ".join([marched] * bool(self._marched) + [whole] * bool(self._whole))

    def logits(
        self,
        ids: Sequence[int],
        cells: Sequence[Cell],
        donor: Donor,
        rows: int | None = None,
        tokens: Sequence[int] = (),
    ) -> Iterator[tuple[list[int], Float[np.ndarray, "cell token"]]]:
        """Yield (which cells, logits after the last token) of some cells at a time.

        Args:
            ids: The prompt that is changed.
            cells: What to patch.
            donor: The values to put there.
            rows: Patched runs that share a forward; by default what fits a budget.
            tokens: Whose logits are wanted; all by default.
        """
        left = dict(enumerate(cells))
        march = self._ready(ids, cells, donor)
        if march is not None:
            most = rows or self._rows(len(ids))
            try:
                for at, logits in march.logits(cells, donor, most, tokens):
                    for one in at:
                        del left[one]
                    self._marched += len(at)
                    yield at, logits
            except Exception as error:
                self._give_up(error)
        yield from self._by_whole_forwards(ids, left, donor, rows, tokens)

    def _by_whole_forwards(
        self,
        ids: Sequence[int],
        cells: dict[int, Cell],
        donor: Donor,
        rows: int | None,
        tokens: Sequence[int],
    ) -> Iterator[tuple[list[int], np.ndarray]]:
        order = sorted(cells, key=lambda at: cells[at].layer)
        layers = sorted({cells[at].layer for at in order} - {0})
        before = (
            record(self._model, ids, "resid_pre", layers).values
            if layers and len(order) > _WORTH
            else {}
        )
        chosen = [cells[at] for at in order]
        runs = patched_logits(self._model, ids, self._site, chosen, donor, rows, before)
        for start, logits in runs:
            self._whole += len(logits)
            wanted = logits[:, list(tokens)] if tokens else logits
            yield order[start : start + len(logits)], wanted

    # ------------------------------------------------------------------------ the march

    def _ready(
        self, ids: Sequence[int], cells: Sequence[Cell], donor: Donor
    ) -> LayerMarch | None:
        """Return a march of this prompt that was compared with whole forwards."""
        if self._why or len(cells) < _WORTH:
            return None
        if self._march is not None and self._march[0] == tuple(ids):
            return self._march[1]
        self._march = None  # let go of the other prompt's run first
        try:
            march = LayerMarch(self._model, ids, self._site)
            compared = self._compare(march, ids, cells, donor)
        except Exception as error:
            self._give_up(error)
            return None
        self._march = (tuple(ids), march) if compared else None
        return march

    def _compare(
        self, march: LayerMarch, ids: Sequence[int], cells: Sequence[Cell], donor: Donor
    ) -> bool:
        """Run a cell of the first layer and one of the last both ways.

        The first one twice: what is wrong for several runs at a time may be right for one.

        Returns:
            Whether there was anything to compare.

        Raises:
            CannotMarchError: They differ.
        """
        changing = [cells[at] for at in march.changing(cells, donor)]
        if not changing:
            return False
        lowest = min(cell.layer for cell in changing)
        first = [cell for cell in changing if cell.layer == lowest]
        last = max(changing, key=lambda cell: cell.layer)
        two = [first[len(first) // 2], last]
        ((_, wanted),) = patched_logits(self._model, ids, self._site, two, donor, 2)
        got = np.empty((3, wanted.shape[1]), dtype=wanted.dtype)
        for at, logits in march.logits([two[0], *two], donor, 3):
            got[at] = logits
        error = float(np.abs(got - wanted[[0, 0, 1]]).max() / np.abs(wanted).max())
        eps = torch.finfo(march.dtype).eps
        if not error <= max(_TOLERANCE, _STEPS * eps):
            raise CannotMarchError(
                f"a layer march differs from them by {error:.0e} of the largest logit"
            )
        self._worst = max(self._worst, error)
        return True

    def _give_up(self, error: Exception) -> None:
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            raise error
        self._march = None
        said = str(error).partition("\n")[0]
        plain = isinstance(error, CannotMarchError)
        self._why = said if plain else f"a layer march failed: {type(error).__name__} {said:.80}"

    def _rows(self, n_tokens: int) -> int:
        """Return how many patched runs a march may carry."""
        adapter = adapter_of(self._model)
        weights = next(module_of(self._model).parameters())
        # Streams in, out and joined; a layer's inside is bounded by the size of its calls.
        one = weights.element_size() * 6 * n_tokens * adapter.d_model + 8 * (adapter.d_vocab or 0)
        return max(1, budget(weights.device) // one)
