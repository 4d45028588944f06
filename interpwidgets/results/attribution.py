"""Who wrote a logit: what every part of a model adds to it directly."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError, nearest
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.bootstrap import bootstrap_interval, mean_of
from interpwidgets.results.renderings import rendering
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd

#: The breakdowns and what one bar of each is.
BREAKDOWNS: dict[str, str] = {
    "component": "embeddings, each attention and each MLP, the final bias",
    "head": "each head",
    "neuron": "each neuron of each MLP",
    "source": "what each head took from each token",
}

#: What the numbers are of.
MEASURES = ("logit", "logit difference", "direction")

_AXES: dict[str, tuple[str, ...]] = {
    "component": (),
    "head": ("layer", "head"),
    "neuron": ("layer", "neuron"),
    "source": ("layer", "head", "key_pos"),
}

#: Fields with an entry for each prompt that are no arrays.
_PER_PROMPT = ("targets", "toward", "over", "pos", "tokens")

_SHOWN = 5

#: In many dimensions a product with a random direction is as good as normal.
_NORMAL_95 = 1.96


@dataclass(frozen=True, repr=False)
class DirectLogitAttribution(Result):
    """What each part of a model adds directly to a logit, on each of some prompts.

    Positive pushes towards the target. The parts of ``component`` and ``remainder`` sum to
    ``logit``; heads and ``head_bias`` sum to their layer's attention, neurons and
    ``neuron_bias`` to their MLP, sources to their head.
    """

    kind: ClassVar[str] = "direct_logit_attribution"

    targets: tuple[str, ...]
    """What the numbers push towards on each prompt, in words: ``"' Ben' − ' Ada'"``."""

    measure: str
    """One of ``MEASURES``. Of a direction: its product with what the last norm gives."""

    pos: tuple[int, ...]
    """The position of each prompt whose next token is explained, from 0."""

    tokens: tuple[Tokens, ...]
    """The prompts."""

    components: tuple[str, ...]
    """Names: ``embed``, ``L0 attn``, ``L0 mlp``, …, ``bias`` (of the last norm and the
    unembedding)."""

    component: Float[np.ndarray, "prompt component"]
    """float32, logits."""

    chance: Float[np.ndarray, "prompt component"]
    """float32, the control: the standard deviation of what a component would add to random
    directions of the target's length. NaN for the bias."""

    logit: Float[np.ndarray, " prompt"]
    """float32; what the bars sum to: the model's own, before a final soft-cap."""

    remainder: Float[np.ndarray, " prompt"]
    """float32; ``logit`` less the sum of the components: rounding, or a part of the model
    that none of them is."""

    output: Float[np.ndarray, " prompt"]
    """float32; what the model gave: ``logit``, behind a soft-cap where there is one."""

    cap: float = 0.0
    """Of the model's soft-cap on its logits; 0: it has none."""

    toward: tuple[str, ...] = ()
    """The token that the numbers of each prompt push towards; empty for a direction."""

    over: tuple[str, ...] = ()
    """The token whose logit is subtracted on each prompt; empty for none."""

    head: Float[np.ndarray, "prompt layer head"] | None = None
    """float32."""

    head_bias: Float[np.ndarray, "prompt layer"] | None = None
    """float32; what the biases of attention's output add."""

    head_chance: Float[np.ndarray, "prompt layer head"] | None = None
    """float32; ``chance`` of heads."""

    neuron: Float[np.ndarray, "prompt layer neuron"] | None = None
    """float32."""

    neuron_bias: Float[np.ndarray, "prompt layer"] | None = None
    """float32; what the biases of the MLP's output add."""

    source: Float[np.ndarray, "prompt layer head key_pos"] | None = None
    """float32; NaN beyond a prompt's own tokens."""

    def __post_init__(self) -> None:
        n = len(self.component)
        arrays = (self.logit, self.remainder, self.output, self.head, self.head_bias)
        more = (self.chance, self.head_chance, self.neuron, self.neuron_bias, self.source)
        lengths = {len(a) for a in (*arrays, *more) if a is not None}
        lengths |= {len(self.targets), len(self.pos), len(self.tokens)}
        if lengths != {n} or self.component.shape[1] != len(self.components):
            raise ResultError(
                f"an attribution of {n} prompts to {len(self.components)} components needs "
                "one entry of everything per prompt and one column per component; got "
                f"lengths {sorted(lengths)} and {self.component.shape[1]} columns."
            )
        if self.measure not in MEASURES:
            raise ResultError(f"no measure {self.measure!r}. {nearest(self.measure, MEASURES)}")

    # ------------------------------------------------------------------------- numbers

    @property
    def n(self) -> int:
        """How many prompts."""
        return len(self.component)

    @property
    def breakdowns(self) -> tuple[str, ...]:
        """Which of ``BREAKDOWNS`` are held."""
        return tuple(by for by in BREAKDOWNS if getattr(self, by) is not None)

    def of(self, by: str) -> Float[np.ndarray, "*axes"]:
        """Return the mean over prompts of a breakdown, without the prompt axis.

        Args:
            by: One of ``breakdowns``.

        Raises:
            ResultError: It is not held; or sources of prompts of different lengths, whose
                positions are not the same thing.
        """
        means: np.ndarray = mean_of(self.values(by))
        return means

    def interval(self, by: str) -> tuple[Any, Any]:
        """Return low and high ends of 95 % intervals of ``of``, by bootstrap over prompts.

        NaN with one prompt.

        Args:
            by: One of ``breakdowns``.
        """
        values = self.values(by)
        ends = bootstrap_interval(values.reshape(self.n, -1)).reshape(2, *values.shape[1:])
        return ends[0], ends[1]

    def chance_level(self, by: str) -> Float[np.ndarray, "*axes"]:
        """Return the control of ``of``: ± this holds 95 % of what chance would give.

        Chance is a direction of the target's length, drawn anew for each prompt. NaN for
        neurons and sources, which have no control.

        Args:
            by: One of ``breakdowns``.
        """
        name = {"component": "chance", "head": "head_chance"}.get(by, "")
        spread = getattr(self, name, None)
        if spread is None:
            return np.full(self.values(by).shape[1:], np.nan)
        total = np.sqrt(np.square(spread.astype(np.float64)).sum(axis=0))
        found: np.ndarray = _NORMAL_95 * total / self.n
        return found

    def values(self, by: str) -> Float[np.ndarray, prompt * axes]:
        """Return the numbers of a breakdown on each prompt.

        Args:
            by: One of ``breakdowns``.

        Raises:
            ResultError: As of ``of``.
        """
        values = getattr(self, by, None) if by in BREAKDOWNS else None
        if values is None:
            advice = "ask for it" if by in BREAKDOWNS else nearest(by, BREAKDOWNS)
            raise ResultError(
                f"no breakdown by {by!r} here; held: {', '.join(self.breakdowns)}. "
                + (f"To have it {advice}: by=[{by!r}]." if by in BREAKDOWNS else advice)
            )
        if by == "source" and len({len(tokens) for tokens in self.tokens}) > 1:
            raise ResultError(
                "sources of prompts of different lengths have no mean; take one prompt: "
                ".prompt(0)."
            )
        found: np.ndarray = values
        return found

    def prompt(self, index: int) -> DirectLogitAttribution:
        """Return the attribution on one prompt alone.

        Args:
            index: From 0.

        Raises:
            ResultError: There is no such prompt.
        """
        if not 0 <= index < self.n:
            raise ResultError(f"`prompt` is {index}; there are {self.n}, 0-{self.n - 1}.")
        fields: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                fields[field.name] = value[index : index + 1]
        for name in _PER_PROMPT:
            fields[name] = getattr(self, name)[index : index + 1]
        if self.source is not None:
            fields["source"] = fields["source"][..., : len(self.tokens[index])]
        return dataclasses.replace(self, **fields)

    @classmethod
    def join(cls, parts: list[DirectLogitAttribution]) -> DirectLogitAttribution:
        """Return one Result of several that differ in their prompts.

        Args:
            parts: At least one, of the same model and breakdowns.
        """
        first, fields = parts[0], dict[str, Any]()
        for name in _PER_PROMPT:
            fields[name] = tuple(one for part in parts for one in getattr(part, name))
        longest = max(len(tokens) for tokens in fields["tokens"])
        for field in dataclasses.fields(first):
            arrays = [getattr(part, field.name) for part in parts]
            if isinstance(arrays[0], np.ndarray):
                if field.name == "source":
                    arrays = [_widened(array, longest) for array in arrays]
                fields[field.name] = np.concatenate(arrays)
        said = {part.provenance.bos for part in parts}
        bos = said.pop() if len(said) == 1 else "BOS in some"
        fields["provenance"] = dataclasses.replace(first.provenance, bos=bos)
        return dataclasses.replace(first, **fields)

    # -------------------------------------------------------------------------- tables

    def names(self, by: str) -> list[str]:
        """Return the name of each bar of a breakdown, the last axis fastest.

        Args:
            by: One of ``breakdowns``.
        """
        if by == "component":
            return list(self.components)
        shape = self.values(by).shape[1:]
        return [self._name(by, at) for at in np.ndindex(*shape)]

    def _name(self, by: str, at: tuple[int, ...]) -> str:
        if by == "neuron":
            return f"L{at[0]} N{at[1]}"
        if by == "head":
            return head_name(at[0], at[1])
        same = len({tokens.text[at[2]] for tokens in self.tokens}) == 1
        text = f" {self.tokens[0].text[at[2]]!r}" if same else ""
        return f"{head_name(at[0], at[1])} ← {at[2]}{text}"

    def to_frame(self, by: str = "component") -> pd.DataFrame:
        """Return one row per bar of a breakdown.

        Columns: name, layer, head, neuron, key_pos (those that it has), value (the mean
        over prompts), low and high (95 %), chance (``chance_level``), n. By component the
        last row is the remainder.

        Args:
            by: One of ``breakdowns``.
        """
        import pandas as pd

        value, (low, high) = self.of(by), self.interval(by)
        places = dict(zip(_AXES[by], np.indices(value.shape), strict=False))
        frame = pd.DataFrame(
            {
                "name": self.names(by),
                **{axis: place.ravel() for axis, place in places.items()},
                "value": value.ravel(),
                "low": low.ravel(),
                "high": high.ravel(),
                "chance": self.chance_level(by).ravel(),
                "n": self.n,
            }
        )
        if by != "component":
            return frame
        ends = bootstrap_interval(self.remainder[:, None])[:, 0]
        rest = ["remainder", mean_of(self.remainder), *ends, np.nan, self.n]
        return pd.concat([frame, pd.DataFrame([rest], columns=frame.columns)]).reset_index(
            drop=True
        )

    def best(self, by: str = "component", n: int = 10) -> pd.DataFrame:
        """Return the bars of the largest size, whatever their sign.

        Args:
            by: One of ``breakdowns``.
            n: How many.
        """
        frame = self.to_frame(by)
        order = np.argsort(-frame["value"].abs().to_numpy(), kind="stable")
        return frame.iloc[order[:n]].reset_index(drop=True)

    def summary(self) -> str:
        """Return in one line what is explained."""
        name = self.provenance.model or "a model"
        total = f"{self.measure} {signed_text(float(mean_of(self.logit)))}"
        if self.n == 1:
            return f"{name}, {self.target_text()}, {total}"
        return f"{name}, {self.target_text()}, mean {total} over {self.n} prompts"

    def target_text(self) -> str:
        """Return what is explained, in words; of several targets how many."""
        several = dict.fromkeys(self.targets)
        return self.targets[0] if len(several) == 1 else f"{len(several)} targets"

    def __repr__(self) -> str:
        lines = [f"DirectLogitAttribution of {self.summary()}"]
        for by in self.breakdowns:
            if by == "source" and len({len(tokens) for tokens in self.tokens}) > 1:
                continue
            best = self.best(by, _SHOWN)
            pairs = zip(best["name"], best["value"], strict=True)
            said = ", ".join(f"{name} {signed_text(value)}" for name, value in pairs)
            lines.append(f"  {by:<10} {said}")
        worst = float(np.abs(self.remainder).max())
        lines.append(f"  remainder  at most {worst:.1e}")
        return "\n".join(lines)

    def figure(self, by: str = "component", **which: Any) -> Any:
        """Return a plotly figure of a breakdown: bars, or heads as a grid.

        Args:
            by: One of ``breakdowns``.
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.
        """
        return rendering("attribution_figure")(self, by, **which)

    # -------------------------------------------------------------------------- saving

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, plain = super()._parts()
        plain["tokens"] = [dataclasses.asdict(tokens) for tokens in self.tokens]
        return arrays, plain

    @classmethod
    def from_saved(
        cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]
    ) -> DirectLogitAttribution:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["tokens"] = tuple(Tokens.from_plain(one) for one in plain["tokens"])
        return cls(**fields)


def signed_text(value: float) -> str:
    """Return a logit as views print it, its sign always: +2.61.

    Args:
        value: The number.
    """
    return "NaN" if np.isnan(value) else f"{value:+.2f}".replace("-", "−")


def _widened(
    source: Float[np.ndarray, "prompt layer head key_pos"], n: int
) -> Float[np.ndarray, "prompt layer head all_pos"]:
    missing = n - source.shape[-1]
    return np.pad(source, ((0, 0),) * 3 + ((0, missing),), constant_values=np.nan)
