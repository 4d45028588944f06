"""The most probable words of logits that are seen a part of the vocabulary at a time."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int

#: Of so many words the largest logit is looked at before each of them is.
_GROUP = 16

Found = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class TopWords:
    """The ``k`` largest logits of each row so far.

    To sort every part would cost a fifth of the product that makes it. So a word is kept
    aside when it passes the row's ``k``-th best, which few do, and those are sorted in each
    time that as many words again were seen.
    """

    def __init__(self, k: int, like: Float[torch.Tensor, "row _"]) -> None:
        """Begin.

        Args:
            k: How many.
            like: With as many rows as there will be, on their device; float32.
        """
        self._k, self._n_rows = k, len(like)
        self.values = like.new_empty((self._n_rows, 0))
        """``[row, k]``, largest first."""
        self.words = like.new_empty((self._n_rows, 0), dtype=torch.long)
        """``[row, k]``: their numbers."""
        self._aside: list[Found] = []
        self._seen = self._seen_at_last_sort = 0

    def add(self, logits: Float[torch.Tensor, "word row"], start: int) -> None:
        """Take the logits of the next words.

        Args:
            logits: float32.
            start: The number of the first of those words.
        """
        self._seen += len(logits)
        if not self._k:
            return
        if self.values.shape[1] < self._k:
            values, words = _candidates(logits, self._k)
            self._sort_in(values.T, words.T + start)
            return
        n_groups = len(logits) // _GROUP
        whole, left = logits.split([n_groups * _GROUP, len(logits) - n_groups * _GROUP])
        self._set_aside(whole.unflatten(0, (_GROUP, n_groups)), start)
        self._set_aside(left[None], start + len(whole))
        if self._seen >= 2 * self._seen_at_last_sort:
            self.finish()

    def finish(self) -> None:
        """Sort in what was kept aside; ``values`` and ``words`` are then those of all."""
        if not self._aside:
            return
        rows, values, words = (torch.cat(parts) for parts in zip(*self._aside, strict=True))
        self._aside = []
        order = rows.argsort(stable=True)
        rows, values, words = rows[order], values[order], words[order]
        counts = rows.bincount(minlength=self._n_rows)
        column = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
        width = int(counts.max())
        table = values.new_full((self._n_rows, width), -torch.inf)
        numbers = words.new_zeros((self._n_rows, width))
        table[rows, column], numbers[rows, column] = values, words
        self._sort_in(table, numbers)

    def _set_aside(self, groups: Float[torch.Tensor, "in_group group row"], start: int) -> None:
        """Keep the words of the groups whose largest is among the row's best so far."""
        group, row = (groups.amax(dim=0) > self.values[:, -1]).nonzero(as_tuple=True)
        first = groups.shape[1] * torch.arange(len(groups), device=row.device)[:, None]
        values, rows = groups[:, group, row], row.expand(len(groups), -1)
        better = values > self.values[row, -1]
        self._aside.append((rows[better], values[better], (start + first + group)[better]))

    def _sort_in(
        self, values: Float[torch.Tensor, "row more"], words: Int[torch.Tensor, "row more"]
    ) -> None:
        values = torch.cat([self.values, values], dim=-1)
        words = torch.cat([self.words, words], dim=-1)
        self.values, at = values.topk(min(self._k, values.shape[-1]), dim=-1)
        self.words = words.gather(-1, at)
        self._seen_at_last_sort = self._seen


def _candidates(
    logits: Float[torch.Tensor, "word row"], k: int
) -> tuple[Float[torch.Tensor, "candidate row"], Int[torch.Tensor, "candidate row"]]:
    """Return some logits with the ``k`` largest of each row among them, and their words.

    Those are in the groups of words with the largest maxima. To look for groups costs a
    fifth of looking for words.
    """
    n_groups = len(logits) // _GROUP
    if n_groups <= k:
        words = torch.arange(len(logits), device=logits.device)
        return logits, words[:, None].expand_as(logits)
    groups = logits[: n_groups * _GROUP].unflatten(0, (_GROUP, n_groups))
    best = groups.amax(dim=0).T.topk(k, dim=-1, sorted=False).indices.T
    found = groups.gather(1, best.expand(_GROUP, -1, -1))
    firsts = n_groups * torch.arange(_GROUP, device=best.device)
    words = best + firsts[:, None, None]
    left = torch.arange(n_groups * _GROUP, len(logits), device=best.device)
    return (
        torch.cat([found.flatten(0, 1), logits[n_groups * _GROUP :]]),
        torch.cat([words.flatten(0, 1), left[:, None].expand(-1, logits.shape[1])]),
    )
