"""What attribution needs of one position: rows of a few sites, and every value.

Positions are counted from the end of each pass: prompts of a batch are padded on the
left, so that the end is where they agree.
"""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float

from interpwidgets.models.capture import Read


def component_reads(n_layers: int, pos: tuple[int, ...], *, mlp: bool) -> list[Read]:
    """Return the reads of everything that is added up to the last residual stream.

    Args:
        n_layers: The model's.
        pos: Of each prompt, or one for all; −1 is the last.
        mlp: Whether there are MLPs.
    """
    keep = functools.partial(keep_rows, pos=pos)
    sites = ("attn_out", "mlp_out") if mlp else ("attn_out",)
    last = n_layers - 1
    return [
        *(Read(site, None, keep) for site in ("embed", "ln_final", "logits")),
        Read("resid_post", last, keep),
        *(Read(site, layer, keep) for layer in range(n_layers) for site in sites),
    ]


def layer_reads(site: str, n_layers: int, pos: tuple[int, ...]) -> list[Read]:
    """Return the reads of one position of a site in every layer.

    Args:
        site: One whose tensor begins ``[prompt, pos, …]``.
        n_layers: The model's.
        pos: As of ``component_reads``.
    """
    keep = functools.partial(keep_rows, pos=pos)
    return [Read(site, layer, keep) for layer in range(n_layers)]


def source_reads(n_layers: int, pos: tuple[int, ...]) -> list[Read]:
    """Return the reads of what each head took from each source position.

    Args:
        n_layers: The model's.
        pos: As of ``component_reads``.
    """
    keep = functools.partial(keep_queries, pos=pos)
    return [
        read
        for layer in range(n_layers)
        for read in (Read("pattern", layer, keep), Read("v", layer, keep_values))
    ]


def keep_rows(
    value: Float[torch.Tensor, "prompt pos *axes"], *, pos: tuple[int, ...]
) -> Float[torch.Tensor, prompt * axes]:
    """Keep one position of each prompt, in float32.

    Args:
        value: A site's tensor.
        pos: As of ``component_reads``.
    """
    columns = _columns(pos, *value.shape[:2])
    return value[torch.arange(value.shape[0]), columns].float()


def keep_queries(
    pattern: Float[torch.Tensor, "prompt head query_pos key_pos"], *, pos: tuple[int, ...]
) -> Float[torch.Tensor, "prompt head key_pos"]:
    """Keep the attention of one query of each prompt, in float32.

    Args:
        pattern: Softmaxed weights of one layer.
        pos: As of ``component_reads``.
    """
    columns = _columns(pos, pattern.shape[0], pattern.shape[2])
    return pattern[torch.arange(pattern.shape[0]), :, columns].float()


def keep_values(
    values: Float[torch.Tensor, "prompt pos kv_head d_head"],
) -> Float[torch.Tensor, "prompt pos component"]:
    """Keep every value, in float32, heads side by side.

    Args:
        values: One layer's, as projected.
    """
    return values.flatten(2).float()


def _columns(pos: tuple[int, ...], n_prompts: int, n_tokens: int) -> torch.Tensor:
    """Return one column per prompt, whatever was asked for.

    A read that fails would end the run of every view; the method refuses by itself, later.
    """
    each = pos if len(pos) == n_prompts else pos[:1] * n_prompts
    return torch.tensor([max(one, -n_tokens) for one in each])
