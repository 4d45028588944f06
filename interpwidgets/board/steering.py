"""Steering as views: ``iw.steer`` and a board's ``steer``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpwidgets.board.runs_shown import RunsShown
from interpwidgets.board.steering_bench import Bench, Measured
from interpwidgets.directions import Direction
from interpwidgets.errors import InterventionError
from interpwidgets.interventions import parts_of
from interpwidgets.interventions.dial import Dial
from interpwidgets.methods.dose_response import metric_of
from interpwidgets.methods.steering import SteeringText, dial
from interpwidgets.models.adapter import Model
from interpwidgets.models.loading import load_call
from interpwidgets.widgets.code import IMPORT, Recipe, python_text
from interpwidgets.widgets.placement import PLACES
from interpwidgets.widgets.steering import SteeringView
from interpwidgets.widgets.steering_bench import Setting

#: Where sliders end, in units of the site's mean norm.
STRONGEST = 1.0


class Steering(RunsShown):
    """The part of a board that steers."""

    def steer(
        self,
        directions: Any,
        prompt: Any,
        *,
        strengths: Any = None,
        layers: Sequence[int] | int | None = None,
        positions: Any = None,
        also: Any = None,
        answers: Any = None,
        metric: Any = "probability",
        prompts: Any = None,
        strongest: float | int = STRONGEST,
        max_new_tokens: int = 40,
        temperature: float | int = 0.0,
        seed: int = 0,
        n_random: int = 8,
        prepend_bos: bool | None = None,
        key: str | None = None,
    ) -> SteeringView:
        """Return a view with a slider for each direction, and the text with and without.

        ``view.value`` is the intervention where the sliders stand; ``view.result`` both
        texts. A run of either is shown by the board's other views when that is asked for.

        Args:
            directions: A Direction, a dial (``iw.dial``), or several.
            prompt: Text, token ids or chat messages, of one prompt.
            strengths: Where the sliders begin, in units of the site's mean norm; 0.
            layers: Where directions are added; each one's own layer by default.
            positions: As of ``interventions.Where``; everywhere by default.
            also: Further interventions to switch on and off: clamps, ablations, gates.
            answers: What the dose-response measures, as of ``iw.dose_response``.
            metric: As of ``iw.dose_response``.
            prompts: What it measures it on; the prompt by default.
            strongest: Where the sliders end, both ways.
            max_new_tokens: How much is written.
            temperature: 0 for the most probable token each time.
            seed: Of the draw; the same for both texts.
            n_random: How many random directions the dose-response draws beside it.
            prepend_bos: As of ``attention``.
            key: As of ``attention``.

        Raises:
            InterventionError: A direction has no layer and none is given.
            PromptError: It is no single prompt, or the text would be too long.
        """
        model = self.model
        dials = [
            _as_dial(model, one, prompt, layers, positions) for one in _several(directions)
        ]
        extras = parts_of(also)
        turned = [0.0] * len(dials) if strengths is None else strengths
        many = [turned] if isinstance(turned, (int, float)) else list(turned)
        if len(many) != len(dials):
            raise InterventionError(
                f"give a strength for each of the {len(dials)} directions; got {len(many)}."
            )
        asked = answers is not None or metric != "probability"
        measured = Measured(
            prompt if prompts is None else prompts,
            {
                "answers": answers,
                "metric": metric,
                "n_random": n_random,
                "strengths": _spaced(strongest),
                "max_new_tokens": min(max_new_tokens, 16),
                "prepend_bos": prepend_bos,
            },
            metric_of(metric, answers, model).title if asked else "",
        )
        setting = Setting(
            tuple(dials),
            tuple(float(one) for one in many),
            extras,
            (True,) * len(extras),
            max_new_tokens,
            float(temperature),
            seed,
        )
        text = SteeringText(model, prompt, prepend_bos=prepend_bos)
        return self._show_steering(text, measured, setting, float(strongest), key)

    def _show_steering(
        self,
        text: SteeringText,
        measured: Measured,
        setting: Setting,
        strongest: float,
        key: str | None,
    ) -> SteeringView:
        view, place = PLACES.claim(SteeringView, key)
        if view is None:
            view = SteeringView()
        PLACES.settle(place, view)
        view.set_up(Bench(self, view, text, measured), text.tokens(), setting, strongest)
        view.link(self)
        view.recipe = _recipe(self.model, text, setting)
        view.need_bench().write(view.setting, view.turn)
        return view


def _several(given: Any) -> list[Any]:
    many = list(given) if isinstance(given, (list, tuple)) else [given]
    wrong = [one for one in many if not isinstance(one, (Direction, Dial))]
    if wrong or not many:
        raise InterventionError(
            "steering takes Directions or dials, one or several; got "
            f"{type(wrong[0]).__name__ if wrong else 'none'}. iw.Direction(array, "
            "site=..., layer=...) makes one of an array."
        )
    return many


def _as_dial(model: Model, given: Any, prompt: Any, layers: Any, positions: Any) -> Dial:
    if isinstance(given, Dial):
        return given
    return dial(model, given, prompt, layers=layers, positions=positions)


def _spaced(strongest: float | int) -> list[float]:
    """Return nine strengths from one end of the slider to the other."""
    return [float(strongest) * step / 4 for step in range(-4, 5)]


def _recipe(model: Model, text: SteeringText, setting: Setting) -> Recipe:
    loaded = load_call(model)
    asked = f"model = {loaded}" if loaded else "model = ...  # your own"
    names = ", ".join(repr(dial.direction.name) for dial in setting.dials)
    given = f"directions = ...  # {names}: iw.load_direction(path) opens saved ones"
    prompt = python_text(text.typed) or python_text(list(text.prompt.ids))
    call = f"view = iw.steer(model, directions, {prompt})"
    return Recipe((IMPORT, "", asked, given, call))
