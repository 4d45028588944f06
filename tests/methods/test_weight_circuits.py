"""Circuits by weights: against full matrices, and on heads that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import ModelError, ResultError, SiteError
from interpwidgets.methods.head_scores import head_scores
from interpwidgets.methods.singular_directions import singular_directions, small_svd
from interpwidgets.methods.weight_circuits import head_matrix, weight_circuits
from interpwidgets.models import vocabulary_weights as vocabulary
from interpwidgets.models.head_weights import attention_norms
from interpwidgets.results.weight_circuits import WeightCircuits
from interpwidgets.widgets.weights_static import weight_circuits_html
from tiny import tiny_gpt2, tiny_llama, wrapped


@pytest.fixture(scope="module")
def lil() -> Any:
    return iw.load("lil-attn-2l")


@pytest.fixture(scope="module")
def found(lil: Any) -> WeightCircuits:
    return weight_circuits(lil)


@pytest.fixture(scope="module")
def lilliput_model() -> Any:
    return iw.load("lilliput")


def without_biases(name: str) -> Any:
    module = zoo.make(name)
    for part, parameter in module.named_parameters():
        if part.endswith("bias"):
            parameter.data.zero_()
    return zoo.wrap(module)


def naive(module: Any, layer: int, head: int) -> dict[str, np.ndarray]:
    """The matrices of a Llama-like head, cut out of the weights by hand; norms folded in."""
    block, config = module.model.layers[layer], module.config
    attn = getattr(block, "self_attn", None) or block.attn
    norm = getattr(block, "input_layernorm", None) or block.norm
    d, n_kv = config.hidden_size // config.num_attention_heads, None
    n_kv = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    kv = head // (config.num_attention_heads // n_kv)

    def read(weight: torch.Tensor, at: int) -> np.ndarray:
        columns = weight.detach().double().numpy()[at * d : (at + 1) * d].T
        columns = norm.weight.detach().double().numpy()[:, None] * columns
        return columns - columns.mean(0) if isinstance(norm, torch.nn.LayerNorm) else columns

    return {
        "q": read(attn.q_proj.weight, head),
        "k": read(attn.k_proj.weight, kv),
        "v": read(attn.v_proj.weight, kv),
        "o": attn.o_proj.weight.detach().double().numpy()[:, head * d : (head + 1) * d].T,
    }


def naive_ends(module: Any) -> tuple[np.ndarray, np.ndarray]:
    norm = module.model.norm
    embed = module.model.embed_tokens.weight.detach().double().numpy()
    unembed = norm.weight.detach().double().numpy()[:, None] * (
        module.lm_head.weight.detach().double().numpy().T
    )
    if isinstance(norm, torch.nn.LayerNorm):
        unembed = unembed - unembed.mean(0)
    return embed, unembed


# ---------------------------------------------------------------------------- matrices


@pytest.mark.parametrize("head", range(4))
def test_grouped_heads_are_cut_out_of_the_weights(head: int) -> None:
    module = tiny_llama()
    parts = naive(module, 1, head)
    ov = head_matrix(wrapped(module), 1, head, "ov")
    np.testing.assert_allclose(ov, parts["v"] @ parts["o"], atol=1e-5)
    qk = head_matrix(wrapped(module), 1, head, "qk")
    np.testing.assert_allclose(qk, parts["q"] @ parts["k"].T, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["gpt2", "gpt_neox", "phi3", "bloom", "falcon, groups", "gptj", "gemma", "opt"]
)
def test_a_lone_token_is_moved_as_the_matrix_says(name: str) -> None:
    """On one token all attention is on it: what heads write is its stream times OV."""
    model = without_biases(name)
    stream = iw.activations(model, [7], "resid_pre", layers=[1]).values[0, 0]
    result = iw.activations(model, [7], "result", layers=[1]).values[0, 0]
    said = np.stack([stream @ head_matrix(model, 1, head, "ov") for head in range(4)])
    scale = float((said * result).sum() / (said * said).sum())
    np.testing.assert_allclose(said * scale, result, atol=1e-4 * np.abs(result).max())


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "phi3", "llama", "gptj"])
def test_a_lone_token_scores_itself_as_the_matrix_says(name: str) -> None:
    """At position 0 nothing is rotated, so that scores are QK up to the norm's scale."""
    model = without_biases(name)
    stream = iw.activations(model, [7], "resid_pre", layers=[1]).values[0, 0]
    scores = iw.activations(model, [7], "attn_scores", layers=[1]).values[0, :, 0, 0]
    said = [stream @ head_matrix(model, 1, head, "qk") @ stream for head in range(4)]
    ratio = np.array(said) / scores
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
    assert ratio[0] > 0


@pytest.mark.parametrize(
    ("name", "before", "behind"),
    [
        ("gpt2", "ln_1", None),
        ("llama", "input_layernorm", None),
        ("gemma2", "input_layernorm", "post_attention_layernorm"),
        ("olmo2", None, "post_attention_layernorm"),
        ("falcon, groups", "ln_attn", None),
        ("lil-attn-2l", "norm", None),
    ],
)
def test_the_norms_around_attention_are_found(
    name: str, before: str | None, behind: str | None
) -> None:
    model = zoo.wrapped_model(name)
    module = model._module
    block = zoo_block(module, 1)
    plus_one = 1.0 if name == "gemma2" else 0.0
    norms = attention_norms(model)[1]
    for norm, path in ((norms.before, before), (norms.behind, behind)):
        assert (norm is None) is (path is None)
        if norm is not None and path is not None:
            expected = plus_one + block.get_submodule(path).weight
            torch.testing.assert_close(norm.gain.float(), expected.detach())


def zoo_block(module: Any, layer: int) -> torch.nn.Module:
    inside = getattr(module, "model", None) or module.transformer
    blocks = getattr(inside, "layers", None) or inside.h
    return blocks[layer]


# ----------------------------------------------------------------------------- copying


def test_eigenvalues_of_the_small_product_are_those_of_the_full_circuit(
    lil: Any, lilliput_model: Any
) -> None:
    for model, layer, head in ((lil, 1, 2), (lilliput_model, 2, 1)):
        parts, (embed, unembed) = naive(model._module, layer, head), naive_ends(model._module)
        full = np.linalg.eigvals(embed @ parts["v"] @ parts["o"] @ unembed)
        found = weight_circuits(model, layers=[layer], n_tokens=1, n_random=2)
        values = found.eigenvalues[0, head].astype(np.float64)
        small = values[:, 0] + 1j * values[:, 1]
        n, size = len(small), np.abs(full).max()
        largest = full[np.argsort(-np.abs(full))]
        assert np.abs(largest[n:]).max() < 1e-6 * size
        for one in largest[:n]:
            assert np.abs(small - one).min() < 1e-4 * size
        expected = full.sum().real / np.abs(full).sum()
        assert found.copying[0, head] == pytest.approx(expected, abs=1e-4)


def test_the_diagonal_is_that_of_the_full_circuit_whatever_the_chunk(
    lil: Any, found: WeightCircuits, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed, unembed = naive_ends(lil._module)
    for layer, head in np.ndindex(2, 4):
        parts = naive(lil._module, layer, head)
        full = embed @ parts["v"] @ parts["o"] @ unembed
        rank = (full > np.diag(full)[:, None]).sum(axis=1)
        assert found.diagonal_rank[layer, head] == pytest.approx(rank.mean() / 63, abs=1e-3)
        assert found.top_1[layer, head] == pytest.approx((rank < 1).mean(), abs=0.02)
        assert found.top_5[layer, head] == pytest.approx((rank < 5).mean(), abs=0.02)
    monkeypatch.setattr("interpwidgets.methods.weight_circuits.CHUNK", 200)
    monkeypatch.setattr(vocabulary, "CHUNK", 200)
    again = weight_circuits(lil)
    np.testing.assert_array_equal(again.diagonal_rank, found.diagonal_rank)
    np.testing.assert_allclose(again.copying, found.copying, atol=1e-6)


def test_a_sample_of_the_vocabulary_is_stated(lilliput_model: Any) -> None:
    few = weight_circuits(lilliput_model, layers=[3], n_tokens=50, n_random=2)
    whole = weight_circuits(lilliput_model, layers=[3], n_tokens=10_000, n_random=2)
    assert (few.n_tokens, whole.n_tokens) == (50, whole.d_vocab)
    assert np.abs(few.top_5 - whole.top_5).max() < 0.3
    assert "over 50 tokens" in weight_circuits_html(few)


# ------------------------------------------------------------------------- composition


@pytest.mark.parametrize("name", ["lil-attn-2l", "lilliput"])
def test_composition_is_that_of_full_matrices(name: str) -> None:
    model = iw.load(name)
    module, result = model._module, weight_circuits(model, n_tokens=1, n_random=2)
    n_layers = len(result.layers)
    for one, h, other, g in np.ndindex(n_layers, 4, n_layers, 4):
        got = result.composition[:, one, h, other, g]
        if one >= other:
            assert np.isnan(got).all()
            continue
        first, second = naive(module, one, h), naive(module, other, g)
        ov, qk = first["v"] @ first["o"], second["q"] @ second["k"].T
        later = second["v"] @ second["o"]
        norm = np.linalg.norm
        expected = [
            norm(ov @ qk) / norm(ov) / norm(qk),
            norm(ov @ qk.T) / norm(ov) / norm(qk),
            norm(ov @ later) / norm(ov) / norm(later),
        ]
        np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_random_weights_compose_and_copy_as_the_control_says() -> None:
    module = tiny_gpt2()
    for parameter in module.parameters():
        parameter.data = torch.randn_like(parameter)
    result = weight_circuits(wrapped(module), fold_norms=False, n_random=300)
    low, high = result.baseline_interval
    scores = result.composition[np.isfinite(result.composition)]
    assert len(scores) == 3 * 6 * 16
    assert 0.88 < ((scores > low) & (scores < high)).mean() < 0.99
    less, more = result.copying_interval
    assert ((result.copying > less) & (result.copying < more)).mean() > 0.75


def test_the_previous_token_head_feeds_the_keys_of_the_induction_heads(
    lil: Any, found: WeightCircuits
) -> None:
    heads = head_scores(lil, n=8)
    previous = heads.ranked("previous_token")[0]
    best = found.pairs("k", 4)
    assert set(zip(best["layer"], best["head"], strict=True)) == {previous}
    assert set(best["to_layer"]) == {1}
    # Beyond all random matrices, but under twice their mean: 1.8 times.
    assert (best["score"] > found.composition_random.max()).all()
    assert 1.6 < best["ratio"].max() < 2.0
    assert found.pairs(n=1)["kind"].tolist() == ["k"]


def test_induction_heads_copy(lil: Any, found: WeightCircuits) -> None:
    assert (found.copying[1] > found.copying_interval[1]).all()
    assert (found.top_5[1] > 0.9).all()


# ----------------------------------------------------------------- singular directions


def test_the_small_decomposition_is_that_of_the_full_matrix() -> None:
    generator = torch.Generator().manual_seed(0)
    v, o = torch.randn(20, 4, generator=generator), torch.randn(4, 20, generator=generator)
    left, values, right = small_svd(v, o)
    torch.testing.assert_close(values, torch.linalg.svdvals(v @ o)[:4])
    torch.testing.assert_close(left @ values.diag() @ right, v @ o, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(left.T @ left, torch.eye(4), atol=1e-5, rtol=0)


def test_words_of_a_heads_directions_are_those_of_the_full_svd(lilliput_model: Any) -> None:
    result = singular_directions(lilliput_model, 3, 0, n=3, top_k=5)
    parts, (embed, unembed) = (
        naive(lilliput_model._module, 3, 0),
        naive_ends(lilliput_model._module),
    )
    left, values, right = np.linalg.svd(parts["v"] @ parts["o"])
    np.testing.assert_allclose(result.singular, values[:3], rtol=1e-4)
    words = lilliput_model.tokenizer.convert_ids_to_tokens
    for rank in range(3):
        logits = right[rank] @ unembed
        sign = 1 if logits.max() >= -logits.min() else -1
        assert result.write[rank] == tuple(words((-sign * logits).argsort()[:5].tolist()))
        assert result.lower[rank] == tuple(words((sign * logits).argsort()[:5].tolist()))
        seen = sign * embed @ left[:, rank]
        assert result.read[rank] == tuple(words((-seen).argsort()[:5].tolist()))
        assert result.write_logit[rank, 0] == pytest.approx(np.abs(logits).max(), rel=1e-4)
    assert result.share.sum() < 1


def test_an_mlps_directions_are_those_of_its_output_weights(lilliput_model: Any) -> None:
    result = singular_directions(lilliput_model, 1, n=4)
    weight = lilliput_model._module.model.layers[1].mlp.down_proj.weight
    expected = torch.linalg.svdvals(weight.detach())[:4]
    np.testing.assert_allclose(result.singular, expected.numpy(), rtol=1e-4)
    assert (result.name, result.read) == ("L1 MLP", ())
    assert result.random_interval[0] > 0


# ------------------------------------------------------------------------------ refusals


def test_what_is_not_there_is_refused(lil: Any) -> None:
    with pytest.raises(ResultError, match=r"`layer` is 2; .* has 2 layers, 0-1"):
        weight_circuits(lil, layers=[2])
    with pytest.raises(ResultError, match="at least one token and two random draws"):
        weight_circuits(lil, n_random=1)
    with pytest.raises(ResultError, match="circuits 'ov' and 'qk'; got 'vo'"):
        head_matrix(lil, 0, 0, "vo")
    with pytest.raises(ResultError, match=r"`head` is 4; layer 1 has 4 heads, 0-3"):
        singular_directions(lil, 1, 4)
    with pytest.raises(ResultError, match="top_k to 64; got 8, 65"):
        singular_directions(lil, 1, 0, top_k=65)
    with pytest.raises(SiteError, match="has no site 'mlp_post'"):
        singular_directions(lil, 1)


def test_a_model_without_a_last_norm_or_logits_is_refused() -> None:
    with pytest.raises(SiteError, match="has no site 'ln_final'"):
        weight_circuits(zoo.wrapped_model("bert"))
    model = zoo.wrapped_model("gpt2")
    headless = iw.wrap(model._module.transformer)
    with pytest.raises((SiteError, ModelError), match="has no site 'logits'"):
        weight_circuits(headless)
