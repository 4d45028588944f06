"""The table of architectures and sites in the docs is what the models here have.

``REWRITE_DOCS=1`` writes it anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import zoo
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.architectures.registry import model_types
from interpwidgets.sites import SITES

#: As the package has them, before any test or example registers one of its own.
MODEL_TYPES = frozenset(model_types())

HEAD = """\
# Architectures

Each row is a tiny random model (`tests/zoo.py`) in which every marked site was read and held
to what plain torch hooks, or a computation of its own, give. Written by
`tests/models/test_architecture_table.py`; `REWRITE_DOCS=1` writes it anew.

"""

TAIL = """
- **sum**: `embed` + every `attn_out` + every `mlp_out` is the last `resid_post`. Where a norm
  stands behind attention or MLP (Gemma 2 and 3, OLMo-2), these sites are what it gives: what is
  added. Where it stands behind the sum itself (BERT), the stream is
  `norm(norm(resid_pre + attn_out) + mlp_out)`.
- `result`, summed over heads, and the projection's bias are what the projection gives:
  `attn_out`, or what the norm behind it receives.
- `attn_scores` are what the softmax receives: scaled, capped, with ALiBi; -inf where masked.
  With a sink (GPT-OSS) rows of `pattern` sum to less than 1: the rest went to the sink.
- `q` and `k` are as projected: before a norm of their own, and before rotary embedding.
- `resid_mid` is not there where attention and MLP read the same stream (parallel blocks).
- A model without its head, and the text part of a model that also sees, have the same sites,
  `logits` where there is a head. Positions of an image are its class token and its patches.
- Any other model: `iw.describe(model)` tells which parts it found, with the call of
  `iw.register_architecture` to fill in. See [architecture.md](architecture.md).
"""


def table() -> str:
    """The page as it must be."""
    heads = ["model type", "sum", *(f"`{site}`" for site in SITES)]
    rows = [heads, ["---", *(":-:" for _ in heads[1:])]]
    for name in sorted(zoo.NAMES, key=str.lower):
        sites = adapter_of(zoo.wrapped_model(name)).architecture.places
        is_sum = name in zoo.having("attn_out", but=zoo.NORM_OF_SUM)
        marks = [is_sum, *(site in sites for site in SITES)]
        rows.append([name, *("✓" if mark else "·" for mark in marks)])
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows) + TAIL


def test_the_page_of_architectures_is_what_models_have(root: Path) -> None:
    page = root / "docs" / "architectures.md"
    if os.environ.get("REWRITE_DOCS"):
        page.write_text(table(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == table()


def test_every_table_is_tried_on_a_model() -> None:
    tried = {adapter_of(zoo.wrapped_model(name)).model_type for name in zoo.NAMES}
    assert tried == MODEL_TYPES
