"""CircuitsVis's published calls on both packages: the same tokens and the same numbers.

The calls are those of its README, its docstrings and its own tests, and the ones that
tutorials on it show; ``cv`` is either package.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import circuitsvis
import numpy as np
import pytest
import torch

import interpwidgets.circuitsvis as ours
from interpwidgets.widgets.base import View

NAMES = {
    "attention": ["attention_heads", "attention_patterns", "attention_pattern"],
    "tokens": ["colored_tokens", "colored_tokens_multi", "visualize_model_performance"],
    "activations": ["text_neuron_activations"],
    "topk_tokens": ["topk_tokens"],
    "topk_samples": ["topk_samples"],
    "logits": ["token_log_probs"],
}
CALLS = [(module, name) for module, names in NAMES.items() for name in names]


def drawn_by(rendered: Any) -> dict[str, Any]:
    """What circuitsvis hands to its front end."""
    found = re.search(
        r"CircuitsVis\.render\(.*?(\{.*\})\s*\)\s*</script>", rendered.local_src, re.S
    )
    assert found
    props = found[1]
    return json.loads(props[props.index("{") :].split("\n", 1)[0])


def patterns_in(view: View) -> np.ndarray:
    result = view.result
    return np.array([result.weights(i, j) for i in result.layers for j in result.heads])


def random_patterns(n_heads: int, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n_heads, n, n, generator=generator).tril().abs()


@pytest.mark.parametrize(("module", "name"), CALLS)
def test_the_arguments_are_circuitsviss(module: str, name: str) -> None:
    def arguments(package: Any) -> list[tuple[str, Any]]:
        function = getattr(getattr(package, module), name)
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default) for p in parameters]

    assert arguments(ours) == arguments(circuitsvis)


def test_every_public_function_of_its_modules_is_here() -> None:
    found = {
        (module, name)
        for module in NAMES
        for name, of in vars(getattr(circuitsvis, module)).items()
        if inspect.isfunction(of) and of.__module__ == f"circuitsvis.{module}"
    }
    assert found == set(CALLS)


# -------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    ("tokens", "values"),
    [
        (["My", "tokens"], [0.123, -0.226]),
        (["a", "b"], [1, 2]),
        (["a", "b"], torch.tensor([0.5, 0.25], dtype=torch.float16)),
        (["a", "b"], np.array([-3.0, -1.0])),
    ],
)
def test_colored_tokens(tokens: Any, values: Any) -> None:
    view = ours.tokens.colored_tokens(tokens, values)
    theirs = drawn_by(circuitsvis.tokens.colored_tokens(tokens, values))
    assert list(view.result.tokens.text) == theirs["tokens"]
    np.testing.assert_allclose(view.result.values[0], theirs["values"], rtol=1e-6)


def test_colored_tokens_keeps_the_ends_that_are_given() -> None:
    view = ours.tokens.colored_tokens(["a", "b"], [0.5, -2], min_value=-4.0, max_value=1.0)
    assert (view.result.scale, view.result.signed) == ((-4, 1), True)
    own = ours.tokens.colored_tokens(["a", "b"], [0.5, -2]).result
    assert own.scale == (-2, 0.5)  # each side has its own end, as there


def test_colored_tokens_multi() -> None:
    call = (["a", " b", "c"], torch.randn(3, 2), ["one", "two"])
    view = ours.tokens.colored_tokens_multi(*call)
    theirs = drawn_by(circuitsvis.tokens.colored_tokens_multi(*call))
    assert list(view.result.tokens.text) == theirs["tokens"]
    assert list(view.result.rows) == theirs["labels"]
    np.testing.assert_allclose(view.result.values.T, theirs["values"], rtol=1e-6)


def test_visualize_model_performance() -> None:
    call = (torch.tensor([[3, 1, 4, 1]]), ["a", "b", "c", "d"], torch.randn(1, 4, 6))
    view = ours.tokens.visualize_model_performance(*call)
    theirs = drawn_by(circuitsvis.tokens.visualize_model_performance(*call))
    assert list(view.result.tokens.text) == theirs["tokens"] == ["b", "c", "d"]
    assert list(view.result.rows) == theirs["labels"]
    np.testing.assert_allclose(view.result.values.T, theirs["values"], atol=1e-6)


# ----------------------------------------------------------------------------- attention


@pytest.mark.parametrize("form", ["list", "numpy", "torch", "bfloat16"])
def test_attention_patterns(form: str) -> None:
    kept = random_patterns(4, 3)
    given: Any = {
        "list": kept.tolist(),
        "numpy": kept.numpy(),
        "torch": kept,
        "bfloat16": kept.bfloat16(),
    }[form]
    view = ours.attention.attention_patterns(tokens=["a", "b", "c"], attention=given)
    theirs = drawn_by(circuitsvis.attention.attention_patterns(["a", "b", "c"], given))
    assert list(view.result.tokens.text) == theirs["tokens"]
    np.testing.assert_allclose(patterns_in(view), theirs["attention"], atol=2e-3)


def test_attention_patterns_of_its_own_test() -> None:
    view = ours.attention.attention_patterns(
        tokens=["a", "b"], attention=np.array([[[0, 1], [0, 1]]])
    )
    assert patterns_in(view).tolist() == [[[0, 1], [0, 1]]]
    assert not view.result.causal  # nothing that was given is hidden


def test_attention_heads_as_tutorials_call_it() -> None:
    names = [f"L{layer}H{head}" for layer in (3, 5) for head in range(2)]
    call: dict[str, Any] = {
        "tokens": ["a", "b", "c"],
        "attention": random_patterns(4, 3),
        "attention_head_names": names,
    }
    view = ours.attention.attention_heads(**call)
    theirs = drawn_by(circuitsvis.attention.attention_heads(**call))
    np.testing.assert_allclose(patterns_in(view), theirs["attention"], atol=2e-3)
    pairs = [f"L{i}H{j}" for i in view.result.layers for j in view.result.heads]
    assert pairs == theirs["attentionHeadNames"]


def test_names_of_heads_may_come_in_any_order_and_form() -> None:
    kept = random_patterns(4, 3)
    names = ["5.1", "3.0", "5.0", "3.1"]
    view = ours.attention.attention_heads(kept, ["a", "b", "c"], names)
    for name, pattern in zip(names, kept, strict=True):
        layer, head = map(int, name.split("."))
        np.testing.assert_allclose(view.result.weights(layer, head), pattern, atol=2e-3)


def test_names_that_are_no_grid_of_heads_stand_under_the_figure() -> None:
    view = ours.attention.attention_heads(
        random_patterns(2, 3), ["a", "b", "c"], ["mean", "L5H1"]
    )
    assert view.result.provenance.note == "H0 is mean, H1 is L5H1"


def test_attention_pattern_and_its_mask() -> None:
    kept = torch.full((3, 3), 1 / 3)
    view = ours.attention.attention_pattern(["a", "b", "c"], kept, max_value=0.5)
    theirs = drawn_by(
        circuitsvis.attention.attention_pattern(["a", "b", "c"], kept, max_value=0.5)
    )
    np.testing.assert_allclose(patterns_in(view)[0], theirs["attention"], atol=1e-3)
    assert (view.result.scale, view.result.causal) == (theirs["maxValue"], True)
    whole = ours.attention.attention_pattern(["a", "b", "c"], kept, mask_upper_tri=False)
    assert not whole.result.causal


def test_negative_attention_is_drawn_as_a_difference() -> None:
    kept = torch.tensor([[[0.5, 0.0], [-0.25, 0.125]]])
    view = ours.attention.attention_heads(kept, ["a", "b"])
    assert view.result.signed
    np.testing.assert_array_equal(patterns_in(view), kept)


# --------------------------------------------------------------------------- activations


def test_text_neuron_activations_of_one_text() -> None:
    call: dict[str, Any] = {
        "tokens": ["a", "b"],
        "activations": np.array([[[0, 1, 0], [0, 1, 1]], [[0, 1, 1], [1, 1, 1]]]),
    }
    result = ours.activations.text_neuron_activations(**call).result
    theirs = drawn_by(circuitsvis.activations.text_neuron_activations(**call))
    assert list(result.tokens.text) == theirs["tokens"]
    table = result.values.reshape(2, 3, 2)
    np.testing.assert_array_equal(np.moveaxis(table, -1, 0), theirs["activations"])
    assert [name for name, _ in result.row_axes] == ["Layer", "Neuron"]


def test_text_neuron_activations_of_several_texts() -> None:
    call: dict[str, Any] = {
        "tokens": [["a", "b"], ["c", "d", "e"]],
        "activations": [torch.randn(2, 2, 3), torch.randn(3, 2, 3)],
        "first_dimension_name": "Block",
        "first_dimension_labels": ["early", "late"],
    }
    view = ours.activations.text_neuron_activations(**call)
    theirs = drawn_by(circuitsvis.activations.text_neuron_activations(**call))
    for i, result in enumerate(view.results):
        assert list(result.tokens.text) == theirs["tokens"][i]
        table = np.moveaxis(result.values.reshape(2, 3, -1), -1, 0)
        np.testing.assert_allclose(table, theirs["activations"][i], rtol=1e-6)
        assert (result.prompt_index, result.prompt_count) == (i, 2)
        assert result.row_axes[0] == ("Block", ("early", "late"))


def test_topk_tokens() -> None:
    call: dict[str, Any] = {
        "tokens": [["a", "b", "c", "d", "e"], ["f", "g", "h"]],
        "activations": [np.arange(30).reshape(2, 5, 3), np.arange(12).reshape(2, 3, 2)],
        "max_k": 2,
        "sample_labels": ["first", "second"],
    }
    view = ours.topk_tokens.topk_tokens(**call)
    theirs = drawn_by(circuitsvis.topk_tokens.topk_tokens(**call))
    for i, result in enumerate(view.results):
        assert list(result.tokens.text) == theirs["tokens"][i]
        values = result.values.reshape(2, -1, len(result.tokens))
        for layer, of_layer in enumerate(values):
            for neuron, row in enumerate(of_layer):
                top = [of_k[neuron] for of_k in theirs["topkVals"][i][layer]]
                assert np.sort(row)[::-1][:2].tolist() == top
        assert result.prompt_label == theirs["sampleLabels"][i]
    kept = view.kept
    assert (kept["table_open"], kept["by_value"], kept["most"]) == (True, True, 2)


def test_topk_samples() -> None:
    tokens = [
        [["And", " here"], ["This", " is", " another"]],
        [["Another", " example"], ["Weee", " is", " another"]],
    ]
    activations = [[[0.25, 1], [1, 0.0, 0]], [[0, 1], [0.5, 1.5, 1]]]
    call: dict[str, Any] = {"tokens": [tokens], "activations": [activations]}
    view = ours.topk_samples.topk_samples(**call)
    theirs = drawn_by(circuitsvis.topk_samples.topk_samples(**call))
    for neuron, result in enumerate(view.results):
        theirs_tokens = theirs["tokens"][0][neuron]
        theirs_values = theirs["activations"][0][neuron]
        starts = [start for _, start in result.tokens.turns()]
        drawn = [
            (result.tokens.text[a:b], result.values[0, a:b].tolist())
            for a, b in zip(starts, [*starts[1:], len(result.tokens)], strict=True)
        ]
        order = sorted(range(2), key=lambda i: -max(theirs_values[i]))
        assert drawn == [(tuple(theirs_tokens[i]), theirs_values[i]) for i in order]
    assert view.results[1].prompt_label == "Layer 0, Neuron 1"
    assert view.results[1].tokens.turns()[0] == ("sample 1, at most 1.5", 0)


# -------------------------------------------------------------------------------- logits


@pytest.mark.parametrize("batched", [False, True])
def test_token_log_probs(batched: bool) -> None:
    ids = torch.tensor([0, 5, 2, 2])
    logprobs = torch.randn(4, 7).log_softmax(-1)
    if batched:
        ids, logprobs = ids[None], logprobs[None]
    call = (ids, logprobs, "abcdefg".__getitem__, 3)
    result = ours.logits.token_log_probs(*call).result
    theirs = drawn_by(circuitsvis.logits.token_log_probs(*call))
    assert list(result.tokens.text) == theirs["prompt"]
    np.testing.assert_allclose(result.values[0, 1:], theirs["correctTokenLogProb"], rtol=1e-6)
    assert result.rank.tolist() == [-1, *theirs["correctTokenRank"]]
    assert [list(words) for words in result.top_text[1:]] == theirs["topKTokens"]
    np.testing.assert_allclose(result.top_logprob[1:], theirs["topKLogProbs"], rtol=1e-6)
    assert result.absent == (0,)
