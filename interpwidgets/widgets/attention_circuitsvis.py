"""An AttentionPattern drawn by the circuitsvis package, with no network.

Its own display asks the internet first; this
takes the source that it inlines for when there is none.
"""

from __future__ import annotations

import html
import re

import numpy as np

from interpwidgets.errors import ResultError
from interpwidgets.results.attention import AttentionPattern

MAX_BYTES = 20_000_000
_DIGITS = 4
_BYTES_A_WEIGHT = _DIGITS + 4  # "0.1234, "
_HEIGHT_PX = 760


class InlinePage:
    """A page of its own inside a cell's output."""

    def __init__(self, page: str) -> None:
        self.page = page

    def _repr_html_(self) -> str:
        """Return an iframe whose scripts reach neither the notebook nor the network."""
        return (
            f'<iframe sandbox="allow-scripts" srcdoc="{html.escape(self.page, quote=True)}" '
            f'style="width:100%;height:{_HEIGHT_PX}px;border:0;background:#fff"></iframe>'
        )


def attention_circuitsvis(result: AttentionPattern, layer: int) -> InlinePage:
    """Return circuitsvis's ``attention_heads`` of one layer.

    Args:
        result: The numbers.
        layer: The model's layer number.

    Raises:
        ResultError: The layer is not held, or its page would pass 20 MB.
    """
    n = len(result.tokens)
    size = len(result.heads) * n * n * _BYTES_A_WEIGHT
    if size > MAX_BYTES:
        raise ResultError(
            f"circuitsvis needs every weight as text: {size / 1e6:.0f} MB for "
            f"{len(result.heads)} heads × {n} tokens, above {MAX_BYTES / 1e6:.0f} MB. Read "
            "fewer `heads=` or a shorter prompt."
        )
    weights = np.stack([result.weights(layer, head) for head in result.heads])
    n_bad = int((~np.isfinite(weights)).sum())
    note = f"<p>{n_bad} values that are not finite are drawn as 0.</p>" if n_bad else ""
    return InlinePage(inline_page(_local_source(result, layer, weights), note))


def _local_source(result: AttentionPattern, layer: int, weights: np.ndarray) -> str:
    from circuitsvis.attention import attention_heads

    rendered = attention_heads(
        attention=np.round(np.nan_to_num(weights).astype(np.float64), _DIGITS),
        tokens=list(result.tokens.text),
        attention_head_names=[f"L{layer} H{head}" for head in result.heads],
        max_value=result.scale,
        min_value=0.0,
        mask_upper_tri=result.causal,
    )
    source: str = rendered.local_src
    return source


def inline_page(source: str, note: str) -> str:
    """Return a page whose tokens stay text: circuitsvis inlines them unescaped.

    Args:
        source: What circuitsvis inlines.
        note: HTML before it.
    """
    found = re.match(r'<div id="(circuits-vis-[\w-]+)"', source)
    if found is None:
        raise ResultError(
            "this version of circuitsvis inlines its drawing in another form than 1.43 does; "
            "install that one."
        )
    # The id is random, so nothing in a token can pose as the call.
    before, call, after = source.partition(f'CircuitsVis.render(\n      "{found[1]}"')
    props, end, _ = after.rpartition("</script>")
    script = before + call + props.replace("<", "\\u003c") + end
    policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
    )
    return f"<!doctype html>{head}<body>{note}{script.replace(found[1], 'circuits-vis')}"
