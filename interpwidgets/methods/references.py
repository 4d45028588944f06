"""What an ablation puts in a site's place when it comes from other prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from interpwidgets.interventions import Ablate, Where
from interpwidgets.models.loading import ready
from interpwidgets.reads.reference_values import reference_values

MAX_BYTES = 2**30


def references(
    model: Any,
    prompts: Any,
    site: str,
    *,
    mode: Literal["mean", "resample"] = "mean",
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    positions: Any = None,
    seed: int = 0,
    prepend_bos: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> Ablate:
    """Read other prompts, and make the ablation that puts what they have in a site's place.

    The mean of one prompt's values is what ablating that prompt by its own mean uses.

    Args:
        model: An nnsight or a Hugging Face model.
        prompts: Prompts to take the values from.
        site: A name of ``interpwidgets.sites.SITES``.
        mode: ``"mean"`` over all their positions, or ``"resample"``: one prompt of them for
            each prompt that is changed, position by position.
        layers: Layers to read and change; all by default.
        heads: Heads to change; all by default.
        positions: Positions to change, as of ``Where``; all by default.
        seed: Of the draw of ``"resample"``.
        prepend_bos: As of ``iw.attention``.
        max_bytes: Refuse to keep more than this.

    Raises:
        SiteError: There is no such site, or not in this architecture.
        InterventionError: Such a site has no mean.
        ReadTooLargeError: More than ``max_bytes`` would be kept.

    Example:
        >>> import interpwidgets as iw
        >>> model = iw.load("lil-attn-2l")
        >>> ablate = iw.references(model, [[1, 5, 6], [1, 7, 8, 9]], "z", layers=[1])
        >>> ablate.of
        'mean over 7 tokens of 2 prompts'

    Source:
        Chan et al. (2022), "Causal Scrubbing"; Wang et al. (2022), "Interpretability in
        the Wild". We differ in: a mean is over positions, too.
    """
    return reference_values(
        ready(model),
        prompts,
        site,
        mode=mode,
        layers=layers,
        where=Where(heads=heads, positions=positions),
        seed=seed,
        prepend_bos=prepend_bos,
        max_bytes=max_bytes,
    )
