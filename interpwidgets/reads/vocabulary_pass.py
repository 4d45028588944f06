"""What is wanted of logits that are seen a part of the vocabulary at a time."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int

from interpwidgets.reads.vocabulary_top import TopWords

#: Stands for −inf, because 0 × −inf is no number.
_LOWEST = -1e30


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
        self._top = TopWords(top_k, target_logits)
        self._buffer = new((0, n_rows), 0.0)
        self._target_ids, self._targets = target_ids.tolist(), target_logits
        self._ranks = torch.zeros_like(target_logits)

    def add(self, logits: Float[torch.Tensor, "word row"], start: int) -> None:
        """Take the logits of the next words, which are written over.

        Args:
            logits: float32; words first, so that a sum over them runs along the rows.
            start: The number of the first of those words.
        """
        self._top.add(logits, start)
        self._count_before_targets(logits, start)
        largest = torch.maximum(self._largest, logits.amax(dim=0))
        drop, self._largest = self._largest - largest, largest
        z = logits.sub_(largest).clamp_(min=_LOWEST)
        exp = torch.exp(z, out=self._memory(z))
        before = self._own + self._sum * drop, self._cross + self._of_final(self._sum) * drop
        self._sum = drop.exp() * self._sum + exp.sum(dim=0)
        final = exp[:, -(len(largest) // self._n_layers) :].clone()
        self._own = drop.exp() * before[0] + exp.mul_(z).sum(dim=0)
        crossed = z.unflatten(1, (self._n_layers, -1)).mul_(final[:, None]).sum(dim=0)
        self._cross = self._of_final(drop.exp()) * before[1] + crossed.flatten()

    def _memory(self, like: Float[torch.Tensor, "word row"]) -> torch.Tensor:
        """Return the memory of the parts before: to get it anew each time takes longer."""
        if len(self._buffer) < len(like):
            self._buffer = torch.empty_like(like)
        return self._buffer[: len(like)]

    def _of_final(self, of_rows: Float[torch.Tensor, " row"]) -> Float[torch.Tensor, " row"]:
        """Return the final layer's numbers for the rows of every layer."""
        return of_rows.unflatten(0, (self._n_layers, -1))[-1].repeat(self._n_layers)

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
        self._top.finish()
        return self._top.words, self._top.values - self._total()

    def _total(self) -> Float[torch.Tensor, "row 1"]:
        return (self._largest + self._sum.log())[:, None]
