"""One call, one view: ``iw.<method>(model, prompt)``. Its board is its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpwidgets.board.head_boarding import N_SEQUENCES
from interpwidgets.board.session import Board
from interpwidgets.methods.attention import MAX_BYTES
from interpwidgets.methods.logit_lens import MAX_BYTES as LENS_BYTES
from interpwidgets.methods.logit_lens import TOP_K as LENS_TOP_K
from interpwidgets.methods.token_values import TOP_K
from interpwidgets.reads.translators import TunedLens
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


def head_board(
    model: Any,
    prompt: Any = None,
    *,
    answers: Any = None,
    n: int = N_SEQUENCES,
    seed: int = 0,
    prepend_bos: bool | None = None,
    key: str | None = None,
) -> View:
    """Draw every head in one place: scores, eigenvalues, composition, attribution, ablation.

    Pattern scores are measured on drawn sequences, copying and composition by weights; with
    a prompt each head's direct effect on its answer is added, and heads can be ablated by a
    tick. A column's numbers are those of ``head_scores``, ``weight_circuits`` and
    ``direct_logit_attribution``.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids, chat messages, or a list of those; none: what needs no prompt.
        answers: What heads are attributed to: a token, ``(correct, wrong)`` tokens, or a
            list of those, one per prompt; by default the most probable next token.
        n: How many sequences of random tokens are drawn for the scores.
        seed: Of the draws.
        prepend_bos: As of ``attention``.
        key: As of ``attention``.

    Returns:
        A view; ``.result`` is the ``HeadTable``, ``.to_frame()`` has one row per head.

    Raises:
        PromptError: The prompt is empty or too long, or an answer is no single token.
        ModelError: The model has neither patterns to score nor circuits.

    Example:
        >>> import interpwidgets as iw
        >>> view = iw.head_board(iw.load("lil-attn-2l"), [1, 5, 6, 7, 5], answers=(6, 7))
        >>> view.result.best("previous_token", 1)[["layer", "head"]].values.tolist()
        [[0, 3]]
    """
    board = Board(model)
    view = board.head_board(answers=answers, n=n, seed=seed, key=key)
    if prompt is not None:
        board.run(prompt, prepend_bos=prepend_bos)
    return view


def logit_lens(
    model: Any,
    prompt: Any,
    *,
    site: str = "resid_post",
    layers: Sequence[int] | None = None,
    top_k: int = LENS_TOP_K,
    track: Sequence[int | str] | int | str = (),
    lens: TunedLens | None = None,
    prepend_bos: bool | None = None,
    max_bytes: int = LENS_BYTES,
    key: str | None = None,
) -> View:
    """Draw what each layer would say next at each position; run again to update in place.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids, chat messages, or a list of those.
        site: ``"resid_pre"``, ``"resid_mid"``, ``"resid_post"``, ``"attn_out"`` or
            ``"mlp_out"``.
        layers: Layers to read; all by default.
        top_k: How many of the most probable tokens to keep of each prediction.
        track: Tokens to follow through the layers: ids, or texts that are one token each,
            with the space before them where there is one.
        lens: A tuned lens, for the residual stream between layers.
        prepend_bos: As of ``attention``.
        max_bytes: Refuse to keep more than this.
        key: As of ``attention``.

    Returns:
        A view; ``.result`` is the ``LogitLens``, ``.cells`` what was selected and pinned.

    Raises:
        SiteError: The lens reads no such site, or this architecture lacks it.
        PromptError: The prompt is empty or too long, or a tracked token is not one token.
        ReadTooLargeError: More than ``max_bytes`` would be kept.

    Example:
        >>> import interpwidgets as iw
        >>> view = iw.logit_lens(iw.load("lil-attn-2l"), [1, 5, 6, 5], top_k=2)
        >>> view.result.top_logprob.shape
        (2, 4, 2)
    """
    board = Board(model)
    view = board.logit_lens(
        site=site,
        layers=layers,
        top_k=top_k,
        track=track,
        lens=lens,
        max_bytes=max_bytes,
        key=key,
    )
    board.run(prompt, prepend_bos=prepend_bos)
    return view
