"""Linear modules of a model by what they do.

Weights that are adapted, quantised or off-loaded are asked through the module itself.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import nn
from transformers.pytorch_utils import Conv1D

from interpwidgets.errors import ModelError
from interpwidgets.models.adapter import Model
from interpwidgets.models.derived import standing_down


def apply_linear(
    module: nn.Module, model: Model, rows: Float[torch.Tensor, "n d_in"]
) -> Float[torch.Tensor, "n d_out"]:
    """Return what a module makes of rows, in float64 on the CPU.

    Args:
        module: A linear module of the model.
        model: The model.
        rows: In any dtype; the module computes in its own.
    """
    with torch.no_grad(), standing_down(model):
        return _as_double(module(_for(module, rows)))


def pull_back(
    module: nn.Module,
    model: Model,
    directions: Float[torch.Tensor, "n d_out"],
    d_in: int,
) -> Float[torch.Tensor, "n d_in"]:
    """Return the directions in a linear module's input that its output has along others.

    ``pull_back(d) · x`` is ``d · (module(x) − module(0))``.

    Args:
        module: A linear module of the model.
        model: The model.
        directions: In its output.
        d_in: Width of its input.
    """
    with torch.enable_grad(), standing_down(model):
        rows = _for(module, torch.zeros(len(directions), d_in)).requires_grad_()
        out = module(rows)
        (found,) = torch.autograd.grad((out * directions.to(out)).sum(), rows)
    return _as_double(found)


def rows_of_output(
    module: nn.Module, model: Model, ids: Int[torch.Tensor, " n"], d_in: int
) -> tuple[Float[torch.Tensor, "n d_in"], Float[torch.Tensor, " n"]]:
    """Return the weights and the bias of some outputs of a linear module.

    Args:
        module: A linear module of the model, e.g. its unembedding.
        model: The model.
        ids: Which outputs.
        d_in: Width of its input.
    """
    with torch.enable_grad(), standing_down(model):
        rows = _for(module, torch.zeros(len(ids), d_in)).requires_grad_()
        chosen = module(rows)[torch.arange(len(ids)), ids]
        (weights,) = torch.autograd.grad(chosen.sum(), rows)
    return _as_double(weights), _as_double(chosen)


def matrix_of(module: nn.Module, model: Model, d_in: int) -> Float[torch.Tensor, "d_in d_out"]:
    """Return the weight of a linear module, its bias left out, in float32 on the CPU.

    Args:
        module: A linear module of the model.
        model: The model.
        d_in: Width of its input.

    Raises:
        ModelError: It is not linear, or takes another width.
    """
    weight = getattr(module, "weight", None)
    plain = type(module) in (nn.Linear, Conv1D) and isinstance(weight, torch.Tensor)
    if weight is None or not plain or weight.is_meta:
        weight = _asked(module, model, d_in)
    else:
        weight = weight.detach()
        weight = weight.T if type(module) is nn.Linear else weight
    if weight.shape[0] != d_in:
        raise ModelError(
            f"{type(module).__name__} takes vectors of {weight.shape[0]}, not of {d_in}: "
            "correct the table, iw.register_architecture(...)."
        )
    return weight.to("cpu", torch.float32)


def bias_of(module: nn.Module, model: Model, d_in: int) -> Float[torch.Tensor, " d_out"]:
    """Return what a linear module gives of zeros, in float32 on the CPU.

    Args:
        module: A linear module of the model.
        model: The model.
        d_in: Width of its input.
    """
    return apply_linear(module, model, torch.zeros(1, d_in))[0].float()


def _asked(module: nn.Module, model: Model, d_in: int) -> torch.Tensor:
    rows = torch.eye(d_in)
    weight = apply_linear(module, model, rows) - bias_of(module, model, d_in)
    twice = apply_linear(module, model, 2 * rows[:1]) - bias_of(module, model, d_in)
    if not torch.allclose(twice, 2 * weight[:1], rtol=1e-2, atol=1e-4):
        raise ModelError(f"{type(module).__name__} is not linear, so it has no matrix.")
    return weight


def _for(module: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    """Return rows where, and in what, a module computes."""
    weights = (p for p in module.parameters() if p.is_floating_point() and not p.is_meta)
    weight = next(weights, None)
    return rows.clone() if weight is None else rows.to(weight.device, weight.dtype, copy=True)


def _as_double(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", torch.float64)
