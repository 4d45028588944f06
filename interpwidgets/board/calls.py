"""One call, one view: ``iw.<method>(model, prompt)``. Its board is its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpwidgets.board.session import Board
from interpwidgets.methods.attention import MAX_BYTES
from interpwidgets.methods.token_values import TOP_K
from interpwidgets.widgets.base import View


def attention(
    model: Any,
    prompt: Any,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    prepend_bos: bool | None = None,
    scores: bool = False,
    max_bytes: int = MAX_BYTES,
    key: str | None = None,
) -> View:
    """Draw every head's attention pattern; run the cell again to update in place.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids, chat messages, or a list of those.
        layers: Layers to read; all by default.
        heads: Heads to keep of each; all by default.
        prepend_bos: Whether the prompt begins with the beginning-of-sequence token; by
            default as the tokenizer or the chat template does.
        scores: Keep what the softmax receives, too, as float16.
        max_bytes: Refuse to keep more than this.
        key: Name that ties this view to the one it replaces; its cell by default.

    Returns:
        A view; ``.result`` is the ``AttentionPattern``, ``.selection`` what was clicked.

    Raises:
        PromptError: The prompt is empty or longer than the model's context.
        ReadTooLargeError: More than ``max_bytes`` would be kept.

    Example:
        >>> import interpwidgets as iw
        >>> view = iw.attention(iw.load("lil-attn-2l"), [1, 5, 6, 5])
        >>> view.result.weights(1, 0).shape
        (4, 4)
    """
    board = Board(model)
    view = board.attention(
        layers=layers, heads=heads, scores=scores, max_bytes=max_bytes, key=key
    )
    board.run(prompt, prepend_bos=prepend_bos)
    return view


def surprisal(
    model: Any,
    prompt: Any,
    *,
    top_k: int = TOP_K,
    prepend_bos: bool | None = None,
    key: str | None = None,
) -> View:
    """Draw a text coloured by how surprising each token was; run again to update in place.

    Args:
        model: An nnsight or a Hugging Face model that reads from left to right.
        prompt: Text, token ids, chat messages, or a list of those.
        top_k: How many of the tokens that were expected instead to keep.
        prepend_bos: As of ``attention``.
        key: As of ``attention``.

    Returns:
        A view; ``.result`` is the ``TokenValues``, in nats.

    Raises:
        ModelError: The model predicts no next token.
        PromptError: The prompt is empty or longer than the model's context.

    Example:
        >>> import interpwidgets as iw
        >>> view = iw.surprisal(iw.load("lil-attn-2l"), [1, 5, 6, 5])
        >>> view.result.unit
        'nats'
    """
    board = Board(model)
    view = board.surprisal(top_k=top_k, key=key)
    board.run(prompt, prepend_bos=prepend_bos)
    return view
