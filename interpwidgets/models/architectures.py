"""Where the sites are in each architecture: one table a model type.

Paths are from the root module, ``{layer}`` filled in. A place is a module's input or
output, an item of it where that is a tuple, and how a fused or flat tensor splits
into heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from interpwidgets.errors import ModelError

Slot = Literal["input", "output"]
Split = Literal["heads", "kv_heads", "fused_q", "fused_k", "fused_v"]


@dataclass(frozen=True)
class Place:
    """Where one site is."""

    path: str
    """Module path from the root, with ``{layer}`` for the layer number."""

    slot: Slot = "output"
    """Which side of the module."""

    item: int | None = None
    """Index into a tuple output; None for a plain tensor."""

    split: Split | None = None
    """How the last axis becomes (head, d_head)."""


@dataclass(frozen=True)
class Architecture:
    """The places of one model type."""

    model_type: str
    """``config.model_type`` of Hugging Face."""

    places: Mapping[str, Place]
    """Site name to place; a site that the architecture lacks is not in it."""

    causal: bool = True
    """Whether attention is masked to the past."""


def _decoder(
    blocks: str, norm: str, *, attn: str, out_proj: str, **more: Place
) -> dict[str, Place]:
    """Places that every pre-norm decoder has, given the names of its modules."""
    block = f"{blocks}.{{layer}}"
    return {
        "embed": Place(f"{blocks}.0", "input"),
        "resid_pre": Place(block, "input"),
        "resid_post": Place(block),
        "attn_out": Place(f"{block}.{attn}", item=0),
        "pattern": Place(f"{block}.{attn}", item=1),
        "z": Place(f"{block}.{attn}.{out_proj}", "input", split="heads"),
        "ln_final": Place(norm),
        "logits": Place("lm_head"),
        **more,
    }


def _separate_qkv(attn: str) -> dict[str, Place]:
    return {
        "q": Place(f"{attn}.q_proj", split="heads"),
        "k": Place(f"{attn}.k_proj", split="kv_heads"),
        "v": Place(f"{attn}.v_proj", split="kv_heads"),
    }


GPT2 = Architecture(
    "gpt2",
    _decoder(
        "transformer.h",
        "transformer.ln_f",
        attn="attn",
        out_proj="c_proj",
        resid_mid=Place("transformer.h.{layer}.ln_2", "input"),
        mlp_in=Place("transformer.h.{layer}.mlp", "input"),
        mlp_out=Place("transformer.h.{layer}.mlp"),
        q=Place("transformer.h.{layer}.attn.c_attn", split="fused_q"),
        k=Place("transformer.h.{layer}.attn.c_attn", split="fused_k"),
        v=Place("transformer.h.{layer}.attn.c_attn", split="fused_v"),
    ),
)

LLAMA = Architecture(
    "llama",
    _decoder(
        "model.layers",
        "model.norm",
        attn="self_attn",
        out_proj="o_proj",
        resid_mid=Place("model.layers.{layer}.post_attention_layernorm", "input"),
        mlp_in=Place("model.layers.{layer}.mlp", "input"),
        mlp_out=Place("model.layers.{layer}.mlp"),
        **_separate_qkv("model.layers.{layer}.self_attn"),
    ),
)

ATTENTION_ONLY = Architecture(
    "interpwidgets-attn-only",
    _decoder(
        "model.layers",
        "model.norm",
        attn="attn",
        out_proj="o_proj",
        **_separate_qkv("model.layers.{layer}.attn"),
    ),
)

ARCHITECTURES = {a.model_type: a for a in (GPT2, LLAMA, ATTENTION_ONLY)}


def find_architecture(model_type: str) -> Architecture:
    """Return the table of a model type.

    Raises:
        ModelError: It is not known here.
    """
    if model_type not in ARCHITECTURES:
        raise ModelError(
            f"the sites of model type {model_type!r} are not known; known are "
            f"{', '.join(sorted(ARCHITECTURES))}. Its plain nnsight traces still work."
        )
    return ARCHITECTURES[model_type]
