"""Vision transformers and the two towers of CLIP: positions are patches, or text."""

from __future__ import annotations

from itertools import product
from typing import Any

from interpwidgets.models.architectures.table import QKV, Architecture, places_of


def vit(config: Any) -> Architecture:
    """Return the table of ViT, whose first position is its class token."""
    return Architecture(
        "vit",
        places_of(
            "vit.layers",
            attn="attention",
            out_proj="o_proj",
            qkv=QKV,
            mlp="mlp",
            mlp_proj="fc2",
            mlp_norm="layernorm_after",
            norm="vit.layernorm",
            unembed=None,
        ),
        base="vit",
        causal=False,
        writes=False,
        **_patches(config),
    )


def clip_vision(config: Any) -> Architecture:
    """Return the table of CLIP's vision tower; its last norm sees the class token alone."""
    return Architecture(
        "clip_vision_model",
        places_of(
            "vision_model.encoder.layers",
            attn="self_attn",
            out_proj="out_proj",
            qkv=QKV,
            mlp="mlp",
            mlp_proj="fc2",
            mlp_norm="layer_norm2",
            unembed=None,
        ),
        base="vision_model",
        causal=False,
        writes=False,
        **_patches(config),
    )


CLIP_TEXT = Architecture(
    "clip_text_model",
    places_of(
        "text_model.encoder.layers",
        attn="self_attn",
        out_proj="out_proj",
        qkv=QKV,
        mlp="mlp",
        mlp_proj="fc2",
        mlp_norm="layer_norm2",
        norm="text_model.final_layer_norm",
        unembed=None,
    ),
    base="text_model",
    writes=False,
)


def _patches(config: Any) -> dict[str, Any]:
    """Name the positions: the class token, then each patch by row and column, from 0."""
    (height, width), (rows, columns) = _pair(config.image_size), _pair(config.patch_size)
    grid = product(range(height // rows), range(width // columns))
    positions = ("[CLS]", *(f"{row},{column}" for row, column in grid))
    return {"positions": positions, "sizes": {"n_ctx": len(positions), "d_vocab": None}}


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


TABLES = (CLIP_TEXT,)
