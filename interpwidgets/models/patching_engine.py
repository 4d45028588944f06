"""Which way patched runs are computed: from the patch on, or by whole forwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.layer_calls import CannotMarchError
from interpwidgets.models.layer_march import SITES, Change, LayerMarch
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
    so of each prompt two cells, of the first layer and the last, are compared with forwards
    of the whole model before any is handed out. Where they differ, or the march fails, cells
    are run by whole forwards, several in each.
    """

    def __init__(self, model: Model, site: str, *, march: bool = True) -> None:
        """Make one for a sweep.

        Args:
            model: The nnsight model.
            site: What is patched.
            march: False for whole forwards anyway.
        """
        self._model, self._site = model, site
        self._march: tuple[tuple[int, ...], LayerMarch] | None = None
        self._compared = False
        #: Why whole forwards were needed; empty: they were not, or no march is known.
        self._why = "" if site in SITES else f"{site} is inside attention or the MLP"
        self._why = self._why if march else "as was asked"
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
        try:
            for at, logits in self._by_march(ids, cells, donor, rows, tokens):
                for one in at:
                    del left[one]
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
            if layers and len(order) > _WORTH and _may_stand_in(self._model)
            else {}
        )
        chosen = [cells[at] for at in order]
        runs = patched_logits(self._model, ids, self._site, chosen, donor, rows, before)
        for start, logits in runs:
            self._whole += len(logits)
            wanted = logits[:, list(tokens)] if tokens else logits
            yield order[start : start + len(logits)], wanted

    # ------------------------------------------------------------------------ the march

    def _by_march(
        self,
        ids: Sequence[int],
        cells: Sequence[Cell],
        donor: Donor,
        rows: int | None,
        tokens: Sequence[int],
    ) -> Iterator[tuple[list[int], np.ndarray]]:
        """Yield as ``logits`` does; nothing where no march is known, or worth it."""
        if self._why or len(cells) < _WORTH:
            return
        if _is_edited(self._model):
            raise CannotMarchError("the model has stored edits")
        march = self._march_of(ids)
        changes = march.changes(cells, donor)
        same = sorted(set(range(len(cells))) - {change.at for change in changes})
        if same:
            yield same, np.repeat(march.own_logits(tokens)[None], len(same), axis=0)
        two = [] if self._compared else _two_of(changes)
        wanted = self._whole_logits(ids, [cells[at] for at in two], donor)
        runs = march.logits(changes, donor, rows or self._rows(len(ids)), tokens, two)
        held: list[tuple[list[int], np.ndarray]] = []
        for at, logits in runs:
            held.append((at, logits))
            if wanted is not None:
                found = {
                    one: row for some, part in held for one, row in zip(some, part, strict=True)
                }
                if not set(two) <= set(found):
                    continue
                self._compare(np.stack([found[one] for one in two]), wanted, tokens, march)
                wanted = None
            self._marched += sum(len(some) for some, _ in held)
            yield from held
            held.clear()

    def _march_of(self, ids: Sequence[int]) -> LayerMarch:
        """Return a march of a prompt; the last prompt's is kept."""
        if self._march is None or self._march[0] != tuple(ids):
            self._march, self._compared = None, False  # let go of the other run first
            self._march = tuple(ids), LayerMarch(self._model, ids, self._site)
        return self._march[1]

    def _whole_logits(
        self, ids: Sequence[int], cells: Sequence[Cell], donor: Donor
    ) -> np.ndarray | None:
        if not cells:
            return None
        runs = patched_logits(self._model, ids, self._site, cells, donor, len(cells))
        return next(logits for _, logits in runs)

    def _compare(
        self,
        got: Float[np.ndarray, "cell token"],
        wanted: Float[np.ndarray, "cell d_vocab"],
        tokens: Sequence[int],
        march: LayerMarch,
    ) -> None:
        """Refuse a march that gives other logits than whole forwards.

        Raises:
            CannotMarchError: They differ by more than rounding.
        """
        there = wanted[:, list(tokens)] if tokens else wanted
        error = float(np.abs(got - there).max() / np.abs(wanted).max())
        if not error <= max(_TOLERANCE, _STEPS * torch.finfo(march.dtype).eps):
            raise CannotMarchError(
                f"a layer march differs from them by {error:.0e} of the largest logit"
            )
        self._worst, self._compared = max(self._worst, error), True

    def _give_up(self, error: Exception) -> None:
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            raise error
        self._march = None
        said = str(error).partition("\n")[0]
        plain = isinstance(error, CannotMarchError)
        self._why = (
            said if plain else f"a layer march failed: {type(error).__name__} {said:.80}"
        )

    def _rows(self, n_tokens: int) -> int:
        """Return how many patched runs a march may carry."""
        adapter = adapter_of(self._model)
        weights = next(module_of(self._model).parameters())
        # Streams in, out and joined; a layer's inside is bounded by the size of its calls.
        one = weights.element_size() * 6 * n_tokens * adapter.d_model + 8 * (
            adapter.d_vocab or 0
        )
        return max(1, budget(weights.device) // one)


def _two_of(changes: Sequence[Change]) -> list[int]:
    """Return a cell in the middle of the first layer and the last one of the last."""
    if not changes:
        return []
    lowest = min(change.layer for change in changes)
    first = [change.at for change in changes if change.layer == lowest]
    last = max(changes, key=lambda change: (change.layer, change.at)).at
    return sorted({first[len(first) // 2], last})


def _is_edited(model: Model) -> bool:
    """Whether a user stored edits in a model (``model.edit``): only traces apply those."""
    return bool(getattr(model, "_edits", ()))


def _may_stand_in(model: Model) -> bool:
    """Whether a layer that is not run leaves nothing of a user's undone, or done twice."""
    adapter, module = adapter_of(model), module_of(model)
    paths = [adapter.place("resid_post", layer).path for layer in range(adapter.n_layers)]
    layers = [module.get_submodule(path) for path in paths]
    hooked = any(one._forward_hooks or one._forward_pre_hooks for one in layers)
    return not hooked and not _is_edited(model)
