"""Scores of heads: against hooked patterns and loops, on a model whose heads are known."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import AddedToken
from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

import interpwidgets as iw
from interpwidgets.errors import ModelError, PromptError, ReadTooLargeError, ScoreError
from interpwidgets.methods.head_scores import HeadScoresMethod, head_scores
from interpwidgets.models import adapter as adapters
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from interpwidgets.organisms.induction import prefix_matching_score, previous_token_score
from interpwidgets.reads.head_scores import Column
from interpwidgets.results.head_scores import SCORES, HeadScores
from tiny import CountForwards, tiny_gpt2, tiny_llama, tiny_tokenizer, wrapped

REPEATING = "the cat sat on a mat and the cat sat on"


@pytest.fixture(scope="module")
def lil() -> Any:
    return iw.load("lil-attn-2l")


@pytest.fixture(scope="module")
def found(lil: Any) -> HeadScores:
    return head_scores(lil)


def hooked(module: torch.nn.Module, ids: tuple[int, ...]) -> np.ndarray:
    """Patterns ``[layer, head, query_pos, key_pos]``, by Hugging Face's own route."""
    with torch.no_grad():
        out = module(torch.tensor([ids]), output_attentions=True)
    return torch.cat(out.attentions).float().numpy()


def by_loops(pattern: np.ndarray, ids: tuple[int, ...], lag: int) -> float:
    masses = []
    for query in range(len(ids)):
        keys = {
            s + lag for s in range(query) if ids[s] == ids[query] and 1 <= s + lag <= query - 2
        }
        keys = {key for key in keys if lag == 0 or ids[key] != ids[query]}
        if keys:
            masses.append(sum(float(pattern[query, key]) for key in keys))
    return float(np.mean(masses)) if masses else math.nan


# ------------------------------------------------------------------- the bundled model


def test_the_bundled_models_known_heads_are_named(found: HeadScores) -> None:
    previous = found.of("previous_token")
    assert np.argwhere(previous > 0.5).tolist() == [[0, 3]]
    induction = found.of("induction")
    assert np.argwhere(induction > 0.5).tolist() == [[1, head] for head in range(4)]
    assert found.best_lag[1].tolist() == [1, 1, 1, 1]
    assert (found.of("duplicate_token") < 0.1).all()


def test_scores_agree_with_those_it_was_accepted_by(lil: Any, found: HeadScores) -> None:
    ids = found.token_ids
    patterns = np.stack([hooked(lil._module, one) for one in ids])
    for layer in range(2):
        pattern = patterns[:, layer]
        np.testing.assert_allclose(
            found.of("previous_token")[layer], previous_token_score(pattern).mean(0), atol=1e-5
        )
        at_lag_1 = found.by_lag[layer, :, found.lags.index(1)]
        np.testing.assert_allclose(at_lag_1, prefix_matching_score(pattern, 15), atol=1e-5)


def test_drawn_sequences_are_a_block_of_distinct_words_twice(
    lil: Any, found: HeadScores
) -> None:
    assert (found.n, found.period) == (32, 15)
    special = {0, 1}
    for ids in found.token_ids:
        assert ids[0] == 1
        assert ids[1:16] == ids[16:]
        assert len(set(ids[1:16]) - special) == 15
    assert len(set(found.token_ids)) == 32
    again, other = head_scores(lil, n=2), head_scores(lil, n=2, seed=1)
    assert again.token_ids == found.token_ids[:2]
    assert again.token_ids != other.token_ids


def test_in_drawn_sequences_no_lag_meets_another_kind_of_head(found: HeadScores) -> None:
    assert found.lags == (*range(-8, 0), *range(1, 9))
    ids, period = found.token_ids[0], found.period
    for query in range(period + 1, len(ids)):
        keys = [query - period + lag for lag in found.lags]
        assert len(set(keys)) == 16
        assert max(keys) < query - 1


# -------------------------------------------------------------------------- the numbers


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_scores_are_those_of_loops_over_hooked_patterns(make: Any) -> None:
    model = wrapped(make())
    result = head_scores(model, n=3, period=5, lags=[1, -2])
    patterns = [hooked(model._module, ids) for ids in result.token_ids]
    for layer, head in np.ndindex(result.n_layers, result.n_heads):
        rows = [
            (pattern[layer, head], ids)
            for pattern, ids in zip(patterns, result.token_ids, strict=True)
        ]
        for at, lag in enumerate((-2, 1)):
            expected = np.mean([by_loops(*row, lag) for row in rows])
            assert result.by_lag[layer, head, at] == pytest.approx(expected, abs=1e-6)
        expected = np.mean([by_loops(*row, 0) for row in rows])
        assert result.of("duplicate_token")[layer, head] == pytest.approx(expected, abs=1e-6)
        expected = np.mean([pattern[1:, 0].mean() for pattern, _ in rows])
        assert result.of("first_token")[layer, head] == pytest.approx(expected, abs=1e-6)
        nats = [-(p * np.log(np.where(p > 0, p, 1))).sum(-1)[1:].mean() for p, _ in rows]
        assert result.of("entropy")[layer, head] == pytest.approx(np.mean(nats), abs=1e-5)
    assert result.uniform_of("entropy_share") == pytest.approx(1)


def test_batches_give_what_one_forward_gives() -> None:
    model = wrapped(tiny_gpt2())
    with CountForwards(model._module) as count:
        whole = head_scores(model, n=5)
    assert count.n == 1
    one = 4 * 40 * (4 * 4 * 40 + 64)
    with CountForwards(model._module) as count:
        parts = head_scores(model, n=5, max_bytes=2 * one)
    assert count.n == 3
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-6)
    assert parts.token_ids == whole.token_ids
    with pytest.raises(ReadTooLargeError, match=r"1 sequences of 40 tokens .* Shorten the pro"):
        head_scores(model, n=5, max_bytes=one - 1)


def test_half_precision_models_are_scored_in_float32() -> None:
    exact = head_scores(wrapped(tiny_gpt2()), n=2)
    half = head_scores(wrapped(tiny_gpt2().to(torch.bfloat16)), n=2)
    assert half.values.dtype == np.float32
    assert half.provenance.dtype == "bfloat16"
    np.testing.assert_allclose(half.of("first_token"), exact.of("first_token"), atol=0.03)


def test_fused_attention_is_switched_for_the_read_and_said() -> None:
    eager = head_scores(wrapped(tiny_gpt2()), n=2)
    fused = head_scores(wrapped(tiny_gpt2(attention="sdpa")), n=2)
    np.testing.assert_allclose(fused.values, eager.values, atol=1e-5)
    assert "sdpa before and after" in fused.provenance.note


def test_nan_weights_give_nan_scores_with_a_note() -> None:
    module = tiny_gpt2()
    with torch.no_grad():
        module.transformer.h[2].attn.c_attn.weight[:] = torch.nan
    result = head_scores(wrapped(module), n=2)
    bad = np.isnan(result.of("previous_token")).all(axis=1)
    assert bad.tolist() == [False, False, True, True]
    assert set(result.notes("previous_token")[2]) == {"its attention is NaN"}
    assert result.best("induction", 99)["note"].tolist().count("its attention is NaN") == 8


# ------------------------------------------------------------------------------ prompts


def test_text_and_its_ids_give_the_same() -> None:
    model = wrapped(tiny_gpt2())
    of_text = head_scores(model, REPEATING)
    (ids,) = of_text.token_ids
    assert list(ids) == model.tokenizer(REPEATING)["input_ids"]
    for given in (list(ids), torch.tensor(ids), np.array([ids])):
        again = head_scores(model, given)
        assert np.array_equal(again.values, of_text.values, equal_nan=True)


def test_prompts_of_several_lengths_count_alike_and_have_an_interval() -> None:
    model = wrapped(tiny_gpt2())
    texts = [REPEATING, "the cat sat", "dog ran to Paris the dog ran"]
    whole = head_scores(model, texts)
    alone = [head_scores(model, text) for text in texts]
    means = np.mean([one.of("first_token") for one in alone], axis=0)
    np.testing.assert_allclose(whole.of("first_token"), means, atol=1e-6)
    # Nothing repeats in the second: two count.
    means = np.mean([alone[at].of("duplicate_token") for at in (0, 2)], axis=0)
    np.testing.assert_allclose(whole.of("duplicate_token"), means, atol=1e-6)
    low, high = whole.interval("first_token")
    assert (low <= whole.of("first_token")).all()
    assert (whole.of("first_token") <= high).all()
    assert [len(ids) for ids in whole.token_ids] == [11, 3, 7]


def test_a_prompt_without_repeats_has_no_induction_and_says_so() -> None:
    result = head_scores(wrapped(tiny_gpt2()), "the cat sat on a mat")
    assert np.isnan(result.of("induction")).all()
    assert set(result.best("induction")["note"]) == {"no query to measure: no token repeats"}
    assert set(result.best("previous_token")["note"]) == {"no interval: one prompt"}
    assert result.best("induction")["lag"].isna().all()
    assert "no token repeats" in repr(result)


def test_one_token_has_nothing_to_measure() -> None:
    result = head_scores(wrapped(tiny_gpt2()), [5])
    frame = result.to_frame()
    assert frame["value"].isna().all()
    assert not frame["n_queries"].any()
    assert set(frame.query("score == 'entropy'")["note"]) == {"no query to measure: one token"}


def test_ids_that_equal_the_padding_are_scored_as_tokens() -> None:
    model = wrapped(tiny_gpt2())
    ids = (0, 0, 5, 6, 7, 5)
    (pattern,) = (hooked(model._module, ids),)
    expected = np.diagonal(pattern, -1, 2, 3).mean(-1)
    found = head_scores(model, list(ids)).of("previous_token")
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "the prompt is empty"),
        ("  ", "the prompt is empty: it has no token ids"),
        ([], "no token ids"),
        ([[1, 2], []], "prompt 1 is empty: it has no token ids"),
        ([99], "outside the vocabulary"),
        (3.5, "a prompt is text"),
        ({"input_ids": [[1, 2]], "position_ids": [[0, 1]]}, "takes text, token ids or chat"),
        (np.zeros((1, 2, 3), int), "a prompt is text"),
        ([5] * 65, r"65 tokens; .* was made for 64 \(n_ctx\)"),
    ],
)
def test_prompts_that_cannot_be_scored_are_refused(prompt: Any, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        head_scores(wrapped(tiny_gpt2()), prompt)


# ----------------------------------------------------------------------- drawn sequences


def test_a_model_without_a_tokenizer_draws_ids_but_those_its_config_names() -> None:
    module = tiny_llama()
    module.config.eos_token_id = [3, 7]
    result = head_scores(iw.wrap(module), n=40)
    assert result.period == 20
    drawn = {token for ids in result.token_ids for token in ids}
    assert drawn == set(range(64)) - {0, 3, 7}


def test_a_tokenizers_special_tokens_and_rows_without_a_word_are_not_drawn() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "w40"})
    tokenizer.add_tokens([AddedToken("w41", special=True)])
    bos, reserved = tokenizer.convert_tokens_to_ids(["w40", "w41"])
    assert reserved not in tokenizer.all_special_ids
    module = tiny_gpt2()
    module.resize_token_embeddings(80)
    result = head_scores(iw.wrap(module, tokenizer=tokenizer), n=40)
    assert {ids[0] for ids in result.token_ids} == {bos}
    drawn = {token for ids in result.token_ids for token in ids[1:]}
    assert drawn == set(range(2, 64)) - {bos, reserved}


def test_a_context_that_is_not_known_takes_the_whole_period(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = wrapped(tiny_llama(n_ctx=16))
    assert head_scores(model, n=1).period == 8
    known = adapters.adapter_of(model)
    unknown = dataclasses.replace(known, n_ctx=None)
    monkeypatch.setitem(adapters._CACHE, model._module, unknown)
    result = head_scores(model, n=1)
    assert (result.period, len(result.token_ids[0])) == (20, 40)
    assert "context unknown" in str(iw.describe(model))


def test_a_short_context_narrows_the_default_lags() -> None:
    result = head_scores(wrapped(tiny_gpt2(n_ctx=10)), n=1)
    assert (result.period, result.lags) == (5, (-3, -2, -1, 1, 2, 3))
    assert (result.n_queries > 0).all()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"n": 0}, "at least one sequence must be drawn; got n=0"),
        ({"period": 33}, r"a period is 3 to 32 tokens \(.* context of 64 .*; got period=33"),
        ({"period": 2}, "a period is 3 to 32 tokens"),
    ],
)
def test_sequences_that_cannot_be_drawn_are_refused(more: Any, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        head_scores(wrapped(tiny_gpt2()), **more)


def test_a_context_or_vocabulary_too_small_asks_for_a_prompt() -> None:
    with pytest.raises(PromptError, match=r"room for a block of 2 tokens .* give a prompt"):
        head_scores(wrapped(tiny_gpt2(n_ctx=5)))
    module = tiny_gpt2()
    module.resize_token_embeddings(4)
    with pytest.raises(PromptError, match="vocabulary has that many ordinary tokens"):
        head_scores(wrapped(module))


# ------------------------------------------------------------------------ what is scored


def test_chosen_scores_are_those_of_all(lil: Any, found: HeadScores) -> None:
    part = head_scores(lil, scores=["first_token", "induction", "previous_token"])
    assert part.scores == ("first_token", "induction", "previous_token")
    for score in part.scores:
        assert np.array_equal(part.of(score), found.of(score))
    assert np.array_equal(part.best_lag, found.best_lag)
    assert head_scores(lil, n=1, scores="entropy").scores == ("entropy",)


def test_an_own_score_stands_beside_the_others(lil: Any) -> None:
    def last_to_first(pattern: np.ndarray, token_ids: np.ndarray) -> np.ndarray:
        return pattern[0, :, -1, 0]

    result = head_scores(lil, n=3, scores=["induction", {"last to first": last_to_first}])
    assert result.scores == ("induction", "last to first")
    patterns = [hooked(lil._module, ids) for ids in result.token_ids]
    expected = np.mean([pattern[:, :, -1, 0] for pattern in patterns], axis=0)
    np.testing.assert_allclose(result.of("last to first"), expected, atol=1e-6)
    assert result.uniform_of("last to first") == pytest.approx(1 / 31)
    only = head_scores(lil, n=3, scores={"last to first": last_to_first})
    assert np.array_equal(only.of("last to first"), result.of("last to first"))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (["inducton"], r"no score 'inducton'. Did you mean 'induction'"),
        ([], "no score was asked for. Known: previous_token"),
        (["entropy", "a"], "no score 'a'. Known: .* An own one is a mapping of its name"),
        (["entropy", "entropy"], "'entropy' was asked for twice"),
        ({"entropy": len}, "an own score is a name that no built-in score has"),
        ({"": len}, "an own score is a name"),
        ({"mine": lambda pattern, ids: pattern}, r"'mine' must return one number a head"),
        ({"mine": lambda pattern, ids: {}["x"]}, "'mine' failed .* KeyError: 'x'"),
    ],
)
def test_scores_that_cannot_be_are_refused(lil: Any, scores: Any, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        head_scores(lil, n=1, scores=scores)


@pytest.mark.parametrize(
    ("lags", "message"),
    [
        ([0, 1], "got 0, which duplicate_token measures"),
        ([], "got none"),
        ([-14], r"from -13 to 13, .*; got -14. Give period=16 or smaller lags"),
    ],
)
def test_lags_that_cannot_be_told_apart_are_refused(lil: Any, lags: Any, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        head_scores(lil, n=1, lags=lags)


def test_an_unknown_architecture_is_refused() -> None:
    config = GPTBigCodeConfig(vocab_size=64, n_embd=32, n_layer=1, n_head=4)
    model = iw.wrap(GPTBigCodeForCausalLM(config), tokenizer=tiny_tokenizer())
    with pytest.raises(ModelError, match="model type 'gpt_bigcode' are not known"):
        head_scores(model)


def test_other_tokens_than_those_announced_are_refused(lil: Any) -> None:
    method = HeadScoresMethod(((1, 5, 6),), (Column("entropy"),))
    reader = MethodReader(lil, [method])
    capture = forward(lil, [1, 5, 7], reader)
    with pytest.raises(PromptError, match="other tokens than those to score on"):
        method.build(reader.run_of(capture))


def test_it_is_public_and_says_what_it_scores() -> None:
    assert iw.head_scores is head_scores
    assert all(f"``{score}``" in str(head_scores.__doc__) for score in SCORES)
