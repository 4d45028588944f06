"""Where in a run something is changed: layers, heads, positions, and by what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interpwidgets.directions import Direction
from interpwidgets.errors import InterventionError

Position = int | slice | str

#: What a direction is called that came without a name.
UNNAMED = "a direction"

#: Positions by name.
NAMED = {"prompt": "the prompt", "new": "what is generated"}


@dataclass(frozen=True, eq=False)
class Threshold:
    """A predicate of the activation: how far it goes along a direction."""

    direction: Any
    """``[d]``, a Direction or any array of numbers; its length does not matter: it is
    normalised."""

    value: float
    """The component along the direction from which on it holds, not included."""

    below: bool = False
    """Whether it holds below the value rather than above."""

    name: str = UNNAMED
    """What the direction is, in words."""

    def __post_init__(self) -> None:
        if isinstance(self.direction, Direction) and self.name == UNNAMED:
            object.__setattr__(self, "name", self.direction.name)
        object.__setattr__(self, "direction", as_direction(self.direction))
        object.__setattr__(self, "value", float(self.value))

    def __str__(self) -> str:
        return f"along {self.name} {'<' if self.below else '>'} {self.value:g}"


@dataclass(frozen=True, eq=False)
class Where:
    """Layers × heads × positions × what the activation is; all of each by default.

    Positions count from each prompt's own first token, whatever the padding. Negative ones
    count from the end of the prompt as it was given, also while a generation makes it
    longer; a slice without an end goes on over what is generated.
    """

    layers: Any = None
    """A layer or several; None: every layer."""

    heads: Any = None
    """A head or several, of each of the layers; None: every head."""

    positions: Any = None
    """A position, a slice, ``"prompt"``, ``"new"`` (what is generated), or several of
    those; None: every position, generated ones included."""

    tokens: Any = None
    """Only where the token is one of these: ids, or texts without their leading space."""

    when: Threshold | None = None
    """Only where the activation, as it comes, passes a threshold."""

    def __post_init__(self) -> None:
        for name in ("layers", "heads"):
            object.__setattr__(self, name, _as_indices(name, getattr(self, name)))
        object.__setattr__(self, "positions", _as_positions(self.positions))
        object.__setattr__(self, "tokens", _as_tokens(self.tokens))
        if self.when is not None and not isinstance(self.when, Threshold):
            raise InterventionError(
                f"`when` is a Threshold(direction, value); got {self.when!r:.40}."
            )

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Where:
        """Make one of what JSON gives."""
        when = plain.get("when")
        return cls(**{**plain, "when": None if when is None else Threshold(**when)})

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.words_of_heads(), self.words_of_positions()]))

    def words_of_heads(self) -> str:
        """Return layers and heads in words: ``"L1 L2 H3"``; empty for every one."""
        layers = [f"L{layer}" for layer in self.layers or ()]
        heads = [f"H{head}" for head in self.heads or ()]
        return " ".join(_shortened(layers) + _shortened(heads))

    def words_of_positions(self) -> str:
        """Return positions, tokens and threshold in words; empty for every one."""
        parts = []
        if self.positions is not None:
            parts.append(f"at {', '.join(_position_words(p) for p in self.positions)}")
        if self.tokens is not None:
            parts.append(f"where the token is {' or '.join(repr(t) for t in self.tokens)}")
        return " ".join([*parts, *([f"when {self.when}"] if self.when else [])])


def as_direction(direction: Any) -> np.ndarray:
    """Return a direction as one float32 axis.

    Args:
        direction: A Direction, an array or a tensor of numbers.

    Raises:
        InterventionError: It has another shape, is zero, or is not finite.
    """
    if isinstance(direction, Direction):
        return np.array(direction.vector)
    array = np.asarray(getattr(direction, "tolist", lambda: direction)(), dtype=np.float32)
    if array.ndim != 1 or not np.isfinite(array).all() or not array.any():
        raise InterventionError(
            "a direction is one axis of finite numbers, not all 0; got shape "
            f"{list(array.shape)}{'' if np.isfinite(array).all() else ' with NaN or inf'}."
        )
    return array


def _shortened(names: list[str]) -> list[str]:
    return names if len(names) <= 6 else [f"{names[0]}…{names[-1]} ({len(names)})"]


def _position_words(position: Position) -> str:
    if isinstance(position, slice):
        ends = ["" if i is None else str(i) for i in (position.start, position.stop)]
        step = f":{position.step}" if position.step not in (None, 1) else ""
        return f"positions {ends[0]}:{ends[1]}{step}"
    return NAMED[position] if isinstance(position, str) else f"position {position}"


def _several(given: Any) -> list[Any]:
    given = given.tolist() if isinstance(given, np.ndarray) else given
    is_one = isinstance(given, (int, np.integer, str, slice))
    if not is_one and not isinstance(given, (Sequence, set, frozenset)):
        raise InterventionError(f"expected one or several to choose; got {given!r:.40}.")
    return [given] if is_one else list(given)


def _as_indices(name: str, given: Any) -> tuple[int, ...] | None:
    if given is None:
        return None
    kept = [_as_index(one) for one in _several(given)]
    if any(one is None or one < 0 for one in kept):
        raise InterventionError(f"`{name}` are whole numbers from 0; got {given!r:.40}.")
    return tuple(sorted({one for one in kept if one is not None}))


def _as_index(given: Any) -> int | None:
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    return int(given) if whole else None


def _as_positions(given: Any) -> tuple[Position, ...] | None:
    return None if given is None else tuple(_as_position(one) for one in _several(given))


def _as_position(given: Any) -> Position:
    if isinstance(given, str) and given in NAMED:
        return given
    if isinstance(given, slice) and (given.step is None or given.step > 0):
        return given
    index = _as_index(given)
    if index is None:
        raise InterventionError(
            "a position is a whole number, a slice with a positive step, 'prompt' or 'new'; "
            f"got {given!r:.40}."
        )
    return index


def _as_tokens(given: Any) -> tuple[int | str, ...] | None:
    if given is None:
        return None
    kept = [one if isinstance(one, str) else _as_index(one) for one in _several(given)]
    if None in kept or not kept:
        raise InterventionError(f"`tokens` are token ids or texts; got {given!r:.40}.")
    return tuple(
        one.strip() if isinstance(one, str) else one for one in kept if one is not None
    )
