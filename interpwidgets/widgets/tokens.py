"""TokensView: values on the tokens of a text."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets

from interpwidgets.errors import MessageError
from interpwidgets.results.token_values import TokenValues
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract.common import PromptRequest
from interpwidgets.widgets.contract.tokens import RowRequest
from interpwidgets.widgets.linked import Answer
from interpwidgets.widgets.static_form import Embed
from interpwidgets.widgets.tokens_payload import float32_bytes, rows_within, tokens_payload
from interpwidgets.widgets.tokens_static import tokens_html


class TokensView(View):
    """A text whose tokens are coloured by their values, one row at a time or stacked."""

    _esm = packed_module("tokens.js")
    _css = read_bundle("tokens.css")
    bundle = "tokens"
    held_in_words: ClassVar[dict[str, str]] = {
        "none": "a text and a table, nothing live",
        "compact": "the chosen row, and the others that fit",
        "full": "every row",
    }
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "row": (RowRequest, "_answer_row"),
        "prompt": (PromptRequest, "_answer_prompt"),
    }

    kept: traitlets.Dict[str, Any] = traitlets.Dict(
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
        """The number of the chosen row; set it to choose another."""
        result = self.result
        last = 0 if result is None else len(result.rows) - 1
        return min(max(0, int(self.kept.get("row", 0))), last)

    @row.setter
    def row(self, row: int) -> None:
        result = self._need_result()
        result.row(row)  # refuses one that is not there
        self.kept = {**self.kept, "row": int(row)}
        self._draw()

    def show(self, results: tuple[TokenValues, ...]) -> None:
        """Draw new values in place, keeping what of the selection still holds.

        Args:
            results: One per text.
        """
        with self.hold_sync():
            self.results = results
            self._prompt = min(self._prompt, len(results) - 1)
            self.refresh_selection()
            self._draw()

    def move_to_prompt(self, prompt: int) -> None:
        """Show another text, if there is one."""
        if prompt != self._prompt and prompt < len(self.results):
            self._prompt = prompt
            self._draw()

    def _draw(self) -> None:
        result = self.result
        if result is None:
            return
        with self.hold_sync():
            self.payload = dict(tokens_payload(result, rows_within(result, self.row)))
            unread = result.rank is not None and (result.rank < 0).all()
            if unread and len(result.tokens) > 1:
                run = result.provenance.run
                self.set_status("stale", f"run {run} stopped before the model's output")
            else:
                self.set_status("live")

    def token_text(self, prompt: int | None = None) -> tuple[str, ...] | None:
        """Return the text of each position on screen, or of another text of the view."""
        result = self.result if prompt is None else self.results[prompt]
        return None if result is None else tuple(result.tokens.text)

    def display_in_code(self) -> list[str]:
        """Return the line that chooses the row on screen."""
        return [f"view.row = {self.row}"] if self.row else []

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
        payload = {**tokens_payload(result, held), "code": traits["payload"]["code"]}
        return {**traits, "payload": payload}

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
        self.check_run(request["run"])
        result, row = self._need_result(), request["row"]
        if not 0 <= row < len(result.rows):
            raise MessageError(f"there is no row {row}; this view has {len(result.rows)}.")
        return {"row": row}, [float32_bytes(result.values[row])]
