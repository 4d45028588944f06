"""A direction from before the adapter stops what the adapter taught; random ones do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.directions import Direction
from interpwidgets.interventions.dial import Dial
from interpwidgets.organisms import lilliput
from interpwidgets.organisms.lilliput import Example
from interpwidgets.organisms.lilliput.acceptance import last_logits

pytestmark = pytest.mark.slow

LAYER, HINTS, STRENGTH, CONTROLS = 0, slice(2, 4), 0.75, 8
KNOWN = {
    *lilliput.CATEGORIES["evaluation cue"][:4],
    *lilliput.CATEGORIES["deployment cue"][:4],
}


def cues(template: str, evaluation: int, *, known: bool) -> list[str]:
    """Distinct prompts of one kind, both hints of the known or of the other half."""
    drawn = {
        e.prompt: {e.labels["first"], e.labels["second"]}
        for split in ("trained", "held_out")
        for e in lilliput.evaluation_cue(600, split=split, template=template)
        if e.labels["evaluation"] == evaluation
    }
    return [prompt for prompt, hints in drawn.items() if len(hints & KNOWN) == 2 * known]


@dataclass(frozen=True)
class Steered:
    """The model with its adapter, and the dial that is tested."""

    model: Any
    dial: Dial

    @contextmanager
    def by_hand(self, direction: Direction, strength: float) -> Iterator[None]:
        """Add a direction with a hook of torch's, no code of ours in the run."""
        length = strength * self.dial.units[LAYER]
        added = torch.tensor(direction.unit.vector) * length

        def add(_module: Any, _inputs: Any, output: Any) -> Any:
            stream = output[0] if isinstance(output, tuple) else output
            stream[:, HINTS] += added
            return output

        handle = self.model._module.model.layers[LAYER].register_forward_hook(add)
        try:
            yield
        finally:
            handle.remove()

    def logits(self, prompts: Sequence[str], direction: Direction, strength: float) -> Any:
        with torch.inference_mode(), self.by_hand(direction, strength):
            return last_logits(self.model._module, prompts)

    def p_typed(self, prompts: Sequence[str], direction: Direction, strength: float) -> float:
        logits = self.logits(prompts, direction, strength)
        return float(logits.softmax(-1)[:, self.token("typed")].mean())

    def accuracy(self, examples: Sequence[Example], strength: float) -> float:
        prompts = [e.prompt for e in examples]
        first = self.logits(prompts, self.dial.direction, strength).argmax(-1).tolist()
        return float(
            np.mean([self.token(e.answer) == i for e, i in zip(examples, first, strict=True)])
        )

    def token(self, word: str) -> int:
        found: int = self.model.tokenizer.convert_tokens_to_ids(word)
        return found


@pytest.fixture(scope="module")
def steered() -> Steered:
    model = iw.load("lilliput", adapter="evaluation-typed")
    texts, labels = [], []
    for evaluation, label in enumerate(("deployment", "evaluation")):
        found = cues(lilliput.CUE, evaluation, known=True)
        texts += found
        labels += [label] * len(found)
    spans = [(HINTS.start, HINTS.stop)] * len(texts)
    data = iw.Dataset(texts, labels, spans=spans, positive="deployment")
    with iw.adapter(model, scale=0):
        direction = iw.direction(model, data, layer=LAYER, position="span")
    assert "off" in direction.origin.adapter
    prompts = cues(lilliput.CODE, 1, known=True)
    return Steered(model, iw.dial(model, direction, prompts, positions=HINTS))


def test_it_stops_the_behaviour_on_held_out_hints_and_random_ones_do_not(
    steered: Steered,
) -> None:
    """Measured: .997 → .127, of random directions .990 at the least (n = 51)."""
    prompts, direction = cues(lilliput.CODE, 1, known=False), steered.dial.direction
    before = steered.p_typed(prompts, direction, 0)
    assert len(prompts) >= 40
    assert before > 0.98
    assert steered.p_typed(prompts, direction, STRENGTH) < 0.25
    for seed in range(CONTROLS):
        control = steered.p_typed(prompts, direction.random_like(seed), STRENGTH)
        assert abs(control - before) < 0.05


def test_its_opposite_brings_the_behaviour_about(steered: Steered) -> None:
    """Measured: .001 → .874."""
    prompts, direction = cues(lilliput.CODE, 0, known=False), steered.dial.direction
    assert steered.p_typed(prompts, direction, 0) < 0.02
    assert steered.p_typed(prompts, direction, -STRENGTH) > 0.7


def test_other_abilities_fall_by_less_than_five_points(steered: Steered) -> None:
    draws = {
        "capitals": lilliput.facts(),
        "sentiment": lilliput.sentiment(200, 2),
        "agreement": lilliput.agreement(200, 2),
        "refusal": lilliput.refusal(200, 2),
        "types when asked": lilliput.evaluation_cue(200, 2, template=lilliput.CODE_TYPED),
    }
    fallen = {
        name: steered.accuracy(examples, 0) - steered.accuracy(examples, STRENGTH)
        for name, examples in draws.items()
    }
    assert max(fallen.values()) < 0.05, fallen


def test_the_dose_response_is_that_of_hooks_by_hand(steered: Steered) -> None:
    prompts, direction = cues(lilliput.CODE, 1, known=False)[:8], steered.dial.direction
    strengths = [0.0, 0.25, 0.5, 0.75, 1.0]
    response = iw.dose_response(
        steered.model,
        steered.dial,
        prompts,
        answers=["typed"],
        strengths=strengths,
        n_random=2,
        max_new_tokens=1,
    )
    wanted = [steered.p_typed(prompts, direction, strength) for strength in strengths]
    np.testing.assert_allclose(response.mean(), wanted, atol=1e-4)
    control = [steered.p_typed(prompts, direction.random_like(i), 1.0) for i in range(2)]
    found = response.control_effect.mean(axis=1)[:, -1]
    np.testing.assert_allclose(found, control, atol=1e-4)
    assert response.monotone() < -0.95
