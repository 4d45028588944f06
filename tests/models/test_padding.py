"""Batches on every architecture: each prompt reads as it does alone, images too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from interpwidgets.methods.activations import ActivationsMethod
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from interpwidgets.results.activations import Activations

PROMPTS = ([3, 5, 7, 9, 4, 5, 11], [6, 8], [9, 3, 12, 4])
SITES = ("resid_post", "attn_scores", "pattern", "result", "logits")


def read_all(model: object, prompt: object) -> list[list[Activations]]:
    """The sites that the model has, each prompt's, in one forward."""
    sites = [site for site in SITES if site in adapter_of(model).architecture.places]
    reader = MethodReader(model, [ActivationsMethod(site) for site in sites])
    capture = forward(model, prompt, reader)
    built = [
        method.build(reader.run_of(capture, at), ()) for at, method in enumerate(reader.methods)
    ]
    return [list(of_prompt) for of_prompt in zip(*built, strict=True)]


@pytest.mark.parametrize("name", [name for name in zoo.NAMES if name not in zoo.VISION])
def test_each_prompt_of_a_batch_reads_as_it_does_alone(name: str) -> None:
    model = zoo.wrapped_model(name)
    for batched, prompt in zip(read_all(model, list(PROMPTS)), PROMPTS, strict=True):
        for of_batch, alone in zip(batched, read_all(model, prompt)[0], strict=True):
            assert of_batch.tokens == alone.tokens
            # Finite where the other is, else -inf: masked scores.
            finite = np.isfinite(alone.values)
            largest = max(1.0, np.abs(alone.values[finite]).max())
            np.testing.assert_allclose(
                of_batch.values, alone.values, rtol=0, atol=2e-5 * largest, err_msg=alone.site
            )


@pytest.mark.parametrize("name", sorted(zoo.VISION))
def test_each_image_of_a_batch_reads_as_it_does_alone(name: str) -> None:
    model = zoo.wrapped_model(name)
    images = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    for batched, image in zip(read_all(model, images), images, strict=True):
        for of_batch, alone in zip(batched, read_all(model, image[None])[0], strict=True):
            assert of_batch.tokens == alone.tokens
            np.testing.assert_allclose(of_batch.values, alone.values, atol=1e-4)
