"""The part of a board that answers its LensGrids: more tokens, the tuned lens, controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interpwidgets.board.ablating import AblatingBoard
from interpwidgets.errors import InterventionError, ResultError
from interpwidgets.methods.lens_control import LensControlMethod
from interpwidgets.methods.logit_lens import LogitLensMethod
from interpwidgets.models.prompts import Batch, Prompt
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from interpwidgets.models.vocabulary import word_ids
from interpwidgets.results.lens_control import LensControl
from interpwidgets.widgets.base import View
from interpwidgets.widgets.lens import LensGrid


class LensBoard(AblatingBoard):
    """What views of a lens ask of their board."""

    def track_from(self, view: View, targets: Sequence[int]) -> None:
        """Queue the run on screen once more, following these tokens from now on.

        Args:
            view: Who asks.
            targets: Token ids; refused here, at once.
        """
        ids = tuple(word_ids(self.model, targets))
        self._check_repeatable(view, "add track= to the call that makes this view")
        self.read_also(view, targets=ids)

    def tuned_from(self, view: View, *, on: bool) -> None:
        """Queue the run on screen once more, with or without the tuned lens.

        Args:
            view: Who asks.
            on: Whether vectors go through it.
        """
        self._check_repeatable(view, "change lens= in the call that makes this view")
        self.read_also(view, tuned=on)

    def lens_control_from(self, view: View, pos: int, tokens: Sequence[int]) -> None:
        """Queue the control at a position of the prompt on screen; nothing else changes.

        One forward over the tokens on screen, with what is ablated there.

        Args:
            view: Who asks; its last request wins.
            pos: The position.
            tokens: Token ids to read; refused here, at once.
        """
        ids = tuple(word_ids(self.model, tokens))
        assert isinstance(view, LensGrid)
        if self._edited:
            raise InterventionError(
                "this run was changed in its own cell, which cannot be run from here: there is "
                "no control of it. Run the prompt as it is, then its control."
            )
        result = view.result

        def job(stopped: Callable[[], bool]) -> None:
            control = self._lens_control(view, pos, ids)
            if not stopped() and view.result is result:
                view.show_control(control)

        self._enqueue_beside(view, job)

    def _lens_control(self, view: LensGrid, pos: int, ids: tuple[int, ...]) -> LensControl:
        result, lens = view.result, self._lens_method(view)
        assert result is not None
        method = LensControlMethod(ids, pos, lens.site, lens.layers, lens.lens_in_use)
        batch = Batch((Prompt(result.tokens.ids),))
        changed = () if self.ablation is None else (self.ablation,)
        reader = MethodReader(self.model, [method], batch)
        capture = forward(self.model, batch, reader, changed)
        return method.build(reader.run_of(capture))[0]

    def _lens_method(self, view: View) -> LogitLensMethod:
        for slot in self._slots:
            if slot.view is view and isinstance(slot.method, LogitLensMethod):
                return slot.method
        raise ResultError("this view is not fed by this board any more; run its cell.")

    def _check_repeatable(self, view: View, instead: str) -> None:
        """Refuse where one more run of the prompt would be another run than that on screen."""
        if self._edited:
            raise InterventionError(
                "this run was changed in its own cell, which cannot be run from here: "
                f"{instead}, and run it again."
            )
        if view.result is not None and any(view.result.tokens.generated):
            raise ResultError(
                f"this run was generated, which is not done again from here: {instead}, and "
                "generate again."
            )
