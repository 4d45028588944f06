"""The numbers of every head over one prompt's tokens: what they are, and how they are kept."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from interpwidgets.axes import head_name
from interpwidgets.errors import ResultError
from interpwidgets.results.base import Result
from interpwidgets.results.tokens import Tokens

#: uint8 code of a number that is not finite; codes 0 to 254 span 0 to ``scale``.
NOT_FINITE = 255
TOP_CODE = 254

#: Bytes of float16 patterns of a prompt above which uint8 codes are kept instead.
FLOAT16_BUDGET = 64 * 2**20

#: uint8 code of 0 where numbers have both signs; codes 0 to 254 span ∓ ``scale``.
ZERO_CODE = 127

#: What the numbers can be, and what each is.
MEASURES: dict[str, str] = {
    "weight": "how much of its attention a query gives to a key",
    "value_weighted": "the weight times the norm of the key's value: what is moved",
    "score": "what the softmax receives",
}


@dataclass(frozen=True)
class AttentionNumbers(Result):
    """A number for each layer, head, query and key."""

    tokens: Tokens
    """The prompt's tokens."""

    pattern: Shaped[np.ndarray, "layer head query_pos key_pos"]
    """Softmaxed weights, or the ``measure``: float16, or uint8 codes (``code / 254 ×
    scale``, 255: not finite) when float16 would pass the budget. Rows of weights sum to 1
    unless something intervened. Scores are −inf where masked."""

    layers: tuple[int, ...]
    """The model's layer number of each entry of the layer axis."""

    heads: tuple[int, ...]
    """The model's head number of each entry of the head axis."""

    layer_runs: tuple[int | None, ...]
    """The run that each layer's numbers came from; None: the forward never got there.
    Older than ``provenance.run``: kept from an earlier run of the same tokens."""

    causal: bool = True
    """Whether keys after the query are masked (absent, not zero)."""

    scale: float = 1.0
    """What the ramp's end stands for, and the number of uint8 code 254: 1 for weights,
    else the largest size of a finite number in any head (1 where all are 0)."""

    prompt_index: int = 0
    """Which prompt of its run this is."""

    prompt_count: int = 1
    """How many prompts the run had."""

    measure: str = "weight"
    """What the numbers are: one of ``MEASURES``."""

    hidden_sink: bool = False
    """Whether the sink, key position 0, is left out and rows are shares of the rest."""

    signed: bool = False
    """Whether numbers have both signs: uint8 code c is ``(c − 127) / 127 × scale``."""

    less: str = ""
    """Of a difference: what was subtracted, in words, e.g. ``"run 13"``."""

    unmatched: tuple[int, ...] = ()
    """Of a difference by text: positions whose token the other prompt does not have;
    their rows and columns are NaN."""

    value_norms: Float[np.ndarray, "layer head key_pos"] | None = None
    """float32, the norm of each head's value at each key; heads that share a key-value
    head have the same. NaN where the layer was not run; None: not read."""

    scores: Float[np.ndarray, "layer head query_pos key_pos"] | None = None
    """float16, what the softmax received, −inf where masked; None: not asked for."""

    n_heads: int | None = None
    """How many heads a layer of the model has; None: not known."""

    n_kv_heads: int | None = None
    """How many key-value heads they share; None: not known."""

    def __post_init__(self) -> None:
        n = len(self.tokens)
        wanted = (len(self.layers), len(self.heads), n, n)
        if self.pattern.shape != wanted:
            raise ResultError(
                f"pattern must be [layer, head, query_pos, key_pos] = {wanted} for these "
                f"layers, heads and tokens; it is {self.pattern.shape}."
            )
        if self.pattern.dtype not in (np.float16, np.uint8):
            raise ResultError(f"pattern is float16 or uint8, not {self.pattern.dtype}.")
        if len(self.layer_runs) != len(self.layers):
            raise ResultError(
                f"layer_runs has {len(self.layer_runs)} entries for {len(self.layers)} layers."
            )
        self._check_measure()
        _check_array("value_norms", self.value_norms, (*wanted[:2], n), np.float32)
        _check_array("scores", self.scores, wanted, np.float16)
        if self.n_heads and self.n_kv_heads and self.n_heads % self.n_kv_heads:
            raise ResultError(
                f"{self.n_heads} heads do not share {self.n_kv_heads} key-value heads evenly."
            )

    def _check_measure(self) -> None:
        if self.measure not in MEASURES:
            raise ResultError(f"measure is one of {', '.join(MEASURES)}, not {self.measure!r}.")
        if self.signed != (self.measure == "score" or bool(self.less)):
            raise ResultError(
                "scores and differences are signed, and nothing else is; got measure "
                f"{self.measure!r}, less {self.less!r}, signed {self.signed}."
            )
        if not 0 < self.scale < math.inf:
            raise ResultError(f"scale is a finite number above 0, not {self.scale}.")

    # ------------------------------------------------------------------- how it is kept

    @property
    def precision(self) -> str:
        """How the numbers are kept: ``"float16"`` or ``"uint8"``."""
        return str(self.pattern.dtype)

    @property
    def resolution(self) -> float:
        """Largest rounding error of a number as it is kept (float16 weights: below 0.0003).

        What a measure was computed from was rounded before: see ``provenance.note``.
        """
        if self.pattern.dtype == np.uint8:
            return self.scale / (ZERO_CODE if self.signed else TOP_CODE) / 2
        return 2.0 ** (math.ceil(math.log2(self.scale)) - 12)

    @property
    def column(self) -> str:
        """The numbers' name in a table: the measure's, or ``"difference"``."""
        return "difference" if self.less else self.measure

    @property
    def kv_groups(self) -> int:
        """How many heads share a key-value head; 1: none do, or it is not known."""
        return (self.n_heads // self.n_kv_heads) if self.n_heads and self.n_kv_heads else 1

    # -------------------------------------------------------------------------- numbers

    def stored(self, layer: int, head: int) -> Shaped[np.ndarray, "query_pos key_pos"]:
        """Return one head's numbers as they are kept (float16, or uint8 codes).

        Args:
            layer: The model's layer number.
            head: The model's head number.

        Raises:
            ResultError: This Result does not hold that head.
        """
        if layer not in self.layers or head not in self.heads:
            raise ResultError(
                f"{head_name(layer, head)} is not held; layers {list(self.layers)}, "
                f"heads {list(self.heads)}."
            )
        return self.pattern[self.layers.index(layer), self.heads.index(head)]

    def weights(self, layer: int, head: int) -> Float[np.ndarray, "query_pos key_pos"]:
        """Return one head's numbers in float32; NaN where not finite, scores −inf if masked.

        Args:
            layer: The model's layer number.
            head: The model's head number.
        """
        return decoded(self.stored(layer, head), self.scale, signed=self.signed)

    def nonfinite(self) -> Int[np.ndarray, "layer head"]:
        """Count the numbers of each head that are NaN or infinite; 0 where not run.

        Not those that are absent: masked scores, and unmatched rows of a difference.
        """
        counts = np.array([[self._count_bad(head) for head in row] for row in self.pattern])
        counts[[run is None for run in self.layer_runs]] = 0
        return counts

    def _count_bad(self, stored: Shaped[np.ndarray, "query_pos key_pos"]) -> int:
        bad = stored == NOT_FINITE if stored.dtype == np.uint8 else ~np.isfinite(stored)
        if self.measure == "score":
            bad &= ~np.isneginf(stored)
        if self.unmatched:
            bad[list(self.unmatched)] = bad[:, list(self.unmatched)] = False
        return int(np.count_nonzero(bad))


def _check_array(
    name: str, array: np.ndarray | None, shape: tuple[int, ...], dtype: type[np.floating]
) -> None:
    if array is not None and (array.shape != shape or array.dtype != dtype):
        raise ResultError(
            f"{name} must be {np.dtype(dtype)} {shape} for these layers, heads and tokens; "
            f"it is {array.dtype} {array.shape}."
        )


def decoded(
    stored: Shaped[np.ndarray, "*axes"], scale: float, *, signed: bool
) -> Float[np.ndarray, "*axes"]:
    """Return what is kept as numbers in float32.

    Args:
        stored: float16, or uint8 codes.
        scale: The number of code 254.
        signed: Whether codes have both signs.
    """
    if stored.dtype == np.float16:
        return stored.astype(np.float32)
    values = stored.astype(np.float32)
    if signed:
        values -= ZERO_CODE
    values *= scale / (ZERO_CODE if signed else TOP_CODE)
    if stored.max(initial=0) == NOT_FINITE:
        values[stored == NOT_FINITE] = np.nan
    return values


def coded(
    values: Float[np.ndarray, "*axes"], scale: float, *, signed: bool
) -> UInt8[np.ndarray, "*axes"]:
    """Return uint8 codes of numbers; what is beyond the scale is clipped.

    Args:
        values: float32.
        scale: The number of code 254.
        signed: Whether codes have both signs.
    """
    codes = values * np.float32((ZERO_CODE if signed else TOP_CODE) / scale)
    if signed:
        codes += ZERO_CODE
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        bad = None if np.isfinite(codes.sum()) else ~np.isfinite(codes)
    np.rint(np.clip(codes, 0, TOP_CODE, out=codes), out=codes)
    if bad is not None:
        codes[bad] = NOT_FINITE
    return codes.astype(np.uint8)


def coded_head(
    numbers: Float[np.ndarray, "*axes"], scale: float, *, signed: bool
) -> UInt8[np.ndarray, "*axes"]:
    """Return uint8 codes, of float16 numbers several times as fast.

    Args:
        numbers: float16 or float32.
        scale: The number of code 254.
        signed: Whether codes have both signs.
    """
    if numbers.dtype != np.float16:
        return coded(numbers, scale, signed=signed)
    # A look-up over all 65,536 float16 values is several times faster than arithmetic.
    return _code_of_float16(scale, signed)[numbers.view(np.uint16)]


@functools.lru_cache(maxsize=8)
def _code_of_float16(scale: float, signed: bool) -> UInt8[np.ndarray, " 65536"]:
    return coded(every_float16(), scale, signed=signed)


@functools.cache
def every_float16() -> Float[np.ndarray, " 65536"]:
    """Return every float16 number in float32, in the order of its bits."""
    values = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)
    values[np.isnan(values)] = np.nan  # some of them are signalling NaNs
    return values
