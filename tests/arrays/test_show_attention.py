"""Attention patterns from arrays, model outputs and caches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.errors import ResultError
from tiny import tiny_gpt2, tiny_tokenizer

WORDS = ["The", " cat", " sat"]
PATTERN = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]])


class ActivationCache:
    """What a cache of TransformerLens is, by its documentation: names to tensors.

    It takes full names and short ones, and iterating over it gives no names.
    """

    def __init__(self, n_layers: int, shape: tuple[int, ...]) -> None:
        names = [f"blocks.{i}.attn.hook_pattern" for i in reversed(range(n_layers))]
        patterns = torch.rand((n_layers, *shape)).tril()
        self.cache_dict: dict[str, torch.Tensor] = {"hook_embed": torch.zeros(3)}
        self.cache_dict |= dict(zip(names, patterns, strict=True))

    def __getitem__(self, key: Any) -> torch.Tensor:
        if isinstance(key, tuple):
            key = f"blocks.{key[1]}.attn.hook_{key[0]}"
        return self.cache_dict[key]

    def keys(self) -> Any:
        return self.cache_dict.keys()

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("not iterable")

    def __len__(self) -> int:
        return len(self.cache_dict)


@pytest.mark.parametrize(
    ("attention", "layers", "heads"),
    [
        (PATTERN, 1, 1),
        (PATTERN.tolist(), 1, 1),
        (np.stack([PATTERN] * 2), 1, 2),
        (torch.tensor(np.stack([PATTERN] * 2)).bfloat16(), 1, 2),
        ([PATTERN, PATTERN], 1, 2),
        (np.stack([[PATTERN] * 4] * 2), 2, 4),
        ([torch.tensor(PATTERN)[None]] * 3, 3, 1),
        (tuple(torch.tensor(PATTERN)[None, None] for _ in range(3)), 3, 1),
    ],
)
def test_arrays_of_any_depth(attention: Any, layers: int, heads: int) -> None:
    result = iw.show_attention(WORDS, attention).result
    assert (len(result.layers), len(result.heads)) == (layers, heads)
    for layer in range(layers):
        np.testing.assert_array_equal(result.weights(layer, heads - 1), PATTERN)
    assert result.causal


def test_weights_above_the_diagonal_show_that_nothing_is_masked() -> None:
    even = np.full((3, 3), 1 / 3)
    assert not iw.show_attention(WORDS, even).result.causal
    assert iw.show_attention(WORDS, even, causal=True).result.causal


def test_a_hugging_face_output_equals_our_own_read() -> None:
    module = tiny_gpt2()
    ids = torch.tensor([[2, 3, 4, 5]])
    with torch.no_grad():
        output = module(ids, output_attentions=True)
    given = iw.show_attention(ids, output, tokenizer=tiny_tokenizer()).result
    ours = iw.attention(module, ids[0].tolist()).result
    np.testing.assert_allclose(
        given.pattern.astype(float), ours.pattern.astype(float), atol=1e-3
    )
    same = iw.show_attention(ids, output.attentions, tokenizer=tiny_tokenizer()).result
    np.testing.assert_array_equal(same.pattern, given.pattern)
    assert given.tokens.text[:2] == ("the", "cat")


def test_a_batch_has_a_view_for_each_prompt() -> None:
    batch = tuple(torch.tensor(np.stack([[PATTERN], [PATTERN / 2]])) for _ in range(2))
    other = ["a", "b", "c"]
    view = iw.show_attention([WORDS, other], batch)
    assert [r.tokens.text for r in view.results] == [tuple(WORDS), tuple(other)]
    assert view.results[1].prompt_count == 2
    assert view.results[1].weights(1, 0)[0, 0] == 0.5
    alone = iw.show_attention([WORDS, other], batch, prompt=1).result
    assert (alone.prompt_count, alone.tokens.text) == (1, tuple(other))


@pytest.mark.parametrize("shape", [(1, 4, 3, 3), (4, 3, 3)])
def test_a_cache_of_transformer_lens(shape: tuple[int, ...]) -> None:
    cache = ActivationCache(2, shape)
    result = iw.show_attention(WORDS, cache).result
    assert (result.layers, len(result.heads)) == ((0, 1), 4)
    for layer in (0, 1):
        kept = cache["pattern", layer].reshape(4, 3, 3).numpy()
        np.testing.assert_allclose(result.weights(layer, 2), kept[2], atol=5e-4)


def test_a_dictionary_with_short_names_and_some_layers() -> None:
    result = iw.show_attention(WORDS, {("pattern", 5): PATTERN[None]}).result
    assert result.layers == (5,)


def test_a_difference_may_be_negative_when_it_says_of_what() -> None:
    result = iw.show_attention(WORDS, -PATTERN / 2, less="the clean run").result
    assert (result.signed, result.less, result.scale) == (True, "the clean run", 0.5)
    np.testing.assert_array_equal(result.weights(0, 0), -PATTERN / 2)


def test_weights_beyond_one_have_their_own_scale() -> None:
    assert iw.show_attention(WORDS, 3 * PATTERN).result.scale == 3


class NoAttentions:
    attentions = None


class Generated:
    """Of a generation: a part for each step."""

    attentions = ((torch.zeros(1, 1, 3, 3),),) * 2


@pytest.mark.parametrize(
    ("tokens", "attention", "message"),
    [
        (WORDS, PATTERN[0], r"or \[layer, head, query_pos, key_pos\]; it is \[3\]"),
        (
            ["a", "b"],
            PATTERN,
            r"= \(1, 2, 2\) for these 2 tokens; that of layer 0 is \(1, 3, 3\)",
        ),
        (WORDS, NoAttentions(), "output_attentions=True"),
        (WORDS, {"hook_embed": PATTERN}, "no attention patterns .* it holds hook_embed"),
        (WORDS, {"blocks.0.attn.hook_pattern": PATTERN}, r"got \[\(3, 3\)\]"),
        (WORDS, Generated(), "of a generation, one part a step; run the model once"),
        (WORDS, None, "must be an array, a model's output or a cache; got None"),
        (
            np.ones((1, 3, 3)),
            WORDS,
            r"tokens come first: iw.show_attention\(tokens, attention\)",
        ),
        (WORDS, -PATTERN, "weights are not negative; the least is -1"),
        (
            WORDS,
            (torch.zeros(2, 1, 3, 3),),
            "of 2 prompts; give a list with the tokens of each",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tokens: Any, attention: Any, message: str) -> None:
    with pytest.raises(ResultError, match=message):
        iw.show_attention(tokens, attention)


def test_a_prompt_that_is_not_there_is_refused() -> None:
    with pytest.raises(ResultError, match="prompt is 1; attention is of 1, 0-0"):
        iw.show_attention(WORDS, PATTERN, prompt=1)
