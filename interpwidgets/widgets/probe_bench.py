"""The part of a ProbePanel that has texts scored."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from interpwidgets.errors import MessageError
from interpwidgets.widgets.early import ShownEarly
from interpwidgets.widgets.probe_payload import Scored

NO_MODEL = "these probes came without a model: iw.probe(model, ...) makes a view that has one."


@runtime_checkable
class ProbeBench(Protocol):
    """Who scores texts for a view."""

    def score(self, prompt: Any, method: int, position: int) -> Scored:
        """Score every token of a text now."""

    def score_from(self, prompt: Any) -> None:
        """Queue the same; the view is given it by ``add_scored``."""

    def rescore_from(self) -> None:
        """Queue every text of the view once more, for the probe that is on screen now."""

    def fit_from(self) -> None:
        """Queue the whole sweep once more."""

    def release(self) -> None:
        """Forget what waits."""


class WithBench(ShownEarly):
    """A view with somebody who scores texts for it, or without."""

    bench: ProbeBench | None

    def _draw(self) -> None:
        raise NotImplementedError

    def settle(self) -> None:
        """Say what state the numbers are in, once nothing runs."""
        raise NotImplementedError

    def attach_bench(self, bench: ProbeBench) -> None:
        """Have texts scored by a bench from now on.

        Args:
            bench: Who scores.
        """
        if self.bench is not None and self.bench is not bench:
            self.bench.release()
        self.bench = bench

    def need_bench(self) -> ProbeBench:
        """Return who scores texts.

        Raises:
            MessageError: The probes came without a model.
        """
        if self.bench is None:
            raise MessageError(NO_MODEL)
        return self.bench

    def detach(self) -> None:
        """Keep the picture, and score no more."""
        super().detach()
        if self.bench is not None:
            bench, self.bench = self.bench, None
            bench.release()
            self._draw()
            self.settle()
