"""What CircuitsVis takes and we do not: said, never silently left out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets.circuitsvis as cv
from interpwidgets.circuitsvis import ignored
from interpwidgets.errors import ResultError


@pytest.fixture(autouse=True)
def warned_of_nothing() -> Iterator[None]:
    ignored._warn.cache_clear()
    yield
    ignored._warn.cache_clear()


@pytest.mark.parametrize("name", ["negative_color", "positive_color"])
def test_colours_are_warned_about_once(name: str) -> None:
    arguments: dict[str, Any] = {name: "green"}
    with pytest.warns(UserWarning, match=f"`{name}` changes nothing here"):
        cv.tokens.colored_tokens(["a"], [1], **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cv.tokens.colored_tokens(["a"], [1], **arguments)


def test_a_least_weight_is_warned_about_and_zero_is_not() -> None:
    pattern = np.eye(2)[None]
    cv.attention.attention_heads(pattern, ["a", "b"], min_value=0.0)
    with pytest.warns(UserWarning, match="`min_value`"):
        cv.attention.attention_heads(pattern, ["a", "b"], min_value=-1.0)


def test_axes_without_labels_are_warned_about() -> None:
    with pytest.warns(UserWarning, match="`show_axis_labels`"):
        cv.attention.attention_pattern(["a", "b"], np.eye(2), show_axis_labels=False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cv.tokens.colored_tokens(["hey"], [1, 3]), "one for each of the 1 tokens"),
        (
            lambda: cv.tokens.colored_tokens_multi(["a"], np.ones((2, 1))),
            r"\[pos, row\] with one line for each of the 1 tokens; they are \[2, 1\]",
        ),
        (
            lambda: cv.tokens.visualize_model_performance(
                torch.tensor([1, 2]), ["a"], torch.zeros(2, 4)
            ),
            r"got 2 ids, 1 texts and logits \[2, 4\]",
        ),
        (
            lambda: cv.attention.attention_heads(np.eye(2), ["a", "b"]),
            r"\[head, query_pos, key_pos\]; it is \[2, 2\]",
        ),
        (
            lambda: cv.attention.attention_pattern(["a", "b"], np.eye(2)[None]),
            "For several heads use attention_heads",
        ),
        (
            lambda: cv.attention.attention_heads(np.eye(2)[None], ["a", "b"], ["x", "y"]),
            "2 names for 1 heads",
        ),
        (
            lambda: cv.activations.text_neuron_activations(["a"], np.ones((1, 2))),
            "tokens are of 1 samples|must be",
        ),
        (
            lambda: cv.topk_tokens.topk_tokens([["a"]], []),
            "got 1 and 0",
        ),
        (
            lambda: cv.topk_samples.topk_samples([[[["a"]]]], [[[[1, 2]]]]),
            r"Layer 0, Neuron 0: sample 0 has 1 tokens and activations \[2\]",
        ),
        (
            lambda: cv.logits.token_log_probs([1, 2], np.zeros((3, 4)), str),
            r"\[pos, d_vocab\] for these 2 tokens; they are \[3, 4\]",
        ),
        (
            lambda: cv.logits.token_log_probs([1, 2], np.zeros((2, 4)), str, top_k=5),
            "top_k is 1-4 here; got 5",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused_in_words(call: Any, message: str) -> None:
    with pytest.raises(ResultError, match=message):
        call()
