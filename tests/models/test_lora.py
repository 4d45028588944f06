"""LoRA adapters: off is the base model, on is peft's own forward, and both are said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nnsight import NNsight
from peft import LoraConfig, PeftModel, PrefixTuningConfig, get_peft_model

import interpwidgets as iw
import interpwidgets.models.loading as loading
from interpwidgets.errors import MissingExtraError, ModelError, TraceError
from interpwidgets.organisms import adapter_path
from interpwidgets.organisms.loading import load_organism
from tiny import tiny_gpt2, tiny_llama, tiny_tokenizer, wrapped

IDS = [3, 4, 5, 6]
TARGETS: dict[Any, dict[str, Any]] = {
    tiny_gpt2: {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True},
    tiny_llama: {"target_modules": ["q_proj", "v_proj", "o_proj", "down_proj"]},
}
BOTH = pytest.mark.parametrize("make", list(TARGETS))


def adapted(make: Any, **more: Any) -> Any:
    """A peft model with an adapter that does something."""
    torch.manual_seed(1)
    config = LoraConfig(
        **{"r": 4, "lora_alpha": 12, "init_lora_weights": False, **TARGETS[make], **more}
    )
    return get_peft_model(make(), config).eval()


def logits(module: Any) -> np.ndarray:
    with torch.no_grad():
        return module(torch.tensor([IDS])).logits[0].numpy()


def read(model: Any, site: str = "logits") -> np.ndarray:
    return iw.activations(model, IDS, site).values


@BOTH
def test_scale_one_is_pefts_own_forward(make: Any) -> None:
    peft_model = adapted(make)
    assert np.array_equal(read(peft_model)[0], logits(peft_model))
    with iw.adapter(peft_model, scale=1):
        assert np.array_equal(read(peft_model)[0], logits(peft_model))


@BOTH
@pytest.mark.parametrize("site", ["logits", "pattern", "q", "attn_out", "resid_post"])
def test_scale_zero_is_the_base_model_exactly(make: Any, site: str) -> None:
    peft_model = adapted(make)
    with iw.adapter(peft_model, scale=0):
        off = read(peft_model, site)
    assert np.array_equal(off, read(wrapped(make()), site))
    assert not np.allclose(read(peft_model, site), off)


@BOTH
def test_merged_equals_unmerged(make: Any) -> None:
    peft_model = adapted(make)
    unmerged = {site: read(peft_model, site) for site in ("logits", "q", "resid_post")}
    peft_model.merge_adapter()
    for site, values in unmerged.items():
        tolerance = 1e-5 * np.abs(values).max()
        np.testing.assert_allclose(read(peft_model, site), values, rtol=0, atol=tolerance)


def test_half_a_scale_is_half_of_what_the_adapter_adds() -> None:
    peft_model = adapted(tiny_llama)
    layer = peft_model.get_base_model().model.layers[0].self_attn.q_proj
    with iw.adapter(peft_model, scale=0.5):
        half = read(peft_model, "q")[0].reshape(len(IDS), -1)
    embedded = torch.tensor(read(peft_model, "embed")[0])
    norm = peft_model.get_base_model().model.layers[0].input_layernorm
    with torch.no_grad():
        x = norm(embedded)
        delta = x @ (layer.lora_B.default.weight @ layer.lora_A.default.weight).T * 12 / 4
        expected = layer.base_layer(x) + delta / 2
    np.testing.assert_allclose(half, expected.numpy(), atol=1e-5)


@BOTH
def test_a_site_is_the_adapters_layer_not_the_one_inside(make: Any) -> None:
    peft_model = adapted(make)
    seen: list[torch.Tensor] = []
    name = "c_attn" if make is tiny_gpt2 else "q_proj"
    layer = next(m for n, m in peft_model.named_modules() if n.endswith(f".{name}"))
    handle = layer.register_forward_hook(lambda _, __, out: seen.append(out.detach()))
    q = read(peft_model, "q")[0].reshape(len(IDS), -1)
    handle.remove()
    assert np.array_equal(q, seen[0][0, :, : q.shape[1]].numpy())


def test_an_nnsight_model_around_pefts_wrapper_is_read_at_its_paths() -> None:
    peft_model = adapted(tiny_llama)
    model = NNsight(peft_model)
    assert iw.describe(model).sites["resid_post"].startswith("base_model.model.model.layers.")
    board = iw.Board(model)
    view = board.attention()
    with board.trace(IDS):
        hidden = model.base_model.model.model.layers[1].output.save()
    assert np.array_equal(hidden[0].detach().numpy(), read(peft_model, "resid_post")[1])
    assert view.result.provenance.adapter == "adapter × 1"


def test_paths_of_a_wrapped_peft_model_are_the_models_own() -> None:
    model = iw.wrap(adapted(tiny_gpt2))
    board = iw.Board(model)
    board.attention()
    with board.trace(IDS):
        q = model.transformer.h[0].attn.c_attn.output.save()
    assert np.array_equal(
        q[0, :, :32].detach().numpy(), read(model, "q")[0].reshape(len(IDS), -1)
    )


def test_a_model_that_was_wrapped_before_its_adapter_came_is_read_with_it() -> None:
    module = tiny_llama()
    model = wrapped(module)
    plain = read(model, "q")
    peft_model = get_peft_model(
        module, LoraConfig(init_lora_weights=False, target_modules=["q_proj"])
    ).eval()
    with_adapter = read(model, "q")
    assert not np.allclose(with_adapter, plain)
    assert np.array_equal(read(model)[0], logits(peft_model))
    peft_model.unload()
    assert np.array_equal(read(model, "q"), plain)


def heads_by_hand(peft_model: Any, make: Any, scale: float) -> np.ndarray:
    """What each head of the first layer writes: hooked ``z`` through weights put together."""
    base = peft_model.get_base_model()
    out = base.transformer.h[0].attn.c_proj if make is tiny_gpt2 else None
    out = base.model.layers[0].self_attn.o_proj if out is None else out
    seen: list[torch.Tensor] = []
    handle = out.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    logits(peft_model)
    handle.remove()
    weight = out.base_layer.weight if make is tiny_gpt2 else out.base_layer.weight.T
    added = out.lora_B.default.weight @ out.lora_A.default.weight * 12 / 4
    whole = (weight + scale * added.T).detach().unflatten(0, (4, 8))
    return torch.einsum("phd,hdm->phm", seen[0][0].unflatten(-1, (4, 8)), whole).numpy()


@BOTH
@pytest.mark.parametrize("scale", [0, 0.5, 1])
def test_what_each_head_writes_goes_through_the_adapter(make: Any, scale: float) -> None:
    peft_model = adapted(make)
    with iw.adapter(peft_model, scale=scale):
        by_head, attn_out = read(peft_model, "result"), read(peft_model, "attn_out")
        expected = heads_by_hand(peft_model, make, scale)
    np.testing.assert_allclose(by_head[0], expected, atol=1e-5)
    base = peft_model.get_base_model()
    layers = base.transformer.h if make is tiny_gpt2 else []
    bias = [layer.attn.c_proj.bias.detach().numpy() for layer in layers] or [0.0] * 3
    for heads, out, added in zip(by_head, attn_out, bias, strict=True):
        np.testing.assert_allclose(heads.sum(-2) + added, out, atol=1e-5)


def test_what_each_head_writes_is_the_same_merged_and_in_pefts_wrapper() -> None:
    peft_model = adapted(tiny_llama)
    expected = read(peft_model, "result")
    model = NNsight(peft_model)
    np.testing.assert_allclose(read(model, "result"), expected, atol=1e-5)
    scores = read(model, "attn_scores")
    assert np.array_equal(scores, read(peft_model, "attn_scores"))
    peft_model.merge_adapter()
    np.testing.assert_allclose(read(peft_model, "result"), expected, atol=1e-5)


# ------------------------------------------------------------------------- provenance


def test_the_provenance_names_adapter_and_scale() -> None:
    peft_model = adapted(tiny_llama)

    def said() -> str:
        return iw.activations(peft_model, IDS, "z").provenance.adapter

    assert said() == "adapter × 1"
    with iw.adapter(peft_model, scale=0.5):
        assert said() == "adapter × 0.5"
        with iw.adapter(peft_model, scale=-2):
            assert said() == "adapter × -2"
        with iw.adapter(peft_model, scale=0):
            assert said() == "adapter off"
        assert said() == "adapter × 0.5"
    assert said() == "adapter × 1"
    peft_model.merge_adapter()
    assert said() == "adapter × 1, merged"


def test_a_model_without_adapter_says_nothing_of_one() -> None:
    assert iw.activations(wrapped(tiny_gpt2()), IDS, "z").provenance.adapter == ""


def test_two_adapters_are_named_and_only_the_active_one_counts() -> None:
    peft_model = adapted(tiny_llama)
    config = LoraConfig(init_lora_weights=False, target_modules=["k_proj"])
    peft_model.add_adapter("other", config)
    peft_model.set_adapter("other")
    result = iw.activations(peft_model, IDS, "z")
    assert result.provenance.adapter == "other × 1"


def test_views_show_a_board_under_another_scale() -> None:
    model = iw.wrap(adapted(tiny_gpt2))
    board = iw.Board(model)
    view = board.attention()
    with iw.adapter(model, scale=0.25):
        with board.trace(IDS):
            model.transformer.h[0].output.save()
        assert "adapter × 0.25" in view.payload["stamp"]["note"]
        quarter = view.result.pattern
        board.run(IDS)
        assert np.array_equal(view.result.pattern, quarter)
    board.run(IDS)
    assert not np.array_equal(view.result.pattern, quarter)


def test_an_error_in_the_block_puts_the_scale_back() -> None:
    peft_model = adapted(tiny_llama)
    before = logits(peft_model)
    with pytest.raises(ZeroDivisionError), iw.adapter(peft_model, scale=3):
        1 / 0  # noqa: B018
    assert np.array_equal(logits(peft_model), before)


def test_scaling_leaves_what_is_trainable_as_it_was() -> None:
    peft_model = adapted(tiny_llama)
    for parameter in peft_model.parameters():
        parameter.requires_grad_(False)
    with iw.adapter(peft_model, scale=0):
        pass
    assert not any(parameter.requires_grad for parameter in peft_model.parameters())


# ---------------------------------------------------------------------------- loading


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A saved model and an adapter for it, with dropout."""
    path = tmp_path_factory.mktemp("adapted")
    tiny_llama().save_pretrained(path / "model")
    tiny_tokenizer().save_pretrained(path / "model")
    adapted(tiny_llama, lora_dropout=0.5).save_pretrained(path / "my-lora")
    return path / "model", path / "my-lora"


def test_a_model_loads_with_its_adapter(folders: tuple[Path, Path]) -> None:
    model = iw.load(folders[0], adapter=folders[1])
    peft_model = PeftModel.from_pretrained(tiny_llama(), folders[1])
    np.testing.assert_allclose(read(model)[0], logits(peft_model), atol=1e-4)  # sdpa, eager
    assert np.array_equal(read(model), read(model))  # the adapter's dropout is off
    result = iw.activations(model, "the cat", "z")
    assert result.provenance.adapter == f"{folders[1]} × 1"
    assert result.provenance.model == str(folders[0])


def test_an_adapter_that_ships_with_a_model_is_loaded_by_its_name() -> None:
    model = iw.load("lilliput", adapter="pirate")
    module, _ = load_organism("lilliput")
    peft_model = PeftModel.from_pretrained(module, adapter_path("lilliput", "pirate"))
    np.testing.assert_allclose(read(model)[0], logits(peft_model), atol=1e-4)
    assert iw.activations(model, IDS, "z").provenance.adapter == "pirate × 1"
    with iw.adapter(model, scale=0):
        np.testing.assert_array_equal(read(model), read(iw.load("lilliput")))


def test_a_misspelt_name_is_answered_at_once_without_asking_a_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(loading, "attach", lambda *_a, **_k: asked.append(1))
    with pytest.raises(ModelError, match=r"no adapter 'pirat'.* Did you mean 'pirate'\?"):
        iw.load("lilliput", adapter="pirat")
    assert not asked


def test_an_adapter_of_another_model_is_refused(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ModelError, match=r"could not be put into AttentionOnlyForCausalLM: "):
        iw.load("lil-attn-2l", adapter=folders[1])


def test_an_adapter_that_is_not_there_is_refused(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ModelError, match=r"with adapter_config\.json, made for this model"):
        iw.load(folders[0], adapter=folders[0] / "nothing")


def test_without_peft_it_says_how_to_install_it(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'interpwidgets\[adapters\]'"):
        iw.load(folders[0], adapter=folders[1])


def test_without_peft_a_model_is_read_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    assert read(wrapped(tiny_llama())).shape == (1, 4, 64)


# -------------------------------------------------------------------------- bad input


def test_a_model_without_adapter_cannot_be_scaled() -> None:
    with pytest.raises(ModelError, match=r"LlamaForCausalLM has no adapter: wrap a PeftModel"):
        with iw.adapter(wrapped(tiny_llama()), scale=0.5):
            pass


def test_a_merged_adapter_cannot_be_scaled() -> None:
    peft_model = adapted(tiny_llama)
    peft_model.merge_adapter()
    with pytest.raises(ModelError, match=r"merged into the weights; call unmerge_adapter\(\)"):
        with iw.adapter(peft_model, scale=0):
            pass


def test_whole_modules_of_an_adapter_are_on_or_off() -> None:
    peft_model = adapted(tiny_llama, modules_to_save=["lm_head"])
    with torch.no_grad():
        peft_model.get_base_model().lm_head.modules_to_save.default.weight.mul_(2)
    with pytest.raises(ModelError, match=r"on or off, .* give scale=0 or scale=1, not 0\.5"):
        with iw.adapter(peft_model, scale=0.5):
            pass
    with iw.adapter(peft_model, scale=0):
        off = read(peft_model)
    assert np.array_equal(off, read(wrapped(tiny_llama())))


def test_an_adapter_of_prompts_is_refused() -> None:
    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    peft_model = get_peft_model(tiny_llama(n_kv_heads=4), config)
    with pytest.raises(ModelError, match=r"PREFIX_TUNING adapter works by changing the prompt"):
        iw.attention(peft_model, IDS)


def test_scaling_inside_a_trace_is_refused() -> None:
    model = iw.wrap(adapted(tiny_llama))
    board = iw.Board(model)
    board.attention()
    with pytest.raises(TraceError, match="open it around the trace"):
        with board.trace(IDS):
            with iw.adapter(model, scale=0.5):
                model.model.layers[0].output.save()
