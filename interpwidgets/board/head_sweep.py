"""The part of a board that ablates every head in turn, for a table of heads."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from interpwidgets.board.ablating import AblatingBoard, Outcome, Slot
from interpwidgets.board.head_boarding import with_ablation
from interpwidgets.board.next_token import kl_by_prompt
from interpwidgets.interventions import Ablation
from interpwidgets.models.adapter import adapter_of, module_of
from interpwidgets.models.lora import describe_adapter
from interpwidgets.results.head_table import HeadTable
from interpwidgets.widgets.base import View

#: Seconds between two pictures while it goes on.
SHOW_EVERY = 1.0
DOING = "ablating each head"


class HeadSweepingBoard(AblatingBoard):
    """Measures what the ablation of each head alone does to the next token."""

    def sweep_from(self, view: View, mode: str = "zero") -> None:
        """Queue the ablation of every head alone, asked for from a view.

        One forward a head, on the last prompt as it is; heads that were measured in the same
        mode stand. A later request ends it, and what is done is kept.

        Args:
            view: A view of a table of heads; its last request wins.
            mode: ``"zero"`` or ``"mean"``.
        """
        checked = self._checked((0, 0), mode)  # refuses here, at once

        def job(stopped: Callable[[], bool]) -> None:
            self._sweep(view, checked.mode, stopped)

        self._enqueue(view, job)

    def cancel_from(self, view: View) -> None:
        """End what a view asked for; what is done is kept.

        Args:
            view: Who asks.
        """
        with self._lock:
            self._n_asked += 1
        if view.status["kind"] == "running" and view.status["total"] == 0:
            view.set_status("live")  # it only waited

    def _sweep(self, view: View, mode: str, stopped: Callable[[], bool]) -> None:
        adapter, batch = adapter_of(self.model), self._need_batch()
        slot = next((slot for slot in self._slots if slot.view is view), None)
        if slot is None:
            return
        of = Outcome(batch, describe_adapter(module_of(self.model)), None)
        clean = self._clean_of(of)
        effects = _known(slot, mode, len(clean), (adapter.n_layers, adapter.n_heads))
        missing = [(int(at[0]), int(at[1])) for at in np.argwhere(np.isnan(effects[0]))]
        shown = began = time.monotonic()
        for done, head in enumerate(missing):
            if stopped() or self._last_batch is not batch:
                break
            view.set_status(
                "running", _left(began, done, len(missing)), done=done, total=len(missing)
            )
            changed = self._outcome(of, Ablation.of([head], mode))
            effects[:, head[0], head[1]] = kl_by_prompt(clean, changed).numpy()
            if time.monotonic() - shown > SHOW_EVERY:
                _show(slot, effects, mode)
                shown = time.monotonic()
        if self._last_batch is batch:
            _show(slot, effects, mode)
        elif view.status["message"].startswith(DOING):
            view.set_status("live")  # another prompt has been shown meanwhile


def _known(slot: Slot, mode: str, n_prompts: int, shape: tuple[int, int]) -> np.ndarray:
    """Return the effects measured so far ``[prompt, layer, head]``; NaN for the others."""
    effects = np.full((n_prompts, *shape), np.nan, dtype=np.float32)
    tables = [one for one in slot.results if isinstance(one, HeadTable)]
    for prompt, table in enumerate(tables):
        if table.ablation is not None and table.ablation_mode == mode:
            effects[prompt] = table.ablation
    return effects


def _left(began: float, done: int, total: int) -> str:
    if not done:
        return DOING
    seconds = (time.monotonic() - began) / done * (total - done)
    left = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    return f"{DOING}, {left} left"


def _show(slot: Slot, effects: np.ndarray, mode: str) -> None:
    tables = [one for one in slot.results if isinstance(one, HeadTable)]
    slot.results = tuple(
        with_ablation(table, effects[prompt].copy(), mode)
        for prompt, table in enumerate(tables)
    )
    slot.view.show(slot.results)
