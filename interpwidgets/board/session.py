"""The board: runs of one model, every view on it fed by the same forward."""

from __future__ import annotations

import sys
import time
from typing import Any

import torch

from interpwidgets.board.ablating import Applied, Slot
from interpwidgets.board.head_sweep import HeadSweepingBoard
from interpwidgets.board.lensing import LensBoard
from interpwidgets.board.next_token import next_token_reads
from interpwidgets.board.patching import Patching
from interpwidgets.board.probing import Probing
from interpwidgets.board.recipe import (
    ablation_line,
    block_lines,
    make_recipe,
    run_lines,
    scaled_lines,
)
from interpwidgets.board.showing import Showing
from interpwidgets.board.steering import Steering
from interpwidgets.board.worker import worker_of
from interpwidgets.errors import (
    InterpWidgetsError,
    PromptError,
    SelectionError,
    TraceError,
)
from interpwidgets.interventions import Ablation, parts_of
from interpwidgets.interventions.value import Part
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.block_source import Block
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.cell_source import find_timed_source
from interpwidgets.models.loading import ready
from interpwidgets.models.prompts import ENCODING_KEYWORDS, Batch, read_prompts, to_input
from interpwidgets.models.running import Method, MethodReader
from interpwidgets.models.tracing import ReadBackend, forward
from interpwidgets.results.base import Result
from interpwidgets.selection import Selection
from interpwidgets.show import view_class
from interpwidgets.widgets.base import View
from interpwidgets.widgets.code import Recipe
from interpwidgets.widgets.links import LinkGroup, LiveSelection
from interpwidgets.widgets.placement import PLACES

#: Seconds between two pictures while a generation goes on.
PROGRESS_INTERVAL = 0.2


class Board(Showing, HeadSweepingBoard, LensBoard, Patching, Probing, Steering):
    """Several views of one model, fed by one forward.

    Example:
        >>> import interpwidgets as iw
        >>> board = iw.Board(iw.load("lil-attn-2l"))
        >>> view = board.attention()
        >>> board.run([1, 5, 6, 5])
        >>> view.result.pattern.shape
        (2, 4, 4, 4)
    """

    def __init__(self, model: Any) -> None:
        """Make a board.

        Args:
            model: An nnsight or a Hugging Face model.
        """
        super().__init__(ready(model))
        #: Number of this board's last run in this process; 0 before the first.
        self.run_number = 0
        #: The views that share this board's selection.
        self.group = LinkGroup()

    # ----------------------------------------------------------------------- selection

    @property
    def selection(self) -> LiveSelection:
        """What is selected in all views of this board: read, set or observe its parts.

        ``board.selection.heads`` is what was clicked; ``board.selection.heads = [(3, 2)]``
        moves the views; ``board.selection = iw.Selection(...)`` sets all of it.
        """
        return self.group.selection

    @selection.setter
    def selection(self, selection: Selection) -> None:
        if not isinstance(selection, Selection):
            raise SelectionError(
                f"board.selection takes an iw.Selection; got {type(selection).__name__}."
            )
        self.group.assign(selection)

    # --------------------------------------------------------------------------- views

    def add(self, method: Method[Any], *, key: str | None = None) -> View:
        """Return a view of what a method makes of every run from now on.

        A cell that runs again gets the view that it made before.

        Args:
            method: What to look at.
            key: Name of the view; its cell and its order in it by default.
        """
        method.reads(MethodReader(self.model, []).adapter)  # refuse bad arguments here
        kind = view_class(method.result_type)
        view, place = PLACES.claim(kind, key)
        if view is None:
            view = kind()
        PLACES.settle(place, view)
        view.attach(self)
        view.link(self)
        with self._lock:
            self._slots = [slot for slot in self._slots if slot.view is not view]
            self._slots.append(Slot(method, view))
        return view

    def show_at_once(self, view: View, results: tuple[Result, ...]) -> None:
        """Show in a view what needs no run.

        Args:
            view: One of this board.
            results: What its method has already.
        """
        slot = next(slot for slot in self._slots if slot.view is view)
        slot.results = results
        view.recipe = make_recipe(self.model, slot.method, [])
        view.show(results)

    def release(self, view: View) -> None:
        """Stop feeding a view; it keeps its picture."""
        worker_of(self.model).drop(view.view_id)
        with self._lock:
            self._slots = [slot for slot in self._slots if slot.view is not view]

    def close(self) -> None:
        """Let go of every view: they keep their last picture and hear of no more runs."""
        for slot in list(self._slots):
            slot.view.detach()

    # ---------------------------------------------------------------------------- runs

    def trace(
        self,
        *inputs: Any,
        prepend_bos: bool | None = None,
        interventions: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Open an nnsight trace whose run every view of this board shows.

        The block is plain nnsight: one forward, its edits are in what the views show,
        its ``.save()``d names arrive as ever.

        Args:
            inputs: A prompt: text, token ids, chat messages, or a list of those; none with
                ``tracer.invoke``, which takes what nnsight takes.
            prepend_bos: Whether each prompt begins with the beginning-of-sequence token; by
                default as the tokenizer or the chat template does.
            interventions: What to change in this run, e.g. ``iw.interventions.Add(...)``;
                the block sees the run with it.
            kwargs: As ``model.trace`` takes them.

        Raises:
            PromptError: The prompt is empty.
            InterventionError: The model lacks what is to be changed.
        """
        return self._open(sys._getframe(1), inputs, prepend_bos, kwargs, interventions)

    def generate(
        self,
        *inputs: Any,
        prepend_bos: bool | None = None,
        interventions: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Open an nnsight trace of a generation; patterns of new positions as they come.

        A prompt of a batch ends with its end-of-sequence token; what the model is given
        after it, while others go on, is neither drawn nor counted.

        Args:
            inputs: A prompt, as of ``trace``.
            prepend_bos: As of ``trace``.
            interventions: As of ``trace``; made at every step, where they say: in the prompt
                and at each new position, unless ``where=`` narrows it.
            kwargs: As ``model.generate`` takes them, e.g. ``max_new_tokens``.
        """
        if kwargs.get("num_beams", 1) != 1:
            raise TraceError(
                "beam search moves prompts between rows, so positions could not be told "
                "apart; use num_beams=1."
            )
        adapter_of(self.model).check_writes()
        kwargs = {**kwargs, "fn": self.model.generate}
        return self._open(sys._getframe(1), inputs, prepend_bos, kwargs, interventions)

    def _open(
        self,
        frame: Any,
        inputs: tuple[Any, ...],
        prepend_bos: bool | None,
        kwargs: dict[str, Any],
        interventions: Any,
    ) -> Any:
        if "backend" in kwargs:
            raise TraceError(
                "a board's trace has its own backend; use model.trace for another."
            )
        find_timed_source(frame)
        batch = self._read(inputs, prepend_bos, kwargs)
        reader = _BoardReader(self, batch or Batch())
        if kwargs.get("do_sample"):
            reader.remark = f"sampled, torch seed {torch.initial_seed()}"
        backend = ReadBackend(reader, on_block=reader.take_block, interventions=interventions)
        if batch is None:
            return self.model.trace(*inputs, backend=backend, **kwargs)
        inputs, encoding = to_input(batch, self.model)
        return self.model.trace(*inputs, backend=backend, **encoding, **kwargs)

    def _read(
        self, inputs: tuple[Any, ...], prepend_bos: bool | None, kwargs: dict[str, Any]
    ) -> Batch | None:
        """Return the prompts of a trace; None where its invokes bring them."""
        if len(inputs) > 1:
            raise PromptError(f"give several prompts as one list; got {len(inputs)} arguments.")
        if inputs:
            as_given = not ENCODING_KEYWORDS.isdisjoint(kwargs)
            return read_prompts(
                inputs[0], self.model, prepend_bos=prepend_bos, as_given=as_given
            )
        if prepend_bos is not None:
            raise PromptError("prepend_bos needs the prompt in trace(...), not in an invoke.")
        return None

    def run(
        self, prompt: Any, *, prepend_bos: bool | None = None, interventions: Any = None
    ) -> None:
        """Run the model on a prompt; without interventions nothing is changed.

        Args:
            prompt: Text, token ids, chat messages, or a list of those.
            prepend_bos: As of ``trace``.
            interventions: As of ``trace``.
        """
        batch = read_prompts(prompt, self.model, prepend_bos=prepend_bos)
        reader = _BoardReader(self, batch)
        reader.changed = parts_of(interventions)
        forward(self.model, batch, reader, reader.changed)

    def _run(self, batch: Batch, ablation: Ablation | None = None, remark: str = "") -> None:
        interventions = () if ablation is None else (ablation,)
        reader = _BoardReader(self, batch, ablation)
        reader.remark = remark
        forward(self.model, batch, reader, interventions)


class _BoardReader(MethodReader):
    """One run of a board: reads for all its views, and feeds them."""

    def __init__(self, board: Board, batch: Batch, ablation: Ablation | None = None) -> None:
        self._slots = list(board._slots)
        super().__init__(board.model, [slot.method for slot in self._slots], batch)
        self._board = board
        self._ablation = ablation
        #: What a run of ours was told to change, other than by an ablation of the board's.
        self.changed: tuple[Part, ...] = ()
        self._applied_before = board._applied
        self._shown_at = 0.0
        #: What else the provenance says of this run.
        self.remark = ""
        #: The user's block as lines; None for a run of ours.
        self._typed: list[str] | None = None
        self._before: list[tuple[Result, ...]] = []

    def take_block(self, block: Block | None) -> None:
        """Note the user's block as text, and let go of what it names."""
        self._typed = []
        if block is not None:
            self._typed = block_lines(block, self.model, self._board)

    def reads(self) -> list[Read]:
        """Begin."""
        self._shown_at = time.monotonic()
        self._before = [slot.results for slot in self._slots]
        self._applied_before = self._board._applied
        return super().reads() + next_token_reads(self.adapter)

    def progress(self, capture: Capture) -> None:
        """Show what a generation has so far, now and then."""
        if time.monotonic() - self._shown_at < PROGRESS_INTERVAL:
            return
        self._board._applied = Applied()
        self._show(capture)
        n_new = capture.n_tokens - capture.n_prompt_tokens
        for slot in self._slots:
            slot.view.set_status("running", f"{n_new} tokens generated", done=n_new)
        self._shown_at = time.monotonic()

    def deliver(self, capture: Capture) -> None:
        """Show the finished run, or say on the last good picture why there is none."""
        self._board.run_number = capture.number
        if self.remark:
            capture.add_note(self.remark)
        failed = capture.error or capture.read_error
        if failed is not None:
            self._show_failure(capture.number, failed)
            return
        if self.batch.prompts or self.batch.given is not None:
            self._board._last_batch = self.batch
        traced = self._typed is not None or bool(self.changed)
        self._board._settle(capture, self.batch, self._ablation, traced=traced)
        self._show(capture)

    def _show(self, capture: Capture) -> None:
        with self._board.group.quiet():
            for index, slot in enumerate(self._slots):
                run = self.run_of(capture, index)
                try:
                    slot.results = slot.method.build(run, slot.results)
                except InterpWidgetsError as error:  # the other views show this run
                    slot.view.show_refusal(capture.number, str(error))
                    continue
                slot.view.recipe = self._recipe(slot.method, capture)
                slot.view.show(slot.results)

    def _recipe(self, method: Method[Any], capture: Capture) -> Recipe:
        lines = run_lines(self.batch, self.changed) if self._typed is None else self._typed
        if self._ablation is not None:
            lines = [*lines, ablation_line(self._ablation)]
        return make_recipe(self.model, method, scaled_lines(lines, capture.adapter))

    def _show_failure(self, run: int, error: BaseException) -> None:
        what = (
            "interrupted"
            if isinstance(error, KeyboardInterrupt)
            else f"{type(error).__name__}: {error}"
        )
        self._board._applied = self._applied_before
        for slot, before in zip(self._slots, self._before, strict=True):
            if before and slot.results is not before:  # half of a generation is on screen
                slot.results = before
                slot.view.show(before)
            slot.view.show_failure(run, what)
