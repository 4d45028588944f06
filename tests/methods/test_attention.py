"""The attention method: its numbers against hooks, its sizes, its errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.errors import ModelError, PromptError, ReadTooLargeError, ResultError
from interpwidgets.methods.attention import AttentionMethod, attention
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import ReadBackend
from interpwidgets.reads import pattern as pattern_read
from tiny import CountForwards, blocks_of, tiny_gpt2, tiny_llama, wrapped

pytestmark = pytest.mark.usefixtures("runs_from_one")

PROMPT = "the cat sat on a mat and the cat"


class Building(MethodReader):
    """Builds the Results of each run from the ones before."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, [AttentionMethod()])
        self.results: tuple[Any, ...] = ()

    def deliver(self, capture: Any) -> None:
        self.results = self.methods[0].build(self.run_of(capture), self.results)


def hooked_patterns(module: torch.nn.Module, ids: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        return list(module(ids, output_attentions=True).attentions)


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_the_pattern_equals_what_hugging_face_gives(make: Any) -> None:
    model = wrapped(make())
    result = attention(model, PROMPT)
    expected = hooked_patterns(model._module, torch.tensor([result.tokens.ids]))
    for layer, pattern in enumerate(expected):
        np.testing.assert_allclose(
            [result.weights(layer, head) for head in result.heads], pattern[0], atol=3e-4
        )


def test_it_takes_one_forward() -> None:
    model = wrapped(tiny_gpt2())
    with CountForwards(model._module) as count:
        attention(model, PROMPT)
    assert count.n == 1


def test_chosen_layers_and_heads_are_those_of_the_whole() -> None:
    model = wrapped(tiny_gpt2())
    whole = attention(model, PROMPT)
    part = attention(model, PROMPT, layers=[3, 1], heads=[2])
    assert part.pattern.shape == (2, 1, 9, 9)
    assert np.array_equal(part.stored(3, 2), whole.stored(3, 2))
    assert np.array_equal(part.stored(1, 2), whole.stored(1, 2))


def test_beyond_the_budget_codes_stay_within_their_resolution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = wrapped(tiny_gpt2())
    exact = attention(model, PROMPT)
    monkeypatch.setattr(pattern_read, "FLOAT16_BUDGET", 100)
    coded = attention(model, PROMPT)
    assert (exact.precision, coded.precision) == ("float16", "uint8")
    assert coded.resolution < 0.002
    difference = np.abs(coded.weights(1, 1) - exact.weights(1, 1)).max()
    assert 0 < difference <= coded.resolution + exact.resolution


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_models_are_read(dtype: torch.dtype) -> None:
    model = wrapped(tiny_gpt2().to(dtype))
    result = attention(model, PROMPT)
    assert result.provenance.dtype == str(dtype).removeprefix("torch.")
    np.testing.assert_allclose(result.weights(2, 1).sum(-1), 1, atol=0.02)


@pytest.mark.parametrize("budget", [10**9, 100], ids=["float16", "uint8"])
def test_nan_activations_are_drawn_as_such_and_counted(
    budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pattern_read, "FLOAT16_BUDGET", budget)
    model = wrapped(tiny_gpt2())
    reader = Building(model)
    with model.trace("the cat sat", backend=ReadBackend(reader)):
        model.transformer.h[1].output[:] = float("nan")
    result = reader.results[0]
    assert np.isfinite(result.weights(1, 0)).all()
    assert np.isnan(result.weights(2, 0)).any()
    assert result.nonfinite()[1].sum() == 0
    assert (result.nonfinite()[2] > 0).all()


def test_unequal_prompts_of_a_batch_equal_each_alone() -> None:
    model = wrapped(tiny_llama())
    reader = Building(model)
    with model.trace(backend=ReadBackend(reader)) as tracer:
        with tracer.invoke(PROMPT):
            blocks_of(model)[0].output.save()
        with tracer.invoke("a dog ran"):
            blocks_of(model)[0].output.save()
    long, short = reader.results
    assert (short.prompt_index, short.prompt_count) == (1, 2)
    assert short.tokens.text == ("a", "dog", "ran")
    for result, prompt in ((long, PROMPT), (short, "a dog ran")):
        alone = attention(model, prompt)
        np.testing.assert_allclose(
            result.pattern.astype(np.float32), alone.pattern.astype(np.float32), atol=1e-3
        )


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_generated_positions_equal_a_forward_over_the_whole_text(make: Any) -> None:
    model = wrapped(make())
    reader = Building(model)
    with model.trace(
        "the cat sat",
        fn=model.generate,
        max_new_tokens=5,
        min_new_tokens=5,
        backend=ReadBackend(reader),
    ) as tracer:
        ids = tracer.result.save()
    result = reader.results[0]
    assert result.tokens.generated == (False,) * 3 + (True,) * 4
    again = attention(model, ids[0, :-1].tolist())
    np.testing.assert_allclose(
        result.pattern.astype(np.float32), again.pattern.astype(np.float32), atol=1e-3
    )


def test_a_stopped_run_shows_what_it_reached_and_marks_the_rest() -> None:
    model = wrapped(tiny_gpt2())
    reader = Building(model)

    def stop_after(layer: int, prompt: str) -> None:
        with model.trace(prompt, backend=ReadBackend(reader)) as tracer:
            model.transformer.h[layer].output.save()
            tracer.stop()

    stop_after(1, "the cat sat")
    assert reader.results[0].layer_runs == (1, 1, None, None)
    assert np.isnan(reader.results[0].weights(2, 0)).all()
    assert reader.results[0].nonfinite().sum() == 0
    with model.trace("the cat sat", backend=ReadBackend(reader)):
        model.transformer.h[3].output.save()
    stop_after(1, "the cat sat")
    assert reader.results[0].layer_runs == (3, 3, 2, 2)
    stop_after(0, "the dog ran")
    assert reader.results[0].layer_runs == (4, None, None, None)


def test_provenance_says_where_the_numbers_came_from() -> None:
    result = attention(iw.load("lil-attn-2l"), [1, 5, 6])
    p = result.provenance
    assert (p.model, p.dtype, p.sites) == ("lil-attn-2l", "float32", ("pattern", "v"))
    assert len(p.revision) == 6
    assert p.intervened == ()


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "the prompt is empty"),
        ([], "no token ids"),
        (None, "a prompt is text, .* got NoneType"),
        (3, "a prompt is text, .* got int 3"),
        ({"a": 1}, "a prompt is text, .* got dict"),
        (torch.rand(1, 2), "a prompt is text, .* got Tensor"),
        ([[1, 2], [1, 64]], "token id 64 at position 1"),
        ([1, 64], "token id 64 at position 1 is outside the vocabulary .* 0-63"),
        ("the " * 65, r"prompt has 65 tokens; .* was made for 64 \(n_ctx\). Shorten it by 1"),
    ],
)
def test_a_bad_prompt_is_refused_in_words(prompt: Any, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        attention(wrapped(tiny_gpt2()), prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        (3, 4, 5),
        [[3, 4, 5]],
        np.array([3, 4, 5]),
        np.array([[3, 4, 5]]),
        torch.tensor([3, 4, 5]),
    ],
)
def test_ids_come_in_many_forms(prompt: Any) -> None:
    assert attention(wrapped(tiny_gpt2()), prompt).tokens.ids == (3, 4, 5)


def test_one_token_is_enough() -> None:
    result = attention(wrapped(tiny_gpt2()), "cat")
    assert result.pattern.shape == (4, 4, 1, 1)
    assert (result.pattern == 1).all()


def test_text_for_a_model_without_a_tokenizer_is_refused() -> None:
    with pytest.raises(PromptError, match="has no tokenizer, so it takes token ids"):
        attention(iw.wrap(tiny_gpt2()), "the cat")


def test_ids_for_a_model_without_a_tokenizer_are_read() -> None:
    result = attention(iw.wrap(tiny_gpt2()), torch.tensor([[3, 4, 5]]))
    assert result.tokens.text == ("3", "4", "5")


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (2_000, "4 layers × 4 heads × 9² tokens would keep .* e.g. layers=range\\(3\\)"),
        (500, "at most 3 heads, e.g. layers=\\[0\\], heads=range\\(3\\)"),
        (10, "Shorten the prompt"),
    ],
)
def test_a_read_above_its_limit_names_what_would_fit(limit: int, message: str) -> None:
    model = wrapped(tiny_gpt2())
    with CountForwards(model._module) as count, pytest.raises(ReadTooLargeError, match=message):
        attention(model, PROMPT, max_bytes=limit)
    assert count.n == 0


def test_heads_that_are_not_there_are_refused() -> None:
    with pytest.raises(ResultError, match=r"`head` is 4; .* has 4 heads, 0-3"):
        attention(wrapped(tiny_gpt2()), PROMPT, heads=[4])


def test_a_model_on_the_meta_device_is_refused() -> None:
    with torch.device("meta"):
        module = tiny_gpt2()
    with pytest.raises(ModelError, match="on the meta device: it has shapes but no weights"):
        attention(module, [1, 2])


def test_a_model_that_is_none_is_refused() -> None:
    with pytest.raises(
        ModelError, match="wanted an nnsight model or a Hugging Face model; got"
    ):
        attention(torch.nn.Linear(2, 2), [1, 2])
