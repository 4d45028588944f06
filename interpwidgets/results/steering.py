"""What a model writes as it is and steered, side by side."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.errors import ResultError
from interpwidgets.results.base import Provenance, Result, with_tuples
from interpwidgets.results.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SteeredText(Result):
    """One prompt written on twice: by the model as it is, and with something changed."""

    kind: ClassVar[str] = "steered_text"

    base: Tokens
    """The prompt and what the model wrote as it is."""

    steered: Tokens
    """The prompt and what it wrote changed, with the same noise where it was drawn."""

    n_prompt: int
    """How many of their tokens are the prompt."""

    interventions: str
    """What was changed, as JSON: ``iw.interventions.from_json`` reads it."""

    words: tuple[str, ...]
    """The same, a part each, in words."""

    touched: tuple[tuple[int, ...], ...]
    """The positions of ``steered`` that each part changed; where a gate did not open, none.
    The last token written never went through the model."""

    base_logprob: Float[np.ndarray, " pos"]
    """Of each token of ``base``, to the model as it is; nats, float32, NaN in the prompt."""

    steered_logprob: Float[np.ndarray, " steered_pos"]
    """Of each token of ``steered``, to the model as it is, too."""

    sampling: str
    """How tokens were chosen, in words."""

    stopped: bool = False
    """Whether the writing was stopped before its end."""

    def __post_init__(self) -> None:
        wanted = len(self.base), len(self.steered)
        came = len(self.base_logprob), len(self.steered_logprob)
        shared = self.base.ids[: self.n_prompt] == self.steered.ids[: self.n_prompt]
        if came != wanted or not shared or len(self.words) != len(self.touched):
            raise ResultError(
                f"texts of {wanted} tokens need as many log-probabilities, the same prompt and "
                f"positions for each part; got {came}, {len(self.touched)} for "
                f"{len(self.words)} parts{'' if shared else ', and two prompts'}."
            )

    @property
    def base_loss(self) -> float:
        """Mean surprisal of what the model wrote as it is, nats a token."""
        return _mean_loss(self.base_logprob)

    @property
    def steered_loss(self) -> float:
        """Mean surprisal, to the model as it is, of what it wrote steered; nats a token.

        Much above ``base_loss``: the text fell apart.
        """
        return _mean_loss(self.steered_logprob)

    def changed(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the positions of each text that the other one lacks.

        By the longest common parts of what was written.
        """
        ids = [tokens.ids[self.n_prompt :] for tokens in (self.base, self.steered)]
        matcher = difflib.SequenceMatcher(None, ids[0], ids[1], autojunk=False)
        blocks = matcher.get_matching_blocks()
        kept = [set[int](), set[int]()]
        for block in blocks:
            kept[0] |= set(range(block.a, block.a + block.size))
            kept[1] |= set(range(block.b, block.b + block.size))
        base, steered = (
            tuple(self.n_prompt + i for i in range(len(of)) if i not in same)
            for of, same in zip(ids, kept, strict=True)
        )
        return base, steered

    def text(self, side: str = "steered") -> str:
        """Return what was written, without the prompt.

        Args:
            side: ``"steered"`` or ``"base"``.
        """
        tokens = self.base if side == "base" else self.steered
        return "".join(
            text
            for text, special in zip(
                tokens.text[self.n_prompt :], tokens.special[self.n_prompt :], strict=True
            )
            if not special
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per token of both texts.

        Columns: text (base or steered), pos, token, logprob (nats, NaN in the prompt),
        generated, changed, touched.
        """
        import pandas as pd

        sides = zip(
            ("base", "steered"),
            (self.base, self.steered),
            (self.base_logprob, self.steered_logprob),
            self.changed(),
            ((), {pos for part in self.touched for pos in part}),
            strict=True,
        )
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "text": side,
                        "pos": np.arange(len(tokens)),
                        "token": list(tokens.text),
                        "logprob": logprob,
                        "generated": list(tokens.generated),
                        "changed": [pos in changed for pos in range(len(tokens))],
                        "touched": [pos in touched for pos in range(len(tokens))],
                    }
                )
                for side, tokens, logprob, changed, touched in sides
            ],
            ignore_index=True,
        )

    @classmethod
    def from_saved(cls, arrays: dict[str, np.ndarray], plain: dict[str, Any]) -> SteeredText:
        """Make the Result of what ``save`` wrote."""
        fields: dict[str, Any] = {**with_tuples(plain), **arrays}
        fields["provenance"] = Provenance.from_plain(plain["provenance"])
        for name in ("base", "steered"):
            fields[name] = Tokens.from_plain(plain[name])
        fields["touched"] = tuple(tuple(part) for part in plain["touched"])
        return cls(**fields)


def _mean_loss(logprob: np.ndarray) -> float:
    known = logprob[np.isfinite(logprob)]
    return float(-known.mean(dtype=np.float64)) if len(known) else float("nan")
