"""A norm with its scale held: what is left of it is linear."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

from interpwidgets.errors import ModelError
from interpwidgets.models.adapter import Model
from interpwidgets.models.linear import apply_linear

#: Far above any epsilon that a norm adds to a variance.
_LOUD = 64.0


@dataclass(frozen=True)
class FrozenNorm:
    """``norm(x) = gain · (x − mean?) / scale + bias``, one scale per vector of a run."""

    gain: Float[torch.Tensor, " d_model"]
    """float64; Gemma's ``1 + weight`` is a gain like any other."""

    bias: Float[torch.Tensor, " d_model"]
    """float64; zeros where the norm has none."""

    centred: bool
    """Whether the mean is subtracted first (LayerNorm), or not (RMSNorm)."""

    def rows(
        self, x: Float[torch.Tensor, "*rows d_model"]
    ) -> Float[torch.Tensor, "*rows d_model"]:
        """Return the part of ``norm(x)`` that is linear in ``x``, times the scale."""
        return self.gain * (x - x.mean(-1, keepdim=True) if self.centred else x)

    def frozen(
        self, x: Float[torch.Tensor, "*rows d_model"], one_over: torch.Tensor
    ) -> Float[torch.Tensor, "*rows d_model"]:
        """Return what a part of the vectors becomes behind the norm, bias left out.

        Args:
            x: Parts of what the norm received.
            one_over: 1 / scale of the whole vector, for each.
        """
        return self.rows(x) * one_over[..., None]

    def one_over_scale(
        self, x: Float[torch.Tensor, "n d_model"], given: Float[torch.Tensor, "n d_model"]
    ) -> Float[torch.Tensor, " n"]:
        """Return 1 / scale of vectors, from what the norm itself gave of them.

        Args:
            x: What the norm received.
            given: What it gave.
        """
        rows = self.rows(x)
        size = (rows * rows).sum(-1)
        return ((given - self.bias) * rows).sum(-1) / torch.where(size > 0, size, 1.0)

    def pull_back(
        self, directions: Float[torch.Tensor, "n d_model"], one_over: torch.Tensor
    ) -> Float[torch.Tensor, "n d_model"]:
        """Return directions before the norm, given directions behind it.

        Args:
            directions: Behind the norm.
            one_over: 1 / scale of each, ``[n]``.
        """
        before = directions * self.gain
        if self.centred:
            before = before - before.mean(-1, keepdim=True)
        return before * one_over[:, None]


def read_norm(module: nn.Module, model: Model, d_model: int) -> FrozenNorm:
    """Return what a norm does, found by asking it, whatever class it is of.

    Args:
        module: The norm.
        model: The model that it is part of.
        d_model: Its width.

    Raises:
        ModelError: It is neither a LayerNorm nor an RMSNorm.
    """
    ones = torch.ones(d_model, dtype=torch.float64)
    signs = ones.clone()
    signs[1::2] = -1
    plus, minus, up, down = _loudly(module, model, [ones, -ones, signs, -signs])
    bias, odd = (up + down) / 2, (up - down) / 2
    centred = bool((plus - minus).abs().max() <= 1e-2 * (1e-6 + odd.abs().max()))
    normed = signs - signs.mean() if centred else signs
    found = FrozenNorm(odd / (normed / normed.square().mean().sqrt()), bias, centred)
    _check(found, module, model)
    return found


def _loudly(module: nn.Module, model: Model, rows: list[torch.Tensor]) -> torch.Tensor:
    """Return what a norm gives of rows that drown its epsilon."""
    return apply_linear(module, model, _LOUD * torch.stack(rows))


def _check(found: FrozenNorm, module: nn.Module, model: Model) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, len(found.gain), generator=generator, dtype=torch.float64) + 0.5
    given = _loudly(module, model, [x[0]])
    again = found.rows(_LOUD * x) * found.one_over_scale(_LOUD * x, given)[:, None]
    off = (again + found.bias - given).abs().max()
    if not off <= 2e-2 * given.abs().max():  # a bfloat16 norm rounds by less
        raise ModelError(
            f"{type(module).__name__} is neither a LayerNorm nor an RMSNorm, so its scale "
            "cannot be held and what stands before it has no share of what is behind."
        )
