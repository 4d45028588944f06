"""What is wanted of logits that are seen a part of the vocabulary at a time."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int

#: Stands for −inf, because 0 × −inf is no number.
_LOWEST = -1e30

#: Of so many words the largest logit is looked for first.
_GROUP = 8


class VocabularyPass:
    """Sums over the vocabulary for rows of several layers, of which the last is final.

    With ``m`` a row's largest logit so far and ``z`` its logits less ``m``, it keeps
    ``Σ exp z``, ``Σ z exp z`` and ``Σ z exp z_final``, brought to the new ``m`` when that
    rises. Entropy and KL follow without differences of large numbers.
    """

    def __init__(
        self,
        n_layers: int,
        top_k: int,
        target_ids: Int[torch.Tensor, " target"],
        target_logits: Float[torch.Tensor, "row target"],
    ) -> None:
        """Begin.

        Args:
            n_layers: The final one included.
            top_k: How many of the most probable words to keep.
            target_ids: Words whose log-probability and rank to keep.
            target_logits: Theirs, float32; the rows of one layer after those of another.
        """
        n_rows, new = len(target_logits), target_logits.new_full
        self._n_layers = n_layers
        self._largest = new((n_rows,), _LOWEST)
        self._sum, self._own, self._cross = (new((n_rows,), 0.0) for _ in range(3))
        self._top, self._top_ids = new((n_rows, 0), 0.0), target_ids.new_zeros((n_rows, 0))
        self._top_k = top_k
        self._target_ids, self._targets = target_ids.tolist(), target_logits
        self._ranks = torch.zeros_like(target_logits)

    def add(self, logits: Float[torch.Tensor, "word row"], start: int) -> None:
        """Take the logits of the next words, which are written over.

        Args:
            logits: float32; words first, so that a sum over them runs along the rows.
            start: The number of the first of those words.
        """
        self._find_top(logits, start)
        self._count_before_targets(logits, start)
        largest = torch.maximum(self._largest, logits.amax(dim=0))
        drop, self._largest = self._largest - largest, largest
        z = logits.sub_(largest).clamp_(min=_LOWEST)
        exp = z.exp()
        self._cross = self._crossed(z, exp, drop)
        self._own = drop.exp() * (self._own + self._sum * drop)
        self._sum = drop.exp() * self._sum + exp.sum(dim=0)
        self._own += exp.mul_(z).sum(dim=0)

    def _crossed(
        self,
        z: Float[torch.Tensor, "word row"],
        exp: Float[torch.Tensor, "word row"],
        drop: Float[torch.Tensor, " row"],
    ) -> Float[torch.Tensor, " row"]:
        """Return ``Σ z exp z_final`` so far."""
        before = self._cross + self._of_final(self._sum) * drop
        layers = z.unflatten(1, (self._n_layers, -1))
        new = (exp.unflatten(1, (self._n_layers, -1))[:, -1:] * layers).sum(dim=0)
        return self._of_final(drop.exp()) * before + new.flatten()

    def _of_final(self, of_rows: Float[torch.Tensor, " row"]) -> Float[torch.Tensor, " row"]:
        """Return the final layer's numbers for the rows of every layer."""
        return of_rows.unflatten(0, (self._n_layers, -1))[-1].repeat(self._n_layers)

    def _find_top(self, logits: Float[torch.Tensor, "word row"], start: int) -> None:
        values, words = _candidates(logits, self._top_k)
        values = torch.cat([self._top, values.T], dim=-1)
        ids = torch.cat([self._top_ids, words.T + start], dim=-1)
        self._top, at = values.topk(min(self._top_k, values.shape[-1]), dim=-1)
        self._top_ids = ids.gather(-1, at)

    def _count_before_targets(
        self, logits: Float[torch.Tensor, "word row"], start: int
    ) -> None:
        for at, token_id in enumerate(self._target_ids):
            target = self._targets[:, at]
            self._ranks[:, at] += (logits > target).sum(dim=0)
            if start <= token_id < start + len(logits):
                # By rounding it may come before itself.
                self._ranks[:, at] -= (logits[token_id - start] > target).float()

    def entropy(self) -> Float[torch.Tensor, " row"]:
        """Return the entropy of each row in nats."""
        return self._sum.log() - self._own / self._sum

    def kl(self) -> Float[torch.Tensor, " row"]:
        """Return KL(final ‖ layer) of each row in nats."""
        crossed = self._sum.log() - self._cross / self._of_final(self._sum)
        kl = crossed - self._of_final(self.entropy())
        return kl.clamp(min=0)  # but for rounding it is never negative

    def targets(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log-probability and rank of the targets, ``[row, target]``."""
        return self._targets - self._total(), self._ranks

    def top(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and log-probabilities of the most probable, ``[row, rank]``."""
        return self._top_ids, self._top - self._total()

    def _total(self) -> Float[torch.Tensor, "row 1"]:
        return (self._largest + self._sum.log())[:, None]


def _candidates(
    logits: Float[torch.Tensor, "word row"], top_k: int
) -> tuple[Float[torch.Tensor, "candidate row"], Int[torch.Tensor, "candidate row"]]:
    """Return some logits with the ``top_k`` largest of each row among them, and their words.

    Those are in the groups of words with the largest maxima. To look for groups costs a
    fifth of looking for words.
    """
    n_groups = len(logits) // _GROUP
    if n_groups <= top_k:
        words = torch.arange(len(logits), device=logits.device)
        return logits, words[:, None].expand_as(logits)
    groups = logits[: n_groups * _GROUP].unflatten(0, (_GROUP, n_groups))
    best = groups.amax(dim=0).T.topk(top_k, dim=-1, sorted=False).indices.T
    found = groups.gather(1, best.expand(_GROUP, -1, -1))
    firsts = n_groups * torch.arange(_GROUP, device=best.device)
    words = best + firsts[:, None, None]
    left = torch.arange(n_groups * _GROUP, len(logits), device=best.device)
    return (
        torch.cat([found.flatten(0, 1), logits[n_groups * _GROUP :]]),
        torch.cat([words.flatten(0, 1), left[:, None].expand(-1, logits.shape[1])]),
    )
