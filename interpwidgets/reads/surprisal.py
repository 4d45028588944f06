"""How well each token was expected, taken from the logits beside the model.

Columns of what is kept, for each target position: ``POS`` (its column among all that went
through the model), ``LOGPROB`` of the token there, ``RANK`` (how many were more probable),
then the ids of the most probable tokens and their log-probabilities.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int

from interpwidgets.models.capture import Read

POS, LOGPROB, RANK, TOP = 0, 1, 2, 3

#: Numbers of the logits that are turned to float32 at once.
CHUNK = 2**22


def columns_of(top_k: int) -> int:
    """Return how many numbers are kept of each position.

    Args:
        top_k: How many expected tokens.
    """
    return TOP + 2 * top_k


class SurprisalRead:
    """The reduction of one run. Keeps one row of logits from pass to pass.

    A generation step predicts a token that only the next step is given, so that the last
    row of each pass waits, on the model's device, for the pass after it.
    """

    def __init__(self, top_k: int) -> None:
        self.top_k = top_k
        self._waiting: Float[torch.Tensor, "prompt d_vocab"] | None = None
        self._waiting_at = -1

    def read(self) -> Read:
        """Return the read of the logits."""
        return Read("logits", None, self, with_ids=True)

    def __call__(
        self,
        logits: Float[torch.Tensor, "prompt rows d_vocab"],
        ids: Int[torch.Tensor, "prompt pos"],
    ) -> Float[torch.Tensor, "prompt rows kept"]:
        """Reduce one forward pass's logits.

        Args:
            logits: Of the pass's last positions: a generation computes no others.
            ids: Everything that went through the model so far.
        """
        n, n_rows = ids.shape[1], logits.shape[1]
        start = n - n_rows
        kept = logits.new_full(
            (*logits.shape[:2], columns_of(self.top_k)), torch.nan, dtype=torch.float32
        )
        kept[..., POS] = torch.arange(start, n, device=logits.device)
        targets = ids[:, start:].to(logits.device)
        if self._waiting is not None and self._waiting_at == start:
            kept[:, :1, 1:] = judge(self._waiting[:, None], targets[:, :1], self.top_k)
        step = max(1, CHUNK // (logits.shape[0] * logits.shape[2]))
        for first in range(0, n_rows - 1, step):
            last = min(first + step, n_rows - 1)
            kept[:, first + 1 : last + 1, 1:] = judge(
                logits[:, first:last], targets[:, first + 1 : last + 1], self.top_k
            )
        self._waiting, self._waiting_at = logits[:, -1].clone(), n
        return kept


def judge(
    logits: Float[torch.Tensor, "prompt rows d_vocab"],
    targets: Int[torch.Tensor, "prompt rows"],
    top_k: int,
) -> Float[torch.Tensor, "prompt rows kept"]:
    """Return log-probability and rank of each row's target, and what was expected.

    Args:
        logits: Of any float type; worked on in float32.
        targets: The token that came.
        top_k: How many expected tokens to keep.
    """
    logits = logits.float()
    total = logits.logsumexp(dim=-1, keepdim=True)
    target = logits.gather(-1, targets[..., None])
    rank = (logits > target).sum(dim=-1, keepdim=True)
    best = logits.topk(top_k, dim=-1)
    # float32 holds ids exactly up to 16 million.
    parts = [target - total, rank.float(), best.indices.float(), best.values - total]
    return torch.cat(parts, dim=-1)
