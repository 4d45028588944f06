"""Which numbers of a run an attention view draws: its weights, or something made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interpwidgets.errors import MessageError, nearest
from interpwidgets.results.alignment import Alignment, align_tokens
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.widgets.contract.attention import Measure

#: What can be drawn of a run, with what it is called.
TITLES = {
    "weight": "weight",
    "value_weighted": "value-weighted",
    "score": "score before softmax",
}
NOT_WEIGHTS = "these numbers are not the weights of a run"
#: ``Measure.why`` of what one more run would bring.
NEEDS_RUN = "run"


@dataclass(frozen=True)
class Display:
    """What a person chose to see of a run."""

    measure: str = "weight"
    hide_sink: bool = False
    less: str = ""
    """The name of what is subtracted; empty for nothing."""

    def __post_init__(self) -> None:
        if self.measure not in TITLES:
            raise MessageError(
                f"there is no measure {self.measure!r}. {nearest(self.measure, TITLES)}"
            )


@dataclass(frozen=True)
class Reference:
    """Something that can be subtracted from what is shown."""

    name: str
    title: str
    result: AttentionPattern


class References:
    """The runs that a view can subtract: earlier ones, other prompts, what was given."""

    def __init__(self) -> None:
        self._before: tuple[AttentionPattern, ...] = ()
        self._plain: tuple[AttentionPattern, ...] = ()
        self._given: dict[str, AttentionPattern] = {}

    def remember(
        self, shown: Sequence[AttentionPattern], coming: Sequence[AttentionPattern]
    ) -> None:
        """Keep the run on screen as another one comes: the last, and the last plain one.

        Args:
            shown: The run on screen, one Result per prompt.
            coming: The next one.
        """
        if not shown or shown[0].provenance.run == coming[0].provenance.run:
            return  # a generation shows one run growing
        self._before = tuple(shown)
        if not shown[0].provenance.intervened:
            self._plain = self._before

    def give(self, title: str, result: AttentionPattern) -> str:
        """Keep a Result of the user's; return its name."""
        name = title or _run_name(result)
        self._given[name] = result
        return name

    def of(self, results: Sequence[AttentionPattern], prompt: int) -> list[Reference]:
        """Return what can be subtracted from one prompt of a run, each run once.

        Args:
            results: The run on screen.
            prompt: Which of its prompts.
        """
        found = [Reference(name, name, given) for name, given in self._given.items()]
        earlier = [("plain", self._plain, ", plain"), ("before", self._before, "")]
        for name, of, more in earlier[: 1 if self._plain is self._before else 2]:
            if len(of) == len(results):
                found.append(Reference(name, f"{_run_name(of[prompt])}{more}", of[prompt]))
        found += [
            Reference(f"prompt-{n}", f"prompt {n + 1}", other)
            for n, other in enumerate(results)
            if n != prompt
        ]
        return [of for of in found if comparable(results[prompt], of.result)]


def _run_name(result: AttentionPattern) -> str:
    run = result.provenance.run
    return f"run {run}" if run else "given numbers"


def measures(result: AttentionPattern, *, can_run: bool) -> list[Measure]:
    """Return what can be drawn of a Result, and why something cannot.

    Args:
        result: Of a run.
        can_run: Whether what is missing could be read in one more run.
    """
    if result.column != "weight":
        why = dict.fromkeys(TITLES, NOT_WEIGHTS) | {"weight": ""}
        return _titled(why)
    no_values = "the model has no site 'v'" if result.provenance.run else "no values were given"
    why = {
        "weight": "",
        "value_weighted": "" if result.value_norms is not None else no_values,
        "score": "" if result.scores is not None else "not read; scores=True reads them",
    }
    if why["score"] and can_run:
        why["score"] = NEEDS_RUN
    return _titled(why)


def _titled(why: dict[str, str]) -> list[Measure]:
    return [{"name": name, "title": title, "why": why[name]} for name, title in TITLES.items()]


def displayed(
    result: AttentionPattern, display: Display, references: Sequence[Reference] = ()
) -> AttentionPattern:
    """Return what is drawn of a Result.

    Args:
        result: Of a run.
        display: What was chosen; what this Result does not have is left out.
        references: What can be subtracted.
    """
    shown = _measured(result, display)
    for reference in references:
        if reference.name == display.less:
            other = _measured(reference.result, display)
            if other.measure == shown.measure:
                same = len(result.tokens) == len(other.tokens)
                return shown.difference(other, align="position" if same else "text")
    return shown


def _measured(result: AttentionPattern, display: Display) -> AttentionPattern:
    if result.column != "weight":
        return result
    shown = result.without_sink() if display.hide_sink else result
    if display.measure == "value_weighted" and result.value_norms is not None:
        return shown.value_weighted()
    if display.measure == "score" and result.scores is not None:
        return shown.attention_scores()
    return shown


def comparable(result: AttentionPattern, other: AttentionPattern) -> bool:
    """Whether two Results are of the same heads, so that one can be subtracted."""
    return other is not result and (result.layers, result.heads, result.causal) == (
        other.layers,
        other.heads,
        other.causal,
    )


def drawn_alignment(result: AttentionPattern, other: AttentionPattern) -> Alignment | None:
    """Return how the tokens of two prompts belong together; None where they are the same."""
    if result.tokens.text == other.tokens.text:
        return None
    if len(result.tokens) == len(other.tokens):
        pairs = tuple((pos, pos) for pos in range(len(result.tokens)))
        return Alignment(pairs, (), (), result.tokens.text, other.tokens.text)
    return align_tokens(result.tokens, other.tokens)
