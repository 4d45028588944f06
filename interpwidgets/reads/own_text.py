"""How probable texts are to a model as it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from interpwidgets.models.adapter import Model
from interpwidgets.models.keeping import keep
from interpwidgets.models.prompts import Batch, Prompt
from interpwidgets.reads.surprisal import LOGPROB, SurprisalRead


def own_logprobs(
    model: Model, texts: Sequence[Sequence[int]], n_given: Sequence[int]
) -> list[Float[np.ndarray, " pos"]]:
    """Return how probable texts are to the model as it is, token by token.

    One forward.

    Args:
        model: The nnsight model.
        texts: Token ids.
        n_given: How many of each are the prompt: NaN there.

    Returns:
        Log-probabilities of each text, nats, float32.
    """
    batch = Batch(tuple(Prompt(tuple(ids)) for ids in texts))
    run, capture = keep(model, batch, [SurprisalRead(1).read()])
    kept = run.visits("logits")[0][..., LOGPROB].numpy()
    found = []
    for row, n in enumerate(n_given):
        own = kept[row, capture.span(row)].astype(np.float32)
        own[:n] = np.nan
        found.append(own)
    return found
