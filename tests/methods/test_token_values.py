"""Surprisal against torch's own loss, and attention received against a plain loop."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.errors import ModelError, ReadTooLargeError, ResultError
from interpwidgets.methods.token_values import attention_received, surprisal
from interpwidgets.reads import surprisal as surprisal_read
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.token_values import TokenValues
from tiny import CountForwards, chat_tokenizer, tiny_gpt2, tiny_llama, wrapped
from zoo import DECODERS, prompt_of, wrapped_model

PROMPT = "the cat sat on a mat and the cat"


@pytest.fixture(scope="module")
def model() -> Any:
    return wrapped(tiny_gpt2())


def logprobs_of(module: torch.nn.Module, ids: Any) -> torch.Tensor:
    with torch.no_grad():
        return module(torch.tensor([ids])).logits[0].log_softmax(-1)


# --------------------------------------------------------------------------- surprisal


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_the_sum_is_the_models_loss_times_the_tokens_less_one(make: Any) -> None:
    model = wrapped(make())
    found = surprisal(model, PROMPT)
    ids = torch.tensor([found.tokens.ids])
    with torch.no_grad():
        loss = float(model._module(ids, labels=ids).loss)
    assert np.nansum(found.values) == pytest.approx(loss * (ids.shape[1] - 1), rel=1e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_it_holds_for_every_architecture(name: str) -> None:
    model, ids = wrapped_model(name), prompt_of(name)
    with torch.no_grad():
        logits = model._module(ids).logits.float()
    expected = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="sum")
    found = surprisal(model, ids[0].tolist(), prepend_bos=False, top_k=1)
    assert np.nansum(found.values) == pytest.approx(float(expected), rel=1e-4)


def test_each_token_and_what_was_expected_are_torchs(model: Any) -> None:
    found = surprisal(model, PROMPT, top_k=5)
    logprobs = logprobs_of(model._module, found.tokens.ids)
    assert found.top_logprob is not None and found.rank is not None
    for pos, token_id in enumerate(found.tokens.ids[1:], start=1):
        before = logprobs[pos - 1]
        assert found.values[0, pos] == pytest.approx(-float(before[token_id]), abs=1e-5)
        best = before.topk(5)
        np.testing.assert_allclose(found.top_logprob[pos], best.values, atol=1e-5)
        assert list(found.top_text[pos]) == [
            model.tokenizer.decode([int(i)]) for i in best.indices
        ]
        order = before.argsort(descending=True).tolist()
        assert found.rank[pos] == order.index(token_id)


def test_the_first_token_has_no_value(model: Any) -> None:
    found = surprisal(model, PROMPT)
    assert (found.absent, found.top_text[0]) == ((0,), ())
    assert np.isnan(found.values[0, 0])
    assert found.rank is not None and found.rank[0] == -1
    assert found.nonfinite().tolist() == [0]


def test_working_in_small_chunks_changes_nothing(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = surprisal(model, PROMPT)
    monkeypatch.setattr(surprisal_read, "CHUNK", 1)
    parts = surprisal(model, PROMPT)
    np.testing.assert_array_equal(whole.values, parts.values)
    assert whole.top_text == parts.top_text


def test_nothing_expected_need_be_kept(model: Any) -> None:
    found = surprisal(model, PROMPT, top_k=0)
    assert (found.top_text, found.top_logprob) == ((), None)
    np.testing.assert_array_equal(found.values, surprisal(model, PROMPT).values)


@pytest.mark.parametrize("prompts", [["the cat sat", "the dog ran to Paris in France"]])
def test_a_padded_batch_has_each_prompts_own_values(model: Any, prompts: list[str]) -> None:
    board = iw.Board(model)
    view = board.surprisal()
    board.run(prompts)
    assert view.result.prompt_count == 2
    for result, prompt in zip(view.results, prompts, strict=True):
        alone = surprisal(model, prompt)
        assert result.tokens.ids == alone.tokens.ids
        assert result.absent == (0,)
        np.testing.assert_allclose(result.values, alone.values, atol=1e-4)


@pytest.mark.parametrize("cached", [True, False])
def test_generated_tokens_have_the_values_of_one_forward(model: Any, cached: bool) -> None:
    board = iw.Board(model)
    view = board.surprisal(top_k=3)
    torch.manual_seed(1)
    with board.generate(PROMPT, max_new_tokens=5, do_sample=True, use_cache=cached):
        pass
    found: TokenValues = view.result
    whole = surprisal(model, list(found.tokens.ids), prepend_bos=False, top_k=3)
    new = np.array(found.tokens.generated)
    assert new.sum() >= 4  # the last token that was drawn never went through the model
    np.testing.assert_allclose(found.values[:, new], whole.values[:, new], atol=1e-4)
    assert [found.top_text[i] for i in np.flatnonzero(new)] == [
        whole.top_text[i] for i in np.flatnonzero(new)
    ]
    assert found.absent == tuple(np.flatnonzero(~new))
    assert "computes no logits within its prompt" in found.provenance.note


def test_one_forward_feeds_attention_and_surprisal(model: Any) -> None:
    board = iw.Board(model)
    patterns, values = board.attention(), board.surprisal()
    with CountForwards(model._module) as counted:
        board.run(PROMPT)
    assert counted.n == 1
    assert patterns.result.tokens == values.result.tokens
    assert patterns.result.provenance.run == values.result.provenance.run


def test_an_edit_in_the_block_is_in_the_values(model: Any) -> None:
    board = iw.Board(model)
    view = board.surprisal()
    with board.trace(PROMPT):
        model.lm_head.output[:] = 0.0
    np.testing.assert_allclose(view.result.values[0, 1:], np.log(64), rtol=1e-6)


def test_a_run_that_stops_before_the_output_says_so(model: Any) -> None:
    board = iw.Board(model)
    view = board.surprisal()
    with board.trace(PROMPT) as tracer:
        model.transformer.h[0].output.save()
        tracer.stop()
    assert view.status["kind"] == "stale"
    assert "stopped before the model's output" in view.status["message"]
    assert view.result.absent == tuple(range(9))


def test_a_chats_turns_are_kept() -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer())
    found = surprisal(model, [{"role": "user", "content": "the cat"}])
    assert [role for role, _ in found.tokens.turns()][:1] == ["user"]


def test_a_model_without_next_tokens_is_refused() -> None:
    with pytest.raises(ModelError, match="reads text from left to right"):
        surprisal(wrapped_model("bert"), [1, 2, 3])


def test_more_than_the_vocabulary_is_refused(model: Any) -> None:
    with pytest.raises(ResultError, match="top_k is 0-64 for this vocabulary; got 65"):
        surprisal(model, PROMPT, top_k=65)


def test_too_much_is_refused_before_the_run(model: Any) -> None:
    with pytest.raises(ReadTooLargeError, match="Ask for fewer top_k"):
        surprisal(model, PROMPT, max_bytes=100)


# ------------------------------------------------------------------- attention received


def random_pattern(n: int, *, causal: bool = True) -> AttentionPattern:
    weights = np.random.default_rng(0).random((2, 3, n, n))
    weights = np.tril(weights) if causal else weights
    return AttentionPattern.of_arrays(
        [f"t{i}" for i in range(n)], weights / weights.sum(-1, keepdims=True), causal=causal
    )


@pytest.mark.parametrize("causal", [True, False])
def test_attention_received_is_the_mean_over_other_queries(causal: bool) -> None:
    pattern = random_pattern(6, causal=causal)
    found = attention_received(pattern, [(1, 2)])
    weights = pattern.weights(1, 2)
    for key in range(5):
        queries = [q for q in range(6) if (q > key if causal else q != key)]
        mean = np.mean([weights[q, key] for q in queries])
        assert found.values[0, key] == pytest.approx(mean, rel=1e-5)


def test_with_the_diagonal_it_sums_to_the_queries() -> None:
    pattern = random_pattern(7)
    found = attention_received(pattern)
    later = np.arange(6, -1, -1)
    for row, name in enumerate(found.rows):
        layer, head = divmod(row, 3)
        assert name == f"L{layer} H{head}"
        received = np.nan_to_num(found.values[row]) * later
        total = received.sum() + np.trace(pattern.weights(layer, head))
        assert total == pytest.approx(7, abs=5e-3)


def test_the_last_token_of_a_causal_model_receives_nothing_by_definition() -> None:
    found = attention_received(random_pattern(4))
    assert found.absent == (3,)
    assert np.isnan(found.values[:, 3]).all()
    assert attention_received(random_pattern(4, causal=False)).absent == ()


def test_a_hidden_sink_receives_nothing_by_definition() -> None:
    pattern = random_pattern(4).without_sink()
    found = attention_received(pattern, [(0, 1)])
    assert found.absent == (0, 3)
    assert found.values[0, 2] == pytest.approx(pattern.weights(0, 1)[3, 2], rel=1e-3)


def test_a_difference_is_received_with_its_sign_and_says_of_what() -> None:
    pattern = random_pattern(5)
    other = AttentionPattern.of_arrays(list(pattern.tokens.text), pattern.pattern * 0)
    found = attention_received(other.difference(pattern), [(0, 0)])
    plain = attention_received(pattern, [(0, 0)])
    np.testing.assert_allclose(found.values[0, :4], -plain.values[0, :4], atol=1e-3)
    assert found.signed
    assert found.title.startswith("Attention received, minus ")


def test_tokens_that_the_other_prompt_lacks_do_not_hide_the_others() -> None:
    one = random_pattern(4)
    words = ["t0", "x", "t2", "t3"]
    other = AttentionPattern.of_arrays(words, one.pattern.astype(np.float32))
    found = attention_received(one.difference(other, align="text"), [(0, 0)])
    assert found.nonfinite().tolist() == [1]
    np.testing.assert_array_equal(found.values[0, [0, 2]], 0)


def test_scores_are_refused() -> None:
    scores = dataclasses.replace(random_pattern(4), measure="score", signed=True)
    with pytest.raises(ResultError, match="scores before the softmax add up to nothing"):
        attention_received(scores)


def test_heads_come_in_the_order_that_was_asked_for() -> None:
    pattern = random_pattern(4)
    found = attention_received(pattern, [(1, 2), (0, 0)])
    assert (found.rows, found.row_axes) == (("L1 H2", "L0 H0"), ())
    assert attention_received(pattern).row_axes[0] == ("layer", ("L0", "L1"))


def test_heads_that_are_not_held_are_refused() -> None:
    with pytest.raises(ResultError, match="L5 H0 is not held"):
        attention_received(random_pattern(4), [(5, 0)])
    with pytest.raises(ResultError, match="no head was asked for"):
        attention_received(random_pattern(4), [])
