"""The gradient of a number of the logits at a site, by one forward and one backward."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.architectures.table import Place
from interpwidgets.models.exclusive import exclusive
from interpwidgets.models.intervening import with_own_copy
from interpwidgets.models.prompts import Batch, Prompt, to_input

#: From the logits after the last token to their weights in the number's gradient.
Weights = Callable[[Float[np.ndarray, " d_vocab"]], Float[np.ndarray, " d_vocab"]]


def site_gradients(
    model: Model, ids: Sequence[int], site: str, layers: Sequence[int], weights: Weights
) -> tuple[Mapping[int, torch.Tensor], Mapping[int, torch.Tensor]]:
    """Return what a site has in a run, and the gradient there, by layer.

    Zeros are added at the site, and the gradient is theirs: no parameter needs one.

    Args:
        model: The nnsight model.
        ids: The prompt.
        site: A site that a module gives.
        layers: Of which layers.
        weights: The gradient of the number by the logits.

    Returns:
        Values and gradients ``[pos, *axes]``.
    """
    module, adapter = module_of(model), adapter_of(model)
    places = {layer: adapter.place(site, layer) for layer in layers}
    probes: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    _, inputs = to_input(Batch((Prompt(tuple(ids)),)), model)
    with exclusive(module), contextlib.ExitStack() as hooks, torch.enable_grad():
        for layer, place in places.items():
            target = module.get_submodule(place.path)
            in_place = site == "resid_mid"  # the layer adds to the same tensor afterwards
            hooks.enter_context(_probing(target, place, layer, probes, in_place=in_place))
        logits = module(**inputs).logits[0, -1]
        wanted = weights(logits.detach().double().cpu().numpy())
        given = torch.from_numpy(wanted).to(logits)
        gradients: Sequence[torch.Tensor | None] = torch.autograd.grad(
            (logits * given).sum(), [probes[layer][1] for layer in layers], allow_unused=True
        )
    values, found = {}, {}
    for layer, gradient in zip(layers, gradients, strict=True):
        value, zeros = probes[layer]
        plain = dataclasses.replace(places[layer], item=None, slot="output")
        values[layer] = adapter.at_site(value, plain)[0]
        slope = torch.zeros_like(zeros) if gradient is None else gradient
        found[layer] = adapter.at_site(slope, plain)[0]
    return values, found


def _probing(
    target: torch.nn.Module,
    place: Place,
    layer: int,
    probes: dict[int, tuple[torch.Tensor, torch.Tensor]],
    *,
    in_place: bool,
) -> Any:
    """Add zeros to a module's input or output, and keep both."""

    def probed(tensor: torch.Tensor) -> torch.Tensor:
        zeros = torch.zeros_like(tensor, requires_grad=True)
        probes[layer] = (tensor.detach(), zeros)
        return tensor.add_(zeros) if in_place else tensor + zeros

    if place.slot == "input":
        return target.register_forward_pre_hook(
            lambda _, args, kwargs: with_own_copy((args, kwargs), place, probed),
            with_kwargs=True,
        )
    return target.register_forward_hook(
        lambda _, __, output: with_own_copy(output, place, probed)
    )
