"""What comes with a pattern: value norms and scores, against plain torch hooks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import ReadTooLargeError, SiteError
from interpwidgets.methods.attention import AttentionMethod, attention
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import ReadBackend
from interpwidgets.reads import pattern as pattern_read
from interpwidgets.results.attention import AttentionPattern
from tiny import CountForwards, tiny_gpt2, tiny_llama, wrapped

PROMPT = "the cat sat on a mat and the cat"


class Building(MethodReader):
    """Builds the Results of each run from the ones before."""

    def __init__(self, model: Any, *, scores: bool = True) -> None:
        super().__init__(model, [AttentionMethod(scores=scores)])
        self.results: tuple[Any, ...] = ()

    def deliver(self, capture: Any) -> None:
        self.results = self.methods[0].build(self.run_of(capture), self.results)


@contextlib.contextmanager
def hooked(modules: list[torch.nn.Module]) -> Iterator[list[torch.Tensor]]:
    kept: list[torch.Tensor] = []
    handles = [m.register_forward_hook(lambda _, __, out: kept.append(out)) for m in modules]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def hooked_values(module: Any, ids: torch.Tensor) -> list[torch.Tensor]:
    """[kv_head, pos, d_head] of every layer, by plain hooks."""
    with torch.no_grad():
        if hasattr(module, "transformer"):
            with hooked([block.attn.c_attn for block in module.transformer.h]) as kept:
                module(ids)
            return [out[0, :, 64:96].reshape(-1, 4, 8).transpose(0, 1) for out in kept]
        with hooked([block.self_attn.v_proj for block in module.model.layers]) as kept:
            module(ids)
        return [out[0].reshape(len(ids[0]), 2, 8).transpose(0, 1) for out in kept]


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_value_weighted_equals_the_norm_of_each_summand_of_hooked_values(make: Any) -> None:
    model = wrapped(make())
    result = attention(model, PROMPT)
    ids = torch.tensor([result.tokens.ids])
    with torch.no_grad():
        patterns = model._module(ids, output_attentions=True).attentions
    moved = result.value_weighted()
    for layer, shared in enumerate(hooked_values(model._module, ids)):
        values = shared.repeat_interleave(4 // len(shared), dim=0)
        summands = patterns[layer][0][..., None] * values[:, None]
        expected = summands.norm(dim=-1)
        for head in range(4):
            np.testing.assert_allclose(
                moved.weights(layer, head), expected[head], rtol=2e-3, atol=1e-3
            )


def test_norms_cost_no_second_forward_and_groups_are_known() -> None:
    model = wrapped(tiny_llama())
    with CountForwards(model._module) as count:
        result = attention(model, PROMPT, heads=[3, 0], scores=True)
    assert count.n == 1
    whole = attention(model, PROMPT)
    assert whole.value_norms is not None
    assert result.value_norms is not None
    np.testing.assert_array_equal(result.value_norms, whole.value_norms[:, [3, 0]])
    np.testing.assert_array_equal(whole.value_norms[:, 0], whole.value_norms[:, 1])
    assert (whole.value_norms[:, 1] != whole.value_norms[:, 2]).any()
    assert (result.n_heads, result.n_kv_heads, result.kv_groups) == (4, 2, 2)
    assert result.provenance.sites == ("pattern", "v", "attn_scores")


@pytest.mark.parametrize("name", sorted(zoo.NAMES))
def test_on_every_architecture_norms_are_those_of_v_and_scores_those_before_the_softmax(
    name: str,
) -> None:
    model, prompt = zoo.wrapped_model(name), zoo.prompt_of(name)
    result = attention(model, prompt, scores=True)
    values = iw.activations(model, prompt, "v").values
    norms = np.linalg.norm(values, axis=-1).transpose(0, 2, 1)
    shared_by = adapter_of(model).n_heads // norms.shape[1]
    assert result.value_norms is not None
    assert result.n_kv_heads == norms.shape[1]
    np.testing.assert_allclose(
        result.value_norms, norms.repeat(shared_by, axis=1), rtol=1e-5, atol=1e-6
    )
    scores = iw.activations(model, prompt, "attn_scores").values
    assert result.scores is not None
    np.testing.assert_array_equal(np.isneginf(result.scores), np.isneginf(scores))
    np.testing.assert_allclose(result.scores, scores, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
@pytest.mark.parametrize("use_cache", [True, False])
def test_in_a_generation_both_equal_those_of_a_forward_over_the_whole_text(
    make: Any, use_cache: bool
) -> None:
    model = wrapped(make())
    reader = Building(model)
    with model.trace(
        "the cat sat",
        fn=model.generate,
        max_new_tokens=5,
        min_new_tokens=5,
        use_cache=use_cache,
        backend=ReadBackend(reader),
    ):
        pass
    (result,) = reader.results
    again = attention(model, list(result.tokens.ids), scores=True)
    assert len(result.tokens) == 7
    np.testing.assert_allclose(result.value_norms, again.value_norms, rtol=1e-4)
    np.testing.assert_allclose(result.scores, again.scores, atol=0.02)
    np.testing.assert_allclose(
        result.pattern.astype(np.float32), again.pattern.astype(np.float32), atol=1e-3
    )


def test_unequal_prompts_of_a_batch_equal_each_alone() -> None:
    model = wrapped(tiny_llama())
    board = iw.Board(model)
    view = board.attention(scores=True, key="batch")
    board.run([PROMPT, "a dog ran"])
    assert view.result.scores is not None
    board.close()
    reader = Building(model)
    with model.trace(backend=ReadBackend(reader)) as tracer:
        with tracer.invoke(PROMPT):
            model.lm_head.output.save()
        with tracer.invoke("a dog ran"):
            model.lm_head.output.save()
    for result, prompt in zip(reader.results, (PROMPT, "a dog ran"), strict=True):
        alone = attention(model, prompt, scores=True)
        np.testing.assert_allclose(result.value_norms, alone.value_norms, rtol=1e-4)
        np.testing.assert_allclose(result.scores, alone.scores, atol=0.02)


def test_norms_and_scores_see_the_users_edit() -> None:
    model = wrapped(tiny_llama())
    reader = Building(model)
    with model.trace(PROMPT, backend=ReadBackend(reader)):
        model.model.layers[1].self_attn.q_proj.output[:] = 0
        model.model.layers[1].self_attn.v_proj.output[:] = 0
    result = reader.results[0]
    assert (result.value_norms[1] == 0).all()
    assert (result.value_norms[0] > 0).all()
    assert not result.scores[1][np.isfinite(result.scores[1])].any()


def test_a_stopped_run_keeps_norms_and_scores_of_the_run_before_where_it_did_not_get() -> None:
    model = wrapped(tiny_gpt2())
    reader = Building(model)

    def run(prompt: str, *, stop: bool) -> AttentionPattern:
        with model.trace(prompt, backend=ReadBackend(reader)) as tracer:
            model.transformer.h[1].output.save()
            if stop:
                tracer.stop()
        return reader.results[0]

    first = run("the cat sat", stop=True)
    assert first.value_norms is not None
    assert first.scores is not None
    assert np.isfinite(first.value_norms[:2]).all()
    assert np.isnan(first.value_norms[2:]).all()
    assert np.isnan(first.scores[2:]).all()
    whole = run("the cat sat", stop=False)
    again = run("the cat sat", stop=True)
    assert None not in again.layer_runs
    assert again.layer_runs[3] != again.layer_runs[0]
    np.testing.assert_array_equal(again.value_norms, whole.value_norms)
    np.testing.assert_array_equal(again.scores, whole.scores)


def test_without_the_site_there_are_no_norms() -> None:
    model = wrapped(tiny_gpt2())
    adapter = adapter_of(model)  # made once for each model, and cached
    table = adapter.architecture.without("v", "attn_scores")
    object.__setattr__(adapter, "architecture", table)
    result = attention(model, PROMPT)
    assert result.value_norms is None
    assert result.provenance.sites == ("pattern",)
    with pytest.raises(SiteError, match="has no site 'attn_scores'"):
        iw.attention(model, PROMPT, scores=True)


def test_scores_stay_float16_where_weights_become_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pattern_read, "FLOAT16_BUDGET", 100)
    result = attention(wrapped(tiny_gpt2()), PROMPT, scores=True)
    assert (result.precision, result.attention_scores().precision) == ("uint8", "float16")


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (4_000, r"patterns and scores of 4 layers .* layers=range\(3\), leave out scores=True"),
        (2_000, r"patterns and scores of .* layers=range\(1\), or raise max_bytes=5184"),
        (700, r"at most 2 heads, e.g. layers=\[0\], heads=range\(2\), or raise"),
    ],
)
def test_scores_count_towards_the_limit(limit: int, message: str) -> None:
    model = wrapped(tiny_gpt2())
    with CountForwards(model._module) as count, pytest.raises(ReadTooLargeError, match=message):
        attention(model, PROMPT, scores=True, max_bytes=limit)
    assert count.n == 0
