"""Scores before the softmax, recomputed from queries and keys in other ways than ours."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import SiteError
from interpwidgets.methods.activations import ActivationsMethod
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import ReadBackend, forward

#: Models with an attention of their own, which pass no function of transformers.
OWN = frozenset(
    {
        "bloom",
        "bloom, residual behind norm",
        "falcon",
        "falcon, alibi",
        "falcon, groups",
        "gptj",
        "lil-attn-2l",
    }
)


class ReadSites(MethodReader):
    """Reads some sites of every layer as they are."""

    def __init__(self, model: Any, *sites: str) -> None:
        super().__init__(model, [])
        self.sites = sites

    def reads(self) -> list[Read]:
        layers = range(self.adapter.n_layers)
        return [Read(site, layer, lambda t: t) for site in self.sites for layer in layers]


def read(model: Any, prompt: torch.Tensor, *sites: str) -> Capture:
    return forward(model, prompt, ReadSites(model, *sites))


def scores_by_layer(name: str) -> tuple[Any, torch.Tensor, list[torch.Tensor]]:
    model, prompt = zoo.wrapped_model(name), zoo.prompt_of(name)
    capture = read(model, prompt, "attn_scores")
    layers = range(adapter_of(model).n_layers)
    return model, prompt, [capture.values[0, "attn_scores", layer][0] for layer in layers]


def same_scores(actual: torch.Tensor, expected: torch.Tensor) -> None:
    masked = expected == -torch.inf
    assert torch.equal(actual == -torch.inf, masked)
    torch.testing.assert_close(
        actual.masked_fill(masked, 0), expected.masked_fill(masked, 0), atol=1e-5, rtol=1e-6
    )


@pytest.mark.parametrize("name", sorted(set(zoo.NAMES) - OWN))
def test_scores_are_queries_times_keys_scaled_capped_and_masked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, prompt, scores = scores_by_layer(name)
    source = sys.modules[type(model._module).__module__]
    plain: Callable[..., Any] = source.eager_attention_forward
    expected: list[torch.Tensor] = []

    def recorder(
        module: Any, query: Any, key: Any, value: Any, mask: Any, *args: Any, **more: Any
    ) -> Any:
        repeats = query.shape[1] // key.shape[1]
        keys = key.double().repeat_interleave(repeats, dim=1)
        raw = torch.einsum("bhqd,bhkd->bhqk", query.double(), keys) * more["scaling"]
        cap = more.get("softcap")
        raw = raw if cap is None else cap * torch.tanh(raw / cap)
        hidden = torch.zeros_like(raw).bool() if mask is None else (mask < -1e30)
        expected.append(raw.masked_fill(hidden, -torch.inf).float())
        return plain(module, query, key, value, mask, *args, **more)

    monkeypatch.setattr(source, "eager_attention_forward", recorder)
    with torch.no_grad():
        model._module(prompt)
    assert len(expected) == len(scores) > 0
    for ours, theirs in zip(scores, expected, strict=True):
        same_scores(ours, theirs)


def test_the_cap_of_gemma_2_is_reached_and_kept() -> None:
    _, _, scores = scores_by_layer("gemma2")
    largest = max(float(s[s.isfinite()].abs().max()) for s in scores)
    assert 1.9 < largest <= 2.0


def causal(n: int) -> torch.Tensor:
    return torch.full((n, n), -torch.inf).triu(1)


def of_bloom(model: Any, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Press et al.'s ALiBi: slope of head h of 4 is 4 ** -(h + 1), times the key position."""
    slopes = torch.tensor([4.0 ** -(head + 1) for head in range(q.shape[2])])
    bias = slopes[:, None, None] * torch.arange(q.shape[1])
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.shape[-1])
    if model._module.config.model_type == "falcon":  # it scales the bias, and adds it twice
        bias = 2 * bias / math.sqrt(q.shape[-1])
    return scores + bias + causal(q.shape[1])


def of_falcon(model: Any, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Rotary over whole heads, halves rotated."""
    d, n = q.shape[-1], q.shape[1]
    angles = torch.outer(torch.arange(n), 10_000 ** (-torch.arange(0, d, 2) / d))
    turn = torch.polar(torch.ones_like(angles), angles)[None, :, None]
    q, k = (torch.view_as_real(torch.complex(*t.chunk(2, -1)) * turn) for t in (q, k))
    k = k.repeat_interleave(q.shape[2] // k.shape[2], dim=2)
    scores = torch.einsum("bqhdc,bkhdc->bhqk", q, k) / math.sqrt(d)
    return scores + causal(n)


def of_gptj(model: Any, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Rotary over the first 4 dimensions, neighbours rotated together."""
    n, rotated = q.shape[1], model._module.config.rotary_dim
    angles = torch.outer(torch.arange(n), 10_000 ** (-torch.arange(0, rotated, 2) / rotated))
    turn = torch.polar(torch.ones_like(angles), angles)[None, :, None]

    def rotate(t: torch.Tensor) -> torch.Tensor:
        first = torch.view_as_complex(t[..., :rotated].unflatten(-1, (-1, 2)).contiguous())
        return torch.cat([torch.view_as_real(first * turn).flatten(-2), t[..., rotated:]], -1)

    scores = torch.einsum("bqhd,bkhd->bhqk", rotate(q), rotate(k)) / math.sqrt(q.shape[-1])
    return scores + causal(n)


def of_lil(model: Any, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.shape[-1])
    return scores + causal(q.shape[1])


BY_HAND = {
    "bloom": of_bloom,
    "bloom, residual behind norm": of_bloom,
    "falcon": of_falcon,
    "falcon, groups": of_falcon,
    "falcon, alibi": of_bloom,
    "gptj": of_gptj,
    "lil-attn-2l": of_lil,
}


@pytest.mark.parametrize("name", sorted(OWN))
def test_scores_of_models_with_their_own_attention_equal_those_by_hand(name: str) -> None:
    model, prompt, scores = scores_by_layer(name)
    capture = read(model, prompt, "q", "k")
    for layer, ours in enumerate(scores):
        q, k = (capture.values[0, site, layer][0] for site in "qk")
        same_scores(ours, BY_HAND[name](model, q, k))


@pytest.mark.parametrize("name", sorted(zoo.NAMES))
def test_the_softmax_of_the_scores_is_the_pattern(name: str) -> None:
    model, prompt = zoo.wrapped_model(name), zoo.prompt_of(name)
    capture = read(model, prompt, "attn_scores", "pattern")
    for layer in range(adapter_of(model).n_layers):
        scores, pattern = (
            capture.values[0, site, layer][0] for site in ("attn_scores", "pattern")
        )
        if name in zoo.SINKS:
            place = adapter_of(model).place("pattern", layer)
            sink = model._module.get_submodule(place.path).sinks.detach()
            column = sink[None, :, None, None].expand_as(scores[..., :1])
            whole = torch.cat([scores, column], -1).softmax(-1)
            rows = pattern.sum(-1) + whole[..., -1]
            torch.testing.assert_close(rows, torch.ones_like(rows), atol=1e-6, rtol=0)
            expected = whole[..., :-1]
        else:
            expected = scores.softmax(-1)
        torch.testing.assert_close(pattern, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["gptj", "llama", "gpt_oss"])
def test_masks_are_found_in_half_precision(name: str, dtype: torch.dtype) -> None:
    module = zoo.make(name).to(dtype)
    model = zoo.wrap(module)
    scores = read(model, zoo.prompt_of(name), "attn_scores").values[0, "attn_scores", 1][0]
    masked = torch.ones(7, 7).triu(1).bool()
    assert (scores[..., masked] == -torch.inf).all()
    assert scores[..., ~masked].isfinite().all()


def test_scores_see_the_users_edit_of_queries() -> None:
    model, prompt = zoo.wrapped_model("llama"), zoo.prompt_of("llama")
    reader = ReadSites(model, "attn_scores")
    captures: list[Capture] = []
    reader.deliver = captures.append  # type: ignore[method-assign]
    with model.trace(prompt, backend=ReadBackend(reader)):
        model.model.layers[1].self_attn.q_proj.output[:] = 0
    first, second = (captures[0].values[0, "attn_scores", layer][0] for layer in (0, 1))
    assert first[first.isfinite()].any()
    assert not second[second.isfinite()].any()


def test_scores_come_at_every_step_of_a_generation() -> None:
    model, prompt = zoo.wrapped_model("llama"), zoo.prompt_of("llama")
    reader = ReadSites(model, "attn_scores", "result")
    captures: list[Capture] = []
    reader.deliver = captures.append  # type: ignore[method-assign]
    with model.trace(prompt, fn=model.generate, max_new_tokens=3, backend=ReadBackend(reader)):
        pass
    visits = captures[0].values
    widths = [tuple(v.shape[-2:]) for v in visits[0, "attn_scores", 2]]
    assert widths == [(7, 7), (1, 8), (1, 9)]
    assert [v.shape[1] for v in visits[0, "result", 2]] == [7, 1, 1]


def test_keys_that_came_later_in_a_generation_have_no_score() -> None:
    model, prompt = zoo.wrapped_model("llama"), zoo.prompt_of("llama")
    method = ActivationsMethod("attn_scores")
    reader = MethodReader(model, [method])
    captures: list[Capture] = []
    reader.deliver = captures.append  # type: ignore[method-assign]
    with model.trace(prompt, fn=model.generate, max_new_tokens=3, backend=ReadBackend(reader)):
        pass
    (written,) = method.build(reader.run_of(captures[0]), ())
    whole = iw.activations(model, list(written.tokens.ids), "attn_scores")
    np.testing.assert_allclose(written.values, whole.values, atol=1e-4)


def test_an_attention_without_softmax_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    model, prompt = zoo.wrapped_model("llama"), zoo.prompt_of("llama")
    source = sys.modules[type(model._module).__module__]

    def linear_attention(
        module: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any
    ) -> Any:
        weights = (query @ key.repeat_interleave(2, 1).transpose(-1, -2)).relu()
        return (weights @ value.repeat_interleave(2, 1)).transpose(1, 2), weights

    monkeypatch.setattr(source, "eager_attention_forward", linear_attention)
    with pytest.raises(SiteError, match=r"self_attn called softmax over heads 0 times"):
        read(model, prompt, "attn_scores")
