"""ProbePanel: what each layer's probe tells apart, beside its controls, and on any text."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import traitlets

from interpwidgets.directions import Direction
from interpwidgets.errors import MessageError, ResultError
from interpwidgets.results.probe import ProbeResult
from interpwidgets.results.probe_direction import EMBED, layer_name
from interpwidgets.results.token_values import TokenValues
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.code import python_text
from interpwidgets.widgets.contract.probe import (
    ForgetRequest,
    ScoreRequest,
    SteerCodeRequest,
)
from interpwidgets.widgets.linked import Answer
from interpwidgets.widgets.probe_bench import WithBench
from interpwidgets.widgets.probe_payload import Scored, probe_payload
from interpwidgets.widgets.probe_static import probe_html

#: Texts that a view keeps; the oldest goes first.
MOST_TEXTS = 12

KEPT: dict[str, Any] = {
    "embed": False,
    "method": 0,
    "position": 0,
    "metric": 0,
    "part": 0,
    "output": 0,
    "threshold": 0.0,
    "panel_open": False,
    "table_open": False,
}


class ProbePanel(WithBench):
    """Layer curve with controls, ROC, scores with their threshold, scores of tokens."""

    _esm = packed_module("probe.js")
    _css = read_bundle("probe.css")
    bundle = "probe"
    held_in_words: ClassVar[dict[str, str]] = {
        "none": "a table, nothing live",
        "compact": "every probe's scores, and the texts that were scored",
        "full": "every probe's scores, and the texts that were scored",
    }
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "text": (ScoreRequest, "_answer_text"),
        "forget": (ForgetRequest, "_answer_forget"),
        "direction": (SteerCodeRequest, "_answer_direction"),
    }

    kept: traitlets.Dict[str, Any] = traitlets.Dict(default_value=dict(KEPT)).tag(sync=True)
    """Method, position rule, metric, part, class and threshold on screen; whether the
    embedding is the layer, which a selection cannot name; open panels. Written by the
    browser."""

    def __init__(self, **traits: Any) -> None:
        #: Who scores texts; None where the numbers were given.
        self.bench = None
        self._scored: tuple[Scored, ...] = ()
        self._lock = threading.RLock()
        super().__init__(**traits)

    # ----------------------------------------------------------------- what is on screen

    @property
    def probes(self) -> ProbeResult:
        """The Result."""
        result: ProbeResult = self._need_result()
        return result

    @property
    def layer(self) -> int:
        """The layer on screen, −1 for the embedding: the selected one, else the best."""
        result, selected = self.probes, self.selection.layer
        if selected in result.layers:
            return int(selected)
        if self.kept.get("embed") and selected is None and EMBED in result.layers:
            return EMBED
        return result.best_layer(method=self.method, position=self.position)

    @layer.setter
    def layer(self, layer: int) -> None:
        self.choose(layer=layer)

    @property
    def method(self) -> str:
        """How the probe on screen was fitted."""
        return self.probes.methods[self._place("method", len(self.probes.methods))]

    @property
    def position(self) -> str:
        """Which tokens it reads, as ``position=`` takes it."""
        return self.probes.position_names[self._place("position", len(self.probes.positions))]

    @property
    def output(self) -> str | None:
        """Of several classes the one on screen, against the rest; else None."""
        result = self.probes
        if len(result.classes) < 3:
            return None
        return result.classes[self._place("output", len(result.classes))]

    @property
    def threshold(self) -> float:
        """The score above which a text is taken for the class on screen."""
        return float(self.kept.get("threshold", 0.0))

    @property
    def direction(self) -> Direction:
        """The direction of the probe on screen; ``iw.steer`` takes it."""
        return self.probes.direction(
            self.layer, method=self.method, position=self.position, output=self.output
        )

    def choose(self, **which: Any) -> None:
        """Show another probe, or the same another way.

        Args:
            which: ``layer`` (−1 for the embedding), ``method``, ``position``, ``metric``,
                ``part``, ``output`` (of several classes which), ``threshold``.

        Raises:
            ResultError: There is no such thing.
        """
        result = self.probes
        named = {
            "method": result.methods,
            "position": result.position_names,
            "metric": result.metrics,
            "part": result.parts[1:],
            "output": result.classes,
        }
        if unknown := sorted(set(which) - {*named, "layer", "threshold"}):
            raise ResultError(
                f"a probe panel has no {unknown[0]!r}; it has layer, {', '.join(named)}, "
                "threshold."
            )
        kept = dict(self.kept)
        for name, known in named.items():
            if name in which:
                kept[name] = _index(name, which[name], known)
        if "threshold" in which:
            kept["threshold"] = float(which["threshold"])
        layer = which.get("layer")
        if layer is not None:
            result.at(layer)
            kept["embed"] = layer == EMBED
        self.kept = kept
        if layer is not None:
            chosen = None if layer == EMBED else layer
            self.selection = self.selection.changed(layer=chosen)

    def _place(self, name: str, n: int) -> int:
        return min(max(0, int(self.kept.get(name, 0))), max(0, n - 1))

    @property
    def _probe(self) -> int:
        result = self.probes
        at = (
            self._place("method", len(result.methods)),
            self._place("position", len(result.positions)),
        )
        return at[0] * len(result.positions) + at[1]

    @traitlets.observe("kept")
    def _change_probe(self, change: Any) -> None:
        """Bring what the page lacks of another probe: its scores, its view of the texts."""
        names = ("method", "position")
        if not self.results or all(change["old"].get(n) == change["new"].get(n) for n in names):
            return
        if all(held["probe"] != self._probe for held in (self.payload or {}).get("scores", [])):
            self._draw()
        if self.bench is not None and any(one.probe != self._probe for one in self._scored):
            self.bench.rescore_from()

    # ------------------------------------------------------------------------------ texts

    @property
    def scored(self) -> tuple[TokenValues, ...]:
        """The texts that were scored, the newest first."""
        return tuple(one.values for one in self._scored)

    def score(self, prompt: Any) -> TokenValues:
        """Score every token of a text with the probe on screen, and draw it.

        Args:
            prompt: Text, token ids, or chat messages.

        Raises:
            MessageError: The probes came without a model.
            PromptError: The prompt is empty or too long.
        """
        result = self.probes
        at = divmod(self._probe, len(result.positions))
        one = self.need_bench().score(prompt, *at)
        self.add_scored([one])
        return one.values

    def add_scored(self, texts: Sequence[Scored]) -> None:
        """Draw texts above those that are there; the same text again takes its old place.

        Args:
            texts: What was scored.
        """
        with self._lock:
            new = [one.values.tokens.ids for one in texts]
            kept = [one for one in self._scored if one.values.tokens.ids not in new]
            self._scored = (*texts, *kept)[:MOST_TEXTS]
            self._redraw()

    def replace_scored(self, texts: Sequence[Scored]) -> None:
        """Draw texts as another probe sees them; those that came or went meanwhile hold.

        Args:
            texts: What was scored anew.
        """
        with self._lock:
            new = {one.values.tokens.ids: one for one in texts if one.probe == self._probe}
            self._scored = tuple(
                one if one.probe == self._probe else new.get(one.values.tokens.ids, one)
                for one in self._scored
            )
            self._redraw()

    @property
    def texts(self) -> tuple[Scored, ...]:
        """The texts on screen with what is known of each."""
        return self._scored

    def _redraw(self) -> None:
        with self.hold_sync():
            self._draw()
            self.refresh_selection()  # the first text's tokens are this view's

    def token_text(self, prompt: int | None = None) -> tuple[str, ...] | None:  # noqa: ARG002
        """Return the tokens of the first text."""
        return tuple(self._scored[0].values.tokens.text) if self._scored else ()

    def origin(self) -> tuple[str, int] | None:
        """Return None: probes are of many runs, so that they differ from every other view."""
        return None

    # ---------------------------------------------------------------------------- display

    def show(self, results: tuple[ProbeResult, ...]) -> None:
        """Draw other probes in place; texts of the ones before are let go.

        Args:
            results: One.
        """
        with self.hold_sync(), self._lock:
            same = self.results and self.results[0].methods == results[0].methods
            self.results, self._scored = results[:1], ()
            if not same:
                keep = {n: self.kept.get(n, False) for n in ("panel_open", "table_open")}
                self.kept = {**KEPT, **keep}
            self.refresh_selection()
            self._draw()
            self.settle()

    def settle(self) -> None:
        """Say what state the numbers are in, once nothing runs."""
        result = self.result
        if result is None:
            return
        note = result.provenance.note or ""
        if "interrupted" in note:
            self.set_status("stale", note)
        else:
            self.set_status("live")

    def refuse(self, message: str) -> None:
        """Say that what was asked for failed; the picture holds.

        Args:
            message: Why, in words.
        """
        if self.status["kind"] == "running":  # else the sweep itself failed, and says so
            self.set_status("live", message)

    def set_status(self, kind: Any, message: str = "", **how_far: int) -> None:
        """Say what state the picture is in; with a bench the sweep can be run again."""
        super().set_status(kind, message, **how_far)
        self.status = {**self.status, "can_rerun": self.bench is not None}

    def _draw(self) -> None:
        result = self.result
        if result is not None:
            can_score = self.bench is not None
            drawn = probe_payload(result, self._scored, self._probe, can_score=can_score)
            self.payload = dict(drawn)

    def display_in_code(self) -> list[str]:
        """Return the lines that choose the same probe and score the same texts."""
        wanted: dict[str, Any] = {}
        result = self.probes
        for name, value, first in (
            ("method", self.method, result.methods[0]),
            ("position", self.position, result.position_names[0]),
            ("output", self.output, result.classes[0] if len(result.classes) > 2 else None),
            ("threshold", self.threshold, 0.0),
        ):
            if value != first:
                wanted[name] = value
        if self.layer == EMBED:
            wanted["layer"] = EMBED
        chosen = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
        lines = [f"view.choose({chosen})"] if chosen else []
        typed = [one.prompt for one in self._scored[::-1] if one.target is None]
        return lines + [f"view.score({python_text(prompt)})" for prompt in typed]

    def traits_to_embed(self, embed: Any) -> dict[str, Any]:
        """Return the traits of a copy without a kernel."""
        traits = super().traits_to_embed(embed)
        if traits["payload"]:
            traits["payload"] = {**traits["payload"], "can_score": False}
        return traits

    def summary(self) -> str:
        """Return what was probed and how well it goes at the layer on screen, in one line."""
        result = self.result
        if result is None:
            return super().summary()
        m, p, n = result.at(self.layer, method=self.method, position=self.position)
        value = float(result.value[1, -1, m, p, n])
        return (
            f"Probe · {result.summary()} · {layer_name(self.layer)} "
            f"{result.metrics[-1]} {value:.3f}"
        )

    def static_html(self) -> str:
        """Return every layer's numbers with their controls as tables."""
        result = self.result
        return super().static_html() if result is None else probe_html(result)

    # --------------------------------------------------------------------------- messages

    def _answer_text(self, request: dict[str, Any]) -> Answer:
        text = request["text"]
        if not text.strip():
            raise MessageError("type a text to score: this one is empty.")
        self.need_bench().score_from(text)
        return {}, []

    def _answer_forget(self, request: dict[str, Any]) -> Answer:
        with self._lock:
            if not 0 <= request["index"] < len(self._scored):
                raise MessageError(f"there is no text {request['index']} in this view.")
            at = request["index"]
            self._scored = self._scored[:at] + self._scored[at + 1 :]
            self._redraw()
        return {}, []

    def _answer_direction(self, _: dict[str, Any]) -> Answer:
        direction = self.direction
        typed = next((one.prompt for one in self._scored if isinstance(one.prompt, str)), "...")
        code = f"iw.steer(model, view.direction, {python_text(typed) or '...'})"
        return {"code": code, "words": str(direction)}, []

    def _answer_rerun(self, _: dict[str, Any]) -> Answer:
        self.need_bench().fit_from()
        return {}, []


def _index(name: str, wanted: Any, known: Sequence[str]) -> int:
    if str(wanted) not in known:
        raise ResultError(f"there is no {name} {wanted!r}; there are {', '.join(known)}.")
    return list(known).index(str(wanted))
