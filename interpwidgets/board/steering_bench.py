"""Writes the texts of a SteeringView, in a cell or queued; measures dose-responses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interpwidgets.board.ablating import WAITING
from interpwidgets.board.runs_shown import RunsShown
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import InterventionError
from interpwidgets.methods.dose_response import dose_response
from interpwidgets.methods.steering import SteeringText
from interpwidgets.models.generating import Sampling
from interpwidgets.models.patching import Progress
from interpwidgets.results.dose_response import DoseResponse
from interpwidgets.results.steering import SteeredText
from interpwidgets.widgets.steering import SteeringView
from interpwidgets.widgets.steering_bench import Setting
from interpwidgets.widgets.tokens_payload import token_infos

#: Seconds between two messages of a text that is being written.
STREAM_S = 0.05


@dataclass(frozen=True)
class Measured:
    """What a dose-response measures, and on what."""

    prompts: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of ``dose_response``: metric, answers, strengths, n_random, ..."""

    title: str = ""


class Bench:
    """One view's texts."""

    def __init__(
        self, board: RunsShown, view: SteeringView, text: SteeringText, measured: Measured
    ) -> None:
        self._board, self._view, self._text, self._measured = board, view, text, measured

    @property
    def metric(self) -> str:
        """What a dose-response measures, in words."""
        return self._measured.title

    @property
    def can_show(self) -> bool:
        """Whether other views would show the steered run."""
        return self._board.shows_runs

    # -------------------------------------------------------------------------- writing

    def write(self, setting: Setting, turn: int) -> SteeredText:
        """Write both texts, told to the view as they come.

        Args:
            setting: Where the dials stand.
            turn: Counts settings: a later one ends this.
        """
        sampling = Sampling(setting.max_new_tokens, setting.temperature, setting.seed)
        view, total = self._view, setting.max_new_tokens

        def stopped() -> bool:
            return view.turn != turn

        view.set_status("running", "", total=total)
        base = _Stream(self._text, view, turn, "base")
        self._text.base(sampling, base.tell, stopped)
        steered = _Stream(self._text, view, turn, "steered", total)
        result = self._text.steer(setting.parts, sampling, steered.tell, stopped)
        steered.flush()
        view.finish(turn, result)
        return result

    def write_from(self, setting: Setting, turn: int) -> None:
        """Queue the same; of several the last one is written."""
        self._queue("write", lambda: self.write(setting, turn), lambda: self._view.turn == turn)

    # -------------------------------------------------------------------- dose-response

    def dose(self, setting: Setting, dial: int) -> DoseResponse:
        """Measure a dial's dose-response, the other dials at 0.

        Args:
            setting: Where the dials stand.
            dial: Which one.
        """
        if not self._measured.title:
            raise InterventionError(
                "there is nothing to measure yet: give iw.steer(...) a metric= or answers=, "
                "the tokens whose probability is the effect."
            )
        turn, view = self._view.turn, self._view

        def tell(how_far: Progress) -> None:
            if view.turn != turn:
                raise KeyboardInterrupt
            left = f"dose-response · {how_far.seconds_left:.0f} s left"
            view.set_status("running", left, done=how_far.done, total=how_far.total)

        try:
            response = dose_response(
                self._board.model,
                setting.dials[dial],
                self._measured.prompts,
                temperature=setting.temperature,
                seed=setting.seed,
                progress=tell,
                **self._measured.options,
            )
        finally:
            view.settle()
        view.add_dose(dial, setting.dials[dial], response)
        return response

    def dose_from(self, setting: Setting, dial: int) -> None:
        """Queue the same; a slider that is moved ends it."""
        turn = self._view.turn
        self._queue("dose", lambda: self.dose(setting, dial), lambda: self._view.turn == turn)

    # -------------------------------------------------------------------------- showing

    def show_from(self, setting: Setting, result: SteeredText, side: str) -> None:
        """Queue a run of a whole text, for the board's other views.

        Args:
            setting: Where the dials stand.
            result: The texts.
            side: ``"base"``: as the model is; ``"steered"``: with what was changed.
        """
        if not self.can_show:
            raise InterventionError(
                "no other view on this board would show the run: make one, e.g. "
                "board = iw.Board(model); board.attention(); board.steer(...)."
            )
        tokens = result.base if side == "base" else result.steered
        parts = () if side == "base" else setting.parts

        def show() -> None:
            self._board.run(list(tokens.ids), interventions=parts or None)
            self._view.settle()

        self._queue("show", show, lambda: True)

    # ---------------------------------------------------------------------------- queue

    def _queue(
        self, what: str, work: Callable[[], object], still_wanted: Callable[[], bool]
    ) -> None:
        view = self._view
        if view.status["kind"] != "running":
            view.set_status("running", WAITING)

        def guarded() -> None:
            if not still_wanted():
                return
            try:
                work()
            except KeyboardInterrupt:
                view.settle()
            except Exception as error:
                # Not in a cell: the view is where the person sees it.
                view.show_failure(None, f"{type(error).__name__}: {error}")

        worker_of(self._board.model).submit(f"{view.view_id} {what}", guarded)

    def release(self) -> None:
        """Forget what waits."""
        for what in ("write", "dose", "show"):
            worker_of(self._board.model).drop(f"{self._view.view_id} {what}")
        if self._view.status["message"] == WAITING:
            self._view.settle()


class _Stream:
    """Sends what is written to the page, several tokens a message where they come fast."""

    def __init__(
        self, text: SteeringText, view: SteeringView, turn: int, side: str, total: int = 0
    ) -> None:
        self._text, self._view, self._turn, self._side = text, view, turn, side
        self._total, self._sent, self._ids = total, 0, list[int]()
        self._at = 0.0

    def tell(self, row: list[int]) -> None:
        self._ids.append(row[0])
        now = time.monotonic()
        if now - self._at >= STREAM_S:
            self._at = now
            self.flush()

    def flush(self) -> None:
        new = self._ids[self._sent :]
        if not new or self._view.turn != self._turn:
            return
        tokens = token_infos(self._text.words(new))
        self._view.told(self._turn, self._side, tokens, self._sent)
        self._sent = len(self._ids)
        if self._total:
            self._view.set_status("running", "", done=self._sent, total=self._total)
