"""Heads to ablate, and what that did: values of numpy and JSON only."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np

from interpwidgets.axes import head_name
from interpwidgets.errors import InterventionError

Mode = Literal["zero", "mean"]
Head = tuple[int, int]

#: Heads that a sentence names one by one.
NAMED = 6


@dataclass(frozen=True)
class Ablation:
    """Heads whose output (``z``, before the output projection) is replaced in a run.

    ``"zero"`` puts 0 in its place. ``"mean"`` puts at every position the mean of that
    head's z over all positions of the same prompt in the same run, pads left out: the head
    still writes what it writes on average there, but nothing that depends on the position.
    """

    heads: Sequence[Head]
    """(layer, head) pairs; kept once each, in order."""

    mode: Mode = "zero"
    """What takes the place of z."""

    def __post_init__(self) -> None:
        _as_mode(self.mode)
        object.__setattr__(self, "heads", tuple(sorted(set(_as_heads(self.heads)))))

    @classmethod
    def of(cls, heads: Any, mode: Any = "zero") -> Ablation:
        """Make one of a (layer, head) pair or several.

        Args:
            heads: ``(3, 2)`` or ``[(3, 2), (3, 5)]``.
            mode: ``"zero"`` or ``"mean"``.

        Raises:
            InterventionError: It is none of that, or no head at all.
        """
        heads = heads.tolist() if isinstance(heads, np.ndarray) else heads
        if not isinstance(heads, (list, tuple)) or not heads:
            raise InterventionError(
                "which head? Give (layer, head) or a list of those, e.g. (3, 2) or "
                f"board.selection.heads; got {heads!r:.40}."
            )
        single = not isinstance(heads[0], (list, tuple))
        return cls(_as_heads([heads] if single else heads), _as_mode(mode))

    def layers(self) -> tuple[int, ...]:
        """Return the layers that it touches."""
        return tuple(dict.fromkeys(layer for layer, _ in self.heads))

    def to_json(self) -> str:
        """Return it as JSON; ``from_json`` reads it."""
        heads = [list(head) for head in self.heads]
        return json.dumps({"kind": "ablate", "heads": heads, "mode": self.mode})

    @classmethod
    def from_json(cls, text: str) -> Ablation:
        """Make one of what ``to_json`` gave.

        Raises:
            InterventionError: The text is something else.
        """
        try:
            plain = json.loads(text)
        except json.JSONDecodeError as error:
            raise InterventionError(f"this is no JSON: {error}") from error
        if not isinstance(plain, dict) or set(plain) != {"kind", "heads", "mode"}:
            raise InterventionError(
                f"an ablation in JSON has kind, heads and mode; got {text!r:.60}."
            )
        if plain["kind"] != "ablate" or not isinstance(plain["heads"], list):
            raise InterventionError(f"this is no ablation of heads: {text!r:.60}.")
        return cls(_as_heads(plain["heads"]), _as_mode(plain["mode"]))

    def __str__(self) -> str:
        names = [head_name(*head) for head in self.heads]
        if not names:
            return "no head ablated"
        if len(names) > NAMED:
            return f"{len(names)} heads {self.mode}-ablated ({names[0]} … {names[-1]})"
        return f"{', '.join(names)} {self.mode}-ablated"

    def check_heads(self, n_layers: int, n_heads: int, of: str) -> None:
        """Refuse heads that a model does not have.

        Args:
            n_layers: How many layers it has.
            n_heads: How many heads each has.
            of: Its name.

        Raises:
            InterventionError: One is outside; the message names the valid range.
        """
        for layer, head in self.heads:
            if not (0 <= layer < n_layers and 0 <= head < n_heads):
                raise InterventionError(
                    f"there is no head {head_name(layer, head)} in {of}; it has layers "
                    f"0-{n_layers - 1} with heads 0-{n_heads - 1}."
                )

    def controls(
        self, n: int, seed: int, n_layers: int, n_heads: int
    ) -> tuple[list[Ablation], str]:
        """Draw ablations of as many other heads each, to compare this one with.

        Without replacement: no two draws are of the same heads. Heads are drawn from the
        layers that this one touches, or from all layers where those have too few.

        Args:
            n: How many to draw; fewer where fewer exist.
            seed: Of the draw.
            n_layers: How many layers the model has.
            n_heads: How many heads each has.

        Returns:
            The ablations, and what was drawn in words.

        Raises:
            InterventionError: None was asked for, or there are too few other heads.
        """
        if n < 1 or not self.heads:
            raise InterventionError(f"a control needs heads and n of 1 or more; got n={n}.")
        size = len(self.heads)
        layers, others = self._others(n, n_layers, n_heads)
        drawn = _draw_sets(others, size, n, np.random.default_rng(seed))
        if not drawn:
            raise InterventionError(
                f"there are no {size} other heads to compare with: the model has "
                f"{n_layers * n_heads}, {size} of them are ablated. Ablate fewer."
            )
        exhausted = len(drawn) == math.comb(len(others), size)
        how = "all there are" if exhausted else f"drawn at random, seed {seed}"
        title = f"{_drawn_words(len(drawn), size)} of {_layer_words(layers, n_layers)} ({how})"
        return [Ablation(heads, self.mode) for heads in drawn], f"{title}, {self.mode}-ablated"

    def _others(
        self, n: int, n_layers: int, n_heads: int
    ) -> tuple[Sequence[int], Sequence[Head]]:
        """Return the layers to draw from, and their heads that are not ablated."""
        own = self._heads_beside(self.layers(), n_heads)
        if math.comb(len(own), len(self.heads)) >= n:
            return self.layers(), own
        return range(n_layers), self._heads_beside(range(n_layers), n_heads)

    def _heads_beside(self, layers: Sequence[int], n_heads: int) -> list[Head]:
        every = itertools.product(layers, range(n_heads))
        return [head for head in every if head not in self.heads]


def _as_mode(mode: Any) -> Mode:
    for known in get_args(Mode):
        if mode == known:
            return cast(Mode, known)
    raise InterventionError(f"a head is ablated by mode 'zero' or 'mean'; got {mode!r:.40}.")


def _as_heads(heads: Any) -> list[Head]:
    return [_as_head(head) for head in heads]


def _as_head(head: Any) -> Head:
    whole = (
        isinstance(head, (list, tuple))
        and len(head) == 2
        and all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in head)
    )
    if not whole:
        raise InterventionError(
            f"a head is (layer, head), two whole numbers; got {head!r:.40}."
        )
    return int(head[0]), int(head[1])


def _layer_words(layers: Sequence[int], n_layers: int) -> str:
    if len(layers) == n_layers > 1:
        return "all layers"
    return f"layer{'s' if len(layers) > 1 else ''} {', '.join(map(str, layers))}"


def _drawn_words(n: int, size: int) -> str:
    if size > 1:
        return f"{n} set{'s' if n > 1 else ''} of {size} other heads"
    return f"{n} other heads, one at a time," if n > 1 else "1 other head"


def _draw_sets(
    heads: Sequence[Head], size: int, n: int, rng: np.random.Generator
) -> list[tuple[Head, ...]]:
    """Return up to n different sets of heads, each as likely as any other."""
    if math.comb(len(heads), size) <= n:
        return list(itertools.combinations(heads, size))
    drawn: dict[tuple[Head, ...], None] = {}
    while len(drawn) < n:
        chosen = np.sort(rng.choice(len(heads), size, replace=False))
        drawn[tuple(heads[i] for i in chosen)] = None
    return list(drawn)


@dataclass(frozen=True)
class Control:
    """What the same ablation of other heads, drawn at random, does to the same number."""

    values: tuple[float, ...]
    """One per draw, in the unit of the effect."""

    title: str
    """What was drawn, in words."""

    @property
    def n(self) -> int:
        """How many draws."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(np.mean(self.values))

    @property
    def low(self) -> float:
        """The smallest of them."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest of them."""
        return max(self.values)

    def __str__(self) -> str:
        spread = f"{self.low:.3g} to {self.high:.3g}, n = {self.n}"
        return f"{self.mean:.3g} ({spread}): {self.title}"


@dataclass(frozen=True)
class Effect:
    """What an intervention did to the model's output, as one number."""

    value: float
    """The number, averaged over prompts."""

    title: str = "KL(clean ‖ ablated) of the next token"
    """What it measures."""

    unit: str = "nats"
    """Its unit."""

    note: str = ""
    """What it was measured on, in words."""

    control: Control | None = None
    """The same of other heads; None until it was run."""

    def __str__(self) -> str:
        control = "no control yet" if self.control is None else f"control {self.control}"
        return f"{self.title}: {self.value:.3g} {self.unit}; {control}"
