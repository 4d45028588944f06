"""The lens beside the model: vectors of the residual stream read as the next token.

The vocabulary passes in chunks: the logits of some rows (layers × positions) for some words
are in memory, never those of layers × positions × vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float

from interpwidgets.models.capture import Read
from interpwidgets.models.output_head import OutputHead
from interpwidgets.reads.vocabulary_pass import VocabularyPass

ENTROPY, KL, GAP, FIXED = 0, 1, 2, 3

#: Logits in memory at once, and rows that they are of: 4 MB of float32.
CHUNK, ROWS = 2**20, 1024

#: Total variation above which the model's own output is another one than the lens reads.
SAME = 0.02

#: On how many words that is looked at, at every position.
_N_WORDS = 256

#: What the vectors of a layer are turned into before they are read.
Translate = Callable[[int, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Kept:
    """What is kept of each row, a column each.

    ``ENTROPY``, ``KL``, ``GAP`` (how far the model's own output is from the final layer's,
    as total variation at the pass's last position, 0-1); then log-probabilities and ranks
    of the targets, ids and log-probabilities of the most probable words.
    """

    top_k: int
    target_ids: tuple[int, ...] = ()

    @property
    def n_columns(self) -> int:
        """How many numbers that is."""
        return FIXED + 2 * (len(self.target_ids) + self.top_k)

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """How many columns each part has."""
        n = len(self.target_ids)
        return FIXED, n, n, self.top_k, self.top_k


class LensReads:
    """The reads of one run. Keeps a pass's vectors until its logits are there.

    How far a layer is from the final one is known when the final one is. So the vectors of
    every layer wait on the model's device: they are small beside their logits.
    """

    def __init__(
        self,
        site: str,
        layers: Sequence[int],
        last: int,
        kept: Kept,
        translate: Translate | None = None,
    ) -> None:
        """Plan the reads.

        Args:
            site: Where the vectors are.
            layers: Which layers.
            last: The model's last layer, whose ``resid_post`` is final.
            kept: What to keep.
            translate: Called with a layer and its vectors; what it gives is read instead.
        """
        self._site, self._layers, self._kept = site, tuple(layers), kept
        self._final, self._translate = ("resid_post", last), translate
        self._waiting: dict[tuple[str, int], torch.Tensor] = {}

    def reads(self) -> list[Read]:
        """Return the reads of the layers, of the final one, and of the logits after them."""
        asked = [(self._site, layer) for layer in self._layers]
        places = dict.fromkeys([*asked, self._final])
        waiting = [Read(*place, _Waits(self._waiting, place)) for place in places]
        return [*waiting, Read("logits", None, self._reduce, with_head=True)]

    def _reduce(
        self, logits: Float[torch.Tensor, "prompt rows d_vocab"], head: OutputHead
    ) -> Float[torch.Tensor, "prompt pos layer column"]:
        final = self._waiting[self._final]
        streams = [self._translated(layer).to(final.device) for layer in self._layers]
        self._waiting.clear()
        gap = _total_variation(logits[:, -1], head.logits(head.normed(final[:, -1])))
        own = logits if gap.max() <= SAME and _is_read_off(logits, final, head) else None
        table = read_streams(head, streams, final, self._kept, own)
        table[..., GAP] = gap[:, None, None].to(table.device)
        return table

    def _translated(self, layer: int) -> torch.Tensor:
        stream = self._waiting[self._site, layer]
        return stream if self._translate is None else self._translate(layer, stream)


class _Waits:
    """Keeps a copy of a site's vectors on their device; the run has nothing to file."""

    def __init__(
        self, waiting: dict[tuple[str, int], torch.Tensor], place: tuple[str, int]
    ) -> None:
        self._waiting, self._place = waiting, place

    def __call__(self, stream: Float[torch.Tensor, "prompt pos d_model"]) -> torch.Tensor:
        self._waiting[self._place] = stream.clone()  # a later module may write into it
        return stream.new_empty(0)


def _is_read_off(
    logits: Float[torch.Tensor, "prompt rows d_vocab"],
    final: Float[torch.Tensor, "prompt pos d_model"],
    head: OutputHead,
) -> bool:
    """Whether the model gave at each position what its head makes of it, on some words."""
    # A model may give the last position's alone.
    if logits.shape != (*final.shape[:2], head.n_columns):
        return False
    words = torch.arange(0, head.n_columns, max(1, head.n_columns // _N_WORDS))
    read = head.logits(head.normed(final.flatten(0, 1)), words.to(final.device))
    given = logits.flatten(0, 1)[:, words.to(logits.device)]
    return bool((_total_variation(given, read) <= SAME).all())


def _total_variation(
    a: Float[torch.Tensor, "row word"], b: Float[torch.Tensor, "row word"]
) -> Float[torch.Tensor, " row"]:
    a, b = a.float().softmax(dim=-1), b.float().softmax(dim=-1)
    return (a - b.to(a.device)).abs().sum(dim=-1) / 2


def read_streams(
    head: OutputHead,
    streams: Sequence[Float[torch.Tensor, "prompt pos d_model"]],
    final: Float[torch.Tensor, "prompt pos d_model"],
    kept: Kept,
    own: Float[torch.Tensor, "prompt pos d_vocab"] | None = None,
) -> Float[torch.Tensor, "prompt pos layer column"]:
    """Return what is kept of several layers' predictions, in float32.

    Args:
        head: The model's last norm and unembedding.
        streams: Vectors, a tensor a layer.
        final: Those of the final layer, from which ``KL`` is measured.
        kept: What to keep.
        own: The model's own logits, taken for the final layer's; read off it by default.
    """
    n_prompts, n, _ = final.shape
    every = streams if streams[-1] is final else (*streams, final)
    rows = [stream.flatten(0, 1) for stream in every]
    own = None if own is None else own.flatten(0, 1).to(final.device)
    # Without columns all words come at once.
    at_once = max(1, ROWS // len(rows)) if head.in_columns else 1
    blocks = []
    for start in range(0, n_prompts * n, at_once):
        part = slice(start, start + at_once)
        stack = torch.stack([of[part] for of in rows])
        blocks.append(_read_rows(head, stack, kept, None if own is None else own[part]))
    return torch.cat(blocks)[:, : len(streams)].unflatten(0, (n_prompts, n))


def _read_rows(
    head: OutputHead,
    streams: Float[torch.Tensor, "layer row d_model"],
    kept: Kept,
    own: Float[torch.Tensor, "row d_vocab"] | None,
) -> Float[torch.Tensor, "row layer column"]:
    """Read some rows of several layers, of which the last is final."""
    n_layers, n_rows = streams.shape[:2]
    normed = head.normed(streams).flatten(0, 1)
    targets = torch.tensor(kept.target_ids, dtype=torch.long, device=normed.device)
    target_logits = head.logits(normed, targets).float()
    if own is not None:
        normed = normed[:-n_rows]
        target_logits[-n_rows:] = own[:, targets]
    read = VocabularyPass(n_layers, kept.top_k, targets, target_logits)
    for start, logits in _chunks(head, normed, own):
        read.add(logits, start)
    fixed = torch.stack([read.entropy(), read.kl(), torch.zeros_like(read.kl())], dim=-1)
    # float32 holds ids exactly up to 16 million.
    table = torch.cat([fixed, *read.targets(), *read.top()], dim=-1)
    return table.unflatten(0, (n_layers, n_rows)).transpose(0, 1)


def _chunks(
    head: OutputHead,
    normed: Float[torch.Tensor, "row d_normed"],
    own: Float[torch.Tensor, "more d_vocab"] | None,
) -> Iterator[tuple[int, Float[torch.Tensor, "word every_row"]]]:
    """Yield logits in float32, some words of the vocabulary at a time; ``own`` come last."""
    if not head.in_columns:
        yield 0, head.logits(normed).float().T
        return
    n_rows = len(normed)
    every = n_rows + (0 if own is None else len(own))
    step = max(1, CHUNK // every)
    memory = normed.new_empty((min(step, head.n_columns), every))
    for start in range(0, head.n_columns, step):
        part = slice(start, min(start + step, head.n_columns))
        into = memory[: part.stop - start]
        logits = head.logits(normed, part, out=into[:, :n_rows]).T
        if logits.data_ptr() != into.data_ptr():
            into[:, :n_rows] = logits
        if own is not None:
            into[:, n_rows:] = own[:, part].T
        yield start, into.float()
