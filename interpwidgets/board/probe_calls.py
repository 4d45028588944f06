"""Probes as one call: ``iw.probe(...)``. Its board is its own."""

from __future__ import annotations

from typing import Any

from interpwidgets.board.session import Board
from interpwidgets.widgets.probe import ProbePanel


def probe(
    model: Any, dataset: Any, labels: Any = None, *, key: str | None = None, **options: Any
) -> ProbePanel:
    """Draw what a linear probe at every layer tells apart, on texts it was not fitted on.

    Click a layer for its ROC curve, scores and tokens; type any text to score it; the
    direction on screen is ``view.direction``, which ``iw.steer`` takes.

    Args:
        model: An nnsight or a Hugging Face model.
        dataset: An ``iw.Dataset``, a DataFrame with columns text and label (group, span),
            prompts with ``labels``, or contrast pairs [(positive, negative), ...].
        labels: One for each prompt: classes or amounts.
        key: Name that ties this view to the one it replaces; its cell by default.
        options: ``groups``, ``spans``, ``positive``, ``task``, ``about``, ``site``,
            ``layers``, ``position``, ``tokens_per_text``, ``method``, ``regularisation``,
            ``test``, ``transfer``, ``shuffled``, ``random``, ``rotations``, ``seed``,
            ``prepend_bos``, ``max_bytes``, ``progress``: as of
            ``interpwidgets.methods.probe.probe``, which returns the bare Result.

    Returns:
        A view; ``.result`` is the ``ProbeResult``, ``.direction`` the one on screen.

    Raises:
        DatasetError: Labels, groups or split do not allow it; a text is on both sides.
        SiteError: The site is not one vector at each position, or is not there.
        PromptError: A prompt is empty or too long.
        ReadTooLargeError: More than ``max_bytes`` would be kept.

    Example:
        >>> import interpwidgets as iw
        >>> ids = [[1, a, b] for a in range(5, 13) for b in range(5, 9)]
        >>> big = [row[1] > 8 for row in ids]
        >>> view = iw.probe(iw.load("lil-attn-2l"), ids, big, position=1, shuffled=0)
        >>> view.result.layers, view.result.value.shape
        ((-1, 0, 1), (2, 2, 1, 1, 3))
        >>> view.score([1, 12, 6]).values.shape
        (3, 3)

    Source:
        Alain and Bengio (2016), "Understanding intermediate layers using linear classifier
        probes"; Hewitt and Liang (2019), "Designing and Interpreting Probes with Control
        Tasks", for a control of labels. We differ in: labels are shuffled over texts.
    """
    return Board(model).probe(dataset, labels, key=key, **options)
