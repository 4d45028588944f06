"""Steering as one call: ``iw.steer(...)``. Its board is its own."""

from __future__ import annotations

from typing import Any

from interpwidgets.board.session import Board
from interpwidgets.widgets.steering import SteeringView


def steer(model: Any, directions: Any, prompt: Any, **options: Any) -> SteeringView:
    """Turn directions up and down, and read what the model writes with and without.

    Args:
        model: An nnsight or a Hugging Face model.
        directions: A Direction, a dial (``iw.dial``), or several: a slider each.
        prompt: Text, token ids or chat messages, of one prompt.
        options: As of ``Board.steer``: ``strengths``, ``layers``, ``positions``, ``also``,
            ``answers``, ``metric``, ``prompts``, ``strongest``, ``max_new_tokens``,
            ``temperature``, ``seed``, ``n_random``, ``prepend_bos``, ``key``.

    Returns:
        A view; ``.value`` is the intervention where the sliders stand, ``.result`` the
        ``SteeredText``.

    Raises:
        InterventionError: A direction has no layer and none is given.
        PromptError: It is no single prompt, or the text would be too long.

    Example:
        >>> import numpy as np
        >>> import interpwidgets as iw
        >>> model = iw.load("lilliput")
        >>> direction = iw.Direction(np.ones(96), layer=2, name="ones")
        >>> view = iw.steer(model, direction, "the movie was", max_new_tokens=4)
        >>> view.result.changed()
        ((), ())

    Source:
        Turner et al. (2023), "Activation Addition"; Rimsky et al. (2023), "Steering Llama 2
        via Contrastive Activation Addition". We differ in: strengths are in units of the
        site's mean norm; random directions as long stand beside.
    """
    return Board(model).steer(directions, prompt, **options)
