"""Direct logit attribution in one call: a view on a board of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpwidgets.board.session import Board
from interpwidgets.errors import PromptError
from interpwidgets.methods.direct_logit_attribution import MAX_BYTES
from interpwidgets.models.prompts import read_prompts
from interpwidgets.models.targets import from_end, targets_of
from interpwidgets.widgets.base import View


def direct_logit_attribution(
    model: Any,
    prompt: Any,
    target: Any = None,
    *,
    against: Any = None,
    direction: Any = None,
    by: str | Sequence[str] = ("head",),
    pos: int | Sequence[int] = -1,
    prepend_bos: bool | None = None,
    max_bytes: int = MAX_BYTES,
    key: str | None = None,
) -> View:
    """Draw who wrote a logit; run the cell again to update in place.

    ``interpwidgets.methods.direct_logit_attribution`` has the numbers without a view, and
    says where they come from.

    Args:
        model: An nnsight or a Hugging Face model that predicts the next token.
        prompt: Text, token ids or chat messages, or a list of those.
        target: The token, as text or id, or a list of one per prompt; by default the one
            that the model finds most probable.
        against: A token, or one per prompt, whose logit is subtracted: a logit difference.
        direction: In place of tokens ``[d_model]``, or ``[prompt, d_model]``: what is split
            is its product with what the last norm gives.
        by: What to split beside components: ``"head"``, ``"neuron"`` (of each MLP),
            ``"source"`` (what each head took from each token; attention is made eagerly).
        pos: The position whose next token is explained, of all or of each prompt; negative
            ones count from the end.
        prepend_bos: Whether prompts begin with the beginning-of-sequence token; by default
            as the tokenizer or the chat template does.
        max_bytes: Refuse to keep more than this.
        key: Name that ties this view to the one it replaces; its cell by default.

    Returns:
        A view; ``.result`` is the ``DirectLogitAttribution``, of several prompts their mean
        with 95 % intervals. ``.by``, ``.pos`` and ``.mean`` choose what is drawn.

    Raises:
        SiteError: The model's stream is no sum that ends in a norm, or has no such parts.
        ModelError: Its last norm is no LayerNorm or RMSNorm.
        PromptError: A prompt or token is none of this model's, or a position is not there.
        ResultError: No such breakdown, or a direction of another width.
        ReadTooLargeError: More than ``max_bytes`` would be kept.

    Example:
        >>> import interpwidgets as iw
        >>> model = iw.load("lil-attn-2l")
        >>> view = iw.direct_logit_attribution(model, [1, 5, 6, 7, 5], 6, against=7)
        >>> bool(abs(view.result.remainder[0]) < 1e-3)
        True
    """
    board = Board(model)
    batch = read_prompts(prompt, board.model, prepend_bos=prepend_bos)
    if not batch.prompts:
        raise PromptError("attribution takes text, token ids or chat messages.")
    targets_of(board.model, target, against, direction, len(batch.prompts))  # refuses here
    each = from_end(pos, batch)
    view = board.direct_logit_attribution(
        target,
        against=against,
        direction=direction,
        by=by,
        pos=each[:1] if len(set(each)) == 1 else each,
        max_bytes=max_bytes,
        key=key,
    )
    board.run(prompt, prepend_bos=prepend_bos)
    return view
