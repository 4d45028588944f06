"""AttentionView: every head's pattern, one of them large."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import traitlets

from interpwidgets.errors import MessageError, ResultError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.tokens import Tokens
from interpwidgets.widgets.attention_display import (
    NOT_WEIGHTS,
    Display,
    Reference,
    References,
    displayed,
    drawn_alignment,
    measures,
)
from interpwidgets.widgets.attention_payload import (
    attention_payload,
    head_bytes,
    head_detail,
    saved_details,
    scored_heads,
    unscored_heads,
    wire_alignment,
    wire_effect,
)
from interpwidgets.widgets.attention_static import attention_html
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract.attention import (
    AblateRequest,
    AttentionPayload,
    ControlRequest,
    DisplayRequest,
    HeadRequest,
    ScoredHeads,
    ScoresRequest,
    UndoRequest,
)
from interpwidgets.widgets.contract.common import PromptRequest
from interpwidgets.widgets.linked import Answer
from interpwidgets.widgets.static_form import Embed

#: Bytes of the heads that a compact copy holds in full: so many, or with the thumbnails as
#: many as keep a saved view below a megabyte.
DETAILS_BUDGET = 200_000
COPY_BUDGET = 650_000

#: Bytes of one message: hosted notebooks refuse long ones.
MESSAGE_BYTES = 900_000

#: Weights up to which scores of all heads travel unasked: some 20 ms.
SCORED_AT_ONCE = 1_000_000


class AttentionView(View):
    """Attention patterns as thumbnails, a large map and arcs over the tokens."""

    _esm = packed_module("attention.js")
    _css = read_bundle("attention.css")
    bundle = "attention"
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "head": (HeadRequest, "_answer_head"),
        "prompt": (PromptRequest, "_answer_prompt"),
        "scores": (ScoresRequest, "_answer_scores"),
        "display": (DisplayRequest, "_answer_display"),
        "ablate": (AblateRequest, "_answer_ablate"),
        "control": (ControlRequest, "_answer_control"),
        "undo": (UndoRequest, "_answer_undo"),
    }

    measure = traitlets.Unicode("weight")
    """What is drawn: ``"weight"``, ``"value_weighted"`` (times the norm of the key's value)
    or ``"score"`` (before the softmax). Set in Python or in the page."""

    hide_sink = traitlets.Bool(False)
    """Whether key position 0 is left out and rows are shares of what is left."""

    less = traitlets.Unicode("")
    """The name of what is subtracted, of ``references()``; empty for nothing."""

    def __init__(self, **traits: Any) -> None:
        self._prompt = 0
        self._references = References()
        #: A measure to show once a run has brought its numbers.
        self._awaited = ""
        #: What is drawn: the Result on screen, or what was made of it.
        self.shown: AttentionPattern | None = None
        super().__init__(**traits)
        self.observe(lambda _: self._draw(), ["measure", "hide_sink", "less"])

    @property
    def result(self) -> AttentionPattern | None:
        """The AttentionPattern of the run on screen; None before the first run."""
        return self.results[self._prompt] if self.results else None

    def show(self, results: tuple[AttentionPattern, ...]) -> None:
        """Draw new patterns in place, keeping what of the selection still holds.

        Args:
            results: One per prompt of the run.
        """
        with self.hold_sync():
            self._references.remember(self.results, results)
            self.results = results
            self._prompt = min(self._prompt, len(results) - 1)
            self.refresh_selection()
            if self._awaited and results[self._prompt].scores is not None:
                self.measure, self._awaited = self._awaited, ""  # and draws
            else:
                self._draw()

    def move_to_prompt(self, prompt: int) -> None:
        """Show another prompt of the run, if there is one."""
        if prompt != self._prompt and prompt < len(self.results):
            self._prompt = prompt
            self._draw()

    # ------------------------------------------------------------------- what is compared

    def compare(self, other: Any, *, title: str = "") -> None:
        """Draw the difference from another run, or another view's run.

        Args:
            other: An AttentionPattern of the same layers and heads, or a view of one.
            title: What to call it; its run by default.

        Raises:
            ResultError: It is of other layers or heads.
        """
        result = self._need_result()
        other = getattr(other, "result", other)
        if not isinstance(other, AttentionPattern):
            kind = type(other).__name__
            raise ResultError(
                f"compare takes an AttentionPattern or a view of one; got {kind}."
            )
        if other is result:
            raise ResultError("this is the run on screen itself; compare takes another one.")
        result.difference(other, align="text")  # refuses in words what cannot be subtracted
        self.less = ""  # what is subtracted may have the same name as before
        self.less = self._references.give(title, other)

    def references(self) -> list[Reference]:
        """Return what can be subtracted from what is shown: earlier runs, other prompts."""
        return self._references.of(self.results, self._prompt) if self.results else []

    def _display(self) -> Display:
        return Display(self.measure, self.hide_sink, self.less)

    @traitlets.validate("measure", "hide_sink", "less")
    def _check_display(self, proposal: Any) -> Any:
        self._refuse(replace(self._display(), **{proposal["trait"].name: proposal["value"]}))
        return proposal["value"]

    def _refuse(self, display: Display) -> None:
        """Raise where the run on screen does not have what is to be shown of it."""
        result, now = self.result, self._display()
        if result is None:
            return
        if display.hide_sink and result.column != "weight":
            raise MessageError(f"the first token cannot be hidden: {NOT_WEIGHTS}.")
        if display.measure != now.measure:
            why = {one["name"]: one["why"] for one in measures(result, can_run=False)}
            if why[display.measure]:
                raise MessageError(
                    f"{display.measure} cannot be shown of this run: {why[display.measure]}."
                )
        names = [of.name for of in self.references()]
        if display.less != now.less and display.less and display.less not in names:
            raise MessageError(
                f"there is no {display.less!r} to subtract; there is "
                f"{', '.join(names) or 'nothing yet'}."
            )

    def display_in_code(self) -> list[str]:
        """Return the lines that choose the same numbers."""
        lines = [f"view.measure = {self.measure!r}"] if self.measure != "weight" else []
        if self.hide_sink:
            lines.append("view.hide_sink = True")
        if self.shown is not None and self.shown.less:
            if self.less.startswith("prompt-"):
                lines.append(f"view.less = {self.less!r}")
            else:
                lines.append(f"# shown on screen less {self.shown.less}: view.compare(...)")
        return lines

    # --------------------------------------------------------------------------- drawing

    def _draw(self) -> None:
        result = self.result
        if result is None:
            return
        references = self.references()
        self.shown = shown = displayed(result, self._display(), references)
        chosen = self.chosen_head(result)
        along = [chosen] if head_bytes(shown) <= MESSAGE_BYTES else []
        payload = attention_payload(shown, along)
        payload["measures"] = measures(result, can_run=self.feeder is not None)
        payload["references"] = [{"name": of.name, "title": of.title} for of in references]
        payload["head_scores"] = self._scores(values=self._scored())
        self._add_alignment(payload)
        self._add_effect(payload)
        with self.hold_sync():
            self.payload = dict(payload)
            self._draw_status(result)

    def realign(self) -> None:
        """Draw anew how the tokens on screen belong to those that are selected elsewhere."""
        if self.payload is not None:
            payload: Any = {**self.payload, "alignment": None}
            self._add_alignment(payload)
            self.payload = payload

    def _add_alignment(self, payload: AttentionPayload) -> None:
        """Add the other tokens: those subtracted, or those that positions are counted in."""
        result, shown = self.result, self.shown
        if result is None or shown is None:
            return
        if shown.less and not result.less:  # what was given may be a difference already
            other = next(of.result for of in self.references() if of.name == self.less)
            alignment = drawn_alignment(result, other)
            tokens = other.tokens
        else:
            alignment = self.group.alignment(self.token_text())
            alignment = None if alignment is None else alignment.swapped()
            tokens = Tokens.of_text(self.group.reference or ())
        if alignment is not None:
            payload["alignment"] = wire_alignment(alignment, tokens)

    def _scores(self, *, values: bool) -> list[ScoredHeads]:
        result = self.result
        if result is None or len(result.tokens) < 2 or result.column != "weight":
            return []  # what was given may be a difference already
        if not values:
            return unscored_heads()
        weights = result.without_sink() if self.hide_sink else result
        return scored_heads(weights.pattern_scores())

    def _scored(self) -> bool:
        """Whether to score the heads now: it is quick, or the page shows a score."""
        result = self.result
        quick = result is not None and result.pattern.size <= SCORED_AT_ONCE
        return quick or bool(self.kept.get("score"))

    def _draw_status(self, result: AttentionPattern) -> None:
        run = result.provenance.run
        behind = [
            layer
            for layer, of in zip(result.layers, result.layer_runs, strict=True)
            if of != run
        ]
        if behind:
            self.set_status("stale", f"run {run} stopped before layer {behind[0]}")
        else:
            self.set_status("live")

    def has_head(self, layer: int, head: int) -> bool:
        """Return whether the Result on screen holds that head."""
        result = self.result
        return result is not None and layer in result.layers and head in result.heads

    def heads_in_words(self) -> str:
        """Return which heads the Result on screen holds."""
        result = self.result
        return (
            ""
            if result is None
            else f"layers {list(result.layers)}, heads {list(result.heads)}"
        )

    def token_text(self, prompt: int | None = None) -> tuple[str, ...] | None:
        """Return the text of each position on screen, or of another prompt of the run."""
        result = self.result if prompt is None else self.results[prompt]
        return None if result is None else tuple(result.tokens.text)

    def _add_effect(self, payload: AttentionPayload) -> None:
        feeder = self.feeder
        if feeder is None or feeder.ablation is None:
            return
        ablation, effect = feeder.ablation, feeder.effect
        payload["ablated"] = {"heads": list(ablation.heads), "mode": ablation.mode}
        if effect is not None:
            payload["effect"] = wire_effect(effect)

    def show_effect(self) -> None:
        """Draw what an ablation did, or its control, beside the same numbers."""
        if self.payload is not None:
            payload: Any = {**self.payload, "effect": None, "ablated": None}
            self._add_effect(payload)
            self.payload = payload

    def chosen_head(self, result: AttentionPattern) -> tuple[int, int]:
        """Return the head drawn large: the last one selected, else the first held."""
        heads = self.selection.heads
        return heads[-1] if heads else (result.layers[0], result.heads[0])

    def traits_to_embed(self, embed: Embed) -> dict[str, Any]:
        """Return the traits of a copy without a kernel, with the heads that it holds.

        Args:
            embed: ``"compact"`` holds the chosen heads, ``"full"`` all of them.
        """
        traits = super().traits_to_embed(embed)
        result = self.shown
        if result is None:
            return traits
        if embed == "full":
            every = [(layer, head) for layer in result.layers for head in result.heads]
            details = [head_detail(result, *head) for head in every]
        else:
            chosen = [self.chosen_head(result), *reversed(self.selection.heads)]
            thumbs = len((self.payload or {})["thumbs"]["data"])
            budget = max(DETAILS_BUDGET, COPY_BUDGET - thumbs)
            details = saved_details(result, chosen, budget)
        scores = self._scores(values=embed == "full" or self._scored())
        more = {"details": details, "head_scores": scores}
        return {**traits, "payload": {**traits["payload"], **more}}

    def summary(self) -> str:
        """Return the view's shape and provenance in one line."""
        result = self.result
        if result is None:
            return super().summary()
        p = result.provenance
        size = (
            f"Attention: {len(result.layers)} layers × {len(result.heads)} heads, "
            f"{len(result.tokens)} tokens"
        )
        return " · ".join(filter(None, [size, p.model, f"run {p.run}" if p.run else ""]))

    def static_html(self) -> str:
        """Return the thumbnails as a picture and the chosen head as a table."""
        result, payload = self.shown, self.payload
        if result is None or payload is None:
            return super().static_html()
        thumbs = payload["thumbs"]
        codes = np.frombuffer(thumbs["data"], dtype=np.uint8).reshape(thumbs["shape"])
        message = self.status["message"]
        return attention_html(
            result, codes, payload["pooled"], self.chosen_head(result), message
        )

    # ------------------------------------------------------------------------ messages

    def _answer_head(self, request: dict[str, Any]) -> Answer:
        """Send a head, or the part of a long one from an offset on."""
        self.check_run(request["run"])
        assert self.shown is not None
        detail = head_detail(self.shown, request["layer"], request["head"])
        data, start = detail["tensor"].pop("data"), request.get("offset", 0)
        if not 0 <= start <= len(data):
            raise MessageError(f"a head of {len(data)} bytes has no offset {start}.")
        part = data[start : start + MESSAGE_BYTES]
        return {"detail": detail, "total": len(data)}, [part]

    def _answer_scores(self, request: dict[str, Any]) -> Answer:
        self.check_run(request["run"])
        return {"head_scores": self._scores(values=True)}, []

    def _answer_display(self, request: dict[str, Any]) -> Answer:
        wanted = Display(request["measure"], request["hide_sink"], request["less"])
        if wanted.measure == "score" and self.result is not None and self.result.scores is None:
            self.need_feeder().read_also(self, scores=True)
            self._awaited = wanted.measure
            return {}, []
        self._refuse(wanted)  # all of it, before any of it is set
        self.measure, self.hide_sink, self.less = wanted.measure, wanted.hide_sink, wanted.less
        return {}, []

    def _answer_ablate(self, request: dict[str, Any]) -> Answer:
        heads = [(layer, head) for layer, head in request["heads"]]
        self.need_feeder().ablate_from(self, heads, request["mode"])
        return {}, []

    def _answer_control(self, _: dict[str, Any]) -> Answer:
        self.need_feeder().control_from(self)
        return {}, []

    def _answer_undo(self, _: dict[str, Any]) -> Answer:
        self.need_feeder().undo_from(self)
        return {}, []
