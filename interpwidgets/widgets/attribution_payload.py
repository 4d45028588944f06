"""From a DirectLogitAttribution to what travels to the browser."""

from __future__ import annotations

import math

import numpy as np

from interpwidgets.results.attribution import DirectLogitAttribution
from interpwidgets.results.attribution_parts import bars_of
from interpwidgets.results.bootstrap import mean_of
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.attention_payload import stamp, token_infos
from interpwidgets.widgets.attribution_static import drawable
from interpwidgets.widgets.contract.attribution import (
    AttributionPayload,
    Breakdown,
    SourceStrips,
    WireBars,
)
from interpwidgets.widgets.contract.common import TokenInfo
from interpwidgets.widgets.tokens_payload import float32_bytes

#: Bars of a breakdown that travel one by one.
MOST_BARS = 400

#: Bytes of what heads took from each token.
STRIPS_BUDGET = 200_000

TITLES = {
    "component": "components",
    "head": "heads",
    "neuron": "neurons",
    "source": "sources",
}


def attribution_payload(
    result: DirectLogitAttribution,
    *,
    prompt: int = 0,
    prompt_count: int = 1,
    of_prompt: DirectLogitAttribution | None = None,
    follow: bool = False,
    most: int | None = MOST_BARS,
) -> AttributionPayload:
    """Return the payload of a Result.

    Args:
        result: What to draw: of one prompt, or of several, whose mean is drawn.
        prompt: Which prompt's tokens go with it.
        prompt_count: How many there are in the run.
        of_prompt: The Result of that prompt alone; ``result`` itself by default.
        follow: Whether the position follows the selection.
        most: Bars of a breakdown that travel one by one; None: all of them.
    """
    one = of_prompt or result
    tokens, texts = one.tokens[0], {of.text for of in result.tokens}
    heads = result.head if result.head is not None else result.source
    return {
        "version": 1,
        "kind": "direct_logit_attribution",
        "run": result.provenance.run,
        "tokens": token_infos(tokens),
        "turns": [{"role": role, "start": start} for role, start in tokens.turns()],
        "same_text": len(texts) == 1,
        "prompt_index": prompt,
        "prompt_count": prompt_count,
        "n": result.n,
        "mean": result.n > 1,
        "follow": follow,
        "pos": one.pos[0],
        "measure": result.measure,
        "toward": _only(result.toward),
        "over": _only(result.over),
        "target_count": len(set(result.targets)),
        "layers": _n_layers(result),
        "heads": 0 if heads is None else heads.shape[2],
        "logit": _finite(mean_of(result.logit)),
        "remainder": _finite(mean_of(result.remainder)),
        "output": _finite(mean_of(result.output)),
        "cap": result.cap,
        "breakdowns": breakdowns(result),
        "bars": [_bars(result, by, most) for by in drawable(result)],
        "strips": _strips(result, None if most is None else STRIPS_BUDGET),
        "stamp": stamp(result.provenance, "", "float32"),
    }


def breakdowns(result: DirectLogitAttribution) -> list[Breakdown]:
    """Return what could be drawn; ``why`` is empty where it is held, else what it needs.

    Args:
        result: The numbers.
    """
    held, drawn = result.breakdowns, drawable(result)
    has_mlp = any(name.endswith(" mlp") for name in result.components)

    def why(by: str) -> str:
        if by in drawn:
            return ""
        if by in held:
            return "prompts differ in length: choose one of them"
        if by == "neuron" and not has_mlp:
            return "this model has no MLP"
        return "run" if result.provenance.run else "not in this Result"

    return [{"name": by, "title": title, "why": why(by)} for by, title in TITLES.items()]


def _bars(result: DirectLogitAttribution, by: str, most: int | None) -> WireBars:
    bars = bars_of(result, by, most)
    numbers = np.stack([bars.value, bars.low, bars.high, bars.chance])
    return {
        "by": by,
        "places": [(at.kind, at.layer, at.member, at.pos) for at in bars.places],
        "numbers": float32_bytes(numbers),
        "rest_count": bars.rest_count,
        "rest_value": _finite(bars.rest_value),
    }


def _strips(result: DirectLogitAttribution, budget: int | None) -> SourceStrips | None:
    """Return what heads took from each token, of those that took the most."""
    if "source" not in drawable(result):
        return None
    values = result.of("source")
    n_layers, n_heads, n = values.shape
    size = np.abs(values).max(axis=-1).ravel()
    fit = len(size) if budget is None else max(1, budget // (4 * n))
    chosen = np.sort(np.argsort(-size, kind="stable")[:fit])
    rows = values.reshape(n_layers * n_heads, n)[chosen]
    heads = [(int(at) // n_heads, int(at) % n_heads) for at in chosen]
    return {"heads": heads, "values": float32_bytes(rows)}


def _finite(number: float) -> float | None:
    """Return a number as JSON has it: None where it has none."""
    return float(number) if math.isfinite(number) else None


def _only(text: tuple[str, ...]) -> TokenInfo | None:
    """Return the token that is the same on every prompt."""
    return token_infos(Tokens.of_text(text[:1]))[0] if len(set(text)) == 1 else None


def _n_layers(result: DirectLogitAttribution) -> int:
    return sum(name.endswith(" attn") for name in result.components)
