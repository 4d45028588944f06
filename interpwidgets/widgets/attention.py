"""AttentionView: every head's pattern, one of them large."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from interpwidgets.errors import MessageError, StaleRunError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.widgets.attention_payload import (
    attention_payload,
    head_detail,
    saved_details,
)
from interpwidgets.widgets.attention_static import attention_html
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract import HeadRequest, PromptRequest
from interpwidgets.widgets.linked import Answer
from interpwidgets.widgets.static_form import Embed

#: Bytes of the heads that a compact copy holds in full, beside the thumbnails.
DETAILS_BUDGET = 200_000


class AttentionView(View):
    """Attention patterns as thumbnails, a large map and arcs over the tokens."""

    _esm = packed_module("attention.js")
    _css = read_bundle("attention.css")
    bundle = "attention"
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "head": (HeadRequest, "_answer_head"),
        "prompt": (PromptRequest, "_answer_prompt"),
    }

    def __init__(self, **traits: Any) -> None:
        self._prompt = 0
        super().__init__(**traits)

    @property
    def result(self) -> AttentionPattern | None:
        """The AttentionPattern on screen; None before the first run."""
        return self.results[self._prompt] if self.results else None

    def show(self, results: tuple[AttentionPattern, ...]) -> None:
        """Draw new patterns in place, keeping what of the selection still holds.

        Args:
            results: One per prompt of the run.
        """
        with self.hold_sync():
            self.results = results
            self._prompt = min(self._prompt, len(results) - 1)
            self.refresh_selection()
            self._draw()

    def move_to_prompt(self, prompt: int) -> None:
        """Show another prompt of the run, if there is one."""
        if prompt != self._prompt and prompt < len(self.results):
            self._prompt = prompt
            self._draw()

    def _draw(self) -> None:
        result = self.result
        if result is None:
            return
        with self.hold_sync():
            self.payload = dict(attention_payload(result, [self.chosen_head(result)]))
            self._draw_status(result)

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
        result = self.result
        if result is None:
            return traits
        if embed == "full":
            every = [(layer, head) for layer in result.layers for head in result.heads]
            details = [head_detail(result, *head) for head in every]
        else:
            chosen = [self.chosen_head(result), *reversed(self.selection.heads)]
            details = saved_details(result, chosen, DETAILS_BUDGET)
        return {**traits, "payload": {**(self.payload or {}), "details": details}}

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
        result, payload = self.result, self.payload
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
        result = self._result_of_run(request["run"])
        detail = head_detail(result, request["layer"], request["head"])
        data = detail["tensor"].pop("data")
        return {"detail": detail}, [data]

    def _result_of_run(self, run: int) -> AttentionPattern:
        result = self.result
        if result is None or result.provenance.run != run:
            raise StaleRunError(f"run {run} is not on screen any more.")
        return result

    def _answer_prompt(self, request: dict[str, Any]) -> Answer:
        if not 0 <= request["index"] < len(self.results):
            raise MessageError(f"there is no prompt {request['index']} in this run.")
        self.group.change(self, **{**self.selection.parts(), "prompt": request["index"]})
        return {}, []
