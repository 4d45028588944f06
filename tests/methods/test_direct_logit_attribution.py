"""Direct logit attribution: it sums to the logit, and equals what plain torch hooks give."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import PromptError, ReadTooLargeError, ResultError, SiteError
from interpwidgets.methods.direct_logit_attribution import (
    DirectLogitAttributionMethod,
    direct_logit_attribution,
)
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from interpwidgets.organisms import lilliput
from interpwidgets.results.attribution import DirectLogitAttribution
from tiny import CountForwards, tiny_gpt2, tiny_llama, wrapped

FAMILIES = (
    *("gpt2", "llama", "llama, one kv head each", "qwen3", "mixtral", "gemma", "gemma2"),
    *("gemma3_text", "gpt_neox", "olmo2", "gptj", "opt", "gpt_oss", "falcon", "bloom"),
    *("stablelm, parallel", "phi3", "lil-attn-2l"),
)
EXPERTS = ("mixtral", "gpt_oss")
PROMPTS = [[3, 5, 7, 9, 3, 5, 11], [4, 4, 8]]


@pytest.fixture(scope="module")
def lilliput_model() -> Any:
    return iw.load("lilliput")


@functools.cache
def of_family(name: str) -> tuple[Any, DirectLogitAttribution]:
    model = zoo.wrapped_model(name)
    with_neurons = name not in (*EXPERTS, "lil-attn-2l")
    by = ["head", "source"] + ["neuron"] * with_neurons
    return model, direct_logit_attribution(model, PROMPTS, [9, 3], against=[2, 1], by=by)


def layers_of(found: DirectLogitAttribution, part: str) -> np.ndarray:
    at = [i for i, name in enumerate(found.components) if name.endswith(part)]
    return found.component[:, at]


# ------------------------------------------------------------------------------ the law


@pytest.mark.parametrize("name", FAMILIES)
def test_bars_and_remainder_sum_to_the_models_own_logit_difference(name: str) -> None:
    model, found = of_family(name)
    for at, (ids, one, other) in enumerate(zip(PROMPTS, (9, 3), (2, 1), strict=True)):
        with torch.no_grad():
            logits = model._module(torch.tensor([ids])).logits[0, -1].double()
        assert found.output[at] == pytest.approx(float(logits[one] - logits[other]), abs=1e-4)
        if found.cap:
            logits = found.cap * torch.atanh(logits / found.cap)
        difference = float(logits[one] - logits[other])
        assert found.component[at].sum() == pytest.approx(difference, abs=1e-3)
        assert found.component[at].sum() + found.remainder[at] == pytest.approx(
            found.logit[at], abs=1e-5
        )
    assert np.abs(found.remainder).max() < 1e-3


@pytest.mark.parametrize("name", FAMILIES)
def test_heads_neurons_and_sources_sum_to_what_they_are_parts_of(name: str) -> None:
    _, found = of_family(name)
    assert found.head is not None
    assert found.head_bias is not None
    assert found.source is not None
    attn = layers_of(found, "attn")
    np.testing.assert_allclose(found.head.sum(-1) + found.head_bias, attn, atol=1e-5)
    np.testing.assert_allclose(np.nansum(found.source, axis=-1), found.head, atol=1e-5)
    if found.neuron is not None and found.neuron_bias is not None:
        mlp = layers_of(found, "mlp")
        np.testing.assert_allclose(found.neuron.sum(-1) + found.neuron_bias, mlp, atol=1e-5)
    else:
        assert name in (*EXPERTS, "lil-attn-2l")


def test_of_a_capped_model_it_is_the_logit_before_the_cap_and_said() -> None:
    _, found = of_family("gemma2")
    assert found.cap == 3.0
    assert np.abs(found.logit - found.output).max() > 1e-2
    assert "before the model&#x27;s soft-cap of 3" in page_of(found)


# --------------------------------------------------------------------- plain torch hooks


class Hooked:
    """What plain torch hooks see in one forward: module to (first input, output)."""

    def __init__(self, module: torch.nn.Module, ids: list[int]) -> None:
        self.seen: dict[str, tuple[Any, Any]] = {}
        module.requires_grad_(False)
        handles = [
            part.register_forward_hook(functools.partial(self._note, name), with_kwargs=True)
            for name, part in module.named_modules()
        ]
        with torch.no_grad():
            self.logits = module(torch.tensor([ids])).logits[0]
        for handle in handles:
            handle.remove()

    def _note(self, name: str, _: Any, args: Any, kwargs: Any, out: Any) -> None:
        given = args[0] if args else next(iter(kwargs.values()), None)
        self.seen[name] = given, out[0] if isinstance(out, tuple) else out

    def into(self, name: str, pos: int) -> torch.Tensor:
        return self.seen[name][0][0, pos].double()

    def out(self, name: str, pos: int) -> torch.Tensor:
        return self.seen[name][1][0, pos].double()


def rms(x: torch.Tensor, eps: float) -> torch.Tensor:
    return (x.square().mean() + eps).sqrt()


@pytest.mark.parametrize("pos", [2, 5])
def test_gpt2_equals_hooks_and_layer_norm_written_out(pos: int) -> None:
    module, ids = tiny_gpt2(), [3, 9, 4, 9, 17, 6]
    norm = module.transformer.ln_f
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    hooks = Hooked(module, ids)
    found = direct_logit_attribution(
        wrapped(module), ids, 8, by=("head", "neuron", "source"), pos=pos
    )
    x = hooks.into("transformer.ln_f", pos)
    scale = ((x - x.mean()).square().mean() + norm.eps).sqrt()

    def written(part: torch.Tensor) -> float:
        normed = (part - part.mean()) / scale * norm.weight.double()
        return float(normed @ module.lm_head.weight[8].double())

    block = "transformer.h.2"
    expected = {
        "embed": hooks.into("transformer.h.0", pos),
        "L2 attn": hooks.out(f"{block}.attn", pos),
        "L2 mlp": hooks.out(f"{block}.mlp", pos),
    }
    for name, part in expected.items():
        assert found.component[0, found.components.index(name)] == pytest.approx(
            written(part), abs=1e-4
        )
    bias = float(norm.bias.double() @ module.lm_head.weight[8].double())
    assert found.component[0, -1] == pytest.approx(bias, abs=1e-5)
    attn, mlp = module.transformer.h[2].attn, module.transformer.h[2].mlp
    z = hooks.into(f"{block}.attn.c_proj", pos)
    post = hooks.into(f"{block}.mlp.c_proj", pos)
    w_o, w_out = attn.c_proj.weight.double(), mlp.c_proj.weight.double()
    assert found.head is not None
    assert found.neuron is not None
    assert found.source is not None
    assert found.head[0, 2, 1] == pytest.approx(written(z[8:16] @ w_o[8:16]), abs=1e-4)
    assert found.neuron[0, 2, 77] == pytest.approx(written(post[77] * w_out[77]), abs=1e-4)
    with torch.no_grad():
        pattern = module(torch.tensor([ids]), output_attentions=True).attentions[2][0, 1]
    for key in range(pos + 1):
        v = hooks.out(f"{block}.attn.c_attn", key)[64:][8:16]
        part = pattern[pos, key].double() * (v @ w_o[8:16])
        assert found.source[0, 2, 1, key] == pytest.approx(written(part), abs=1e-4)
    assert not found.source[0, :, :, pos + 1 :].any()


def test_gemma_norms_behind_the_parts_are_held_too() -> None:
    module = zoo.make("gemma2")
    ids, layer = [3, 5, 7, 9, 3], 1
    found = direct_logit_attribution(zoo.wrap(module), ids, 9, by=("head", "neuron"))
    hooks, block = Hooked(module, ids), module.model.layers[layer]
    name, eps = f"model.layers.{layer}", module.config.rms_norm_eps
    x = hooks.into("model.norm", -1)
    gain = (1 + module.model.norm.weight.double()) / rms(x, eps)
    direction = gain * module.lm_head.weight[9].double()
    for by, inside, norm, d in (
        ("head", f"{name}.self_attn.o_proj", "post_attention_layernorm", 16),
        ("neuron", f"{name}.mlp.down_proj", "post_feedforward_layernorm", 1),
    ):
        given, post = hooks.into(inside, -1), getattr(block, norm)
        received = hooks.into(f"{name}.{norm}", -1)
        weight = module.get_submodule(inside).weight.double()
        behind = (1 + post.weight.double()) / rms(received, eps) * direction
        each = (given * (behind @ weight)).unflatten(0, (-1, d)).sum(-1)
        np.testing.assert_allclose(
            found.values(by)[0, layer],
            each.detach().numpy(),
            atol=1e-5,
        )


def test_grouped_heads_equal_the_result_site_times_the_direction() -> None:
    module, ids = tiny_llama(), [3, 9, 4, 9]
    model = wrapped(module)
    found = direct_logit_attribution(model, ids, 8, against=2)
    x = Hooked(module, ids).into("model.norm", -1)
    weights = module.lm_head.weight.double()
    direction = module.model.norm.weight.double() * (weights[8] - weights[2])
    direction = direction / rms(x, module.config.rms_norm_eps)
    result = iw.activations(model, ids, "result").values[:, -1].astype(np.float64)
    np.testing.assert_allclose(found.of("head"), result @ direction.detach().numpy(), atol=1e-5)


# ------------------------------------------------------------------------------- targets


def test_without_a_target_it_is_the_most_probable_token() -> None:
    module, ids = tiny_gpt2(), [3, 9, 4]
    found = direct_logit_attribution(wrapped(module), ids)
    with torch.no_grad():
        logits = module(torch.tensor([ids])).logits[0, -1]
    assert found.logit[0] == pytest.approx(float(logits.max()), abs=1e-5)
    assert found.targets == (repr(wrapped(module).tokenizer.decode([int(logits.argmax())])),)


def test_a_direction_is_split_like_a_logit_without_bias() -> None:
    module, ids = tiny_gpt2(), [3, 9, 4]
    model = wrapped(module)
    row = module.lm_head.weight[8].detach()
    by_token = direct_logit_attribution(model, ids, 8)
    by_row = direct_logit_attribution(model, ids, direction=row)
    assert by_row.measure == "direction"
    np.testing.assert_allclose(by_row.component, by_token.component, atol=1e-6)
    assert np.abs(by_row.remainder).max() < 1e-5
    each = np.stack([row, -row])
    both = direct_logit_attribution(model, [ids, ids], direction=each)
    np.testing.assert_allclose(both.component[1], -both.component[0], atol=1e-6)


def test_text_and_ids_of_a_token_are_the_same(lilliput_model: Any) -> None:
    text = "When Ada and Ben went to the store, Ada gave a ring to"
    token_id = lilliput_model.tokenizer("Ben", add_special_tokens=False)["input_ids"][0]
    by_text = direct_logit_attribution(lilliput_model, text, "Ben")
    by_id = direct_logit_attribution(lilliput_model, text, token_id)
    assert by_text.targets == by_id.targets
    np.testing.assert_array_equal(by_text.component, by_id.component)


# --------------------------------------------------------------------------- many prompts


def test_a_batch_has_the_numbers_of_each_prompt_alone_and_intervals() -> None:
    model = wrapped(tiny_gpt2())
    prompts, targets = [[3, 9, 4], [5, 6, 7, 8, 9], [11, 12, 3]], [8, 9, 10]
    by = ("head", "neuron", "source")
    both = direct_logit_attribution(model, prompts, targets, by=by)
    for at, (ids, target) in enumerate(zip(prompts, targets, strict=True)):
        alone, picked = direct_logit_attribution(model, ids, target, by=by), both.prompt(at)
        for name in ("component", "chance", "logit", "head", "head_chance", "neuron", "source"):
            np.testing.assert_allclose(
                getattr(picked, name), getattr(alone, name), atol=1e-5, err_msg=name
            )
        assert picked.targets == alone.targets
        assert picked.pos == alone.pos == (len(ids) - 1,)
    low, high = both.interval("head")
    assert (low <= both.of("head")).all()
    assert (both.of("head") <= high).all()
    assert (low < high).all()
    assert np.isnan(both.prompt(0).interval("head")[0]).all()
    with pytest.raises(ResultError, match=r"different lengths have no mean.*\.prompt\(0\)"):
        both.of("source")


def test_one_forward_or_several_give_the_same() -> None:
    model = wrapped(tiny_gpt2())
    prompts = [[3, 9, 4]] * 4
    with CountForwards(model._module) as count:
        whole = direct_logit_attribution(model, prompts, [5, 6, 7, 8])
    assert count.n == 1
    method = DirectLogitAttributionMethod()
    adapter = iw.models.adapter.adapter_of(model)
    of_one = method.bytes_of_prompt(adapter, 3) + 4 * 3 * 64
    with CountForwards(model._module) as count:
        parts = direct_logit_attribution(model, prompts, [5, 6, 7, 8], max_bytes=2 * of_one)
    assert count.n == 2
    np.testing.assert_allclose(parts.component, whole.component, atol=1e-6)
    assert parts.targets == whole.targets
    with pytest.raises(ReadTooLargeError, match="attribution of 1 prompts × 3 tokens"):
        direct_logit_attribution(model, prompts, 5, max_bytes=99)


# ------------------------------------------------------------------------------- control


def test_chance_is_the_spread_over_random_directions_of_equal_length() -> None:
    module, ids = tiny_gpt2(), [3, 9, 4]
    model = wrapped(module)
    found = direct_logit_attribution(model, ids, 8)
    rng, length = np.random.default_rng(0), float(module.lm_head.weight[8].detach().norm())
    rows = rng.normal(size=(400, 32))
    rows *= length / np.linalg.norm(rows, axis=1, keepdims=True)
    drawn = direct_logit_attribution(model, [ids] * 400, direction=rows)
    spread = drawn.component[:, :-1].std(axis=0)
    np.testing.assert_allclose(found.chance[0, :-1], spread, rtol=0.15)
    assert drawn.head is not None
    assert found.head_chance is not None
    np.testing.assert_allclose(found.head_chance[0], drawn.head.std(axis=0), rtol=0.15)
    inside = np.abs(drawn.head) < found.chance_level("head")
    assert 0.9 < inside.mean() < 0.98


# ------------------------------------------------------------------------- as a method


def test_a_run_with_an_edit_is_attributed_as_it_went_on() -> None:
    model = wrapped(tiny_gpt2())
    reader = MethodReader(model, [DirectLogitAttributionMethod(target=(8,))])
    capture = forward(
        model,
        [[3, 9, 4], [5, 6, 7]],
        reader,
        [iw.interventions.Ablation(((1, 2),))],
    )
    results = reader.methods[0].build(reader.run_of(capture), ())
    assert [one.n for one in results] == [1, 1]
    for one in results:
        assert one.head is not None
        assert not one.head[0, 1, 2]
        assert one.head[0, 1, 1]
        assert abs(one.remainder[0]) < 1e-3
        assert one.provenance.intervened == ("L1 H2 zero-ablated",)


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": 99}, PromptError, r"token id 99 is outside the vocabulary, 0-63"),
        ({"target": "the cat"}, PromptError, r"'the cat' is 2 tokens, not one: \['the', 'cat'"),
        ({"target": "zebra"}, PromptError, "the tokenizer does not know 'zebra'"),
        ({"target": [1, 2, 3]}, PromptError, "`target` has 3 entries for 2 prompts"),
        ({"target": 2.5}, PromptError, "a token is its text or its id; got 2.5"),
        ({"direction": np.zeros(31)}, ResultError, r"d_model 32; got \[31\]"),
        ({"target": 1, "direction": np.zeros(32)}, ResultError, "takes the place of tokens"),
        ({"pos": 3}, PromptError, "`pos` is 3; prompt 0 has 3 tokens, 0-2 or -3 to -1"),
        ({"by": ["heads"]}, ResultError, "no breakdown 'heads'. Did you mean 'head'"),
    ],
)
def test_what_cannot_be_attributed_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        direct_logit_attribution(wrapped(tiny_gpt2()), [[3, 9, 4], [5, 6, 7]], **arguments)


@pytest.mark.parametrize("name", EXPERTS)
def test_a_mixture_of_experts_has_no_neurons_to_split(name: str) -> None:
    with pytest.raises(SiteError, match=r"has no site 'mlp_post'; it has"):
        direct_logit_attribution(zoo.wrapped_model(name), [3, 5], by="neuron")


@pytest.mark.parametrize("name", ["bert", "opt, norms behind", "bloom, residual behind norm"])
def test_a_stream_that_is_no_sum_is_refused(name: str) -> None:
    with pytest.raises(SiteError, match=r"has no site '(ln_final|attn_out)'"):
        direct_logit_attribution(zoo.wrapped_model(name), [3, 5])


def test_a_breakdown_that_was_not_asked_for_is_refused_with_the_argument() -> None:
    found = direct_logit_attribution(wrapped(tiny_gpt2()), [3, 9])
    with pytest.raises(ResultError, match=r"held: component, head\. To have it ask"):
        found.of("neuron")


# --------------------------------------------------------------- on a model that is known


def test_the_layer_that_tells_the_names_apart_is_found(lilliput_model: Any) -> None:
    examples = lilliput.ioi(24)
    found = direct_logit_attribution(
        lilliput_model,
        [example.prompt for example in examples],
        [example.answers[0] for example in examples],
        against=[example.wrong[0] for example in examples],
    )
    assert (found.logit > 0).mean() > 0.9
    assert np.abs(found.remainder).max() < 1e-3
    frame = found.to_frame().set_index("name")
    total = frame["value"].drop("remainder").sum()
    assert total == pytest.approx(float(found.logit.mean()), abs=1e-3)
    best = found.best("head", 1).iloc[0]
    assert best["low"] > best["chance"] > 0


def page_of(found: DirectLogitAttribution) -> str:
    from interpwidgets.widgets.attribution_static import attribution_html

    return attribution_html(found)
