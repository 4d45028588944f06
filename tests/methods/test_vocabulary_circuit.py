"""Circuits from token to token: against the whole d_vocab × d_vocab product."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.errors import PromptError, ResultError
from interpwidgets.methods import vocabulary_circuit as module
from interpwidgets.methods.vocabulary_circuit import vocabulary_circuit
from interpwidgets.results.saved import load_result
from interpwidgets.results.vocabulary_circuit import VocabularyCircuit
from interpwidgets.show import PAGES
from tiny import tiny_llama, wrapped


@pytest.fixture(scope="module", params=["lil-attn-2l", "lilliput"])
def model(request: pytest.FixtureRequest) -> Any:
    return iw.load(request.param)


def naive(model: Any, layer: int, head: int) -> dict[str, np.ndarray]:
    """Both circuits of a Llama-like model by its parameters, norms' gains folded in."""
    root = model._module
    block, config = root.model.layers[layer], root.config
    d = config.hidden_size // config.num_attention_heads
    n_kv = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    kv = head // (config.num_attention_heads // n_kv)
    attn = getattr(block, "self_attn", None) or block.attn
    norm = getattr(block, "input_layernorm", None) or block.norm

    def cut(weight: Any, at: int) -> np.ndarray:
        return weight.detach().double().numpy()[at * d : (at + 1) * d].T

    def through(columns: np.ndarray, of: Any) -> np.ndarray:
        columns = of.weight.detach().double().numpy()[:, None] * columns
        centred = type(of).__name__ == "LayerNorm"
        return columns - columns.mean(0) if centred else columns

    embed = root.model.embed_tokens.weight.detach().double().numpy()
    unembed = through(root.lm_head.weight.detach().double().numpy().T, root.model.norm)
    q, k, v = (
        embed @ through(cut(weight, at), norm)
        for weight, at in (
            (attn.q_proj.weight, head),
            (attn.k_proj.weight, kv),
            (attn.v_proj.weight, kv),
        )
    )
    o = attn.o_proj.weight.detach().double().numpy()[:, head * d : (head + 1) * d].T
    return {"ov": v @ o @ unembed, "qk": q @ k.T}


@pytest.mark.parametrize("circuit", ["ov", "qk"])
def test_every_number_is_the_whole_products(model: Any, circuit: str) -> None:
    whole = naive(model, 1, 2)[circuit]
    n = len(whole)
    found = vocabulary_circuit(model, 1, 2, circuit, columns=list(range(n)))
    np.testing.assert_allclose(found.values, whole, atol=1e-4 * np.abs(whole).max())
    np.testing.assert_allclose(found.mean, whole.mean(1), atol=1e-4)
    np.testing.assert_allclose(found.spread, whole.std(1), rtol=1e-3)


def test_grouped_heads_read_their_own_keys() -> None:
    tiny = wrapped(tiny_llama())
    for head in range(4):
        whole = naive(tiny, 2, head)["qk"]
        found = vocabulary_circuit(tiny, 2, head, "qk", columns=list(range(64)))
        np.testing.assert_allclose(found.values, whole, atol=1e-5 * np.abs(whole).max())


def test_the_largest_of_each_row_come_first(model: Any) -> None:
    whole = naive(model, 0, 1)["ov"]
    found = vocabulary_circuit(model, 0, 1, "ov", top_k=5)
    np.testing.assert_allclose(
        found.values, -np.sort(-whole, axis=1)[:, :5], atol=1e-4 * np.abs(whole).max()
    )
    picked = np.take_along_axis(whole, found.column_ids, axis=1)
    np.testing.assert_allclose(found.values, picked, atol=1e-4 * np.abs(whole).max())
    own = np.diagonal(whole)
    np.testing.assert_allclose(found.own, own, atol=1e-4 * np.abs(whole).max())
    assert np.abs(found.own_rank - (whole > own[:, None]).sum(1)).max() <= 1


def test_rows_made_one_by_one_are_the_same(model: Any, monkeypatch: Any) -> None:
    together = vocabulary_circuit(model, 1, 0, "ov", top_k=4)
    monkeypatch.setattr(module, "CHUNK", 1)
    alone = vocabulary_circuit(model, 1, 0, "ov", top_k=4)
    np.testing.assert_allclose(alone.values, together.values, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(alone.row_ids, together.row_ids)


def test_no_more_than_a_chunk_of_the_product_is_made(monkeypatch: Any) -> None:
    model, sizes = iw.load("lilliput"), list[int]()
    monkeypatch.setattr(module, "CHUNK", 10 * 574)
    real = module._parts

    def watched(left: Any, right: Any, *more: Any) -> Any:
        for part in real(left, right, *more):
            sizes.append(len(part.ids) * right.shape[1])
            yield part

    monkeypatch.setattr(module, "_parts", watched)
    vocabulary_circuit(model, 0, 0, "ov")
    assert max(sizes) == 10 * 574
    assert len(sizes) == 58


def test_the_copying_head_writes_what_it_reads() -> None:
    """L1 H1 of the induction model: its own token is the first of most rows."""
    found = vocabulary_circuit(iw.load("lil-attn-2l"), 1, 1, "ov", top_k=1)
    assert np.mean(found.own_rank == 0) > 0.9


def test_rows_and_columns_are_words_as_the_model_reads_them() -> None:
    model = iw.load("lil-attn-2l")
    found = vocabulary_circuit(model, 1, 1, "ov", rows=["cat", "dog"], columns=["dog"])
    assert (found.rows, found.columns) == (("cat", "dog"), (("dog",),))
    frame = found.to_frame()
    assert frame["value"].tolist() == found.values[:, 0].tolist()
    assert frame["in_spreads"][1] > frame["in_spreads"][0]


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"circuit": "vo"}, ResultError, "'ov' and 'qk'; got 'vo'"),
        ({"head": 4}, ResultError, "`head` is 4; layer 0 has 4 heads, 0-3"),
        ({"layer": 2}, ResultError, "`layer` is 2"),
        ({"top_k": 0}, ResultError, "top_k counts from 1 to 64; got 0"),
        ({"rows": "cat"}, ResultError, r"rows is a list of tokens, .* got 'cat'"),
        ({"columns": []}, ResultError, "columns is a list of tokens"),
        ({"rows": ["cat dog"]}, PromptError, "is 2 tokens"),
        ({"rows": [64]}, PromptError, "outside the vocabulary, 0-63"),
    ],
)
def test_what_is_not_there_is_refused(given: Any, error: Any, match: str) -> None:
    asked = {"layer": 0, "head": 0, "circuit": "ov", **given}
    with pytest.raises(error, match=match):
        vocabulary_circuit(iw.load("lil-attn-2l"), **asked)


def test_it_is_saved_and_drawn(tmp_path: Any) -> None:
    model = iw.load("lil-attn-2l")
    for columns in (None, ["cat", "dog"]):
        found = vocabulary_circuit(model, 1, 1, "ov", rows=["cat", "dog"], columns=columns)
        other = load_result(found.save(tmp_path / "circuit"))
        assert isinstance(other, VocabularyCircuit)
        assert other.fingerprint == found.fingerprint
        page = PAGES[VocabularyCircuit](found)
        assert "L1 H1 OV" in page
        assert "&#x27;cat&#x27;" in page
        figure = found.figure()
        np.testing.assert_array_equal(np.array(figure.data[0].z), found.values)
    assert "'cat' →" in repr(found)
