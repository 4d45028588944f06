"""Every site against plain torch hooks, and the identities that tie them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import interpwidgets as iw
from interpwidgets.errors import SiteError
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.capture import Read
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from interpwidgets.sites import SITES, WHOLE_MODEL
from tiny import tiny_gpt2, tiny_llama, wrapped

IDS = [3, 5, 7, 9, 3, 5, 11]
MODELS: dict[str, Callable[[], Any]] = {
    "gpt2": lambda: wrapped(tiny_gpt2()),
    "llama, grouped queries": lambda: wrapped(tiny_llama()),
    "llama, as many keys as queries": lambda: wrapped(tiny_llama(n_kv_heads=4)),
    "lil-attn-2l": lambda: iw.load("lil-attn-2l"),
}


class ReadAll(MethodReader):
    """Reads every site of every layer as it is."""

    def reads(self) -> list[Read]:
        places = self.adapter.architecture.places
        layers = range(self.adapter.n_layers)
        return [
            Read(site, layer, lambda tensor: tensor)
            for site in places
            for layer in ([None] if site in WHOLE_MODEL else layers)
        ]


@pytest.fixture(params=MODELS, scope="module")
def run(request: pytest.FixtureRequest) -> tuple[Any, dict[Any, torch.Tensor]]:
    model = MODELS[request.param]()
    capture = forward(model, torch.tensor([IDS]), ReadAll(model, []))
    return model, {key[1:]: values[0] for key, values in capture.values.items()}


def hooked(module: torch.nn.Module, path: str, side: str) -> Any:
    """What a plain torch hook sees at a module, in a forward of its own."""
    seen: list[Any] = []
    target = module.get_submodule(path)
    if side == "input":
        handle = target.register_forward_pre_hook(
            lambda _, args, kwargs: seen.append(
                args[0] if args else next(iter(kwargs.values()))
            ),
            with_kwargs=True,
        )
    else:
        handle = target.register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad():
        module(torch.tensor([IDS]))
    handle.remove()
    return seen[0]


def test_every_site_equals_a_plain_torch_hook(run: Any) -> None:
    model, values = run
    adapter = adapter_of(model)
    for (site, layer), read in values.items():
        place = adapter.place(site, layer)
        expected = hooked(model._module, place.path, place.slot)
        if place.item is not None:
            expected = expected[place.item]
        if place.split is not None:
            expected = expected.reshape(*expected.shape[:2], -1)
            if place.split.startswith("fused"):
                third = expected.shape[-1] // 3
                start = "qkv".index(place.split[-1]) * third
                expected = expected[..., start : start + third]
        seen = read if place.split is None else read.flatten(2)
        torch.testing.assert_close(seen, expected, atol=1e-6, rtol=0)


def test_embed_and_what_layers_add_sum_to_the_last_residual(run: Any) -> None:
    model, values = run
    n_layers = adapter_of(model).n_layers
    added = [
        values[site, layer]
        for layer in range(n_layers)
        for site in ("attn_out", "mlp_out")
        if (site, layer) in values
    ]
    total = values["embed", None] + sum(added)
    torch.testing.assert_close(total, values["resid_post", n_layers - 1], atol=1e-5, rtol=0)


def test_a_layer_begins_where_the_one_before_ended(run: Any) -> None:
    model, values = run
    assert torch.equal(values["embed", None], values["resid_pre", 0])
    for layer in range(1, adapter_of(model).n_layers):
        assert torch.equal(values["resid_pre", layer], values["resid_post", layer - 1])


def test_resid_mid_is_resid_pre_and_attention(run: Any) -> None:
    _, values = run
    for (site, layer), mid in values.items():
        if site == "resid_mid":
            expected = values["resid_pre", layer] + values["attn_out", layer]
            torch.testing.assert_close(mid, expected, atol=1e-6, rtol=0)


def test_rows_of_a_pattern_sum_to_one_and_see_no_future(run: Any) -> None:
    _, values = run
    patterns = [value for (site, _), value in values.items() if site == "pattern"]
    for pattern in patterns:
        torch.testing.assert_close(
            pattern.sum(-1), torch.ones_like(pattern[..., 0]), atol=1e-6, rtol=0
        )
        assert not pattern.triu(1).any()


def test_z_is_the_pattern_times_the_values(run: Any) -> None:
    model, values = run
    adapter = adapter_of(model)
    for layer in range(adapter.n_layers):
        v = values["v", layer].repeat_interleave(adapter.n_heads // adapter.n_kv_heads, dim=2)
        z = torch.einsum("bhqk,bkhd->bqhd", values["pattern", layer], v)
        torch.testing.assert_close(z, values["z", layer], atol=1e-5, rtol=0)


def test_heads_have_the_shapes_that_the_adapter_says(run: Any) -> None:
    model, values = run
    a = adapter_of(model)
    n = len(IDS)
    assert values["q", 0].shape == (1, n, a.n_heads, a.d_head)
    assert values["k", 0].shape == (1, n, a.n_kv_heads, a.d_head)
    assert values["pattern", 0].shape == (1, a.n_heads, n, n)
    assert values["logits", None].shape == (1, n, a.d_vocab)


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    adapter = adapter_of(wrapped(tiny_gpt2()))
    with pytest.raises(SiteError, match=r"no site 'resid_pots'\. Did you mean 'resid_post'\?"):
        adapter.place("resid_pots", 0)


def test_a_site_that_an_architecture_lacks_is_not_invented() -> None:
    adapter = adapter_of(iw.load("lil-attn-2l"))
    with pytest.raises(SiteError, match="has no site 'resid_mid'; it has attn_out, embed"):
        adapter.place("resid_mid", 0)


@pytest.mark.parametrize("layer", [None, -1, 4])
def test_a_layer_that_is_not_there_is_refused(layer: int | None) -> None:
    adapter = adapter_of(wrapped(tiny_gpt2()))
    with pytest.raises(SiteError, match=r"needs a `layer` of 0-3; got"):
        adapter.place("z", layer)


def test_every_site_of_a_table_has_a_definition() -> None:
    for make in MODELS.values():
        assert set(adapter_of(make()).architecture.places) <= set(SITES)
