"""What every view has: traits, requests from the browser, its place in a notebook.

Knows nothing of models: a board feeds it.
"""

from __future__ import annotations

import html
import logging
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import traitlets

from interpwidgets.errors import InterpWidgetsError, MessageError, StaleRunError, nearest
from interpwidgets.interventions import Ablation, Effect
from interpwidgets.results.renderings import rendering
from interpwidgets.selection import Selection
from interpwidgets.widgets.bundle import read_part
from interpwidgets.widgets.code import IMPORT, Recipe, selection_text
from interpwidgets.widgets.contract.common import (
    CodeRequest,
    LinkRequest,
    PartRequest,
    ReportRequest,
    RerunRequest,
    SelectRequest,
)
from interpwidgets.widgets.display import display_view
from interpwidgets.widgets.linked import Answer, LinkedWidget
from interpwidgets.widgets.schema import check_request
from interpwidgets.widgets.static_form import Embed
from interpwidgets.widgets.subshell import let_browser_choose

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

EMPTY = "No run yet: trace a prompt on this board, and it shows here."


@runtime_checkable
class Feeder(Protocol):
    """Who gives a view its runs: a board."""

    def rerun(self, view: View) -> None:
        """Queue a plain run of the last prompt."""

    def ablate_from(self, view: View, heads: Any, mode: str = "zero") -> None:
        """Queue a run of the last prompt with heads ablated."""

    def control_from(self, view: View) -> None:
        """Queue the control of the ablation on screen; ``show_effect`` follows."""

    def undo_from(self, view: View) -> None:
        """Queue a run of the last prompt as it is."""

    def read_also(self, view: View, **more: Any) -> None:
        """Queue the run on screen once more, reading more for this view from now on."""

    def read_anew(self, view: View, **more: Any) -> None:
        """Do the same at once, from a cell."""

    @property
    def ablation(self) -> Ablation | None:
        """What is ablated in the run on screen."""

    @property
    def effect(self) -> Effect | None:
        """What that did to the next token, with its control once it was run."""

    @property
    def effect_reason(self) -> str:
        """Why there is no effect, in words."""

    def release(self, view: View) -> None:
        """Stop feeding the view."""


class View(LinkedWidget):
    """A live view of a Result. Make one with ``iw.<method>`` or ``board.<method>``."""

    #: Request kind to (declared form, name of the method that answers).
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        "rerun": (RerunRequest, "_answer_rerun"),
        "report": (ReportRequest, "_answer_report"),
        "select": (SelectRequest, "_answer_select"),
        "link": (LinkRequest, "_answer_link"),
        "code": (CodeRequest, "_answer_code"),
        "part": (PartRequest, "_answer_part"),
    }
    #: The name of the view's bundle.
    bundle: ClassVar[str] = ""
    #: What a page of this view holds, by ``embed``; empty: heads, as of AttentionView.
    held_in_words: ClassVar[dict[str, str]] = {}

    view_id = traitlets.Unicode(read_only=True).tag(sync=True)
    """Stable id; static copies of this view in a page carry it. Written by Python."""

    payload = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    """What is drawn (docs/wire.md); None before the first run. Written by Python."""

    status = traitlets.Dict().tag(sync=True)
    """Whether the picture is live, running, stale or failed. Written by Python."""

    kept: traitlets.Dict[str, Any] = traitlets.Dict(
        default_value={"zoom": None, "panel_open": False, "table_open": False}
    ).tag(sync=True)
    """Zoom and open panels, kept over re-runs. Written by the browser."""

    def __init__(self, **traits: Any) -> None:
        self.embed: Embed = "compact"
        #: How a board made the Result; None where it was given.
        self.recipe: Recipe | None = None
        self.feeder: Feeder | None = None
        self.static_stale = False
        super().__init__(**traits)
        let_browser_choose(self.comm)
        self.set_trait("view_id", uuid.uuid4().hex[:12])
        self.set_status("empty", EMPTY)
        self.group.join(self)
        self.on_msg(self._on_message)

    # ------------------------------------------------------------------ what it shows

    def to_frame(self, **which: Any) -> pd.DataFrame:
        """Return the Result as a tidy table; arguments as of the Result's own."""
        frame: pd.DataFrame = self._need_result().to_frame(**which)
        return frame

    def save(self, path: str | Path) -> Path:
        """Save the Result; open it with ``iw.load_result``."""
        path = self._need_result().save(path)
        return Path(path)

    def code(self, *, save: bool = False) -> str:
        """Return the Python that makes what is on screen in a new kernel.

        Numbers that were given and not computed here come from a file: ``save`` writes it.

        Args:
            save: Write that file, where there has to be one, into the current folder.
        """
        result = self._need_result()
        lines = list(self.recipe.lines) if self.recipe else _given_lines(result, save=save)
        lines += self.display_in_code()
        if self.selection != Selection():
            lines.append(f"view.selection = {selection_text(self.selection)}")
        return "\n".join([*lines, "view", ""])

    def display_in_code(self) -> list[str]:
        """Return the lines that set what else a person chose in this view."""
        return []

    def to_html(self, path: str | Path | None = None, *, embed: Embed = "compact") -> Any:
        """Make one HTML page of this view that works with no kernel and no network.

        Args:
            path: Where to write it; prints one line of what the page holds.
            embed: ``"compact"`` holds the chosen heads in full and the others as the
                thumbnails are, ``"full"`` all of them, ``"none"`` a picture and a table.

        Returns:
            The path, or the page's text when no path was given.
        """
        return rendering("to_html")(self, path, embed)

    def figure(self, **which: Any) -> Any:
        """Return a plotly figure of the Result; arguments as of ``show.figure``."""
        self._need_result()
        return rendering("figure")(self, **which)

    def to_circuitsvis(self, **which: Any) -> Any:
        """Return the circuitsvis package's own drawing; see ``show.to_circuitsvis``."""
        self._need_result()
        return rendering("to_circuitsvis")(self, **which)

    def _need_result(self) -> Any:
        if self.result is None:
            raise InterpWidgetsError(f"this view has no numbers yet. {EMPTY}")
        return self.result

    def show(self, results: tuple[Any, ...]) -> None:
        """Draw new Results, one per prompt, in place of the old ones."""
        raise NotImplementedError

    def show_effect(self) -> None:
        """Draw anew what the board says of its ablation: the control was run."""

    def show_failure(self, run: int | None, what: str) -> None:
        """Keep the last good picture and say that a later run failed.

        Args:
            run: The number of the run that failed; None if it never began.
            what: How, in words.
        """
        name = "a run" if run is None else f"run {run}"
        shown = None if self.result is None else self.result.provenance.run
        if shown is None:
            self.set_status("error", f"{name} failed: {what}")
        elif shown == run:
            self.set_status("stale", f"{name} failed ({what}); this is how far it came")
        else:
            self.set_status("stale", f"{name} failed ({what}); this is run {shown}")

    def show_refusal(self, run: int, what: str) -> None:
        """Keep the last good picture and say why a later run cannot be shown here.

        Args:
            run: The number of that run, which other views show.
            what: Why, in words.
        """
        if self.result is None:
            self.set_status("error", f"run {run} cannot be shown here: {what}")
        else:
            shown = self.result.provenance.run
            said = f"run {run} cannot be shown here: {what} This is run {shown}"
            self.set_status("stale", said)

    def attach(self, feeder: Feeder) -> None:
        """Be fed by a board from now on, and no more by the one before."""
        if self.feeder is not feeder:
            self.detach()
        self.feeder = feeder

    def detach(self) -> None:
        """Keep the picture and hear of no more runs."""
        if self.feeder is not None:
            feeder, self.feeder = self.feeder, None
            feeder.release(self)
            if self.status["kind"] != "running":
                self.status = {**self.status, "can_rerun": False}
            elif self.result is None:
                self.set_status("empty", EMPTY)
            else:  # what was queued will not run any more
                self.set_status("live")

    def set_status(
        self,
        kind: Literal["empty", "live", "running", "stale", "error"],
        message: str = "",
        *,
        done: int = 0,
        total: int = 0,
    ) -> None:
        """Say what state the picture is in.

        Args:
            kind: The state.
            message: One sentence for the person.
            done: Steps done of a running job.
            total: Steps in all; 0 when unknown.
        """
        self.status = {
            "kind": kind,
            "message": message,
            "run": 0 if self.result is None else self.result.provenance.run,
            "can_rerun": self.feeder is not None,
            "done": done,
            "total": total,
        }

    @traitlets.observe("payload", "status", "selection", "kept")
    def _outdate_static_copy(self, _: Any) -> None:
        self.static_stale = True

    def summary(self) -> str:
        """Return one line of text for where nothing can be drawn."""
        state = self.status.get("message") or self.status.get("kind", "empty")
        return f"{type(self).__name__}: {state}"

    def __repr__(self) -> str:
        # ipywidgets would write out every trait, the payload's bytes included.
        return f"<{type(self).__name__}: {self.summary()}>"

    def static_html(self) -> str:
        """Return the same numbers as plain HTML; every text in it escaped."""
        return f"<p>{html.escape(self.summary())}</p>"

    def traits_to_embed(self, embed: Embed) -> dict[str, Any]:  # noqa: ARG002
        """Return the trait values of a copy of this view that has no kernel.

        Args:
            embed: How much of the numbers it holds.
        """
        return {
            "view_id": self.view_id,
            "payload": self.payload and {**self.payload, "code": self.code()},
            "status": {**self.status, "can_rerun": False},
            "selection": self.selection.to_wire(self.selection_revision, self.lost),
            "links": self.links,
            "kept": self.kept,
        }

    # ------------------------------------------------------------------------ messages

    def _send(self, msg: Any, buffers: Any = None) -> None:
        super()._send(msg, buffers)
        let_browser_choose(self.comm)

    def _on_message(self, _: Any, content: Any, __: list[bytes]) -> None:
        request_id = content.get("id") if isinstance(content, dict) else None
        try:
            answer, buffers = self._answer(content)
        except InterpWidgetsError as error:
            code = getattr(error, "code", type(error).__name__)
            self._send_error(request_id, code, str(error))
        except Exception as error:
            # The one catch-all: a handler's failure must reach the page, not vanish
            # in a kernel thread.
            logger.exception("a request from the browser failed")
            self._send_error(request_id, "internal", f"{type(error).__name__}: {error}")
        else:
            self.send({"id": request_id, "ok": True, **answer}, buffers)

    def _answer(self, content: Any) -> Answer:
        kind = content.get("kind") if isinstance(content, dict) else None
        if not isinstance(kind, str) or kind not in self.requests:
            raise MessageError(
                f"there is no request {kind!r:.40}. {nearest(str(kind), self.requests)}"
            )
        declared, name = self.requests[kind]
        answer: Answer = getattr(self, name)(check_request(content, declared))
        return answer

    def _send_error(self, request_id: Any, code: str, message: str) -> None:
        self.send({"id": request_id, "ok": False, "error": {"code": code, "message": message}})

    def _answer_rerun(self, _: dict[str, Any]) -> Answer:
        self.need_feeder().rerun(self)
        return {}, []

    def need_feeder(self) -> Feeder:
        """Return the board that feeds this view.

        Raises:
            MessageError: There is none.
        """
        if self.feeder is None:
            raise MessageError("this view has nothing to run again; run its cell.")
        return self.feeder

    def check_run(self, run: int) -> None:
        """Refuse a request about a run that is not on screen any more.

        Args:
            run: The run's number.

        Raises:
            StaleRunError: Another one is.
        """
        if self.result is None or self.result.provenance.run != run:
            raise StaleRunError(f"run {run} is not on screen any more.")

    def _answer_code(self, _: dict[str, Any]) -> Answer:
        return {"code": self.code(save=True)}, []

    def _answer_report(self, request: dict[str, Any]) -> Answer:
        logger.error("view %s failed in the page: %.500s", self.view_id, request["message"])
        return {}, []

    def _answer_prompt(self, request: dict[str, Any]) -> Answer:
        if not 0 <= request["index"] < len(self.results):
            raise MessageError(f"there is no prompt {request['index']} in this view.")
        self.group.change(self, **{**self.selection.parts(), "prompt": request["index"]})
        return {}, []

    def _answer_part(self, request: dict[str, Any]) -> Answer:
        return {}, [read_part(self.bundle, request["name"]).encode()]

    # ------------------------------------------------------------------------- display

    def close(self) -> None:
        """Let go of this view in the kernel and in the page.

        ipywidgets would leave the view's layout, a widget of its own, behind.
        """
        layout = self.layout
        self.detach()
        self.group.leave(self)
        super().close()
        layout.close()

    def _ipython_display_(self) -> None:
        display_view(self)


def _given_lines(result: Any, *, save: bool) -> list[str]:
    """Return the lines that open a Result which no board made."""
    path = f"{result.kind}-{result.fingerprint}.safetensors"
    said = "These numbers were given, not computed here; "
    said += f"they are in {Path.cwd() / path}" if save else f'view.save("{path}") keeps them.'
    if save:
        result.save(path)
    return [IMPORT, "", f"# {said}", f'view = iw.show(iw.load_result("{path}"))']
