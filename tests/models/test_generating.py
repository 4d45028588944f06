"""Generations with interventions of their own for each row, told token by token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from interpwidgets.errors import InterventionError, PromptError
from interpwidgets.interventions import Add, ProjectOut, Where
from interpwidgets.interventions.where import Threshold
from interpwidgets.models.generating import Sampling, generate
from interpwidgets.models.prompts import read_prompts
from tiny import tiny_gpt2, tiny_llama, wrapped

PROMPT = "the cat sat on a mat"


def batch_of(model: Any, n: int = 1) -> Any:
    return read_prompts([PROMPT] * n, model)


def plain(model: Any, n_new: int) -> tuple[int, ...]:
    ids = model.tokenizer(PROMPT, return_tensors="pt")
    with torch.no_grad():
        out = model._module.generate(
            **ids, max_new_tokens=n_new, do_sample=False, pad_token_id=0
        )
    return tuple(out[0, ids["input_ids"].shape[1] :].tolist())


def direction(model: Any, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal(model._module.config.hidden_size)
    return drawn.astype(np.float32) * 3


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_without_interventions_it_writes_what_transformers_writes(make: Any) -> None:
    model = wrapped(make())
    assert generate(model, batch_of(model), Sampling(8)).new_ids == (plain(model, 8),)


def test_a_strength_of_0_writes_what_the_model_writes() -> None:
    model = wrapped(tiny_llama())
    nothing = Add(direction(model), 0.0, where=Where(layers=1))
    assert generate(model, batch_of(model), Sampling(8), [[nothing]]).new_ids == (
        plain(model, 8),
    )


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_each_row_of_a_batch_equals_a_generation_of_its_own(make: Any) -> None:
    model = wrapped(make())
    rows = [
        [],
        [Add(direction(model), 2.0, where=Where(layers=0))],
        [Add(direction(model), -2.0, where=Where(layers=0, positions="new"))],
        [ProjectOut(direction(model, 1)), Add(direction(model, 2), 1.0, site="attn_out")],
    ]
    together = generate(model, batch_of(model, 4), Sampling(8), rows).new_ids
    alone = [generate(model, batch_of(model), Sampling(8), [row]).new_ids[0] for row in rows]
    assert together == tuple(alone)
    assert len(set(together)) > 1, "nothing was steered"


def test_a_draw_is_repeatable_and_the_same_for_rows_that_are_not_changed() -> None:
    model = wrapped(tiny_llama())
    drawn = [
        generate(model, batch_of(model, 2), Sampling(12, temperature=1.0, seed=seed)).new_ids
        for seed in (3, 3, 4)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][0] == drawn[0][1]


def test_draws_have_the_models_probabilities() -> None:
    model = wrapped(tiny_llama())
    ids = model.tokenizer(PROMPT, return_tensors="pt")
    with torch.no_grad():
        wanted = model._module(**ids).logits[0, -1].double().softmax(-1).numpy()
    n = 200
    first = [
        generate(model, batch_of(model), Sampling(1, 1.0, seed=seed)).new_ids[0][0]
        for seed in range(n)
    ]
    likely = np.argsort(-wanted)[: len(wanted) // 2]
    share, expected = np.isin(first, likely).mean(), wanted[likely].sum()
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def test_every_token_is_told_as_it_comes_and_a_stop_ends_within_one() -> None:
    model = wrapped(tiny_llama())
    told: list[int] = []
    result = generate(
        model,
        batch_of(model),
        Sampling(20),
        tell=lambda row: told.append(row[0]),
        stopped=lambda: len(told) >= 3,
    )
    assert tuple(told) == result.new_ids[0] == plain(model, 20)[:3]
    assert result.stopped


def test_a_row_ends_with_its_own_end_of_sequence() -> None:
    model = wrapped(tiny_llama())
    wrote = plain(model, 8)
    model._module.generation_config.eos_token_id = wrote[3]
    ends = wrote.index(wrote[3])
    assert generate(model, batch_of(model), Sampling(8)).new_ids[0] == wrote[: ends + 1]


def test_what_an_intervention_touched_is_known_by_position() -> None:
    model = wrapped(tiny_llama())
    n = len(model.tokenizer(PROMPT)["input_ids"])
    part = Add(direction(model), 1.0, where=Where(layers=1, positions=[0, "new"]))
    capture = generate(model, batch_of(model), Sampling(4), [[part]]).capture
    # the last token that was written never goes through the model
    assert capture.touched_positions(str(part), 0) == (0, n, n + 1, n + 2)
    gate = Threshold(direction(model), 1e9)
    never = Add(direction(model), 1.0, where=Where(layers=1, when=gate))
    capture = generate(model, batch_of(model), Sampling(4), [[never]]).capture
    assert capture.touched_positions(str(never), 0) == ()


def test_bad_input_says_what_would_do() -> None:
    model = wrapped(tiny_llama())
    n_ctx = model._module.config.max_position_embeddings
    with pytest.raises(PromptError, match=r"max_new_tokens=\d+"):
        generate(model, batch_of(model), Sampling(n_ctx))
    with pytest.raises(PromptError, match="temperature of 0 or more"):
        Sampling(4, temperature=-1.0)
    with pytest.raises(InterventionError, match="there is no layer 99"):
        generate(
            model,
            batch_of(model, 2),
            Sampling(2),
            [[], [Add(np.ones(32), where=Where(layers=99))]],
        )
