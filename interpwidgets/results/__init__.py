"""Results: frozen numpy values that know neither torch nor a browser."""

from interpwidgets.results.alignment import Alignment, align_tokens
from interpwidgets.results.attention_measures import (
    attention_scores,
    difference,
    value_weighted,
    without_sink,
)
from interpwidgets.results.head_pattern_scores import PatternScore, pair_score, pattern_scores

__all__ = [
    "Alignment",
    "PatternScore",
    "align_tokens",
    "attention_scores",
    "difference",
    "pair_score",
    "pattern_scores",
    "value_weighted",
    "without_sink",
]
