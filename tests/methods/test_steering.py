"""Steered text and its dose-response: laws, and a sentiment that turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.directions import Direction
from interpwidgets.errors import InterventionError, MetricError, PromptError
from interpwidgets.interventions.dial import Dial
from interpwidgets.methods.dose_response import dose_response
from interpwidgets.methods.steering import dial, steered_text
from interpwidgets.organisms.lilliput.sentences import sentiment
from interpwidgets.results.saved import load_result
from tiny import tiny_llama, wrapped

PROMPT = "the cat sat on a mat"


def random_direction(model: Any, layer: int = 1) -> Direction:
    drawn = np.random.default_rng(0).standard_normal(model._module.config.hidden_size)
    return Direction(drawn, layer=layer, name="anything")


@pytest.fixture(scope="module")
def tiny() -> Any:
    return wrapped(tiny_llama())


@pytest.fixture(scope="module")
def lilliput() -> Any:
    return iw.load("lilliput")


@pytest.fixture(scope="module")
def positive(lilliput: Any) -> Direction:
    """The mean difference of positive and negative reviews, at their last token."""
    examples = sentiment(40, split="trained")
    last = [
        iw.activations(lilliput, one.prompt, "resid_post", layers=[3]).values[0, -1]
        for one in examples
    ]
    is_positive = np.array([one.answer == "positive" for one in examples])
    mean = [np.mean(np.array(last)[is_positive == side], axis=0) for side in (True, False)]
    return Direction(mean[0] - mean[1], layer=3, name="positive")


def test_a_dials_unit_is_the_mean_norm_beyond_the_first_position(tiny: Any) -> None:
    norms: list[float] = []
    for text in (PROMPT, "a dog"):
        ids = tiny.tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            states = tiny._module(**ids, output_hidden_states=True).hidden_states
        norms += states[2][0, 1:].norm(dim=-1).tolist()
    found = dial(tiny, random_direction(tiny), [PROMPT, "a dog"])
    assert found.units == {1: pytest.approx(np.mean(norms), rel=1e-5)}


def test_strength_is_in_units_whatever_the_directions_length(tiny: Any) -> None:
    direction = random_direction(tiny)
    for scale in (0.1, 50.0):
        (part,) = Dial(direction * scale, {1: 3.0}).at(2.0)
        added = part.scale * np.asarray(part.direction)
        assert np.linalg.norm(added) == pytest.approx(6.0, rel=1e-5)
    assert Dial(direction, {1: 3.0}).at(0) == ()


def test_a_strength_of_0_is_the_base_text_exactly(tiny: Any) -> None:
    direction = random_direction(tiny)
    for parts in ((), [iw.interventions.Add(direction, 0.0)]):
        result = steered_text(tiny, PROMPT, parts, max_new_tokens=8)
        assert result.base == result.steered
        np.testing.assert_array_equal(result.base_logprob, result.steered_logprob)
        assert result.changed() == ((), ())


def test_log_probabilities_are_those_of_the_model_as_it_is(tiny: Any) -> None:
    parts = Dial(random_direction(tiny), {1: 5.0}).at(3.0)
    result = steered_text(tiny, PROMPT, parts, max_new_tokens=6)
    assert result.base != result.steered
    ids = torch.tensor([result.steered.ids])
    with torch.no_grad():
        logprob = tiny._module(ids).logits[0].log_softmax(-1)
    expected = logprob[:-1].gather(1, ids[0, 1:, None])[:, 0].numpy()
    n = result.n_prompt
    np.testing.assert_allclose(result.steered_logprob[n:], expected[n - 1 :], atol=1e-4)
    assert np.isnan(result.steered_logprob[:n]).all()
    assert result.steered_loss == pytest.approx(-expected[n - 1 :].mean(), abs=1e-4)


def test_what_differs_is_found_by_the_longest_common_parts(tiny: Any) -> None:
    parts = Dial(random_direction(tiny), {1: 5.0}, positions="new").at(3.0)
    result = steered_text(tiny, PROMPT, parts, max_new_tokens=8)
    base, steered = result.changed()
    kept = [
        [one for pos, one in enumerate(tokens.ids) if pos not in changed]
        for tokens, changed in ((result.base, base), (result.steered, steered))
    ]
    assert kept[0] == kept[1]
    n, wrote = result.n_prompt, len(result.steered)
    assert result.touched == (tuple(range(n, wrote - 1)),)


def test_results_come_back_from_disk(tiny: Any, tmp_path: Path) -> None:
    one = Dial(random_direction(tiny), {1: 5.0})
    text = steered_text(tiny, PROMPT, one.at(1.0), max_new_tokens=4)
    again = load_result(text.save(tmp_path / "text"))
    assert again.to_frame().equals(text.to_frame())
    assert iw.interventions.from_json(again.interventions).parts == one.at(1.0)
    for n_random in (0, 2):
        response = dose_response(
            tiny,
            one,
            PROMPT,
            metric=len,
            strengths=[0, 1],
            n_random=n_random,
            max_new_tokens=3,
        )
        again = load_result(response.save(tmp_path / "response"))
        assert again.to_frame().equals(response.to_frame())
        assert again.texts == response.texts


def test_every_row_of_the_sweep_equals_a_run_of_its_own(tiny: Any) -> None:
    one = Dial(random_direction(tiny), {1: 5.0})
    response = dose_response(
        tiny,
        one,
        [PROMPT, "a dog"],
        answers=["cat", "dog"],
        strengths=[-1.0, 0.0, 2.0],
        n_random=2,
        max_new_tokens=4,
        batch=3,
    )
    for p, prompt in enumerate((PROMPT, "a dog")):
        for at, strength in enumerate(response.strengths):
            alone = steered_text(tiny, prompt, one.at(strength), max_new_tokens=4)
            assert response.texts[p][at] == alone.text()
            assert response.loss[p, at] == pytest.approx(alone.steered_loss, abs=1e-4)
            board = iw.Board(tiny)
            reads: list[Any] = []
            with board.trace(prompt, interventions=one.at(strength)):
                reads.append(tiny.lm_head.output[0, -1].save())
            wanted = reads[0].detach().double().softmax(-1)
            ids = [tiny.tokenizer.convert_tokens_to_ids(word) for word in ("cat", "dog")]
            assert response.effect[p, at] == pytest.approx(float(wanted[ids].sum()), abs=1e-6)
    same = response.control_effect[:, :, 1]
    np.testing.assert_array_equal(same, np.broadcast_to(response.effect[:, 1], same.shape))


def test_sentiment_turns_with_the_strength_and_random_directions_do_not(
    lilliput: Any, positive: Direction
) -> None:
    held_out = [one.prompt for one in sentiment(6)]
    response = dose_response(
        lilliput,
        dial(lilliput, positive, held_out),
        held_out,
        answers=("positive", "negative"),
        metric="logit_difference",
        strengths=np.linspace(-0.6, 0.6, 9),
        n_random=16,
        max_new_tokens=1,
    )
    assert response.monotone() > 0.95
    draws = response.control_effect.mean(axis=1)
    rises = draws[:, -1] - draws[:, 0]
    assert abs(rises.mean()) < 1.96 * rises.std(ddof=1) / np.sqrt(len(rises))
    assert response.mean()[-1] - response.mean()[0] > 2 * np.abs(rises).max()


def test_bad_input_says_what_would_do(tiny: Any) -> None:
    direction = random_direction(tiny)
    one = Dial(direction, {1: 1.0})
    with pytest.raises(MetricError, match=r"answers=\(correct, wrong\)"):
        dose_response(tiny, one, PROMPT, metric="logit_difference", answers="cat")
    with pytest.raises(MetricError, match="'probability' or 'logit_difference'"):
        dose_response(tiny, one, PROMPT, metric="accuracy")
    with pytest.raises(MetricError, match="gave nan"):
        dose_response(
            tiny, one, PROMPT, metric=lambda _: float("nan"), strengths=[0], n_random=0
        )
    with pytest.raises(InterventionError, match="say layers="):
        dial(tiny, Direction(direction.vector), PROMPT)
    with pytest.raises(PromptError, match="takes one prompt"):
        steered_text(tiny, [PROMPT, "a dog"], ())
