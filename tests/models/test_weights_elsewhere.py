"""Weights that are quantised, or not on the device where the model computes.

What stands in for bitsandbytes is a linear layer with int8 weights that scales in its
forward, as bitsandbytes's do; accelerate's own hooks off-load to the CPU and the disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import interpwidgets as iw
import zoo
from interpwidgets.errors import ModelError
from interpwidgets.methods.activations import ActivationsMethod
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import ReadBackend

PROMPT = [3, 5, 7, 9, 3]


class Int8Linear(nn.Linear):
    """Weights in int8, one scale a row."""

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__(plain.in_features, plain.out_features, plain.bias is not None)
        self.bias = plain.bias
        scale = plain.weight.abs().amax(dim=1, keepdim=True) / 127
        codes = (plain.weight / scale).round().to(torch.int8)
        self.weight = nn.Parameter(codes, requires_grad=False)
        self.scale = nn.Buffer(scale.detach())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.weight * self.scale, self.bias)


def quantised(name: str) -> Any:
    module = zoo.make(name)
    linear = [
        (parent, child)
        for parent in list(module.modules())
        for child, layer in parent.named_children()
        if type(layer) is nn.Linear and child != "lm_head"
    ]
    for parent, child in linear:
        setattr(parent, child, Int8Linear(getattr(parent, child)))
    assert any(p.dtype == torch.int8 for p in module.parameters())
    return module


def values_of(model: Any, *sites: str) -> dict[str, Any]:
    return {site: iw.activations(model, PROMPT, site).values for site in sites}


@pytest.mark.parametrize("name", ["llama", "opt", "gpt_oss", "gptj"])
def test_a_quantised_model_reads_by_the_same_laws(name: str) -> None:
    module = quantised(name)
    read = values_of(
        zoo.wrap(module), "embed", "attn_out", "mlp_out", "resid_post", "result", "pattern"
    )
    total = read["embed"][0] + read["attn_out"].sum(0) + read["mlp_out"].sum(0)
    assert abs(total - read["resid_post"][-1]).max() < 1e-5
    projections = [
        part
        for part_name, part in module.named_modules()
        if part_name.rpartition(".")[2] in ("o_proj", "out_proj")
    ]
    bias = [0 if p.bias is None else p.bias.detach().numpy() for p in projections]
    for layer, written in enumerate(read["result"].sum(2)):
        assert abs(written + bias[layer] - read["attn_out"][layer]).max() < 1e-5


def test_reading_heads_of_a_quantised_layer_leaves_the_users_reads_alone() -> None:
    model = zoo.wrap(quantised("llama"))
    reader = MethodReader(model, [ActivationsMethod("result")])
    layers = model.model.layers
    with model.trace(torch.tensor([PROMPT])):
        first = layers[0].self_attn.o_proj.output.save()
        second = layers[1].self_attn.o_proj.output.save()
    with model.trace(torch.tensor([PROMPT]), backend=ReadBackend(reader)):
        first_beside = layers[0].self_attn.o_proj.output.save()
        second_beside = layers[1].self_attn.o_proj.output.save()
    assert torch.equal(first, first_beside)
    assert torch.equal(second, second_beside)


def off_load(module: Any, folder: Path, *, but: str) -> None:
    """Leave everything on the disk but one part, as device_map="auto" does when it must."""
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    parts = ["model.embed_tokens", "model.layers", "model.norm", "model.rotary_emb", "lm_head"]
    places = {part: "cpu" if part == but else "disk" for part in parts}
    accelerate.dispatch_model(module, places, main_device="cpu", offload_dir=folder)
    assert all(parameter.is_meta for parameter in module.model.layers.parameters())


SITES = ("embed", "q", "z", "attn_out", "resid_post", "result", "attn_scores", "logits")


def test_an_off_loaded_model_reads_as_one_in_memory(tmp_path: Path) -> None:
    module = zoo.make("llama")
    off_load(module, tmp_path, but="model.embed_tokens")
    elsewhere = values_of(zoo.wrap(module), *SITES)
    here = values_of(zoo.wrapped_model("llama"), *SITES)
    for site in SITES:
        np.testing.assert_allclose(elsewhere[site], here[site], atol=1e-5, err_msg=site)
    assert iw.describe(module).device == "cpu, off-loaded"
    assert iw.attention(module, PROMPT).result.pattern.shape == (3, 4, 5, 5)


def test_a_model_off_loaded_after_it_was_wrapped_still_reads(tmp_path: Path) -> None:
    model = zoo.wrapped_model("llama")
    before = values_of(model, "result", "resid_post")
    off_load(model._module, tmp_path, but="model.embed_tokens")
    after = values_of(model, "result", "resid_post")
    assert all(abs(before[site] - after[site]).max() < 1e-5 for site in before)


def test_sinks_that_are_off_loaded_are_there_when_scores_are_read(tmp_path: Path) -> None:
    module = zoo.make("gpt_oss")
    off_load(module, tmp_path, but="model.embed_tokens")
    elsewhere = values_of(zoo.wrap(module), "attn_scores")["attn_scores"]
    here = values_of(zoo.wrapped_model("gpt_oss"), "attn_scores")["attn_scores"]
    np.testing.assert_allclose(elsewhere, here, atol=1e-5)


def test_an_embedding_that_is_off_loaded_is_refused_in_words(tmp_path: Path) -> None:
    module = zoo.make("llama")
    off_load(module, tmp_path, but="model.norm")
    with pytest.raises(ModelError, match="Keep the embedding in memory"):
        iw.attention(module, PROMPT)


def test_shapes_without_weights_are_still_refused() -> None:
    with torch.device("meta"):
        module = type(zoo.make("llama"))(zoo.DECODERS["llama"]())
    with pytest.raises(ModelError, match="is on the meta device"):
        iw.attention(module, PROMPT)
