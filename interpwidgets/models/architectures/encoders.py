"""BERT-like encoders: bidirectional, with a norm behind each sum.

Their residual stream is what leaves those norms, so it is no sum of what the layers add:
``resid_mid = norm(resid_pre + attn_out)``, ``resid_post = norm(resid_mid + mlp_out)``.
"""

from __future__ import annotations

from typing import Any

from interpwidgets.models.architectures.table import Architecture, Place, places_of


def _bert_places(base: str, unembed: str) -> dict[str, Place]:
    return places_of(
        f"{base}.encoder.layer",
        attn="attention",
        out_proj="output.dense",
        qkv=("self.query", "self.key", "self.value"),
        mlp_norm="intermediate",
        unembed=unembed,
        more={
            "pattern": Place("{block}.attention.self", item=1),
            "attn_scores": Place("{block}.attention.self", "softmax"),
            "attn_out": Place("{block}.attention.output.dense"),
            "mlp_in": Place("{block}.intermediate", "input"),
            "mlp_post": Place("{block}.output.dense", "input"),
            "mlp_out": Place("{block}.output.dense"),
        },
    )


BERT = Architecture("bert", _bert_places("bert", "cls"), "bert", causal=False, writes=False)

DISTILBERT = Architecture(
    "distilbert",
    places_of(
        "distilbert.transformer.layer",
        attn="attention",
        out_proj="out_lin",
        qkv=("q_lin", "k_lin", "v_lin"),
        mlp="ffn",
        mlp_proj="lin2",
        mlp_norm="ffn",
        unembed="vocab_projector",
    ),
    "distilbert",
    causal=False,
    writes=False,
    sizes={"d_mlp": "hidden_dim"},
)


def roberta(config: Any) -> Architecture:
    """Return RoBERTa's table; its first positions are kept for padding."""
    return Architecture(
        "roberta",
        _bert_places("roberta", "lm_head"),
        "roberta",
        causal=False,
        writes=False,
        sizes={"n_ctx": config.max_position_embeddings - config.pad_token_id - 1},
    )


TABLES = (BERT, DISTILBERT)
