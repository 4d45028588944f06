"""Probes as views: ``iw.probe`` and a board's ``probe``."""

from __future__ import annotations

from typing import Any

from interpwidgets.board.probe_bench import Asked, Bench
from interpwidgets.board.runs_shown import RunsShown
from interpwidgets.directions.dataset import dataset_of
from interpwidgets.models.adapter import Model
from interpwidgets.models.loading import load_call
from interpwidgets.widgets.code import IMPORT, Recipe, python_text
from interpwidgets.widgets.placement import PLACES
from interpwidgets.widgets.probe import ProbePanel

#: What belongs to the dataset, and what a recipe leaves out.
_OF_DATASET = ("groups", "spans", "positive", "task")


class Probing(RunsShown):
    """The part of a board that probes."""

    def probe(
        self, dataset: Any, labels: Any = None, *, key: str | None = None, **options: Any
    ) -> ProbePanel:
        """Return a view of linear probes at every layer, beside their controls.

        Shares the board's selection: a click on a layer is ``board.selection.layer``. An
        interrupt keeps what is done.

        Args:
            dataset: An ``iw.Dataset``, a DataFrame, prompts with ``labels``, or contrast
                pairs [(positive, negative), ...].
            labels: One for each prompt: classes or amounts.
            key: As of ``attention``.
            options: As of ``interpwidgets.methods.probe.probe``, which returns the bare
                Result.

        Raises:
            DatasetError: Labels, groups or split do not allow it; a text is on both sides.
            SiteError: The site is not one vector at each position, or is not there.
            PromptError: A prompt is empty or too long.
            ReadTooLargeError: More activations would be kept than ``max_bytes``.
        """
        view, place = PLACES.claim(ProbePanel, key)
        if view is None:
            view = ProbePanel()
        PLACES.settle(place, view)
        asked = Asked(dataset, labels, options, _prompts(dataset, labels, options))
        bench = Bench(self, view, asked)
        view.attach_bench(bench)
        view.link(self)
        view.recipe = _recipe(self.model, asked)
        bench.fit(in_cell=True)
        return view


def _prompts(dataset: Any, labels: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return the prompts that can be held out, by how a Result names them."""
    own = {name: options[name] for name in _OF_DATASET if name in options}
    data = [dataset_of(dataset, labels, **own)]
    test = options.get("test")
    if test is not None and not isinstance(test, (int, float)):
        data.append(dataset_of(test))
    return {key: text for one in data for key, text in zip(one.keys, one.texts, strict=True)}


def _recipe(model: Model, asked: Asked) -> Recipe:
    loaded = load_call(model)
    given = f"model = {loaded}" if loaded else "model = ...  # your own"
    texts, labels = python_text(asked.dataset), python_text(asked.labels)
    named = "dataset" if texts is None else texts
    lines = [] if texts else ["dataset = ...  # your own"]
    more = [named, *([f"labels={labels or '...'}"] if asked.labels is not None else [])]
    for name, value in asked.options.items():
        if name != "progress":
            more.append(f"{name}={python_text(value) or '...'}")
    return Recipe((IMPORT, "", given, *lines, f"view = iw.probe(model, {', '.join(more)})"))
