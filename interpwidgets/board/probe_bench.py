"""Fits the probes of a ProbePanel and scores texts with them, in a cell or queued."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interpwidgets.board.ablating import WAITING
from interpwidgets.board.runs_shown import RunsShown
from interpwidgets.board.worker import worker_of
from interpwidgets.estimators.bench import Progress
from interpwidgets.methods.probe import probe
from interpwidgets.methods.probe_scores import probe_scores
from interpwidgets.models.reading_positions import Rule, rows_of
from interpwidgets.models.vocabulary import bos_id
from interpwidgets.results.probe import ProbeResult
from interpwidgets.widgets.probe import ProbePanel
from interpwidgets.widgets.probe_payload import Scored, examples_of

#: Seconds after which a view is shown before its cell ends, and between two messages.
EARLY_S = 1.0
_SAID_S = 0.1


@dataclass(frozen=True)
class Asked:
    """What was asked for: the dataset, everything else by name."""

    dataset: Any
    labels: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    prompts: Mapping[str, Any] = field(default_factory=dict)
    """By how a Result names a text, the prompt: chats and token ids are named otherwise."""


class Bench:
    """One view's probes."""

    def __init__(self, board: RunsShown, view: ProbePanel, asked: Asked) -> None:
        self._board, self._view, self._asked = board, view, asked
        self._released = threading.Event()

    def fit(self, *, in_cell: bool = False) -> ProbeResult:
        """Fit every probe, show them, and score a few held-out texts token by token.

        Args:
            in_cell: Show the view before its cell ends, where that takes long.
        """
        began, said_at = time.monotonic(), 0.0
        told = self._asked.options.get("progress")

        def tell(how_far: Progress) -> None:
            nonlocal said_at
            if told is not None:
                told(how_far)
            now = time.monotonic()
            if now - said_at < _SAID_S:
                return
            said_at = now
            left = f"{how_far.stage} · {how_far.seconds_left:.0f} s left"
            self._view.set_status("running", left, done=how_far.done, total=how_far.total)
            if in_cell and now - began > EARLY_S:
                self._view.display_early()

        options = {**self._asked.options, "progress": tell}
        try:
            found = probe(self._board.model, self._asked.dataset, self._asked.labels, **options)
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            self._view.show_failure(None, "interrupted" if interrupted else _said(error))
            raise
        self._view.show((found,))
        self._show_examples(found)
        return found

    def fit_from(self) -> None:
        """Queue the same."""
        self._queue("fit", self.fit)

    def _show_examples(self, found: ProbeResult) -> None:
        view = self._view
        probe = view._probe
        at = divmod(probe, len(found.positions))
        texts = []
        for place in examples_of(found, view.layer, probe):
            name = found.texts[place]
            prompt = self._asked.prompts.get(name, name)
            texts.append(self.score(prompt, *at, target=float(found.target[place])))
        view.add_scored(texts)

    # ------------------------------------------------------------------------------ texts

    def score(
        self, prompt: Any, method: int, position: int, *, target: float | None = None
    ) -> Scored:
        """Score every token of a text by the probes of every layer.

        Args:
            prompt: Text, token ids, or chat messages.
            method: Which of the methods.
            position: Which of the position rules.
            target: Its label, where that is known.
        """
        found = self._view.probes
        name = found.position_names[position]
        values = probe_scores(
            self._board.model, found, prompt, method=found.methods[method], position=name
        )
        read = _read(name, list(values.tokens.ids), bos_id(self._board.model))
        probe = method * len(found.positions) + position
        return Scored(values, probe, read, prompt, target)

    def score_from(self, prompt: Any) -> None:
        """Queue a text; of several that wait each is scored."""
        self._queue(f"text {prompt!r}", lambda: self._view.score(prompt))

    def rescore_from(self) -> None:
        """Queue every text once more, for the probe that is on screen now."""

        def rescore() -> None:
            view = self._view
            at = divmod(view._probe, len(view.probes.positions))
            texts = [self.score(one.prompt, *at, target=one.target) for one in view.texts]
            view.replace_scored(texts)

        self._queue("rescore", rescore)

    # ------------------------------------------------------------------------------ queue

    def _queue(self, what: str, work: Callable[[], object]) -> None:
        view = self._view
        if view.status["kind"] != "running":
            view.set_status("running", WAITING)

        def guarded() -> None:
            if self._released.is_set():
                return
            try:
                work()
                view.settle()
            except KeyboardInterrupt:
                view.settle()
            except Exception as error:
                # Not in a cell: the view is where the person sees it.
                view.refuse(_said(error))

        worker_of(self._board.model).submit(f"{view.view_id} {what}", guarded)

    def release(self) -> None:
        """Forget what waits."""
        self._released.set()


def _read(name: str, ids: list[int], bos: int | None) -> tuple[int, ...]:
    """Return the positions that a rule reads of a text; none where it needs a span."""
    if name == "span":
        return ()
    rule = Rule(int(name) if name.lstrip("-").isdigit() else name)
    rows = rows_of(rule, [ids], None, bos)
    spans = zip(rows.first.tolist(), rows.stop.tolist(), strict=True)
    return tuple(pos for first, stop in spans for pos in range(first, stop))


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
