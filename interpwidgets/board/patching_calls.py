"""Patching as one call: ``iw.activation_patching(...)``. Its board is its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from interpwidgets.board.patching import PatchingOptions
from interpwidgets.board.session import Board
from interpwidgets.widgets.patching import PatchGrid


def activation_patching(
    model: Any,
    clean: Any,
    corrupted: Any,
    *,
    site: str | Sequence[str] = "resid_pre",
    key: str | None = None,
    **options: Unpack[PatchingOptions],
) -> PatchGrid:
    """Draw what patching one run into another restores, place by place.

    Click a cell for what the model then says; drag a token of the other prompt onto a cell
    to patch from there; ``view.patch`` does the same from Python.

    Args:
        model: An nnsight or a Hugging Face model that predicts the next token.
        clean: The prompt whose answer is right, or a list of those.
        corrupted: The prompt that changes the answer, one for each clean one.
        site: What is patched, e.g. ``["resid_pre", "attn_out", "mlp_out"]``: a grid each.
        key: Name that ties this view to the one it replaces; its cell by default.
        options: ``answers``, ``metric``, ``by``, ``direction``, ``layers``, ``heads``,
            ``positions``, ``align``, ``prepend_bos``, ``batch``: as of
            ``interpwidgets.methods.activation_patching.activation_patching``, which returns
            the bare Result.

    Returns:
        A view; ``.result`` is the ``PatchingGrid`` on screen, ``.history`` the patches made
        by hand.

    Raises:
        MetricError: Clean and corrupted do not differ in the metric, or it is no number.
        PromptError: Prompts of different length without ``align``, or answers that are not
            one token.
        SiteError: The architecture has no such site.

    Example:
        >>> import interpwidgets as iw
        >>> model = iw.load("lil-attn-2l")
        >>> pair = [1, 5, 6, 7, 5], [1, 5, 8, 7, 5]
        >>> view = iw.activation_patching(model, *pair, answers=(6, 8))
        >>> view.result.values.shape
        (2, 5)
        >>> bool(abs(view.patch(1, 2).share - view.result.values[1, 2]) < 1e-4)
        True
    """
    return Board(model).activation_patching(clean, corrupted, site=site, key=key, **options)


def attribution_patching(
    model: Any,
    clean: Any,
    corrupted: Any,
    *,
    site: str | Sequence[str] = "resid_pre",
    key: str | None = None,
    **options: Unpack[PatchingOptions],
) -> PatchGrid:
    """Draw an estimate of the same by a gradient, in three forwards a pair.

    A click runs a cell exactly; ``view.run_exact()`` all of them, and the view says how far
    the two agree.

    Args:
        model: As of ``activation_patching``, and so are the others.
        clean: See there.
        corrupted: See there.
        site: See there; not ``pattern``.
        key: See there.
        options: See there; the metric is a built-in one.

    Raises:
        MetricError: The metric is a function of your own.

    Example:
        >>> import interpwidgets as iw
        >>> model = iw.load("lil-attn-2l")
        >>> pair = [1, 5, 6, 7, 5], [1, 5, 8, 7, 5]
        >>> iw.attribution_patching(model, *pair, answers=(6, 8)).result.values.shape
        (2, 5)
    """
    return Board(model).attribution_patching(clean, corrupted, site=site, key=key, **options)
