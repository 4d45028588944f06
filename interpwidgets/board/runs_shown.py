"""What a bench of a view needs of its board: to run something that other views show."""

from __future__ import annotations

from typing import Any

from interpwidgets.models.adapter import Model


class RunsShown:
    """A model and views of its runs; ``Board`` brings the runs."""

    model: Model
    _slots: list[Any]

    @property
    def shows_runs(self) -> bool:
        """Whether some view of the board shows its runs."""
        return bool(self._slots)

    def run(
        self, prompt: Any, *, prepend_bos: bool | None = None, interventions: Any = None
    ) -> None:
        """Run a prompt; every view shows that run."""
        raise NotImplementedError

    def undo(self) -> None:
        """Run the last prompt as it is."""
        raise NotImplementedError
