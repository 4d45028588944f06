"""Images as prompts: what may be given, and what their positions are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int

from interpwidgets.errors import PromptError
from interpwidgets.models.adapter import Adapter
from interpwidgets.results.tokens import Tokens


def check_image(prompt: Any, adapter: Adapter) -> None:
    """Refuse what is no image, before the model starts.

    Args:
        prompt: What the user gave.
        adapter: Of a model that takes images.

    Raises:
        PromptError: It is not [prompt, channel, row, column], of floating numbers.
    """
    if isinstance(prompt, Mapping):
        prompt = prompt.get("pixel_values")
    shape = tuple(getattr(prompt, "shape", ()))
    if len(shape) != 4 or "float" not in str(prompt.dtype):
        came = f"{type(prompt).__name__} of shape {shape}" if shape else f"{prompt!r:.40}"
        raise PromptError(
            f"{adapter.name} takes images: a floating tensor [image, channel, row, column], "
            f"or what its image processor gives (pixel_values); got {came}."
        )


def as_pixels(prompt: Any) -> Float[torch.Tensor, "prompt channel row column"]:
    """Return the pixels of a checked image prompt as a tensor."""
    return torch.as_tensor(prompt["pixel_values"] if isinstance(prompt, Mapping) else prompt)


def patch_ids(
    pixels: Float[torch.Tensor, "prompt channel row column"], adapter: Adapter
) -> Int[torch.Tensor, "prompt pos"]:
    """Return the numbers of an image's positions, which stand for token ids."""
    n_positions = len(adapter.architecture.positions)
    return torch.arange(n_positions).expand(len(pixels), n_positions)


def patch_tokens(adapter: Adapter) -> Tokens:
    """Return what an image's positions are called: the class token, then row,column."""
    return Tokens.of_text(adapter.architecture.positions)
