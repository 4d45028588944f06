"""The part of a board that runs its last prompt again with heads ablated."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from interpwidgets.board.next_token import NextTokenReader, kl_nats, log_probs_of, why_unread
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import InterventionError, PromptError
from interpwidgets.interventions import Ablation, Control, Effect
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.capture import Capture
from interpwidgets.models.prompts import Batch
from interpwidgets.models.running import Method
from interpwidgets.models.tracing import forward
from interpwidgets.results.base import Result
from interpwidgets.widgets.base import View

#: Other heads that a control draws.
CONTROLS = 8
WAITING = "waiting for its turn on the model"
WITHOUT_EDITS = "the edits of the trace before are not in this run"


class Outcome(NamedTuple):
    """What a run said of the next token, and what is needed to compare it."""

    batch: Batch
    adapter: str
    log_probs: torch.Tensor | None

    def of_same(self, other: Outcome) -> bool:
        """Whether two runs are of the same prompts, and of the same LoRA strength."""
        same = self.batch is other.batch or (
            bool(self.batch.prompts) and self.batch.prompts == other.batch.prompts
        )
        return same and self.adapter == other.adapter


@dataclass(frozen=True)
class Applied:
    """What is ablated in the run on screen, and what that did."""

    ablation: Ablation | None = None
    outcome: Outcome | None = None
    effect: Effect | None = None
    reason: str = ""


class Slot:
    """A method and the view that shows what it makes."""

    def __init__(self, method: Method[Any], view: View) -> None:
        self.method = method
        self.view = view
        self.results: tuple[Result, ...] = ()


class AblatingBoard:
    """A model, its views and its last prompt; ``Board`` brings the runs."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._slots: list[Slot] = []
        self._last_batch: Batch | None = None
        self._lock = threading.RLock()
        self._applied = Applied()
        self._clean: Outcome | None = None
        #: Whether the last prompt came with edits of the user's, in a trace of his own.
        self._edited = False
        self._n_asked = 0

    def _run(self, batch: Batch, ablation: Ablation | None = None, remark: str = "") -> None:
        raise NotImplementedError

    # ----------------------------------------------------------------------- from cells

    @property
    def ablation(self) -> Ablation | None:
        """What is ablated in the run on screen; None for a run as it is."""
        return self._applied.ablation

    @property
    def effect(self) -> Effect | None:
        """What the ablation on screen did to the next token; None: see ``effect_reason``."""
        return self._applied.effect

    @property
    def effect_reason(self) -> str:
        """Why an ablation on screen has no effect measured, in words; empty when it has."""
        return self._applied.reason

    def ablate(self, heads: Any, mode: str = "zero") -> None:
        """Run the last prompt once more with heads ablated; every view shows that run.

        One forward. Edits that came with the prompt, in a trace of your own, are not in it.
        ``effect`` says how far the next token moved, ``control()`` how far other heads
        move it, ``undo()`` runs the prompt as it is.

        Args:
            heads: (layer, head) or a list of those, e.g. ``board.selection.heads``.
            mode: ``"zero"``, or ``"mean"``: the mean of the head's output over the
                positions of the same prompt in the same run.

        Raises:
            InterventionError: There is no such head or mode.
            PromptError: This board has run no prompt yet.
            SiteError: The model's architecture has no site ``z``.

        Example:
            >>> import interpwidgets as iw
            >>> board = iw.Board(iw.load("lil-attn-2l"))
            >>> board.run([1, 5, 6, 7, 5, 6])
            >>> board.ablate((1, 0))
            >>> print(board.ablation)
            L1 H0 zero-ablated
        """
        self._ablate(self._checked(heads, mode))

    def undo(self) -> None:
        """Run the last prompt as it is.

        Raises:
            PromptError: This board has run no prompt yet.
        """
        self._run(self._need_batch())

    def control(self, n: int = CONTROLS, seed: int = 0) -> Control:
        """Ablate other heads drawn at random, to compare the effect on screen with.

        As many heads at once as are ablated, in the same way, on the same prompt; nothing
        on screen changes. One forward a draw, and one more where the prompt was not yet
        run as it is. An interrupt ends it.

        Args:
            n: How many draws; fewer where fewer heads exist.
            seed: Of the draw.

        Returns:
            Mean, smallest and largest effect, and how they were drawn; also in ``effect``.

        Raises:
            InterventionError: Nothing is ablated, its effect cannot be measured, or there
                are no other heads.
        """
        control = self._control(n, seed, lambda: False)
        if control is None:
            raise InterventionError(
                "another run took the place of the ablated one while its control ran. Ablate "
                "again, then run the control."
            )
        return control

    # ------------------------------------------------------------------------ from views

    def rerun(self, view: View) -> None:
        """Queue a plain run of the last prompt, asked for from a view.

        Args:
            view: Who asks; its last request wins.
        """
        self._enqueue(view, lambda _: self.undo())

    def undo_from(self, view: View) -> None:
        """Queue ``undo``; the same as ``rerun``."""
        self.rerun(view)

    def ablate_from(self, view: View, heads: Any, mode: str = "zero") -> None:
        """Queue ``ablate``, asked for from a view.

        Args:
            view: Who asks; its last request wins.
            heads: As of ``ablate``; refused here, at once.
            mode: As of ``ablate``.
        """
        ablation = self._checked(heads, mode)
        self._enqueue(view, lambda _: self._ablate(ablation))

    def read_also(self, view: View, **more: Any) -> None:
        """Queue the run on screen once more, reading more for a view from now on.

        Args:
            view: Who asks.
            more: Fields of its method, e.g. ``scores=True``.
        """
        self._enqueue(view, lambda _: self.read_anew(view, **more))

    def read_anew(self, view: View, **more: Any) -> None:
        """Make the run on screen once more, reading other things for a view from now on.

        Edits that came with the prompt, in a trace of your own, are not in it.

        Args:
            view: Whose method is changed; as it was, where the run fails.
            more: Fields of its method, e.g. ``pos=(-2,)``.
        """
        slot = next(slot for slot in self._slots if slot.view is view)
        before = slot.method
        slot.method = dataclasses.replace(before, **more)  # type: ignore[type-var]
        edited = self._edited and self.ablation is None
        try:
            self._run(self._need_batch(), self.ablation, WITHOUT_EDITS if edited else "")
        except BaseException:
            slot.method = before
            raise

    def control_from(self, view: View) -> None:
        """Queue ``control``, asked for from a view; any later request ends it.

        Args:
            view: Who asks; its last request wins.
        """
        self._enqueue_beside(view, lambda stopped: self._control(CONTROLS, 0, stopped))

    def _enqueue_beside(self, view: View, job: Callable[[Callable[[], bool]], object]) -> None:
        """Queue a job that leaves the run on screen as it is, and what its view says of it."""
        before = view.status
        if before["kind"] == "running":  # what waits there is about to be replaced
            before = {**before, "kind": "live", "message": "", "done": 0, "total": 0}

        def beside(stopped: Callable[[], bool]) -> None:
            job(stopped)
            if view.status["message"] == WAITING and not stopped():
                view.status = before

        self._enqueue(view, beside)

    def _enqueue(self, view: View, job: Callable[[Callable[[], bool]], None]) -> None:
        self._need_batch()
        with self._lock:
            self._n_asked += 1
            mine = self._n_asked
        view.set_status("running", WAITING)

        def guarded() -> None:
            try:
                job(lambda: self._n_asked != mine)
            except Exception as error:
                # Not in a cell: the view is where the person sees it. A run that began
                # has said so itself.
                if view.status["kind"] == "running":
                    view.show_failure(None, f"{type(error).__name__}: {error}")

        worker_of(self.model).submit(view.view_id, guarded)

    # ----------------------------------------------------------------------------- runs

    def _need_batch(self) -> Batch:
        if self._last_batch is None:
            raise PromptError("this board has not run a single prompt yet; run its cell.")
        return self._last_batch

    def _checked(self, heads: Any, mode: str) -> Ablation:
        ablation, adapter = Ablation.of(heads, mode), adapter_of(self.model)
        ablation.check_heads(adapter.n_layers, adapter.n_heads, adapter.name)
        for layer in ablation.layers():
            adapter.place("z", layer)
        return ablation

    def _ablate(self, ablation: Ablation) -> None:
        self._run(self._need_batch(), ablation)

    def _settle(
        self, capture: Capture, batch: Batch, ablation: Ablation | None, *, traced: bool
    ) -> None:
        """Take note of a run that is about to be shown.

        Args:
            capture: The finished run.
            batch: Its prompts.
            ablation: What was ablated in it.
            traced: Whether it was a trace of the user's.
        """
        outcome = Outcome(batch, capture.adapter, log_probs_of(capture))
        if ablation is not None:
            if self._edited:
                capture.add_note(WITHOUT_EDITS)
            self._applied = self._compared(Applied(ablation, outcome))
            return
        self._applied = Applied()
        self._edited = traced and bool(capture.intervened)
        # Keywords for encoding are not kept: such a prompt cannot be run again as it was.
        repeatable = not traced or bool(batch.prompts)
        if not self._edited and repeatable and outcome.log_probs is not None:
            self._clean = outcome

    def _compared(self, applied: Applied) -> Applied:
        """Return it with its effect, or with the reason why there is none."""
        outcome, clean = applied.outcome, self._clean
        if outcome is None or outcome.log_probs is None:
            reason = why_unread(adapter_of(self.model))
            return dataclasses.replace(applied, reason=reason)
        if clean is None or clean.log_probs is None or not clean.of_same(outcome):
            reason = (
                "this prompt was not run as it is yet: undo, then ablate again, or run the "
                "control"
            )
            return dataclasses.replace(applied, reason=reason)
        value = kl_nats(clean.log_probs, outcome.log_probs)
        if not math.isfinite(value):
            return dataclasses.replace(applied, reason="the logits are not finite")
        n = len(outcome.log_probs)
        note = "after the prompt's last token"
        note = note if n == 1 else f"after the last token, mean over {n} prompts"
        return dataclasses.replace(applied, effect=Effect(value, note=note), reason="")

    def _control(self, n: int, seed: int, stopped: Callable[[], bool]) -> Control | None:
        """Return the control; None if another run or request came before it was done."""
        applied, adapter = self._applied, adapter_of(self.model)
        if applied.ablation is None or applied.outcome is None:
            raise InterventionError(
                "nothing is ablated in the run on screen: board.ablate((layer, head)) first."
            )
        if applied.outcome.log_probs is None:
            raise InterventionError(f"there is no effect to compare with: {applied.reason}.")
        draws, title = applied.ablation.controls(n, seed, adapter.n_layers, adapter.n_heads)
        values: list[float] = []
        with _progress([slot.view for slot in self._slots], len(draws)) as say:
            clean = self._clean_of(applied.outcome)
            for draw in draws:
                if stopped() or self._applied is not applied:
                    return None
                say(len(values))
                values.append(kl_nats(clean, self._outcome(applied.outcome, draw)))
        if stopped() or self._applied is not applied:
            return None
        control = Control(tuple(values), title)
        self._applied = self._with_control(applied, control)
        for slot in self._slots:
            slot.view.show_effect()
        return control

    def _with_control(self, applied: Applied, control: Control) -> Applied:
        compared = applied if applied.effect is not None else self._compared(applied)
        if compared.effect is None:
            raise InterventionError(f"there is no effect to compare with: {compared.reason}.")
        effect = dataclasses.replace(compared.effect, control=control)
        return dataclasses.replace(compared, effect=effect)

    def _clean_of(self, outcome: Outcome) -> torch.Tensor:
        """Return the log-probabilities of the prompt as it is; runs it if need be."""
        clean = self._clean
        if clean is None or clean.log_probs is None or not clean.of_same(outcome):
            clean = self._clean = outcome._replace(log_probs=self._outcome(outcome, None))
        assert clean.log_probs is not None
        return clean.log_probs

    def _outcome(self, of: Outcome, ablation: Ablation | None) -> torch.Tensor:
        """Return the log-probabilities of a run that no view sees."""
        interventions = () if ablation is None else (ablation,)
        reader = NextTokenReader(self.model, of.batch)
        capture = forward(self.model, of.batch, reader, interventions)
        log_probs = log_probs_of(capture)
        if log_probs is None or capture.adapter != of.adapter:
            raise InterventionError(
                f"the run on screen had the adapter {of.adapter or 'off'}, the model has it "
                f"{capture.adapter or 'off'} now, so they cannot be compared. Ablate again."
            )
        return log_probs


@contextlib.contextmanager
def _progress(views: Sequence[View], total: int) -> Iterator[Callable[[int], None]]:
    """Say on views how far a control is, and put back what they said before."""
    before = [(view, view.status) for view in views]
    said = ""

    def say(done: int) -> None:
        nonlocal said
        said = f"control: {done} of {total} runs"
        for view in views:
            view.set_status("running", said, done=done, total=total)

    try:
        yield say
    finally:
        for view, status in before:
            if said and view.status["message"] == said:
                view.status = status
