"""What a site has at chosen positions of many prompts: one pass, streamed in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.axes import check_members
from interpwidgets.errors import SiteError
from interpwidgets.estimators.bench import SiteRows
from interpwidgets.models.adapter import Adapter, Model, adapter_of
from interpwidgets.models.capture import Read
from interpwidgets.models.keeping import keep
from interpwidgets.models.prompts import Batch, Prompt
from interpwidgets.models.reading_positions import FoundRows, Rule, check_rules, rows_of
from interpwidgets.models.running import refuse_large
from interpwidgets.models.vocabulary import bos_id
from interpwidgets.results.base import Provenance
from interpwidgets.results.probe_direction import EMBED, place_of
from interpwidgets.sites import check_site

#: Sites with one vector at each position.
VECTOR_SITES = (
    *("embed", "resid_pre", "resid_mid", "resid_post"),
    *("attn_out", "mlp_in", "mlp_post", "mlp_out"),
)

#: Tokens of one forward, pads included, and prompts.
TOKENS_AT_ONCE, PROMPTS_AT_ONCE = 4096, 64

#: Called after each batch: texts read, of how many, seconds left.
Progress = Callable[[int, int, float], object]


@dataclass
class LabelledRows:
    """What a pass over many prompts gave."""

    site: str
    layers: tuple[int, ...]
    """Numbers of layers; ``EMBED`` for the embedding."""
    by_rule: list[SiteRows]
    read: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """``[text]``: which texts were read; all, unless it was interrupted."""
    provenance: Provenance = field(default_factory=Provenance)


def site_layers(adapter: Adapter, site: str, layers: Sequence[int] | None) -> tuple[int, ...]:
    """Return the layers to read of a site, checked.

    Of all layers of ``resid_post`` the embedding comes first, as ``EMBED``.

    Args:
        adapter: The model's.
        site: A name of ``interpwidgets.sites.SITES``.
        layers: Numbers of layers; None: all.

    Raises:
        SiteError: The site is not one vector a position, or this architecture lacks it.
        ResultError: There is no such layer.
    """
    if check_site(site) not in VECTOR_SITES:
        raise SiteError(
            f"{site!r} is not one vector at each position, so it has no direction to learn; "
            f"{', '.join(VECTOR_SITES)} are."
        )
    if site == "embed":
        adapter.place(site, None)
        return (EMBED,)
    with_embed = site == "resid_post" and "embed" in adapter.architecture.places
    first = (EMBED,) if with_embed and (layers is None or EMBED in layers) else ()
    wanted = None if layers is None else [layer for layer in layers if layer not in first]
    if wanted == [] and first:
        return first
    chosen = check_members("layer", wanted, adapter.n_layers, of=adapter.name)
    adapter.place(site, chosen[0])
    return (*first, *chosen)


def read_rows(
    model: Model,
    prompts: Sequence[Prompt],
    site: str,
    layers: Sequence[int],
    rules: Sequence[Rule],
    *,
    spans: Sequence[tuple[int, int]] | None = None,
    max_bytes: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> LabelledRows:
    """Read a site at some positions of every prompt, each layer in the same forward.

    An interrupt ends it early and keeps what was read.

    Args:
        model: The nnsight model.
        prompts: From ``read_prompts``.
        site: Of ``VECTOR_SITES``.
        layers: From ``site_layers``.
        rules: Which positions.
        spans: Token positions, for the rule ``"span"``.
        max_bytes: Refuse to keep more than this.
        seed: Of the order of the batches.
        progress: Told after each batch.

    Raises:
        ReadTooLargeError: More than ``max_bytes`` would be kept.
        DatasetError: A prompt has no such position.
    """
    check_rules(rules, spans)
    adapter, bos = adapter_of(model), bos_id(model)
    found = [rows_of(rule, [p.ids for p in prompts], spans, bos) for rule in rules]
    _check_bytes(adapter, site, len(layers), [len(f.text) for f in found], max_bytes)
    out = LabelledRows(
        site,
        tuple(layers),
        [SiteRows(f.text, _empty(adapter, site, layers, len(f.text))) for f in found],
        np.zeros(len(prompts), dtype=bool),
    )
    began = time.monotonic()
    try:
        for batch in _batches([len(p.ids) for p in prompts], seed):
            reduce = _Reduce(found, batch, adapter.architecture.causal)
            reads = [Read(*place_of(site, layer), reduce) for layer in layers]
            given = Batch(tuple(prompts[i] for i in batch))
            run, _ = keep(model, given, reads, last_logits=True)
            for at, read in enumerate(reads):
                reduce.file(run.visits(read.site, read.layer)[0], out.by_rule, at)
            out.read[batch] = True
            out.provenance = run.provenance(*dict.fromkeys(r.site for r in reads), prompt=None)
            if progress is not None:
                n = int(out.read.sum())
                progress(n, len(prompts), (time.monotonic() - began) / n * (len(prompts) - n))
    except KeyboardInterrupt:
        if not out.read.any():
            raise
    return out


class _Reduce:
    """Takes the rows of one batch from a site's tensor, beside the model."""

    def __init__(self, found: Sequence[FoundRows], batch: Sequence[int], causal: bool) -> None:
        self._parts = [part.of_batch(batch, causal) for part in found]

    def __call__(self, value: torch.Tensor) -> torch.Tensor:
        """Return the rows of every rule, one below the other."""
        kept = [part.take(value) for part in self._parts]
        return torch.cat(kept).to(torch.float32)

    def file(self, rows: torch.Tensor, into: Sequence[SiteRows], at: int) -> None:
        """Put the rows of one layer where they belong."""
        start = 0
        for part, of_rule in zip(self._parts, into, strict=True):
            of_rule.values[at, part.rows] = rows[start : start + len(part.rows)].numpy()
            start += len(part.rows)


def _empty(
    adapter: Adapter, site: str, layers: Sequence[int], n_rows: int
) -> Float[np.ndarray, "layer row d"]:
    width = adapter.width(site)
    return np.full((len(layers), n_rows, width), np.nan, dtype=np.float32)


def _check_bytes(
    adapter: Adapter, site: str, n_layers: int, n_rows: Sequence[int], limit: int
) -> None:
    total = sum(n_rows)
    needed = 4 * n_layers * total * adapter.width(site)
    fits = "Read fewer layers, or fewer rows by tokens_per_text=4"
    refuse_large(f"{site} of {n_layers} layers at {total:,} positions", needed, limit, fits)


def _batches(lengths: Sequence[int], seed: int) -> Iterator[list[int]]:
    """Yield prompts of like lengths together, the batches in an order drawn by lot.

    So that an interrupt leaves texts of every length.
    """
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    batches: list[list[int]] = [[]]
    for i in order:
        full = (len(batches[-1]) + 1) * lengths[i] > TOKENS_AT_ONCE
        if batches[-1] and (full or len(batches[-1]) == PROMPTS_AT_ONCE):
            batches.append([])
        batches[-1].append(i)
    for at in np.random.default_rng(seed).permutation(len(batches)):
        yield batches[at]
