"""LensGrid: what every layer would say next, at every position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import traitlets

from interpwidgets.errors import MessageError, ResultError, nearest
from interpwidgets.results.lens import LogitLens
from interpwidgets.results.lens_control import LensControl
from interpwidgets.widgets.base import Feeder, View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract.common import PromptRequest
from interpwidgets.widgets.contract.lens import (
    ColumnRequest,
    LensControlRequest,
    LensTuned,
    MapRequest,
    TrackRequest,
    TunedRequest,
)
from interpwidgets.widgets.lens_payload import (
    Held,
    held_whole,
    held_within,
    lens_columns,
    lens_map,
    lens_payload,
)
from interpwidgets.widgets.lens_static import lens_html
from interpwidgets.widgets.linked import Answer
from interpwidgets.widgets.static_form import Embed

#: What cells may be coloured by.
MEASURES = ("probability", "rank", "entropy", "kl")

#: Tokens that one control reads.
MOST_TOKENS = 64


@runtime_checkable
class LensFeeder(Feeder, Protocol):
    """What a LensGrid asks of its board, beside what every view does."""

    def track_from(self, view: View, targets: Sequence[int]) -> None:
        """Queue the run on screen once more, following these tokens from now on."""

    def tuned_from(self, view: View, *, on: bool) -> None:
        """Queue the run on screen once more, with or without the tuned lens."""

    def lens_control_from(self, view: View, pos: int, tokens: Sequence[int]) -> None:
        """Queue the control at a position; ``show_control`` follows."""


class LensGrid(View):
    """Layers × tokens, the best token in each cell, and how tokens rise through the layers."""

    _esm = packed_module("lens.js")
    _css = read_bundle("lens.css")
    bundle = "lens"
    held_in_words: ClassVar[dict[str, str]] = {
        "none": "a grid and a table, nothing live",
        "compact": "the best token of every cell, and all of the positions that fit",
        "full": "all of every position",
    }
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "prompt": (PromptRequest, "_answer_prompt"),
        "column": (ColumnRequest, "_answer_column"),
        "map": (MapRequest, "_answer_map"),
        "track": (TrackRequest, "_answer_track"),
        "tuned": (TunedRequest, "_answer_tuned"),
        "control": (LensControlRequest, "_answer_control"),
    }

    kept: traitlets.Dict[str, Any] = traitlets.Dict(
        default_value={
            "measure": "probability",
            "of": None,
            "pins": [],
            "words": False,
            "panel_open": False,
            "table_open": False,
        }
    ).tag(sync=True)
    """What cells are coloured by, and of which token (an id; None: the one shown); pinned
    cells; whether cells are wide enough for words; what is open. Written by the browser."""

    def __init__(self, **traits: Any) -> None:
        self._prompt = 0
        self._controls: dict[tuple[int, int], LensControl] = {}
        #: The tuned lens that there is, in words; empty for none.
        self._tuned = ""
        super().__init__(**traits)

    @property
    def result(self) -> LogitLens | None:
        """The LogitLens on screen; None before the first run."""
        return self.results[self._prompt] if self.results else None

    def attach(self, feeder: Feeder) -> None:
        """Be fed by a board from now on, and no more by the one before."""
        self._tuned = ""
        super().attach(feeder)

    def offer_tuned(self, title: str) -> None:
        """Let a person turn a tuned lens on and off.

        Args:
            title: The lens in words.
        """
        self._tuned = title

    def show(self, results: tuple[LogitLens, ...]) -> None:
        """Draw new predictions in place, keeping what of the selection still holds.

        Args:
            results: One per prompt.
        """
        with self.hold_sync():
            self.results = results
            self._controls = {}
            self._prompt = min(self._prompt, len(results) - 1)
            self._tuned = results[0].lens or self._tuned
            self.refresh_selection()
            self._draw()

    def show_control(self, control: LensControl) -> None:
        """Draw the control of a position of the prompt on screen.

        Args:
            control: Of the Result on screen.
        """
        self._controls[self._prompt, control.pos] = control
        self._draw()

    def move_to_prompt(self, prompt: int) -> None:
        """Show another prompt of the run, if there is one."""
        if prompt != self._prompt and prompt < len(self.results):
            self._prompt = prompt
            self._draw()

    @property
    def controls(self) -> tuple[LensControl, ...]:
        """The controls that were run for what is on screen."""
        return tuple(
            one for (prompt, _), one in self._controls.items() if prompt == self._prompt
        )

    # ---------------------------------------------------------------- what a person chose

    @property
    def measure(self) -> str:
        """What cells are coloured by: of ``MEASURES``."""
        measure = self.kept.get("measure")
        return measure if measure in MEASURES else MEASURES[0]

    @measure.setter
    def measure(self, measure: str) -> None:
        if measure not in MEASURES:
            raise ResultError(
                f"there is no measure {measure!r} here. {nearest(measure, MEASURES)}"
            )
        self.kept = {**self.kept, "measure": measure}

    @property
    def pins(self) -> tuple[tuple[int, int], ...]:
        """The pinned cells that the Result on screen has: layer number and position each."""
        result = self.result
        if result is None:
            return ()
        text = result.tokens.text
        return tuple(
            (pin["layer"], pin["position"])
            for pin in self.kept.get("pins", [])
            if pin["layer"] in result.layers
            and text[pin["position"] : pin["position"] + 1] == (pin["text"],)
        )

    @pins.setter
    def pins(self, cells: Sequence[tuple[int, int]]) -> None:
        result = self._need_result()
        pins = []
        for layer, pos in cells:
            result.top(layer, pos)  # refuses what is not there
            at = pos % len(result.tokens)
            pins.append({"layer": layer, "position": at, "text": result.tokens.text[at]})
        self.kept = {**self.kept, "pins": pins}

    @property
    def cells(self) -> tuple[tuple[int, int], ...]:
        """The selected cells, then the pinned ones: layer number and position each."""
        layer, result = self.selection.layer, self.result
        chosen: list[tuple[int, int]] = []
        if result is not None and layer is not None and layer in result.layers:
            chosen = [(layer, pos) for pos in self.selection.tokens]
        return tuple(dict.fromkeys([*chosen, *self.pins]))

    def display_in_code(self) -> list[str]:
        """Return the lines that choose the same colours and pins."""
        lines = [f"view.measure = {self.measure!r}"] if self.measure != MEASURES[0] else []
        return [*lines, f"view.pins = {list(self.pins)}"] if self.pins else lines

    # --------------------------------------------------------------------------- drawing

    def _draw(self) -> None:
        result = self.result
        if result is None:
            return
        looked_at = [*self.selection.tokens, *(pos for _, pos in self.pins)]
        with self.hold_sync():
            self.payload = self._payload(held_within(result, looked_at))
            run = result.provenance.run
            if (result.top_ids < 0).all() and result.top_k:
                self.set_status("stale", f"run {run} stopped before the model's output")
            else:
                self.set_status("live")

    def _payload(self, held: Held) -> dict[str, Any]:
        result = self._need_result()
        tuned: LensTuned | None = None
        if self._tuned:
            tuned = {"on": bool(result.lens), "title": self._tuned}
        return dict(lens_payload(result, held, controls=self.controls, tuned=tuned))

    def token_text(self, prompt: int | None = None) -> tuple[str, ...] | None:
        """Return the text of each position on screen, or of another prompt of the run."""
        result = self.result if prompt is None else self.results[prompt]
        return None if result is None else tuple(result.tokens.text)

    def traits_to_embed(self, embed: Embed) -> dict[str, Any]:
        """Return the traits of a copy without a kernel, with the positions that it holds.

        Args:
            embed: ``"compact"`` holds the positions that fit, ``"full"`` all.
        """
        traits, result = super().traits_to_embed(embed), self.result
        if result is None:
            return traits
        looked_at = [*self.selection.tokens, *(pos for _, pos in self.pins)]
        held = held_whole(result) if embed == "full" else held_within(result, looked_at)
        payload = {**self._payload(held), "code": traits["payload"]["code"]}
        return {**traits, "payload": payload}

    def summary(self) -> str:
        """Return what is shown and its provenance in one line."""
        result = self.result
        if result is None:
            return super().summary()
        p = result.provenance
        name = "Tuned lens" if result.lens else "Logit lens"
        size = f"{name}: {len(result.layers)} layers × {len(result.tokens)} tokens"
        return " · ".join(filter(None, [size, p.model, f"run {p.run}" if p.run else ""]))

    def static_html(self) -> str:
        """Return the grid with the best token of each prediction, and the targets."""
        result = self.result
        return super().static_html() if result is None else lens_html(result)

    # ------------------------------------------------------------------------ messages

    def _answer_column(self, request: dict[str, Any]) -> Answer:
        self.check_run(request["run"])
        result, pos = self._need_result(), request["position"]
        self._check_position(result, pos)
        columns: Any = lens_columns(result, [pos])[0]
        names = ("index", "logprob", "target_logprob", "target_rank")
        return {"columns": columns}, [columns.pop(name) for name in names]

    def _answer_map(self, request: dict[str, Any]) -> Answer:
        self.check_run(request["run"])
        result, name, target = self._need_result(), request["name"], request["target"]
        last = len(result.target_ids) - 1
        if name in ("logprob", "rank") and not 0 <= target <= last:
            raise MessageError(f"there is no target {target}; this view has {last + 1}.")
        one: Any = lens_map(result, name, target)
        data = one.pop("data")
        return {"map": one}, [data]

    def _check_position(self, result: LogitLens, pos: int) -> None:
        n = len(result.tokens)
        if not 0 <= pos < n:
            raise MessageError(f"there is no position {pos}; this prompt has {n}, from 0.")

    def _lens_feeder(self) -> LensFeeder:
        feeder = self.need_feeder()
        if not isinstance(feeder, LensFeeder):
            raise MessageError("what feeds this view runs no lens again; run its cell.")
        return feeder

    def _answer_track(self, request: dict[str, Any]) -> Answer:
        token, feeder = request["token"], self._lens_feeder()
        others = [i for i in self._need_result().target_ids if i != token]
        feeder.track_from(self, [*others, token] if request["on"] else others)
        return {}, []

    def _answer_tuned(self, request: dict[str, Any]) -> Answer:
        if not self._tuned:
            raise MessageError("no tuned lens was given; add lens= to the view's call.")
        self._lens_feeder().tuned_from(self, on=request["on"])
        return {}, []

    def _answer_control(self, request: dict[str, Any]) -> Answer:
        self.check_run(request["run"])
        self._check_position(self._need_result(), request["position"])
        tokens = request["tokens"]
        if not 1 <= len(tokens) <= MOST_TOKENS:
            raise MessageError(f"a control reads 1 to {MOST_TOKENS} tokens; got {len(tokens)}.")
        self._lens_feeder().lens_control_from(self, request["position"], tokens)
        return {}, []
