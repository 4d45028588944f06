"""HeadBoard: every head in one place, and toggles that ablate them."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

import traitlets

from interpwidgets.axes import head_name
from interpwidgets.errors import MessageError
from interpwidgets.results.base import Result
from interpwidgets.results.head_scores import HeadScores
from interpwidgets.results.head_table import HeadTable
from interpwidgets.results.weight_circuits import WeightCircuits
from interpwidgets.widgets.attention_payload import wire_effect
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract.attention import (
    AblateRequest,
    ControlRequest,
    UndoRequest,
)
from interpwidgets.widgets.contract.common import CancelRequest, PromptRequest
from interpwidgets.widgets.contract.head_board import (
    BlockRequest,
    EigenvaluesRequest,
    HeadBoardPayload,
    SweepRequest,
)
from interpwidgets.widgets.head_board_payload import (
    EIGENVALUES_BUDGET,
    composed_block,
    eigenvalues_of,
    head_board_payload,
)
from interpwidgets.widgets.head_board_static import head_table_html
from interpwidgets.widgets.head_scores_static import head_scores_html
from interpwidgets.widgets.linked import Answer
from interpwidgets.widgets.static_form import Embed
from interpwidgets.widgets.weights_static import weight_circuits_html

#: Bytes of the eigenvalues that a full copy holds.
FULL_BUDGET = 4_000_000


@runtime_checkable
class HeadFeeder(Protocol):
    """A board that also ablates every head in turn."""

    def sweep_from(self, view: View, mode: str = "zero") -> None:
        """Queue the ablation of every head alone; ``show`` follows as they come."""

    def cancel_from(self, view: View) -> None:
        """End what the view asked for; what is done is kept."""


class HeadBoard(View):
    """A table of heads, a chosen head's eigenvalues, and which head feeds which."""

    _esm = packed_module("head_board.js")
    _css = read_bundle("head_board.css")
    bundle = "head_board"
    held_in_words: ClassVar[dict[str, str]] = {
        "none": "tables, nothing live",
        "compact": "every head; eigenvalues of those that fit",
        "full": "every head and its eigenvalues",
    }
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "prompt": (PromptRequest, "_answer_prompt"),
        "eigenvalues": (EigenvaluesRequest, "_answer_eigenvalues"),
        "block": (BlockRequest, "_answer_block"),
        "ablate": (AblateRequest, "_answer_ablate"),
        "control": (ControlRequest, "_answer_control"),
        "undo": (UndoRequest, "_answer_undo"),
        "sweep": (SweepRequest, "_answer_sweep"),
        "cancel": (CancelRequest, "_answer_cancel"),
    }

    kept: traitlets.Dict[str, Any] = traitlets.Dict(
        default_value={
            "panel_open": False,
            "table_open": False,
            "sort": "",
            "ascending": False,
            "layer": None,
            "beyond": False,
            "kind": "k",
            "block": None,
            "mode": "zero",
        }
    ).tag(sync=True)
    """What the table is sorted by (empty: layer and head) and narrowed to, which kind of
    composition is drawn, the two layers that are drawn head by head, how heads are ablated.
    Written by the browser."""

    def __init__(self, **traits: Any) -> None:
        self._prompt = 0
        #: The Result on screen as a table; None before there is one.
        self.table: HeadTable | None = None
        super().__init__(**traits)

    @property
    def result(self) -> Result | None:
        """What is on screen: a HeadTable, or one part of it alone."""
        return self.results[self._prompt] if self.results else None

    def show(self, results: tuple[Result, ...]) -> None:
        """Draw new numbers in place, keeping what of the selection still holds.

        Args:
            results: HeadTables, one per prompt; or HeadScores or WeightCircuits alone.
        """
        with self.hold_sync():
            self.results = results
            self._prompt = min(self._prompt, len(results) - 1)
            self.table = HeadTable.of(results[self._prompt])
            self.refresh_selection()
            self._draw()

    def move_to_prompt(self, prompt: int) -> None:
        """Show another prompt of the run, if there is one."""
        if prompt != self._prompt and prompt < len(self.results):
            self._prompt = prompt
            self.table = HeadTable.of(self.results[prompt])
            self._draw()

    def _draw(self) -> None:
        if self.table is None:
            return
        with self.hold_sync():
            self.payload = dict(self._payload(EIGENVALUES_BUDGET))
            self.set_status("live")

    def _payload(self, budget: int) -> HeadBoardPayload:
        assert self.table is not None
        block = self.kept.get("block")
        layers = self.table.layers
        blocks = [(block[0], block[1])] if block and {*block} <= {*layers} else []
        heads = list(reversed(self.selection.heads))
        payload = head_board_payload(self.table, heads, blocks, budget=budget)
        payload["runnable"] = self.feeder is not None and len(self.table.tokens) > 0
        self._add_effect(payload)
        return payload

    def _add_effect(self, payload: HeadBoardPayload) -> None:
        feeder = self.feeder
        if feeder is None or feeder.ablation is None:
            return
        ablation, effect = feeder.ablation, feeder.effect
        payload["ablated"] = {"heads": list(ablation.heads), "mode": ablation.mode}
        payload["effect"] = None if effect is None else wire_effect(effect)

    def show_effect(self) -> None:
        """Draw what an ablation did, or its control, beside the same numbers."""
        if self.payload is not None:
            payload: Any = {**self.payload, "effect": None, "ablated": None}
            self._add_effect(payload)
            self.payload = payload

    def has_head(self, layer: int, head: int) -> bool:
        """Return whether the table has that head."""
        table = self.table
        return table is not None and layer in table.layers and 0 <= head < table.shape[1]

    def heads_in_words(self) -> str:
        """Return which heads the table has."""
        table = self.table
        if table is None:
            return "it has no heads yet"
        return f"layers {list(table.layers)}, heads 0-{table.shape[1] - 1}"

    def token_text(self, prompt: int | None = None) -> tuple[str, ...] | None:
        """Return the text of each position of the prompt; none before one was run."""
        if not self.results:
            return None
        of = HeadTable.of(self.results[self._prompt if prompt is None else prompt])
        return of.tokens.text

    def traits_to_embed(self, embed: Embed) -> dict[str, Any]:
        """Return the traits of a copy without a kernel, with the eigenvalues that it holds.

        Args:
            embed: ``"compact"`` holds those that fit, the chosen ones first.
        """
        traits = super().traits_to_embed(embed)
        if self.table is None:
            return traits
        budget = FULL_BUDGET if embed == "full" else EIGENVALUES_BUDGET
        payload = {
            **self._payload(budget),
            "runnable": False,
            "code": traits["payload"]["code"],
        }
        return {**traits, "payload": payload}

    def summary(self) -> str:
        """Return the table's size and provenance in one line."""
        table = self.table
        if table is None:
            return super().summary()
        n_layers, n_heads = table.shape
        p = table.provenance
        size = f"Heads: {n_layers} layers × {n_heads} heads, {len(table.columns)} columns"
        return " · ".join(filter(None, [size, p.model, f"run {p.run}" if p.run else ""]))

    def static_html(self) -> str:
        """Return the heads and the strongest compositions as tables."""
        result, table = self.result, self.table
        if isinstance(result, HeadScores):
            return head_scores_html(result)
        if isinstance(result, WeightCircuits):
            return weight_circuits_html(result)
        if table is None:
            return super().static_html()
        return head_table_html(table, self.kept.get("sort", ""), self.status["message"])

    # ------------------------------------------------------------------------ messages

    def _circuits(self, run: int) -> WeightCircuits:
        self.check_run(run)
        if self.table is None or self.table.circuits is None:
            raise MessageError("this view has no weight circuits.")
        return self.table.circuits

    def _answer_eigenvalues(self, request: dict[str, Any]) -> Answer:
        circuits = self._circuits(request["run"])
        layer, head = request["layer"], request["head"]
        if not self.has_head(layer, head):
            name = head_name(layer, head)
            raise MessageError(f"{name} is not in this view; {self.heads_in_words()}.")
        return {"layer": layer, "head": head}, [eigenvalues_of(circuits, layer, head)]

    def _answer_block(self, request: dict[str, Any]) -> Answer:
        circuits = self._circuits(request["run"])
        layer, to_layer = request["layer"], request["to_layer"]
        if not {layer, to_layer} <= {*circuits.layers} or layer >= to_layer:
            raise MessageError(
                f"heads of layer {layer} feed none of layer {to_layer}; the layers are "
                f"{list(circuits.layers)}, the second later than the first."
            )
        block = composed_block(circuits, layer, to_layer)
        return {"layer": layer, "to_layer": to_layer}, [block["values"]]

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

    def _answer_sweep(self, request: dict[str, Any]) -> Answer:
        self._need_sweeper().sweep_from(self, request["mode"])
        return {}, []

    def _answer_cancel(self, _: dict[str, Any]) -> Answer:
        self._need_sweeper().cancel_from(self)
        return {}, []

    def _need_sweeper(self) -> HeadFeeder:
        feeder = self.need_feeder()
        if not isinstance(feeder, HeadFeeder):
            raise MessageError("what feeds this view ablates no heads in turn.")
        return feeder
