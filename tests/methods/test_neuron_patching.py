"""A neuron that is patched is a column of a plain hook; the strongest are found by gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import InterventionError, MetricError, ResultError, SiteError
from interpwidgets.methods.activation_patching import activation_patching
from interpwidgets.methods.attribution_patching import attribution_patching
from interpwidgets.models.adapter import adapter_of
from interpwidgets.results.patching import PatchingGrid

CLEAN, CORRUPTED = [3, 5, 7, 9, 4, 5], [3, 5, 8, 9, 6, 5]
ANSWERS = (11, 12)


def grid_of(model: Any, **more: Any) -> PatchingGrid:
    return activation_patching(
        model, CLEAN, CORRUPTED, **{"answers": ANSWERS, "site": "mlp_post", **more}
    )


def by_hook(model: Any, layer: int, neuron: int) -> float:
    """The logit difference with one column of what the last projection takes swapped."""
    module, place = model._module, adapter_of(model).place("mlp_post", layer)
    kept: list[torch.Tensor] = []

    def put(_: Any, args: Any) -> Any:
        kept.append(args[0].clone())
        if len(kept) == 1:
            return args
        changed = args[0].clone()
        changed[..., neuron] = kept[0][..., neuron]
        return (changed, *args[1:])

    handle = module.get_submodule(place.path).register_forward_pre_hook(put)
    with handle, torch.no_grad():
        module(torch.tensor([CLEAN]))
        logits = module(torch.tensor([CORRUPTED])).logits[0, -1].double()
    return float(logits[ANSWERS[0]] - logits[ANSWERS[1]])


@pytest.mark.parametrize(
    "name", zoo.first_by_default(["gpt2", "llama", "gpt_neox", "opt", "gemma2"], 2)
)
def test_every_cell_of_neurons_is_a_plain_hook(name: str) -> None:
    model = zoo.wrapped_model(name)
    grid = grid_of(model, neurons=[3, 40, 7])
    assert grid.by == "neuron"
    assert grid.column_names() == ("N3", "N40", "N7")
    assert grid.cell_name(2, 1) == "L2 N40"
    expected = [[by_hook(model, layer, n) for n in (3, 40, 7)] for layer in range(3)]
    np.testing.assert_allclose(grid.raw[0], expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(grid.values) > 1e-4


def test_the_strongest_are_those_of_the_whole_estimate() -> None:
    model = zoo.wrapped_model("gpt2")
    every = attribution_patching(
        model, CLEAN, CORRUPTED, answers=ANSWERS, site="mlp_post", neurons=range(128)
    )
    order = np.argsort(-np.abs(every.values).max(axis=0), kind="stable")[:5]
    assert grid_of(model, top=5).columns == tuple(order)
    estimate = attribution_patching(
        model, CLEAN, CORRUPTED, answers=ANSWERS, site="mlp_post", top=5
    )
    assert estimate.columns == tuple(order)
    assert estimate.agreement(grid_of(model, top=5)).correlation > 0.9
    one = grid_of(model, top=2, layers=[1])
    assert one.columns == tuple(np.argsort(-np.abs(every.values[1]), kind="stable")[:2])


def test_all_neurons_at_a_position_are_the_mlp() -> None:
    model = zoo.wrapped_model("llama")
    neurons = grid_of(model, by="position")
    out = grid_of(model, site="mlp_out")
    np.testing.assert_allclose(neurons.raw, out.raw, rtol=1e-4, atol=1e-5)


def test_neurons_have_a_control_and_a_page() -> None:
    model = zoo.wrapped_model("gpt2")
    grid = iw.patching_control(model, grid_of(model, neurons=[3, 4], layers=[1]), n=2)
    assert grid.control is not None
    assert "L1 N3" in grid.to_html()
    assert list(grid.to_frame()["neuron"]) == [3, 4]


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({}, InterventionError, r"each layer has 128 neurons: say which"),
        ({"neurons": [128]}, ResultError, "`neuron` is 128"),
        ({"neurons": [1], "top": 2}, InterventionError, "either top or neurons"),
        ({"top": 0}, InterventionError, "top is 1 to 128"),
        ({"top": 3, "site": "z"}, InterventionError, "give site='mlp_post'"),
        ({"neurons": [1], "site": "mlp_out"}, InterventionError, "takes no neurons"),
        ({"top": 3, "metric": lambda x: x[0], "answers": None}, MetricError, "to rank neurons"),
    ],
)
def test_what_names_no_neurons_is_refused(more: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        grid_of(zoo.wrapped_model("gpt2"), **more)


def test_a_mixture_of_experts_has_no_neurons_that_every_token_meets() -> None:
    with pytest.raises(SiteError, match="has no site 'mlp_post'"):
        grid_of(zoo.wrapped_model("mixtral"), neurons=[1])
