"""Lenses with made-up numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from interpwidgets.results.base import Provenance
from interpwidgets.results.lens import LogitLens
from interpwidgets.results.tokens import Tokens


def lens_of(n_layers: int = 2, n: int = 3, **more: Any) -> LogitLens:
    """Of ``n`` tokens in a vocabulary of 8, with 4 kept and 2 followed."""
    rng = np.random.default_rng(0)
    logprob = np.log(rng.dirichlet(np.ones(8), (n_layers, n))).astype(np.float32)
    top = np.argsort(-logprob, axis=-1)[..., :4].astype(np.int32)
    fields: dict[str, Any] = {
        "provenance": Provenance(model="m", run=3),
        "tokens": Tokens.of_text(["a", " b", " c", " d", " e"][:n]),
        "site": "resid_post",
        "layers": tuple(range(n_layers)),
        "top_ids": top,
        "top_logprob": np.take_along_axis(logprob, top, axis=-1),
        "entropy": -(np.exp(logprob) * logprob).sum(-1),
        "kl": rng.random((n_layers, n)).astype(np.float32),
        "target_ids": (2, 5),
        "target_logprob": logprob[..., [2, 5]],
        "target_rank": np.stack(
            [(logprob > logprob[..., [t]]).sum(-1) for t in (2, 5)], axis=-1
        ).astype(np.int32),
        "vocabulary": {i: f" w{i}" for i in range(8)},
        **more,
    }
    return LogitLens(**fields)
