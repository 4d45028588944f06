"""CircuitsVis's functions, by its names and with its arguments, returning our views.

``import interpwidgets.circuitsvis as circuitsvis`` is all that a notebook has to change.
Colours that are asked for are not ours to give: each such argument is warned about once.
"""

from __future__ import annotations

from interpwidgets.circuitsvis import (
    activations,
    attention,
    logits,
    tokens,
    topk_samples,
    topk_tokens,
)

__all__ = ["activations", "attention", "logits", "tokens", "topk_samples", "topk_tokens"]
