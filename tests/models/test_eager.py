"""Fused attention is switched for a read, said, and put back, whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers as hf

import interpwidgets as iw
import zoo
from interpwidgets.models.eager import eager_attention

#: Those whose class transformers lets run with SDPA.
FUSED = sorted(
    set(zoo.NAMES)
    - {
        "gemma2",
        "gptj",
        "gpt_oss",
        "bloom",
        "bloom, residual behind norm",
        "lil-attn-2l",
    }
)


def settings(module: torch.nn.Module) -> list[str]:
    """What every configuration in a model says of attention."""
    parts = (part for part in module.modules() if hasattr(part, "config"))
    return [part.config._attn_implementation for part in parts]


@pytest.mark.parametrize("name", FUSED)
def test_a_pattern_is_read_with_eager_attention_which_is_put_back(name: str) -> None:
    model = zoo.wrapped_model(name, attention="sdpa")
    before = settings(model._module)
    assert set(before) == {"sdpa"}
    result = iw.attention(model, zoo.prompt_of(name)).result
    assert result.provenance.note.startswith("eager attention for this read, sdpa before and")
    assert settings(model._module) == before
    plain = iw.attention(zoo.wrapped_model(name), zoo.prompt_of(name)).result
    assert plain.provenance.note == ""
    assert abs(plain.pattern.astype(float) - result.pattern).max() < 1e-3


@pytest.mark.parametrize("name", FUSED)
def test_eager_attention_computes_what_the_fused_one_does_or_the_result_says_no(
    name: str,
) -> None:
    model = zoo.wrapped_model(name, attention="sdpa")
    module, prompt = model._module, zoo.prompt_of(name)
    with torch.no_grad():
        fused = module(prompt)[0]
        with eager_attention(module, needed=True):
            eager = module(prompt)[0]
    same = bool(torch.allclose(fused, eager, atol=1e-4))
    note = iw.attention(model, prompt).result.provenance.note
    assert same is ("another model" not in note)


@pytest.mark.parametrize("name", FUSED)
def test_it_is_put_back_after_an_error_in_the_middle(name: str) -> None:
    model = zoo.wrapped_model(name, attention="sdpa")
    module = model._module
    norms = [part for part in module.modules() if "Norm" in type(part).__name__]

    def fail(*_: Any) -> None:
        assert set(settings(module)) == {"eager"}
        raise ZeroDivisionError("in the middle")

    handle = norms[len(norms) // 2].register_forward_hook(fail)
    with pytest.raises(ZeroDivisionError, match="in the middle"):
        iw.attention(model, zoo.prompt_of(name))
    handle.remove()
    assert set(settings(module)) == {"sdpa"}
    iw.attention(model, zoo.prompt_of(name))


def test_reads_that_need_no_pattern_leave_fused_attention_on() -> None:
    module = zoo.make("llama", attention="sdpa")
    seen: list[str] = []
    module.model.norm.register_forward_hook(
        lambda *_: seen.append(module.config._attn_implementation)
    )
    result = iw.activations(zoo.wrap(module), zoo.prompt_of("llama"), "result")
    assert (seen, result.provenance.note) == (["sdpa"], "")


def test_parts_with_settings_of_their_own_get_them_back() -> None:
    text = hf.Gemma3TextConfig(**zoo.GEMMA, layer_types=zoo.SLIDING)
    vision = hf.SiglipVisionConfig(**zoo.IMAGE)
    config = hf.Gemma3Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=9, image_token_id=60
    )
    torch.manual_seed(0)
    module = hf.Gemma3ForConditionalGeneration(config).eval()
    config.text_config._attn_implementation = "sdpa"
    config.vision_config._attn_implementation = "eager"
    before = settings(module)
    assert set(before) == {"sdpa", "eager"}
    model = zoo.wrap(module)
    result = iw.attention(model, [3, 5, 7, 9]).result
    assert "sdpa before and after" in result.provenance.note
    assert settings(module) == before
    assert iw.describe(model).sites["q"] == (
        "model.language_model.layers.{layer}.self_attn.q_proj.output"
    )


def test_the_text_tower_inside_a_projection_model_is_put_back() -> None:
    config = hf.CLIPTextConfig(**zoo.TEXT)
    config._attn_implementation = "sdpa"
    module = hf.CLIPTextModelWithProjection(config).eval()
    iw.attention(zoo.wrap(module), [3, 5, 7, 2])
    assert set(settings(module)) == {"sdpa"}
