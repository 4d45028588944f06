"""Patching as views: ``iw.activation_patching``, ``iw.attribution_patching``, and a board's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from interpwidgets.board.patching_bench import Bench, Sweep
from interpwidgets.board.runs_shown import RunsShown
from interpwidgets.errors import SiteError
from interpwidgets.models.adapter import Model
from interpwidgets.models.loading import load_call
from interpwidgets.widgets.code import IMPORT, Recipe, python_text
from interpwidgets.widgets.patching import PatchGrid
from interpwidgets.widgets.placement import PLACES


class PatchingOptions(TypedDict, total=False):
    """Arguments of ``interpwidgets.methods.activation_patching.activation_patching``."""

    answers: Any
    metric: Any
    by: str | None
    direction: str
    layers: Sequence[int] | None
    heads: Sequence[int] | None
    positions: Sequence[int] | None
    align: Any
    prepend_bos: bool | None
    batch: int | None


class Patching(RunsShown):
    """The part of a board that shows grids of patches."""

    def activation_patching(
        self,
        clean: Any,
        corrupted: Any,
        *,
        site: str | Sequence[str] = "resid_pre",
        key: str | None = None,
        **options: Unpack[PatchingOptions],
    ) -> PatchGrid:
        """Return a view of what patching one run into the other restores, place by place.

        Shares the board's selection; a run of its history that is restored shows in the
        board's other views. An interrupt keeps the cells that are done.

        Args:
            clean: The prompt whose answer is right, or a list of those.
            corrupted: The prompt that changes the answer, one for each clean one.
            site: What is patched, or several: a grid each, one on screen.
            key: Name that ties this view to the one it replaces; its cell by default.
            options: As of ``interpwidgets.methods.activation_patching``: ``answers``,
                ``metric``, ``by``, ``direction``, ``layers``, ``heads``, ``positions``,
                ``align``, ``prepend_bos``, ``batch``.

        Raises:
            MetricError: Clean and corrupted do not differ in the metric, or it is no number.
            PromptError: Prompts of different length without ``align``, or answers that are
                not one token.
            SiteError: The architecture has no such site.
        """
        sweep = Sweep(clean, corrupted, _sites(site), True, dict(options))
        return self._patching(sweep, key)

    def attribution_patching(
        self,
        clean: Any,
        corrupted: Any,
        *,
        site: str | Sequence[str] = "resid_pre",
        key: str | None = None,
        **options: Unpack[PatchingOptions],
    ) -> PatchGrid:
        """Return a view of the same estimated by a gradient; ``run_exact`` adds the exact grid.

        Args:
            clean: As of ``activation_patching``, and so are the others.
            corrupted: See there.
            site: See there; not ``pattern``.
            key: See there.
            options: See there; the metric is a built-in one.
        """
        sweep = Sweep(clean, corrupted, _sites(site), False, dict(options))
        return self._patching(sweep, key)

    def _patching(self, sweep: Sweep, key: str | None) -> PatchGrid:
        view, place = PLACES.claim(PatchGrid, key)
        if view is None:
            view = PatchGrid()
        PLACES.settle(place, view)
        bench = Bench(self, view, sweep)
        view.attach_bench(bench)
        view.link(self)
        view.recipe = _recipe(self.model, sweep)
        bench.sweep(in_cell=True)
        return view


def _sites(site: str | Sequence[str]) -> tuple[str, ...]:
    sites = (site,) if isinstance(site, str) else tuple(site)
    if not sites or len(set(sites)) < len(sites):
        raise SiteError(f"`site` is one site or several different ones; got {site!r:.60}.")
    return sites


def _recipe(model: Model, sweep: Sweep) -> Recipe:
    loaded = load_call(model)
    asked = f"model = {loaded}" if loaded else "model = ...  # your own"
    name = "activation_patching" if sweep.exact else "attribution_patching"
    given = [python_text(prompt) or "..." for prompt in (sweep.clean, sweep.corrupted)]
    sites = sweep.sites[0] if len(sweep.sites) == 1 else list(sweep.sites)
    options = {"site": sites, **sweep.options}
    more = [f"{option}={_text(value)}" for option, value in options.items()]
    call = ", ".join([*given, *more])
    return Recipe(
        (IMPORT, "", asked, "board = iw.Board(model)", f"view = board.{name}({call})")
    )


def _text(value: Any) -> str:
    known = python_text(value)
    return known if known is not None else getattr(value, "__name__", "...")
