"""TokensView: values on the tokens of a text."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets

from interpwidgets.errors import MessageError, SelectionError, StaleRunError
from interpwidgets.results.token_values import TokenValues
from interpwidgets.selection import Selection
from interpwidgets.widgets.base import Answer, View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract import PromptRequest, RowRequest, SelectRequest
from interpwidgets.widgets.static_form import Embed
from interpwidgets.widgets.tokens_payload import float32_bytes, rows_within, tokens_payload
from interpwidgets.widgets.tokens_static import tokens_html


class TokensView(View):
    """A text whose tokens are coloured by their values, one row at a time or stacked."""

    _esm = packed_module("tokens.js")
    _css = read_bundle("tokens.css")
    bundle = "tokens"
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "row": (RowRequest, "_answer_row"),
        "select": (SelectRequest, "_answer_select"),
        "prompt": (PromptRequest, "_answer_prompt"),
    }

    kept = traitlets.Dict(
        default_value={
            "row": 0,
            "panel_open": False,
            "table_open": False,
            "by_value": False,
            "most": None,
        }
    ).tag(sync=True)
    """The chosen row; whether the panel and the table are open; whether the table is sorted
    by value, and how many of its ends it then lists (None: all). Written by the browser."""

    def __init__(self, **traits: Any) -> None:
        self._prompt = 0
        super().__init__(**traits)

    @property
    def result(self) -> TokenValues | None:
        """The TokenValues on screen; None before the first run."""
        return self.results[self._prompt] if self.results else None

    @property
    def row(self) -> int:
        """The number of the chosen row."""
        result = self.result
        last = 0 if result is None else len(result.rows) - 1
        return min(max(0, int(self.kept.get("row", 0))), last)

    def show(self, results: tuple[TokenValues, ...]) -> None:
        """Draw new values in place, keeping what of the selection still holds.

        Args:
            results: One per text.
        """
        self.results = results
        self._prompt = min(self._prompt, len(results) - 1)
        self._draw()

    def _draw(self) -> None:
        result = self.result
        if result is None:
            return
        with self.hold_sync():
            self.selection = _kept_for(self.selection, result)
            self.payload = dict(tokens_payload(result, rows_within(result, self.row)))
            if result.rank is not None and (result.rank < 0).all() and len(result.tokens) > 1:
                run = result.provenance.run
                self.set_status("stale", f"run {run} stopped before the model's output")
            else:
                self.set_status("live")

    def complete_selection(self, selection: Selection) -> Selection:
        """Fill in the tokens' text; heads are another view's, and kept as they are."""
        result = self.result
        if result is None:
            if selection != Selection():
                raise SelectionError("there is nothing to select before the first run.")
            return selection
        return selection.with_text(result.tokens.text)

    def traits_to_embed(self, embed: Embed) -> dict[str, Any]:
        """Return the traits of a copy without a kernel, with the rows that it holds.

        Args:
            embed: ``"compact"`` holds the first rows and the chosen one, ``"full"`` all.
        """
        traits, result = super().traits_to_embed(embed), self.result
        if result is None:
            return traits
        every = list(range(len(result.rows)))
        held = every if embed == "full" else rows_within(result, self.row)
        return {**traits, "payload": dict(tokens_payload(result, held))}

    def summary(self) -> str:
        """Return what is shown and its provenance in one line."""
        result = self.result
        if result is None:
            return super().summary()
        p = result.provenance
        rows = f", {len(result.rows)} rows" if len(result.rows) > 1 else ""
        size = f"{result.title}: {len(result.tokens)} tokens{rows}"
        return " · ".join(filter(None, [size, p.model, f"run {p.run}" if p.run else ""]))

    def static_html(self) -> str:
        """Return the text in colours and its values as a table."""
        result = self.result
        if result is None:
            return super().static_html()
        return tokens_html(result, self.row, self.selection.tokens, self.status["message"])

    # ------------------------------------------------------------------------ messages

    def _answer_row(self, request: dict[str, Any]) -> Answer:
        result = self.result
        if result is None or result.provenance.run != request["run"]:
            raise StaleRunError(f"run {request['run']} is not on screen any more.")
        row = request["row"]
        if not 0 <= row < len(result.rows):
            raise MessageError(f"there is no row {row}; this view has {len(result.rows)}.")
        return {"row": row}, [float32_bytes(result.values[row])]

    def _answer_select(self, request: dict[str, Any]) -> Answer:
        heads = [(layer, head) for layer, head in request["heads"]]
        self.selection = Selection(heads, request["tokens"])
        return {"revision": self.selection_revision}, []

    def _answer_prompt(self, request: dict[str, Any]) -> Answer:
        if not 0 <= request["index"] < len(self.results):
            raise MessageError(f"there is no text {request['index']} in this view.")
        self._prompt = request["index"]
        self._draw()
        return {}, []


def _kept_for(selection: Selection, result: TokenValues) -> Selection:
    """Keep the positions whose token is still the same, and all heads."""
    layers = tuple(layer for layer, _ in selection.heads)
    heads = tuple(head for _, head in selection.heads)
    return selection.kept_for(layers, heads, result.tokens.text)
