"""The places in a model that can be read, under TransformerLens's names.

Definitions only: where a site is in a given architecture is the business of
``interpwidgets.models``. Tensors have the axes given here, with a leading batch axis.
"""

from __future__ import annotations

from interpwidgets.errors import SiteError, nearest

SITES: dict[str, str] = {
    "embed": "[pos, d_model] what enters layer 0, positions and scaling included",
    "resid_pre": "[pos, d_model] the residual stream entering a layer",
    "resid_mid": "[pos, d_model] the residual stream between attention and MLP",
    "resid_post": "[pos, d_model] the residual stream leaving a layer",
    "attn_out": "[pos, d_model] what attention adds to the residual stream",
    "mlp_in": "[pos, d_model] what the MLP receives, after its norm",
    "mlp_post": "[pos, d_mlp] what the neurons give, which the MLP's last projection takes",
    "mlp_out": "[pos, d_model] what the MLP adds to the residual stream",
    "q": "[pos, head, d_head] queries as projected, before any norm or rotary embedding",
    "k": "[pos, kv_head, d_head] keys as projected, before any norm or rotary embedding",
    "v": "[pos, kv_head, d_head] values",
    "z": "[pos, head, d_head] weighted values of each head, before the output projection",
    "attn_scores": "[head, query_pos, key_pos] what the softmax receives; -inf where masked",
    "pattern": "[head, query_pos, key_pos] attention weights, after the softmax",
    "result": "[pos, head, d_model] z through the output projection, head by head, no bias",
    "ln_final": "[pos, d_model] the output of the last norm",
    "logits": "[pos, d_vocab] the model's output before its softmax",
}

#: Sites that exist once per model; all others exist once per layer.
WHOLE_MODEL = frozenset({"embed", "ln_final", "logits"})


def check_site(name: str) -> str:
    """Return ``name`` if it is a site's name.

    Raises:
        SiteError: It is not; the nearest name is offered.
    """
    if name not in SITES:
        raise SiteError(f"there is no site {name!r}. {nearest(name, SITES)}")
    return name
