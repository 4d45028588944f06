"""Telling the package where the sites of a model type are."""

from __future__ import annotations

from collections.abc import Mapping

from interpwidgets.models.adapter import forget_adapters
from interpwidgets.models.architectures.registry import add_architecture, read_places
from interpwidgets.models.architectures.table import Architecture, places_of


def register_architecture(
    model_type: str,
    *,
    blocks: str,
    attn: str,
    out_proj: str,
    qkv: tuple[str, str, str] | None = None,
    fused: str | None = None,
    grouped: str | None = None,
    mlp: str | None = None,
    mlp_norm: str | None = None,
    norm: str | None = None,
    unembed: str | None = None,
    places: Mapping[str, str] | None = None,
    sizes: Mapping[str, str] | None = None,
    causal: bool = True,
) -> None:
    """Say where the sites of a model type are; from then on everything reads it.

    What is not named is a site that the model lacks. Saying it again corrects it, also
    for models in use.

    Args:
        model_type: ``model.config.model_type``.
        blocks: Path of the list of blocks, e.g. ``"model.layers"``.
        attn: The attention module in a block; its forward must give the output and the
            weights, as Hugging Face's do.
        out_proj: Its output projection.
        qkv: Its three projections to queries, keys and values.
        fused: Or one projection to all queries, then all keys, then all values.
        grouped: Or one that gives, key-value head by key-value head, its queries, its
            key and its value.
        mlp: The MLP in a block.
        mlp_norm: The norm before it, where attention comes first and the sum of both is
            what the norm receives; leave it out in parallel blocks.
        norm: Path of the last norm.
        unembed: Path of the unembedding.
        places: Sites that are elsewhere: a module's path and ``.input``, ``.output``, an
            item of that, or ``.softmax`` (for ``attn_scores``: what the softmax inside it
            receives), e.g. ``{"pattern": "model.layers.{layer}.attn.core.output[1]"}``.
        sizes: Sizes under other names in the configuration, e.g. ``{"n_heads": "heads"}``.
        causal: Whether attention is masked to the past.

    Raises:
        SiteError: ``places`` names no site, or none of its places can be read.

    Example:
        >>> import interpwidgets as iw
        >>> iw.register_architecture(
        ...     "nanollama", blocks="model.layers", attn="self_attn", out_proj="o_proj",
        ...     qkv=("q_proj", "k_proj", "v_proj"), mlp="mlp", norm="model.norm",
        ...     mlp_norm="post_attention_layernorm", unembed="lm_head",
        ... )
    """
    table = places_of(
        blocks,
        attn=attn,
        out_proj=out_proj,
        qkv=qkv,
        fused=fused,
        grouped=grouped,
        mlp=mlp,
        mlp_norm=mlp_norm,
        norm=norm,
        unembed=unembed,
        more=read_places(places or {}),
    )
    base = blocks.partition(".")[0] if "." in blocks else ""
    add_architecture(
        Architecture(model_type, table, base, causal=causal, sizes=dict(sizes or {}))
    )
    forget_adapters(model_type)
