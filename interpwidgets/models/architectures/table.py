"""What a table says: the place of each site, and how to write one in a few lines.

Paths are from the root module, ``{layer}`` filled in. A place is a module's input or
output, an item of it where that is a tuple, and how a fused or flat tensor splits
into heads; two sites are derived: scores at a softmax, and what each head writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Slot = Literal["input", "output", "softmax"]
Split = Literal[
    "heads", "kv_heads", "fused_q", "fused_k", "fused_v", "grouped_q", "grouped_k", "grouped_v"
]


@dataclass(frozen=True)
class Place:
    """Where one site is."""

    path: str
    """Module path from the root, with ``{layer}`` for the layer number; empty: the root."""

    slot: Slot = "output"
    """Which side of the module; ``"softmax"``: what the softmax inside it receives."""

    item: int | str | None = None
    """Index or name in a tuple or model output; None for a plain tensor."""

    split: Split | None = None
    """How the last axis becomes (head, d_head). ``fused``: all queries, all keys, all
    values; ``grouped``: of each key-value head its queries, its key, its value."""

    flat: bool = False
    """Whether prompts and positions share one axis here."""

    projected: bool = False
    """Whether each head goes through the module alone (``result``)."""

    sinks: str | None = None
    """Name of the attention module's parameter that joins its softmax as one more key."""

    def __str__(self) -> str:
        item = "" if self.item is None else f"[{self.item!r}]"
        where = ".".join(filter(None, [self.path, self.slot]))
        return f"{where}{item}" + (" × its weight, by head" if self.projected else "")


@dataclass(frozen=True)
class Architecture:
    """The places of one model type."""

    model_type: str
    """``config.model_type`` of Hugging Face."""

    places: Mapping[str, Place]
    """Site name to place; a site that the architecture lacks is not in it."""

    base: str = "model"
    """Path of the headless model inside the one with a head, which places start with."""

    causal: bool = True
    """Whether attention is masked to the past."""

    positions: tuple[str, ...] = ()
    """Names of its positions, where the input is an image; empty: they are tokens."""

    writes: bool = True
    """Whether it generates text: a decoder."""

    caution: str = ""
    """What a Result must say when eager attention was switched on for it."""

    sizes: Mapping[str, int | str | None] = field(default_factory=dict)
    """Sizes that the configuration gives under another name (a string), or that follow
    from it (a number; None: no such size)."""

    def named(self, model_type: str) -> Architecture:
        """Return the same table for another model type."""
        return dataclasses.replace(self, model_type=model_type)

    def without(self, *sites: str) -> Architecture:
        """Return the table without some sites."""
        kept = {name: place for name, place in self.places.items() if name not in sites}
        return dataclasses.replace(self, places=kept)


def places_of(
    blocks: str,
    *,
    attn: str,
    out_proj: str,
    mlp: str | None = None,
    mlp_proj: str | None = None,
    norm: str | None = None,
    unembed: str | None = "lm_head",
    qkv: tuple[str, str, str] | None = None,
    fused: str | None = None,
    grouped: str | None = None,
    mlp_norm: str | None = None,
    more: Mapping[str, Place] | None = None,
) -> dict[str, Place]:
    """Return the places of a pre-norm transformer, given the names of its modules.

    Args:
        blocks: Path of the list of blocks.
        attn: The attention module in a block; it must give (output, weights).
        out_proj: Its output projection.
        mlp: The MLP in a block; None leaves its sites out.
        mlp_proj: The projection there that its neurons write through; none in a mixture of
            experts, which has no neurons that every token meets.
        norm: Path of the last norm.
        unembed: Path of the unembedding.
        qkv: Three projections in the attention module.
        fused: One projection there: all queries, then all keys, then all values.
        grouped: One projection there: key-value head by key-value head.
        mlp_norm: The norm before the MLP, in a block whose attention comes first: what
            it receives is ``resid_mid``.
        more: Places to add, or to have instead; ``{block}`` stands for a block's path.
    """
    block = f"{blocks}.{{layer}}"
    heads = f"{block}.{attn}"
    places = {
        "embed": Place(f"{blocks}.0", "input"),
        "resid_pre": Place(block, "input"),
        "resid_post": Place(block),
        "attn_out": Place(heads, item=0),
        "pattern": Place(heads, item=1),
        "attn_scores": Place(heads, "softmax"),
        "z": Place(f"{heads}.{out_proj}", "input", split="heads"),
        "result": Place(f"{heads}.{out_proj}", "input", split="heads", projected=True),
        **_projections(heads, qkv, fused, grouped),
    }
    if mlp_norm:
        places["resid_mid"] = Place(f"{block}.{mlp_norm}", "input")
    if mlp:
        places["mlp_in"] = Place(f"{block}.{mlp}", "input")
        places["mlp_out"] = Place(f"{block}.{mlp}")
    if mlp and mlp_proj:
        places["mlp_post"] = Place(f"{block}.{mlp}.{mlp_proj}", "input")
    if norm:
        places["ln_final"] = Place(norm)
    if unembed:
        places["logits"] = Place(unembed)
    for site, place in (more or {}).items():
        path = place.path.replace("{block}", block)
        places[site] = dataclasses.replace(place, path=path)
    return places


def _projections(
    attn: str, qkv: tuple[str, str, str] | None, fused: str | None, grouped: str | None
) -> dict[str, Place]:
    if qkv:
        splits: tuple[Split, Split, Split] = ("heads", "kv_heads", "kv_heads")
        named = zip("qkv", qkv, splits, strict=True)
        return {site: Place(f"{attn}.{name}", split=split) for site, name, split in named}
    if fused:
        path = f"{attn}.{fused}"
        return {
            "q": Place(path, split="fused_q"),
            "k": Place(path, split="fused_k"),
            "v": Place(path, split="fused_v"),
        }
    if grouped:
        path = f"{attn}.{grouped}"
        return {
            "q": Place(path, split="grouped_q"),
            "k": Place(path, split="grouped_k"),
            "v": Place(path, split="grouped_v"),
        }
    return {}


#: The names of the projections in Llama and most models since.
QKV = ("q_proj", "k_proj", "v_proj")
