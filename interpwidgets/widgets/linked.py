"""The part of a view that shares its selection with others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anywidget
import traitlets

from interpwidgets.axes import head_name
from interpwidgets.errors import SelectionError
from interpwidgets.results.alignment import Alignment
from interpwidgets.selection import PARTS, LostToken, Selection
from interpwidgets.widgets.links import LinkGroup, next_revision

Answer = tuple[dict[str, Any], list[bytes]]


def _selection_to_wire(selection: Selection, view: LinkedWidget) -> dict[str, Any]:
    return selection.to_wire(view.selection_revision, view.lost)


class LinkedWidget(anywidget.AnyWidget):
    """A widget with Results on screen and a selection that it shares with its group."""

    selection = traitlets.Instance(Selection, args=()).tag(
        sync=True, to_json=_selection_to_wire
    )
    """What is selected, as far as this view has it. Written by Python; the browser asks
    by message."""

    links = traitlets.Dict().tag(sync=True)
    """The group of views that share its selection, and a warning. Written by Python."""

    def __init__(self, **traits: Any) -> None:
        self.results: tuple[Any, ...] = ()
        self.selection_revision = 0
        #: Selected tokens of the group that this view does not have.
        self.lost: tuple[LostToken, ...] = ()
        self.group = LinkGroup()
        self._home = self.group
        self._receiving = False
        super().__init__(**traits)

    @property
    def result(self) -> Any:
        """The Result on screen; None before the first run."""
        return self.results[0] if self.results else None

    def has_head(self, layer: int, head: int) -> bool:  # noqa: ARG002
        """Return whether this view can show that head; one without heads shows none."""
        return True

    def heads_in_words(self) -> str:
        """Return which heads this view has."""
        return "it has no heads"

    def token_text(self, prompt: int | None = None) -> tuple[str, ...] | None:  # noqa: ARG002
        """Return the text of each position on screen; None where there are no positions.

        Args:
            prompt: Of that prompt of the run instead of the one on screen.
        """
        return None

    def complete_selection(self, selection: Selection) -> Selection:
        """Return a selection with its tokens' text, or refuse what is not in this view.

        Args:
            selection: What is to be selected.

        Raises:
            SelectionError: The message says what is not there.
        """
        if selection == Selection():
            return selection
        if self.result is None:
            raise SelectionError("there is nothing to select before the first run.")
        for head in selection.heads:
            if not self.has_head(*head):
                raise SelectionError(
                    f"{head_name(*head)} is not in this view; {self.heads_in_words()}."
                )
        if selection.prompt is not None and selection.prompt >= len(self.results):
            raise SelectionError(
                f"`prompt` is {selection.prompt}; this run has {len(self.results)}, from 0."
            )
        text = self.token_text(selection.prompt)
        return selection if text is None else selection.with_text(text)

    def holds(self, selection: Selection) -> Selection:
        """Return the part of a selection that this view has.

        Args:
            selection: The group's.
        """
        if self.result is None:
            return Selection()
        return self._local(selection)[0]

    def misses(self, selection: Selection) -> tuple[LostToken, ...] | None:
        """Return the selected tokens that this view does not have; None before a run.

        Args:
            selection: The group's.
        """
        return None if self.result is None else self._local(selection)[1]

    def realign(self) -> None:
        """Draw anew how the tokens on screen belong to those that are selected elsewhere."""

    def _local(self, selection: Selection) -> tuple[Selection, tuple[LostToken, ...]]:
        own = self.token_text()
        alignment = self.group.alignment(own)
        if alignment is not None and own is not None:
            tokens, lost = _aligned_tokens(selection, alignment)
            words = dict(enumerate(own))
        else:
            tokens, lost = selection.tokens_of(own)
            words = dict(zip(selection.tokens, selection.token_text, strict=False))
        heads = [head for head in selection.heads if self.has_head(*head)]
        text = [words[pos] for pos in tokens if words]
        return replace(selection, heads=heads, tokens=tokens, token_text=text), lost

    def receive(self, selection: Selection, revision: int) -> None:
        """Show the group's selection, as far as this view has it.

        Args:
            selection: The group's.
            revision: A later one wins.
        """
        self.move_to_prompt(selection.prompt or 0)
        local, lost = (selection, ()) if self.result is None else self._local(selection)
        told = local == self.selection
        self._receiving = True
        try:
            self.selection_revision, self.lost = revision, lost
            self.selection = local
        finally:
            self._receiving = False
        if told:  # the page may have shown something else: tell it all the same
            self.send_state("selection")

    def move_to_prompt(self, prompt: int) -> None:
        """Show another prompt of the run, if this view has it.

        Args:
            prompt: Its index.
        """

    def refresh_selection(self) -> None:
        """Show what of the group's selection the Result on screen has."""
        with self.group.lock:  # a click that comes meanwhile, in another thread, must win
            self.receive(self.group.value, next_revision())
            self.group.settle()

    def warn(self, warning: str) -> None:
        """Say what a person must know of the views that this one is linked with.

        Args:
            warning: A sentence; empty for nothing.
        """
        group = "" if self.group is not self._home else self.group.group_id
        self.links = {"group": group, "warning": warning}

    def origin(self) -> tuple[str, int] | None:
        """Return the model's name and the run on screen; None where no model ran."""
        of = None if self.result is None else self.result.provenance
        return (of.model, of.run) if of is not None and of.run else None

    def link(self, other: Any, *, align: str | None = None) -> None:
        """Share the selection of another view, or of a board, from now on.

        Args:
            other: A view or a board: what has a ``group`` of linked views.
            align: How positions are found in views of other prompts: ``"position"``, where
                the same word stands at the same place, or ``"text"``, by an alignment of
                the texts, which is drawn. As the group does by default.

        Raises:
            SelectionError: ``other`` is no view and no board.
        """
        if not isinstance(getattr(other, "group", None), LinkGroup):
            raise SelectionError(f"link takes a view or a board; got {type(other).__name__}.")
        alone = self.group is not self._home
        self._home = other.group
        if not alone:
            self._enter(other.group)
        if align is not None:
            other.group.set_align(align)

    def unlink(self) -> None:
        """Keep an own selection from now on; ``relink`` goes back."""
        if self.group is self._home:
            self._enter(LinkGroup())

    def relink(self) -> None:
        """Share the selection again that this view shared before ``unlink``."""
        self._enter(self._home)

    def _enter(self, group: LinkGroup) -> None:
        if group is self.group:
            return
        before, self.group = self.group, group
        before.leave(self)
        group.adopt(before.value)  # a cell that ran again keeps what was selected
        group.join(self)

    @traitlets.validate("selection")
    def _check_selection(self, proposal: Any) -> Selection:
        value: Selection = proposal["value"]
        return value if self._receiving else self.complete_selection(value)

    @traitlets.observe("selection")
    def _share_selection(self, change: Any) -> None:
        if not self._receiving:
            self.group.change(self, **change["new"].parts())

    # ------------------------------------------------------------------------ messages

    def _answer_select(self, request: dict[str, Any]) -> Answer:
        parts = {name: request[name] for name in PARTS}
        self._check_text(parts["tokens"], request.get("text"))
        try:
            revision = self.group.change(self, **parts)
        except SelectionError:
            self.send_state("selection")  # the page showed it at once: take it back
            raise
        return {"revision": revision}, []

    def _check_text(self, tokens: list[int], text: list[str] | None) -> None:
        """Refuse what was clicked on the tokens of a run that has gone meanwhile."""
        own = self.token_text()
        if text is None or own is None:
            return
        pairs = zip(tokens, text, strict=False)
        gone = [(pos, word) for pos, word in pairs if own[pos : pos + 1] != (word,)]
        if gone:
            pos, word = gone[0]
            self.send_state("selection")
            raise SelectionError(f"position {pos} is no longer {word!r}: another run has come.")

    def _answer_link(self, request: dict[str, Any]) -> Answer:
        if request["linked"]:
            self.relink()
        else:
            self.unlink()
        return {}, []


def _aligned_tokens(
    selection: Selection, alignment: Alignment
) -> tuple[tuple[int, ...], tuple[LostToken, ...]]:
    """Return where the selected tokens stand in an aligned prompt, and those without one."""
    here: list[int] = []
    lost = []
    words = selection.token_text or ("",) * len(selection.tokens)
    for pos, word in zip(selection.tokens, words, strict=True):
        partners = alignment.a_to_b(pos)
        here += partners
        if not partners:
            lost.append(LostToken(pos, word))
    return tuple(dict.fromkeys(here)), tuple(lost)
