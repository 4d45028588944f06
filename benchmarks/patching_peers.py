"""What a sweep of patches is compared with: one forward a cell, and GPT-2 written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import DynamicCache, GPT2LMHeadModel

#: Tokens that one call of a layer takes at most, and positions patched in one march: both
#: the fastest of those that were tried.
PIECE, POSITIONS = 1024, 4


def naive_cell(
    module: nn.Module, site: str, layer: int, at: int
) -> Callable[..., torch.Tensor]:
    """Return a function of (base ids, donor value): the last logits of one patched forward.

    Args:
        module: GPT-2 or Llama.
        site: ``"resid_pre"`` (``at``: a position) or ``"z"`` (``at``: a head).
        layer: Of the cell.
        at: Its column.
    """
    target, d_head = target_of(module, site, layer), 64

    def run(ids: torch.Tensor, donor: torch.Tensor) -> torch.Tensor:
        def patch(_: Any, args: Any, kwargs: Any) -> Any:
            value = (args[0] if args else kwargs["hidden_states"]).clone()
            if site == "z":
                heads = slice(at * d_head, (at + 1) * d_head)
                value[..., heads] = donor[..., heads]
            else:
                value[:, at] = donor[:, at]
            return (
                ((value, *args[1:]), kwargs)
                if args
                else (args, kwargs | {"hidden_states": value})
            )

        with target.register_forward_pre_hook(patch, with_kwargs=True):
            return module(ids, use_cache=False, logits_to_keep=1).logits[0, -1]

    return run


def target_of(module: Any, site: str, layer: int) -> nn.Module:
    """Return the module whose input a site is."""
    if isinstance(module, GPT2LMHeadModel):
        block = module.transformer.h[layer]
        return block.attn.c_proj if site == "z" else block
    block = module.model.layers[layer]
    return block.self_attn.o_proj if site == "z" else block


def inputs_of(module: Any, site: str, n_layers: int, ids: torch.Tensor) -> list[torch.Tensor]:
    """Return the values of a site in one forward, by layer."""
    kept: list[torch.Tensor] = []

    def keep(_: Any, args: Any, kwargs: Any) -> None:
        kept.append(args[0] if args else kwargs["hidden_states"])

    handles = [
        target_of(module, site, layer).register_forward_pre_hook(keep, with_kwargs=True)
        for layer in range(n_layers)
    ]
    try:
        module(ids, use_cache=False, logits_to_keep=1)
    finally:
        for handle in handles:
            handle.remove()
    return kept


class HandWrittenGPT2:
    """A sweep for GPT-2 alone: layers from the patch on, positions from the patch on.

    Everything that ours does not write out is written out: the mathematics of the block.
    """

    def __init__(self, module: GPT2LMHeadModel, tokens: Sequence[int]) -> None:
        """Take a model and the tokens whose logits are wanted."""
        self.module, self.blocks = module, list(module.transformer.h)
        self.n_heads, self.tokens = module.config.n_head, list(tokens)
        self.unembed = module.lm_head.weight[self.tokens]

    def sweep(self, ids: torch.Tensor, donor_ids: torch.Tensor, site: str) -> np.ndarray:
        """Return the logits of the wanted tokens, ``[layer, column, token]``."""
        n_layers, length = len(self.blocks), ids.shape[1]
        cache = DynamicCache()
        self.base = inputs_of_cached(self.module, ids, cache)
        self.cache = [(one.keys, one.values) for one in cache.layers]
        if site == "resid_pre":
            donor = inputs_of(self.module, site, n_layers, donor_ids)
            starts = range(0, length, POSITIONS)
            parts = [self._positions(donor, p, min(p + POSITIONS, length)) for p in starts]
            return torch.cat(parts, dim=1).numpy()
        base_z = inputs_of(self.module, "z", n_layers, ids)
        donor_z = inputs_of(self.module, "z", n_layers, donor_ids)
        return self._heads(base_z, donor_z).numpy()

    def _positions(self, donor: list[torch.Tensor], start: int, stop: int) -> torch.Tensor:
        """March with the patches of every layer at some positions."""
        n, stream = stop - start, None
        for layer in range(len(self.blocks)):
            new = self.base[layer][:, start:].repeat(n, 1, 1)
            for row in range(n):
                new[row, row] = donor[layer][0, start + row]
            stream = new if stream is None else torch.cat([stream, new])
            stream = self._block(layer, stream, start)
        assert stream is not None
        return self._logits(stream).unflatten(0, (len(self.blocks), n))

    def _heads(self, base_z: list[torch.Tensor], donor_z: list[torch.Tensor]) -> torch.Tensor:
        """March with the patches of every head of every layer."""
        stream = None
        for layer, block in enumerate(self.blocks):
            if stream is not None:
                stream = self._block(layer, stream, 0)
            z = base_z[layer].repeat(self.n_heads, 1, 1)
            for head in range(self.n_heads):
                at = slice(head * 64, (head + 1) * 64)
                z[head, :, at] = donor_z[layer][0, :, at]
            mid, last = self.base[layer], layer == len(self.blocks) - 1
            if last:
                z, mid = z[:, -1:], mid[:, -1:]
            new = self._mlp(block, mid + block.attn.c_proj(z))
            stream = new if stream is None else torch.cat([stream, new])
        assert stream is not None
        return self._logits(stream).unflatten(0, (len(self.blocks), self.n_heads))

    def _block(self, layer: int, stream: torch.Tensor, start: int) -> torch.Tensor:
        pieces = stream.split(max(1, PIECE // stream.shape[1]))
        return torch.cat([self._piece(layer, piece, start) for piece in pieces])

    def _piece(self, layer: int, stream: torch.Tensor, start: int) -> torch.Tensor:
        block, (keys, values) = self.blocks[layer], self.cache[layer]
        qkv = block.attn.c_attn(block.ln_1(stream))
        q, k, v = (
            one.unflatten(-1, (self.n_heads, 64)).transpose(1, 2) for one in qkv.chunk(3, -1)
        )
        n = len(stream)
        k = torch.cat([keys[:, :, :start].expand(n, -1, -1, -1), k], dim=2)
        v = torch.cat([values[:, :, :start].expand(n, -1, -1, -1), v], dim=2)
        if layer == len(self.blocks) - 1:  # only the last position is read
            q, stream, mask = q[:, :, -1:], stream[:, -1:], None
        else:
            mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(start)
        z = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self._mlp(block, stream + block.attn.c_proj(z.transpose(1, 2).flatten(2)))

    def _mlp(self, block: Any, mid: torch.Tensor) -> torch.Tensor:
        inner = F.gelu(block.mlp.c_fc(block.ln_2(mid)), approximate="tanh")
        return mid + block.mlp.c_proj(inner)

    def _logits(self, stream: torch.Tensor) -> torch.Tensor:
        return self.module.transformer.ln_f(stream[:, -1]) @ self.unembed.T


def inputs_of_cached(
    module: GPT2LMHeadModel, ids: torch.Tensor, cache: DynamicCache
) -> list[torch.Tensor]:
    """Return the streams before each layer of one forward that fills a cache."""
    kept: list[torch.Tensor] = []
    handles = [
        block.register_forward_pre_hook(lambda _, args: kept.append(args[0]))
        for block in module.transformer.h
    ]
    try:
        module(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    finally:
        for handle in handles:
            handle.remove()
    return kept
