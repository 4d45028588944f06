"""What a model would say next, read off its residual stream layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from interpwidgets.errors import ResultError, nearest
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.renderings import rendering
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd

#: What a cell may be coloured by, beside the ranks and probabilities of targets.
MEASURES = ("probability", "entropy", "kl")


@dataclass(frozen=True)
class LogitLens(Result):
    """The next-token predictions of every layer at every position."""

    kind: ClassVar[str] = "logit_lens"

    tokens: Tokens
    """The prompt."""

    site: str
    """What was read, e.g. ``"resid_post"``."""

    layers: tuple[int, ...]
    """The model's layer number of each entry of the layer axis."""

    top_ids: Int[np.ndarray, "layer pos rank"]
    """The most probable tokens, best first; int32, −1 where nothing was read."""

    top_logprob: Float[np.ndarray, "layer pos rank"]
    """Their log-probabilities, nats, float32."""

    entropy: Float[np.ndarray, "layer pos"]
    """Of the whole distribution, nats, float32."""

    kl: Float[np.ndarray, "layer pos"]
    """KL(final layer ‖ this layer), nats, float32; the final layer is the last one's
    ``resid_post`` through the model's own norm and unembedding."""

    target_ids: tuple[int, ...]
    """Tokens that are followed through the layers."""

    target_logprob: Float[np.ndarray, "layer pos target"]
    """Their log-probabilities, nats, float32."""

    target_rank: Int[np.ndarray, "layer pos target"]
    """How many tokens are more probable than each; int32, −1 where nothing was read."""

    vocabulary: dict[int, str]
    """The text of every token that is named here."""

    lens: str = ""
    """The tuned lens that the vectors went through first, in words; empty for none."""

    prompt_index: int = 0
    """Which prompt of the batch this is."""

    prompt_count: int = 1
    """How many there are."""

    def __post_init__(self) -> None:
        size = len(self.layers), len(self.tokens)
        n_targets = len(self.target_ids)
        wanted = {
            "top_ids": (*size, self.top_ids.shape[-1]),
            "top_logprob": (*size, self.top_ids.shape[-1]),
            "entropy": size,
            "kl": size,
            "target_logprob": (*size, n_targets),
            "target_rank": (*size, n_targets),
        }
        for name, shape in wanted.items():
            came = getattr(self, name).shape
            if came != shape:
                raise ResultError(
                    f"{name} must have the shape {shape} for {size[0]} layers, {size[1]} "
                    f"tokens and {n_targets} targets; it has {came}."
                )

    @cached_property
    def target_text(self) -> tuple[str, ...]:
        """The targets' text."""
        return tuple(self.vocabulary.get(i, f"[{i}]") for i in self.target_ids)

    @property
    def top_k(self) -> int:
        """How many tokens are kept of each prediction."""
        return self.top_ids.shape[-1]

    def text(self, token_id: int) -> str:
        """Return a token's text; empty for −1, which stands for no token."""
        return "" if token_id < 0 else self.vocabulary.get(int(token_id), f"[{token_id}]")

    def top(self, layer: int, pos: int) -> tuple[tuple[str, float], ...]:
        """Return one prediction: tokens and their log-probabilities in nats, best first.

        Args:
            layer: The model's layer number.
            pos: The position; from the end when negative.

        Raises:
            ResultError: That layer or position is not held.
        """
        at, pos = self._at(layer), self._pos(pos)
        texts = (self.text(int(i)) for i in self.top_ids[at, pos])
        return tuple(zip(texts, self.top_logprob[at, pos].tolist(), strict=True))

    def target(self, target: int | str) -> int:
        """Return where a target is on the target axis.

        Args:
            target: Its text, or its place there.

        Raises:
            ResultError: It was not followed.
        """
        if isinstance(target, str):
            if target not in self.target_text:
                known = nearest(target, self.target_text) if self.target_ids else "None were."
                raise ResultError(f"{target!r} is no target here. {known}")
            return self.target_text.index(target)
        if not 0 <= target < len(self.target_ids):
            raise ResultError(f"`target` is {target}; there are {len(self.target_ids)}.")
        return target

    def rank_among(self, target: int | str) -> Int[np.ndarray, "layer pos"]:
        """Return how many of the targets are more probable than one of them.

        With all the members of a class as targets, this is its rank within the class.

        Args:
            target: Its text, or its place on the target axis.
        """
        at = self.target(target)
        own = self.target_logprob[..., at, None]
        before: np.ndarray = (self.target_logprob > own).sum(axis=-1)
        return before

    def measure(self, name: str) -> Float[np.ndarray, "layer pos"]:
        """Return one number for every layer and position.

        Args:
            name: ``"probability"`` of the best token, ``"entropy"`` or ``"kl"`` in nats, or a
                target's text: its probability.

        Raises:
            ResultError: There is no such measure.
        """
        if name in ("entropy", "kl"):
            return self.entropy if name == "entropy" else self.kl
        if name == "probability" and self.top_k:
            return np.exp(self.top_logprob[..., 0])
        if name in self.target_text:
            return np.exp(self.target_logprob[..., self.target(name)])
        known = nearest(name, (*MEASURES, *self.target_text))
        raise ResultError(f"there is no measure {name!r} here. {known}")

    def _at(self, layer: int) -> int:
        if layer not in self.layers:
            raise ResultError(f"layer {layer} of {self.site} is not held; {self.layers} are.")
        return self.layers.index(layer)

    def _pos(self, pos: int) -> int:
        n = len(self.tokens)
        if not -n <= pos < n:
            raise ResultError(f"`pos` is {pos}; this prompt has {n} tokens, 0-{n - 1}.")
        return pos % n

    def to_frame(self) -> pd.DataFrame:
        """Return one row per layer and position: its best token, entropy, KL, each target."""
        import pandas as pd

        n_layers, n = self.entropy.shape
        columns: dict[str, Any] = {
            "layer": np.repeat(self.layers, n),
            "pos": np.tile(np.arange(n), n_layers),
            "token": np.tile(np.array(self.tokens.text, dtype=object), n_layers),
            "entropy": self.entropy.ravel(),
            "kl": self.kl.ravel(),
        }
        if self.top_k:
            columns["top"] = [self.text(int(i)) for i in self.top_ids[..., 0].ravel()]
            columns["top_logprob"] = self.top_logprob[..., 0].ravel()
        for at, text in enumerate(self.target_text):
            columns[f"logprob {text}"] = self.target_logprob[..., at].ravel()
            columns[f"rank {text}"] = self.target_rank[..., at].ravel()
        return pd.DataFrame(columns)

    def top_frame(self) -> pd.DataFrame:
        """Return one row per layer, position and rank: the token and its log-probability."""
        import pandas as pd

        index = pd.MultiIndex.from_product(
            [self.layers, range(len(self.tokens)), range(self.top_k)],
            names=["layer", "pos", "rank"],
        )
        columns = {
            "token": [self.text(int(i)) for i in self.top_ids.ravel()],
            "logprob": self.top_logprob.ravel(),
        }
        return pd.DataFrame(columns, index=index).reset_index()

    def figure(self, measure: str = "probability", **which: Any) -> Any:
        """Return a plotly figure: layers with the last on top, the best token in each cell.

        Args:
            measure: What cells are coloured by, as of ``measure``.
            which: ``width``: ``"column"``, ``"page"`` or ``"slide"``.
        """
        return rendering("lens_figure")(self, measure, **which)

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, plain = super()._parts()
        plain["vocabulary"] = [[i, text] for i, text in sorted(self.vocabulary.items())]
        # An axis of length 0 has no tensor of its own in the file's format.
        return {name: array for name, array in arrays.items() if array.size}, plain

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> LogitLens:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        fields["tokens"] = Tokens.from_plain(plain["tokens"])
        fields["vocabulary"] = {int(i): text for i, text in plain["vocabulary"]}
        size = arrays["entropy"].shape
        for name in ("top", "target"):
            kept, other = ("ids", "logprob") if name == "top" else ("rank", "logprob")
            fields.setdefault(f"{name}_{kept}", np.zeros((*size, 0), np.int32))
            fields.setdefault(f"{name}_{other}", np.zeros((*size, 0), np.float32))
        return cls(**fields)


def recall_by_layer(
    results: Sequence[LogitLens], answers: Sequence[int | str], k: int, *, pos: int = -1
) -> Float[np.ndarray, " layer"]:
    """Return the share of prompts whose answer is among the ``k`` best, layer by layer.

    Args:
        results: One per prompt, of the same layers, with its answer among the targets.
        answers: The answer to each.
        k: How long the shortlist is; with 1 it is accuracy.
        pos: Where the answer is predicted.

    Raises:
        ResultError: There are no results, or not one answer each, or other layers.

    Source:
        "Characterise then distil" (2026, arXiv 2606.06840), for a shortlist that is there
        before the choice from it. We differ in: read by a lens, over layers.
    """
    if not results or len(results) != len(answers) or len({r.layers for r in results}) != 1:
        raise ResultError(
            "recall needs at least one result, an answer to each, and the same layers in all; "
            f"got {len(results)} results and {len(answers)} answers."
        )
    found = [
        result.target_rank[:, pos, result.target(answer)] < k
        for result, answer in zip(results, answers, strict=True)
    ]
    share: np.ndarray = np.stack(found).mean(axis=0, dtype=np.float32)
    return share
