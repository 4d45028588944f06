"""From a Result to a picture: tables by type of view, figure and other renderings.

When it is imported in a notebook, a bare Result there shows itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from interpwidgets.errors import ResultError
from interpwidgets.export.view import view_page
from interpwidgets.results.ablation_sweep import AblationSweep
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.attribution import DirectLogitAttribution
from interpwidgets.results.base import Result
from interpwidgets.results.dose_response import DoseResponse
from interpwidgets.results.head_scores import HeadScores
from interpwidgets.results.head_table import HeadTable
from interpwidgets.results.lens import LogitLens
from interpwidgets.results.patching import PatchingGrid
from interpwidgets.results.path_patching import PathPatching
from interpwidgets.results.probe import ProbeResult
from interpwidgets.results.renderings import add_rendering
from interpwidgets.results.singular_directions import SingularDirections
from interpwidgets.results.steering import SteeredText
from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.vocabulary_circuit import VocabularyCircuit
from interpwidgets.results.weight_circuits import WeightCircuits
from interpwidgets.widgets.ablation_sweep_figure import ablation_sweep_figure
from interpwidgets.widgets.ablation_sweep_static import ablation_sweep_html
from interpwidgets.widgets.attention import AttentionView
from interpwidgets.widgets.attention_circuitsvis import InlinePage, attention_circuitsvis
from interpwidgets.widgets.attention_figure import Width, attention_figure
from interpwidgets.widgets.attribution import AttributionView
from interpwidgets.widgets.attribution_figure import attribution_figure
from interpwidgets.widgets.base import View
from interpwidgets.widgets.display import display_view
from interpwidgets.widgets.dose_response_figure import dose_response_figure
from interpwidgets.widgets.effects import EffectsView
from interpwidgets.widgets.head_board import HeadBoard
from interpwidgets.widgets.head_board_figure import (
    head_table_figure,
    vocabulary_circuit_figure,
)
from interpwidgets.widgets.head_scores_figure import head_scores_figure
from interpwidgets.widgets.head_scores_static import head_scores_html
from interpwidgets.widgets.lens import LensGrid
from interpwidgets.widgets.lens_figure import lens_figure
from interpwidgets.widgets.patching import PatchGrid
from interpwidgets.widgets.patching_figure import patching_figure
from interpwidgets.widgets.patching_static import patching_html
from interpwidgets.widgets.path_patching_figure import path_patching_figure
from interpwidgets.widgets.path_patching_static import path_patching_html
from interpwidgets.widgets.placement import PLACES
from interpwidgets.widgets.probe import ProbePanel
from interpwidgets.widgets.probe_figure import probe_figure
from interpwidgets.widgets.steering import SteeringView
from interpwidgets.widgets.steering_static import dose_response_html
from interpwidgets.widgets.tokens import TokensView
from interpwidgets.widgets.tokens_circuitsvis import tokens_circuitsvis
from interpwidgets.widgets.tokens_figure import tokens_figure
from interpwidgets.widgets.weights_figure import (
    singular_directions_figure,
    weight_circuits_figure,
)
from interpwidgets.widgets.weights_static import (
    singular_directions_html,
    vocabulary_circuit_html,
    weight_circuits_html,
)

VIEWS: dict[type[Result], type[View]] = {
    AttentionPattern: AttentionView,
    HeadScores: HeadBoard,
    HeadTable: HeadBoard,
    TokenValues: TokensView,
    DirectLogitAttribution: AttributionView,
    WeightCircuits: HeadBoard,
    PatchingGrid: PatchGrid,
    LogitLens: LensGrid,
    PathPatching: EffectsView,
    AblationSweep: EffectsView,
    ProbeResult: ProbePanel,
    SteeredText: SteeringView,
}

#: Results that a cell draws as plain HTML; those that have a view, too, show it by ``show``.
PAGES: dict[type[Result], Callable[[Any], str]] = {
    HeadScores: head_scores_html,
    SingularDirections: singular_directions_html,
    VocabularyCircuit: vocabulary_circuit_html,
    WeightCircuits: weight_circuits_html,
    DoseResponse: dose_response_html,
}


def view_class(result_type: type[Result]) -> type[View]:
    """Return the class of view that draws a type of Result.

    Args:
        result_type: A subclass of Result.

    Raises:
        ResultError: There is none.
    """
    return _of_type(VIEWS, result_type, "view")


def show(result: Result | Sequence[Result], *, key: str | None = None) -> View:
    """Draw a Result, also one opened from disk.

    Args:
        result: What to draw; several of one type, one per prompt, in one view.
        key: Name that ties this view to the one it replaces; its cell by default.
    """
    results = (result,) if isinstance(result, Result) else tuple(result)
    if len({type(one) for one in results}) != 1:
        raise ResultError("a view draws one or several Results of one type.")
    kind = view_class(type(results[0]))
    view, place = PLACES.claim(kind, key)
    if view is None:
        view = kind()
    PLACES.settle(place, view)
    view.detach()
    view.recipe = None
    view.show(results)
    return view


# ------------------------------------------------------------------- other renderings


def _figure_of_attention(
    view: AttentionView,
    layer: int | None = None,
    head: int | None = None,
    *,
    width: Width = "page",
) -> Any:
    result = _held(view)
    chosen = view.chosen_head(result)
    layer, head = (chosen[0] if layer is None else layer), (chosen[1] if head is None else head)
    return attention_figure(result, layer, head, width=width)


def _circuitsvis_of_attention(view: AttentionView, layer: int | None = None) -> InlinePage:
    result = _held(view)
    return attention_circuitsvis(
        result, view.chosen_head(result)[0] if layer is None else layer
    )


def _held(view: AttentionView) -> AttentionPattern:
    result = view.shown
    assert result is not None  # View asked already
    return result


def _figure_of_tokens(view: TokensView, row: int | str | None = None, **more: Any) -> Any:
    result = view.result
    assert result is not None
    return tokens_figure(result, row, **more)


def _circuitsvis_of_tokens(view: TokensView, row: int | str | None = None) -> InlinePage:
    result = view.result
    assert result is not None
    return tokens_circuitsvis(result, view.row if row is None else row)


def _figure_of_attribution(view: AttributionView, by: str | None = None, **more: Any) -> Any:
    result = view.result
    assert result is not None
    return attribution_figure(result, by or view.by, **more)


def _figure_of_heads(view: HeadBoard, **which: Any) -> Any:
    """Return the column that the table is sorted by, or the figure of a part alone."""
    result, sort = view.result, view.kept.get("sort")
    assert result is not None
    if isinstance(result, HeadTable) and sort:
        which = {"column": sort, **which}
    return result.figure(**which)  # type: ignore[attr-defined]


def _figure_of_effects(view: EffectsView, **more: Any) -> Any:
    result = view.result
    assert result is not None
    return result.figure(**more)


def _figure_of_patching(view: PatchGrid, **more: Any) -> Any:
    result = view.result
    assert result is not None
    return patching_figure(result, **more)


def _figure_of_probe(view: ProbePanel, **more: Any) -> Any:
    chosen = {"layer": view.layer, "method": view.method, "position": view.position}
    return probe_figure(view.probes, **{**chosen, **more})


def _figure_of_lens(view: LensGrid, measure: str | None = None, **more: Any) -> Any:
    result = view.result
    assert result is not None
    of = view.measure if view.measure != "rank" else "probability"
    return lens_figure(result, measure or of, **more)


FIGURES: dict[type[Result], Callable[..., Any]] = {
    LogitLens: _figure_of_lens,
    AttentionPattern: _figure_of_attention,
    HeadScores: _figure_of_heads,
    HeadTable: _figure_of_heads,
    TokenValues: _figure_of_tokens,
    DirectLogitAttribution: _figure_of_attribution,
    WeightCircuits: _figure_of_heads,
    PatchingGrid: _figure_of_patching,
    PathPatching: _figure_of_effects,
    AblationSweep: _figure_of_effects,
    ProbeResult: _figure_of_probe,
}
CIRCUITSVIS: dict[type[Result], Callable[..., InlinePage]] = {
    AttentionPattern: _circuitsvis_of_attention,
    TokenValues: _circuitsvis_of_tokens,
}


def figure(view: View, **which: Any) -> Any:
    """Return a plotly figure of what a view shows.

    Args:
        view: A view with a Result.
        which: As the figure of that type takes them; for attention ``layer``, ``head``
            (the one drawn large by default), for values of tokens ``row`` (all by default),
            for attribution ``by`` (the one drawn), and ``width`` (``"column"``, ``"page"``,
            ``"slide"``).

    Raises:
        ResultError: There is no figure of its type of Result.
    """
    return _of_type(FIGURES, type(view.result), "figure")(view, **which)


def to_circuitsvis(view: View, **which: Any) -> InlinePage:
    """Return the circuitsvis package's own drawing of what a view shows.

    Args:
        view: A view with a Result.
        which: For attention ``layer`` (the chosen head's by default), for values of tokens
            ``row`` (the chosen one).

    Raises:
        ResultError: circuitsvis draws no such Result.
    """
    return _of_type(CIRCUITSVIS, type(view.result), "circuitsvis drawing")(view, **which)


T = TypeVar("T")


def _of_type(table: dict[type[Result], T], result_type: type, what: str) -> T:
    if result_type not in table:
        known = ", ".join(sorted(kind.__name__ for kind in table))
        raise ResultError(f"there is no {what} of {result_type.__name__}; known: {known}.")
    return table[result_type]


add_rendering("attribution_figure", attribution_figure)
add_rendering("dose_response_figure", dose_response_figure)
add_rendering("figure", figure)
add_rendering("head_scores_figure", head_scores_figure)
add_rendering("head_table_figure", head_table_figure)
add_rendering("lens_figure", lens_figure)
add_rendering("patching_figure", patching_figure)
add_rendering("patching_html", patching_html)
add_rendering("ablation_sweep_figure", ablation_sweep_figure)
add_rendering("ablation_sweep_html", ablation_sweep_html)
add_rendering("path_patching_figure", path_patching_figure)
add_rendering("path_patching_html", path_patching_html)
add_rendering("probe_figure", probe_figure)
add_rendering("singular_directions_figure", singular_directions_figure)
add_rendering("to_circuitsvis", to_circuitsvis)
add_rendering("to_html", view_page)
add_rendering("vocabulary_circuit_figure", vocabulary_circuit_figure)
add_rendering("weight_circuits_figure", weight_circuits_figure)


# ------------------------------------------------------------------------ in a notebook


def add_formatters(shell: Any) -> None:
    """Make bare Results at the end of a cell show themselves, as views or as HTML.

    Args:
        shell: An IPython shell.
    """
    formatter = shell.display_formatter.ipython_display_formatter
    for result_type in VIEWS.keys() - PAGES.keys():
        formatter.for_type(result_type, _display)
    for result_type, page in PAGES.items():
        shell.display_formatter.formatters["text/html"].for_type(result_type, page)


def _display(result: Result) -> None:
    display_view(show(result))


def _add_formatters_here() -> None:
    # Without IPython there is nothing to add to, and no reason to load it.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        add_formatters(shell)


_add_formatters_here()
