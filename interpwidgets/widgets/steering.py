"""The steering studio: dials to turn, and what the model writes with and without them."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import traitlets

from interpwidgets.errors import InterventionError, MessageError
from interpwidgets.interventions import Interventions
from interpwidgets.interventions.dial import Dial
from interpwidgets.results.dose_response import DoseResponse
from interpwidgets.results.steering import SteeredText
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract.steering import (
    DoseRequest,
    ShowRequest,
    SteeringPayload,
    SteerRequest,
    StopRequest,
)
from interpwidgets.widgets.linked import Answer
from interpwidgets.widgets.static_form import Embed
from interpwidgets.widgets.steering_bench import Setting, SteeringBench
from interpwidgets.widgets.steering_payload import (
    steering_stamp,
    wire_dial,
    wire_dose,
    wire_texts,
)
from interpwidgets.widgets.steering_static import steering_html
from interpwidgets.widgets.tokens_payload import token_infos

NO_MODEL = "this text came without a model to steer: iw.steer(model, directions, prompt=...)."


class SteeringView(View):
    """Sliders, the two texts side by side, and the effect against the strength."""

    _esm = packed_module("steering.js")
    _css = read_bundle("steering.css")
    bundle = "steering"
    held_in_words: ClassVar[dict[str, str]] = {
        "none": "two texts and a table, nothing live",
        "compact": "both texts and what was measured",
        "full": "both texts and what was measured",
    }
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "steer": (SteerRequest, "_answer_steer"),
        "stop": (StopRequest, "_answer_stop"),
        "dose": (DoseRequest, "_answer_dose"),
        "show": (ShowRequest, "_answer_show"),
    }

    kept: traitlets.Dict[str, Any] = traitlets.Dict(
        default_value={"dial": 0, "panel_open": False, "table_open": False}
    ).tag(sync=True)
    """The dial whose dose-response is drawn; open panels. Written by the browser."""

    value = traitlets.Instance(Interventions, args=(), read_only=True)
    """What is changed where the sliders stand; changes at once when one is moved."""

    def __init__(self, **traits: Any) -> None:
        self.bench: SteeringBench | None = None
        self.setting = Setting((), ())
        #: Counts settings: what is written for an earlier one is let go.
        self.turn = 0
        #: Of which of them the texts on screen are.
        self._written = 0
        self._prompt: Tokens = Tokens((), (), (), ())
        self._doses: dict[int, tuple[Dial, DoseResponse]] = {}
        self._strongest = 1.0
        self._lock = threading.RLock()
        super().__init__(**traits)

    # ------------------------------------------------------------------------- set up

    def set_up(
        self, bench: SteeringBench, prompt: Tokens, setting: Setting, strongest: float
    ) -> None:
        """Begin with a prompt and dials; sliders of the same names stay where they are.

        Args:
            bench: Who writes.
            prompt: Its tokens.
            setting: Where everything stands.
            strongest: Where the sliders end, in both directions.
        """
        if self.bench is not None and self.bench is not bench:
            self.bench.release()
        before = self.setting
        self.bench, self._prompt, self._strongest = bench, prompt, strongest
        names = [dial.direction.name for dial in setting.dials]
        if before.dials and names == [dial.direction.name for dial in before.dials]:
            setting = dataclasses.replace(setting, strengths=before.strengths)
        self._doses = {}
        self._take(setting)

    @property
    def strengths(self) -> tuple[float, ...]:
        """How far each dial is turned, in units; set them to write anew."""
        return self.setting.strengths

    @strengths.setter
    def strengths(self, strengths: Any) -> None:
        self.steer(strengths)

    def steer(self, strengths: Any = None, **changes: Any) -> SteeredText:
        """Move the dials and write both texts.

        Args:
            strengths: One a dial, in units of its site's mean norm; as they stand by default.
            changes: ``layers`` (a list of layers for each dial), ``positions`` (of the
                prompt; None: everywhere), ``on`` (one a further intervention),
                ``max_new_tokens``, ``temperature``, ``seed``.

        Returns:
            The ``SteeredText``; also in ``result``.

        Raises:
            InterventionError: Another number of strengths than dials, or no such layer.
        """
        wanted = self.setting.strengths if strengths is None else strengths
        many = [wanted] if isinstance(wanted, (int, float)) else list(wanted)
        self._take(self.setting.moved(many, changes))
        return self.need_bench().write(self.setting, self.turn)

    def dose_response(self, dial: int = 0) -> DoseResponse:
        """Measure how far each strength of a dial goes, beside random directions.

        Args:
            dial: Which.
        """
        self._check_dial(dial)
        return self.need_bench().dose(self.setting, dial)

    def _take(self, setting: Setting) -> None:
        with self._lock:
            self.turn += 1
            self.setting = setting
            self.set_trait("value", Interventions(setting.parts))
            self._draw()

    # ------------------------------------------------------------------ told by its bench

    def told(self, turn: int, side: str, tokens: Sequence[Any], first: int) -> None:
        """Stream tokens to the page.

        Args:
            turn: Of which setting; of an earlier one they are let go.
            side: ``"base"`` or ``"steered"``.
            tokens: ``Tokens`` of what is new.
            first: How many came before on that side.
        """
        if turn == self.turn:
            new = {"kind": "tokens", "turn": turn, "side": side, "first": first}
            self.send({**new, "tokens": list(tokens)})

    def finish(self, turn: int, result: SteeredText) -> None:
        """Draw a finished text, if the dials still stand where it was written.

        Args:
            turn: Of which setting.
            result: What was written.
        """
        with self._lock:
            if turn == self.turn:
                self._written = turn
                self.show((result,))

    def add_dose(self, dial: int, of: Dial, response: DoseResponse) -> None:
        """Draw a dose-response.

        Args:
            dial: Of which dial.
            of: Where that stood.
            response: What was measured.
        """
        with self._lock:
            self._doses[dial] = (of, response)
            self._draw()
            self.settle()

    @property
    def doses(self) -> dict[int, DoseResponse]:
        """What was measured, by dial."""
        return {dial: response for dial, (_, response) in self._doses.items()}

    def settle(self) -> None:
        """Say what state the texts are in, once nothing runs."""
        result = self.result
        if result is None:
            self.set_status("empty", "Nothing is written yet: move a slider.")
        elif result.stopped:
            self.set_status("stale", f"stopped after {_new(result)} tokens")
        else:
            self.set_status("live")

    def set_status(self, kind: Any, message: str = "", **how_far: int) -> None:
        """Say what state the texts are in; with a bench they can be written again."""
        super().set_status(kind, message, **how_far)
        self.status = {**self.status, "can_rerun": self.bench is not None}

    # ---------------------------------------------------------------------------- display

    def show(self, results: tuple[SteeredText, ...]) -> None:
        """Draw a steered text in place.

        Args:
            results: One.
        """
        with self.hold_sync():
            self.results = results[:1]
            if self.bench is None:
                result = results[0]
                self._prompt = _prompt_of(result)
            self.refresh_selection()
            self._draw()
            self.settle()

    def _draw(self) -> None:
        result, now = self.result, self.setting
        texts = (None, None) if result is None else wire_texts(result)
        bench = self.bench
        doses = [
            wire_dose(at, response, stale=of != now.dials[at])
            for at, (of, response) in sorted(self._doses.items())
        ]
        turned = zip(now.dials, now.strengths, strict=True)
        payload: SteeringPayload = {
            "version": 1,
            "kind": "steering",
            "run": 0 if result is None else result.provenance.run,
            "turn": self.turn,
            "written": self._written,
            "prompt": token_infos(self._prompt),
            "turns": [{"role": role, "start": start} for role, start in self._prompt.turns()],
            "dials": [wire_dial(dial, strength) for dial, strength in turned],
            "strongest": self._strongest,
            "positions": now.positions(len(self._prompt)),
            "extras": [
                {"words": str(part), "on": on}
                for part, on in zip(now.extras, now.on, strict=True)
            ],
            "writing": {
                "max_new_tokens": now.max_new_tokens,
                "temperature": now.temperature,
                "seed": now.seed,
            },
            "words": "; ".join(result.words) if result and not now.dials else str(self.value),
            "base": texts[0],
            "steered": texts[1],
            "metric": "" if bench is None else bench.metric,
            "doses": doses,
            "can_show": bench is not None and bench.can_show,
            "stamp": steering_stamp(result),
        }
        self.payload = dict(payload)

    def need_bench(self) -> SteeringBench:
        """Return who writes.

        Raises:
            MessageError: The text came without a model.
        """
        if self.bench is None:
            raise MessageError(NO_MODEL)
        return self.bench

    def detach(self) -> None:
        """Keep the texts, and write no more."""
        super().detach()
        if self.bench is not None:
            bench, self.bench = self.bench, None
            bench.release()
            self._draw()
            self.settle()

    def token_text(self, prompt: int | None = None) -> tuple[str, ...] | None:  # noqa: ARG002
        """Return the text of each position of the steered text."""
        result = self.result
        return tuple(self._prompt.text) if result is None else tuple(result.steered.text)

    def display_in_code(self) -> list[str]:
        """Return the line that turns the dials as they stand."""
        if not self.setting.dials:
            return []
        now = self.setting
        layers = [list(dial.layers) for dial in now.dials]
        positions = now.positions(len(self._prompt))
        return [
            f"view.steer({list(now.strengths)}, layers={layers}, positions={positions}, "
            f"on={list(now.on)}, max_new_tokens={now.max_new_tokens}, "
            f"temperature={now.temperature}, seed={now.seed})"
        ]

    def traits_to_embed(self, embed: Embed) -> dict[str, Any]:
        """Return the traits of a copy without a kernel."""
        traits = super().traits_to_embed(embed)
        if traits["payload"]:
            traits["payload"] = {**traits["payload"], "can_show": False}
        return traits

    def summary(self) -> str:
        """Return what was changed and its provenance in one line."""
        result = self.result
        if result is None:
            return super().summary()
        p = result.provenance
        what = "; ".join(result.words) or "nothing changed"
        return " · ".join(filter(None, ["Steering", what, p.model, f"run {p.run}"]))

    def static_html(self) -> str:
        """Return both texts and what was measured as plain HTML."""
        result = self.result
        if result is None:
            return super().static_html()
        return steering_html(result, self.doses, self.status["message"])

    # --------------------------------------------------------------------------- messages

    def _check_dial(self, dial: int) -> None:
        if not 0 <= dial < len(self.setting.dials):
            raise InterventionError(
                f"there is no dial {dial}; this view has {len(self.setting.dials)}, from 0."
            )

    def _answer_steer(self, request: dict[str, Any]) -> Answer:
        bench = self.need_bench()
        changes = {
            "layers": [layers or None for layers in request["layers"]],
            "positions": request["positions"],
            "on": request["extras"],
            "max_new_tokens": request["max_new_tokens"],
            "temperature": float(request["temperature"]),
            "seed": request["seed"],
        }
        self._take(self.setting.moved(request["strengths"], changes))
        bench.write_from(self.setting, self.turn)
        return {"turn": self.turn}, []

    def _answer_stop(self, _: dict[str, Any]) -> Answer:
        self.need_bench().release()
        with self._lock:
            self.turn += 1  # what is being written is of an earlier one now
        return {"turn": self.turn}, []

    def _answer_dose(self, request: dict[str, Any]) -> Answer:
        self._check_dial(request["dial"])
        self.need_bench().dose_from(self.setting, request["dial"])
        return {}, []

    def _answer_show(self, request: dict[str, Any]) -> Answer:
        bench, result = self.need_bench(), self.result
        if result is None:
            raise MessageError("nothing is written yet: move a slider.")
        bench.show_from(self.setting, result, request["side"])
        return {}, []

    def _answer_rerun(self, _: dict[str, Any]) -> Answer:
        bench = self.need_bench()
        with self._lock:
            self.turn += 1
        bench.write_from(self.setting, self.turn)
        return {}, []


def _new(result: SteeredText) -> int:
    return len(result.steered) - result.n_prompt


def _prompt_of(result: SteeredText) -> Tokens:
    columns = {
        field.name: getattr(result.base, field.name)[: result.n_prompt]
        for field in dataclasses.fields(Tokens)
    }
    return Tokens(**columns)
