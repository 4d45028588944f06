"""The values of any site, on one prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.axes import check_members
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.capture import Read
from interpwidgets.models.running import Run, refuse_large, run_method
from interpwidgets.results.activations import Activations
from interpwidgets.sites import WHOLE_MODEL, check_site

MAX_BYTES = 2**30

#: Sites with a query and a key axis, after the heads, and what is at a key to come.
PAIRS = {"pattern": 0.0, "attn_scores": -math.inf}


def activations(
    model: Any,
    prompt: Any,
    site: str,
    *,
    layers: Sequence[int] | None = None,
    prepend_bos: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> Activations:
    """Read what is at a site, at every layer.

    Values equal what plain torch hooks give, and ``embed`` plus every ``attn_out`` and
    ``mlp_out`` is the last ``resid_post``.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids, or chat messages.
        site: A name of ``interpwidgets.sites.SITES``, e.g. ``"resid_post"``.
        layers: Layers to read; all by default.
        prepend_bos: Whether the prompt begins with the beginning-of-sequence token; by
            default as the tokenizer or the chat template does.
        max_bytes: Refuse to keep more than this.

    Returns:
        ``Activations``; ``values`` is ``[layer, pos, d_model]`` for a residual site,
        float32.

    Raises:
        SiteError: There is no such site, or not in this architecture.
        ReadTooLargeError: More than ``max_bytes`` would be kept.

    Example:
        >>> import interpwidgets as iw
        >>> iw.activations(iw.load("lil-attn-2l"), [1, 5, 6], "z").values.shape
        (2, 3, 4, 16)

    Source:
        Elhage et al. (2021), "A Mathematical Framework for Transformer Circuits", for the
        residual stream as a sum. We differ in: nothing.
    """
    method = ActivationsMethod(site, layers, max_bytes)
    return run_method(model, prompt, method, prepend_bos=prepend_bos)


@dataclass(frozen=True)
class ActivationsMethod:
    """The values of a site as a method: what it reads and what it builds."""

    site: str
    layers: Sequence[int] | None = None
    max_bytes: int = MAX_BYTES

    @property
    def result_type(self) -> type[Activations]:
        """The type of Result that ``build`` makes."""
        return Activations

    def kept_layers(self, adapter: Adapter) -> tuple[int | None, ...]:
        """Return the layers read, checked; one None for a site that exists once."""
        if check_site(self.site) in WHOLE_MODEL:
            return (None,)
        return check_members("layer", self.layers, adapter.n_layers, of=adapter.name)

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return one read per layer."""
        layers = self.kept_layers(adapter)
        adapter.place(self.site, layers[0])  # refuses what the architecture lacks
        return [Read(self.site, layer, keep_float32) for layer in layers]

    def bytes_needed(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> int:
        """Return how many bytes the values will be kept in."""
        a = adapter
        widths = {
            "logits": a.d_vocab or 0,
            "result": a.n_heads * a.d_model,
            "mlp_post": a.d_mlp or 0,
            **dict.fromkeys(("pattern", "attn_scores"), a.n_heads * n_tokens),
            **dict.fromkeys(("q", "z"), a.n_heads * a.d_head),
            **dict.fromkeys(("k", "v"), a.n_kv_heads * a.d_head),
        }
        width = widths.get(self.site, a.d_model)
        return 4 * n_prompts * len(self.kept_layers(adapter)) * n_tokens * width

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:
        """Refuse what would pass ``max_bytes``."""
        n_layers = len(self.kept_layers(adapter))
        needed = self.bytes_needed(adapter, n_prompts, n_tokens)
        fit = self.max_bytes // (needed // n_layers)
        fits = (
            f"Read at most {fit} layers, e.g. layers=range({fit})"
            if fit
            else "Shorten the prompt"
        )
        what = f"{self.site} of {n_layers} layers on {n_tokens:,} tokens"
        refuse_large(what, needed, self.max_bytes, fits)

    def build(self, run: Run, previous: Sequence[Activations] = ()) -> tuple[Activations, ...]:  # noqa: ARG002
        """Return one Result per prompt, over every forward pass of the run."""
        layers = self.kept_layers(run.adapter)
        return tuple(
            Activations(
                provenance=run.provenance(self.site, prompt=prompt),
                site=self.site,
                tokens=run.tokens(prompt),
                values=np.stack([self._values(run, layer, prompt) for layer in layers]),
                layers=tuple(layer for layer in layers if layer is not None),
            )
            for prompt in range(run.capture.n_prompts)
        )

    def _values(
        self, run: Run, layer: int | None, prompt: int
    ) -> Float[np.ndarray, "*site_axes"]:
        """Put the positions of every forward pass together, without the padding."""
        visits = [visit[prompt] for visit in run.visits(self.site, layer)]
        span = run.capture.span(prompt)
        if self.site not in PAIRS:
            return torch.cat(visits)[span].numpy()
        n_keys = visits[-1].shape[-1]
        widened = [
            torch.nn.functional.pad(v, (0, n_keys - v.shape[-1]), value=PAIRS[self.site])
            for v in visits
        ]
        return torch.cat(widened, dim=-2)[:, span, span].numpy()


def keep_float32(
    value: Float[torch.Tensor, prompt * axes],
) -> Float[torch.Tensor, prompt * axes]:
    """Keep a site's values in float32, whatever the model computes in."""
    return value.to(torch.float32)
