"""AttributionView: who wrote a logit, as bars that sum to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import traitlets

from interpwidgets.errors import InterpWidgetsError, MessageError, PromptError, nearest
from interpwidgets.results.attribution import BREAKDOWNS, DirectLogitAttribution, signed_text
from interpwidgets.results.bootstrap import mean_of
from interpwidgets.selection import Selection
from interpwidgets.widgets.attribution_payload import (
    MOST_BARS,
    attribution_payload,
    breakdowns,
)
from interpwidgets.widgets.attribution_static import attribution_html, drawable
from interpwidgets.widgets.base import View
from interpwidgets.widgets.bundle import packed_module, read_bundle
from interpwidgets.widgets.contract.attribution import PositionRequest, SplitRequest
from interpwidgets.widgets.contract.common import PromptRequest
from interpwidgets.widgets.linked import Answer
from interpwidgets.widgets.static_form import Embed


class AttributionView(View):
    """Bars of what each part of a model adds to a logit, sorted, with their control."""

    _esm = packed_module("attribution.js")
    _css = read_bundle("attribution.css")
    bundle = "attribution"
    held_in_words: ClassVar[dict[str, str]] = {
        "none": "tables of the largest bars, nothing live",
        "compact": f"the largest {MOST_BARS} bars of each breakdown that was run",
        "full": "every bar of each breakdown that was run",
    }
    requests: ClassVar[dict[str, tuple[type, str]]] = {
        **View.requests,
        "prompt": (PromptRequest, "_answer_prompt"),
        "split": (SplitRequest, "_answer_split"),
        "position": (PositionRequest, "_answer_position"),
    }

    kept: traitlets.Dict[str, Any] = traitlets.Dict(
        default_value={
            "by": "head",
            "order": "size",
            "every": False,
            "panel_open": False,
            "table_open": False,
        }
    ).tag(sync=True)
    """The breakdown, the order of its bars (``"size"`` or ``"layer"``), whether all of them
    are drawn, and what is open. Written by the browser."""

    mean = traitlets.Bool(True)
    """Of several prompts: whether their mean is drawn, or the one that is chosen."""

    follow = traitlets.Bool(False)
    """Whether a token selected in another view is the position that is explained next: one
    more run each time."""

    def __init__(self, **traits: Any) -> None:
        self._prompt = 0
        self._whole: DirectLogitAttribution | None = None
        #: A breakdown to draw once a run has brought it.
        self._awaited = ""
        #: Whether a selection is not to be followed: it comes from here, or from a run.
        self._settled = False
        super().__init__(**traits)
        self.observe(lambda _: self._draw(), ["mean", "follow"])
        self.observe(lambda _: self._go_after(), "follow")

    @property
    def result(self) -> DirectLogitAttribution | None:
        """What is drawn: of several prompts all of them, or the chosen one; None before."""
        if self.mean and self._whole is not None:
            return self._whole
        return self._one

    @property
    def _one(self) -> DirectLogitAttribution | None:
        return self.results[self._prompt] if self.results else None

    def show(self, results: tuple[DirectLogitAttribution, ...]) -> None:
        """Draw new numbers in place, keeping what of the selection still holds.

        Args:
            results: Of one or several prompts each.
        """
        every = [one.prompt(at) for one in results for at in range(one.n)]
        alike = len({(one.components, one.breakdowns, one.measure) for one in every}) == 1
        with self.hold_sync(), self._without_following():
            self.results = tuple(every)
            self._whole = DirectLogitAttribution.join(every) if alike and every[1:] else None
            self._prompt = min(self._prompt, len(every) - 1)
            if self._awaited in drawable(self._need_result()):
                self.kept = {**self.kept, "by": self._awaited}
                self._awaited = ""
            self.refresh_selection()
            self._draw()
        self._go_after()

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
            self.payload = self._payload(result)
            self.set_status("live")

    def _payload(
        self, result: DirectLogitAttribution, most: int | None = MOST_BARS
    ) -> dict[str, Any]:
        payload = attribution_payload(
            result,
            prompt=self._prompt,
            prompt_count=len(self.results),
            of_prompt=self._one,
            follow=self.follow,
            most=most,
        )
        return dict(payload)

    # ------------------------------------------------------------------ what is explained

    @property
    def by(self) -> str:
        """The breakdown that is drawn; set it for another, with one more run if need be."""
        result = self.result
        if result is None:
            return str(self.kept["by"])
        held = drawable(result)
        return self.kept["by"] if self.kept["by"] in held else held[-1]

    @by.setter
    def by(self, by: str) -> None:
        if self._take(by):
            return
        self._awaited = by
        self.need_feeder().read_anew(self, by=self._wanted(by))

    def _take(self, by: str) -> bool:
        """Draw a breakdown that is held; return whether it is.

        Raises:
            MessageError: There is no such breakdown, or it cannot be had of this run.
        """
        if by not in BREAKDOWNS:
            raise MessageError(f"no breakdown {by!r:.40}. {nearest(by, BREAKDOWNS)}")
        result = self._need_result()
        why = next(one["why"] for one in breakdowns(result) if one["name"] == by)
        if why not in ("", "run"):
            raise MessageError(f"there is nothing to draw by {by}: {why}.")
        if why == "":
            self.kept = {**self.kept, "by": by}
        return why == ""

    def _wanted(self, by: str) -> tuple[str, ...]:
        held = self._need_result().breakdowns
        return (*(one for one in held if one != "component"), by)

    @property
    def pos(self) -> int:
        """The position whose next token is explained, of the prompt on screen, from 0.

        Set it to explain another one, of every prompt, in one more run; negative ones count
        from the end.
        """
        self._need_result()
        return int(self.results[self._prompt].pos[0])

    @pos.setter
    def pos(self, pos: int) -> None:
        wanted = self._from_end(pos)
        self.need_feeder().read_anew(self, pos=wanted)

    def _from_end(self, pos: int) -> tuple[int, ...]:
        """Return a position counted from the end of each prompt; one if that is the same."""
        self._need_result()
        each = []
        for at, result in enumerate(self.results):
            tokens = result.tokens[0]
            n = len(tokens)
            if any(tokens.generated):
                raise PromptError(
                    "of a generation only the last token is explained; run the whole text as "
                    "a prompt to choose a position."
                )
            if not -n <= pos < n:
                raise PromptError(
                    f"`pos` is {pos}; prompt {at} has {n} tokens, 0-{n - 1} or {-n} to -1 "
                    "from the end."
                )
            each.append(pos if pos < 0 else pos - n)
        return tuple(each[:1]) if len(set(each)) == 1 else tuple(each)

    def receive(self, selection: Selection, revision: int) -> None:
        """Show the group's selection; with ``follow`` on, explain its token."""
        super().receive(selection, revision)
        self._go_after()

    @contextmanager
    def _without_following(self) -> Iterator[None]:
        before, self._settled = self._settled, True
        try:
            yield
        finally:
            self._settled = before

    def _go_after(self) -> None:
        """Ask for the attribution at the selected token, if that is wanted."""
        tokens, feeder = self.selection.tokens, self.feeder
        if self._settled or not self.follow or not tokens or self._one is None:
            return
        if feeder is None or tokens[-1] == self.pos:
            return
        try:
            feeder.read_also(self, pos=self._from_end(tokens[-1]))
        except InterpWidgetsError as error:
            self.set_status("stale", str(error))

    def display_in_code(self) -> list[str]:
        """Return the lines that choose what is drawn."""
        result = self.result
        lines = []
        if result is not None and self.by != (default_by(result)):
            lines.append(f"view.by = {self.by!r}")
        if self._whole is not None and not self.mean:
            lines.append("view.mean = False")
        return lines

    # ---------------------------------------------------------------------- its selection

    def has_head(self, layer: int, head: int) -> bool:
        """Return whether the model has that head, as far as the Result says."""
        n_layers, n_heads = self._sizes()
        return layer < n_layers and (not n_heads or head < n_heads)

    def heads_in_words(self) -> str:
        """Return which heads there are."""
        n_layers, n_heads = self._sizes()
        heads = f", heads 0-{n_heads - 1}" if n_heads else ""
        return f"layers 0-{n_layers - 1}{heads}"

    def _sizes(self) -> tuple[int, int]:
        payload: Any = self.payload or {"layers": 0, "heads": 0}
        return payload["layers"], payload["heads"]

    def token_text(self, prompt: int | None = None) -> tuple[str, ...] | None:
        """Return the text of each position of the chosen prompt, or of another one."""
        if not self.results:
            return None
        return tuple(self.results[self._prompt if prompt is None else prompt].tokens[0].text)

    # ----------------------------------------------------------------------- other forms

    def traits_to_embed(self, embed: Embed) -> dict[str, Any]:
        """Return the traits of a copy without a kernel.

        Args:
            embed: ``"full"`` holds every bar, ``"compact"`` the largest.
        """
        traits, result = super().traits_to_embed(embed), self.result
        if result is None or embed != "full":
            return traits
        payload = {**self._payload(result, None), "code": traits["payload"]["code"]}
        return {**traits, "payload": payload}

    def summary(self) -> str:
        """Return what is explained, and its provenance, in one line."""
        result = self.result
        if result is None:
            return super().summary()
        p = result.provenance
        total = f"{result.measure} {signed_text(float(mean_of(result.logit)))}"
        mean = f", mean over {result.n} prompts" if result.n > 1 else ""
        said = f"Direct logit attribution: {result.target_text()}, {total}{mean}"
        return " · ".join(filter(None, [said, p.model, f"run {p.run}" if p.run else ""]))

    def static_html(self) -> str:
        """Return the bars of every breakdown as tables."""
        result = self.result
        if result is None:
            return super().static_html()
        return attribution_html(result, self.status["message"])

    # ------------------------------------------------------------------------- messages

    def _answer_select(self, request: dict[str, Any]) -> Answer:
        with self._without_following():  # a bar of a source is not a wish to go there
            return super()._answer_select(request)

    def _answer_prompt(self, request: dict[str, Any]) -> Answer:
        answer = super()._answer_prompt(request)
        self.mean = False
        return answer

    def _answer_split(self, request: dict[str, Any]) -> Answer:
        by = request["by"]
        if request["follow"]:
            self.need_feeder()
        held = self._take(by)
        if not held:
            self.need_feeder().read_also(self, by=self._wanted(by))
            self._awaited = by
        self.mean, self.follow = request["mean"], request["follow"]
        return {}, []

    def _answer_position(self, request: dict[str, Any]) -> Answer:
        self.check_run(request["run"])
        pos = self._from_end(request["pos"])
        self.need_feeder().read_also(self, pos=pos)
        return {}, []


def default_by(result: DirectLogitAttribution) -> str:
    """Return the breakdown that a new view draws of a Result.

    Args:
        result: The numbers.
    """
    held = drawable(result)
    return "head" if "head" in held else held[-1]
