"""The method of a HeadBoard: what is fixed is made once, attribution with every run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from interpwidgets.errors import InterpWidgetsError, ModelError, PromptError, SiteError
from interpwidgets.methods.direct_logit_attribution import DirectLogitAttributionMethod
from interpwidgets.methods.head_scores import head_scores
from interpwidgets.methods.weight_circuits import weight_circuits
from interpwidgets.models.adapter import Adapter, Model
from interpwidgets.models.capture import Read
from interpwidgets.models.pairs import answer_ids
from interpwidgets.models.running import Run
from interpwidgets.results.base import Result
from interpwidgets.results.head_scores import HeadScores
from interpwidgets.results.head_table import HeadTable
from interpwidgets.results.weight_circuits import WeightCircuits

#: What a HeadBoard asks of ``head_scores``.
PATTERN_SCORES = ("previous_token", "induction", "duplicate_token", "first_token")

#: Sequences drawn for them.
N_SEQUENCES = 32


@dataclass(frozen=True)
class Fixed:
    """What no prompt changes; a part that the model has not, with the reason."""

    scores: HeadScores | None = None
    circuits: WeightCircuits | None = None
    absent: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, model: Model, n: int, seed: int) -> Fixed:
        """Compute it: one forward of drawn sequences, and the weights.

        Args:
            model: An nnsight model.
            n: How many sequences are drawn.
            seed: Of the draws.

        Raises:
            InterpWidgetsError: The model has neither part.
        """
        absent: dict[str, InterpWidgetsError] = {}
        asked: dict[str, Callable[[], Result]] = {
            "scores": lambda: head_scores(model, scores=PATTERN_SCORES, n=n, seed=seed),
            "circuits": lambda: weight_circuits(model, seed=seed),
        }
        parts: dict[str, Any] = {}
        for name, make in asked.items():
            try:
                parts[name] = make()
            except (ModelError, SiteError, PromptError) as error:
                absent[name] = error
        if not parts:
            raise absent["scores"]
        return cls(**parts, absent=tuple((name, str(why)) for name, why in absent.items()))

    def table(self) -> HeadTable:
        """Return the table of what is fixed alone."""
        of = self.scores or self.circuits
        assert of is not None
        # It is of no run that a view could be linked to.
        provenance = dataclasses.replace(of.provenance, run=0)
        return HeadTable(provenance, self.scores, self.circuits, absent=self.absent)


@dataclass(frozen=True)
class HeadBoardMethod:
    """A table of heads as a method: attribution is read in the run, the rest is given."""

    name: ClassVar[str] = "head_board"

    answers: tuple[tuple[int, ...], ...] = ()
    """Token ids: (correct,) or (correct, wrong), for all prompts or one each; none: the
    most probable next token."""

    n: int = N_SEQUENCES
    seed: int = 0

    fixed: Fixed = field(default=Fixed(), repr=False, compare=False)
    """Not part of how it is asked for."""

    @property
    def result_type(self) -> type[HeadTable]:
        """The type of Result that ``build`` makes."""
        return HeadTable

    def _attribution(self) -> DirectLogitAttributionMethod:
        target, against = (
            tuple(ids[at] for ids in self.answers if len(ids) > at) for at in (0, 1)
        )
        return DirectLogitAttributionMethod(target=target, against=against)

    def _why_none(self, adapter: Adapter) -> str:
        try:
            self._attribution().reads(adapter)
        except SiteError as error:
            return str(error)
        return ""

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return the reads of the attribution; none where the model has none."""
        return [] if self._why_none(adapter) else self._attribution().reads(adapter)

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:
        """Refuse what the attribution would refuse."""
        if not self._why_none(adapter):
            self._attribution().check_bytes(adapter, n_prompts, n_tokens)

    def build(self, run: Run, previous: Sequence[HeadTable] = ()) -> tuple[HeadTable, ...]:
        """Return one table per prompt, with the ablations that were measured on it."""
        why, parts = self._why_none(run.adapter), list[Any]()
        if not why:
            try:
                parts = list(self._attribution().build(run))
            except (ModelError, SiteError) as error:
                why = str(error)
        absent = (*self.fixed.absent, *([("attribution", why)] if why else []))
        n = run.capture.n_prompts
        tables = (
            HeadTable(
                run.provenance(*(["z"] if parts else []), prompt=prompt),
                self.fixed.scores,
                self.fixed.circuits,
                parts[prompt] if parts else None,
                tokens=run.tokens(prompt),
                prompt_index=prompt,
                prompt_count=n,
                absent=absent,
            )
            for prompt in range(n)
        )
        return tuple(_measured_before(table, previous) for table in tables)


def _measured_before(table: HeadTable, previous: Sequence[HeadTable]) -> HeadTable:
    """Return it with what was measured on the same prompt, at the same adapter's strength."""
    for other in previous:
        same = other.tokens.ids == table.tokens.ids
        if same and other.provenance.adapter == table.provenance.adapter:
            return with_ablation(table, other.ablation, other.ablation_mode)
    return table


def with_ablation(table: HeadTable, effects: np.ndarray | None, mode: str) -> HeadTable:
    """Return a table with the effects of ablations.

    Args:
        table: What it was.
        effects: ``[layer, head]``, NaN where none was measured; None: of no head.
        mode: How heads were ablated.
    """
    return dataclasses.replace(table, ablation=effects, ablation_mode=mode)


def read_answers(model: Model, answers: Any) -> tuple[tuple[int, ...], ...]:
    """Return the token ids of answers as a person gives them.

    Args:
        model: An nnsight model.
        answers: A token, ``(correct, wrong)``, or a list of tuples, one per prompt; None.

    Raises:
        PromptError: One is no single token, or it is none of these.
    """
    if answers is None:
        return ()
    one = isinstance(answers, (str, int))
    flat = not one and len(answers) > 0 and isinstance(answers[0], (str, int))
    rows = [(answers,)] if one else [tuple(answers)] if flat else [tuple(a) for a in answers]
    lengths = {len(row) for row in rows}
    if lengths not in ({1}, {2}):
        raise PromptError(
            "answers are a token, (correct, wrong) tokens, or a list of those, one per prompt; "
            f"got {answers!r:.60}."
        )
    return tuple(answer_ids(model, rows, lengths.pop(), len(rows)))
