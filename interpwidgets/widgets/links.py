"""Views that share one selection: what is clicked in one shows in all of them.

Python is authoritative: every change gets a revision, counted over the process, and a
page never takes an older one for a newer. Knows nothing of models or boards.
"""

from __future__ import annotations

import functools
import itertools
import threading
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import traitlets

from interpwidgets.errors import SelectionError
from interpwidgets.results.alignment import Alignment, align_tokens
from interpwidgets.results.tokens import Tokens
from interpwidgets.selection import PARTS, LostToken, Selection

_REVISIONS = itertools.count(1)


def next_revision() -> int:
    """Return a number above every one before: a page shows the latest."""
    return next(_REVISIONS)


@runtime_checkable
class Member(Protocol):
    """A view, as its group sees it."""

    view_id: str

    def complete_selection(self, selection: Selection) -> Selection:
        """Return the selection with its tokens' text, or refuse what is not in the view."""

    def receive(self, selection: Selection, revision: int) -> None:
        """Show the group's selection, as far as this view has it."""

    def holds(self, selection: Selection) -> Selection:
        """Return the part of a selection that this view has, at its own positions."""

    def misses(self, selection: Selection) -> tuple[LostToken, ...] | None:
        """Return the selected tokens that it does not have; None before the first run."""

    def token_text(self) -> tuple[str, ...] | None:
        """Return the text of each position on screen."""

    def realign(self) -> None:
        """Draw anew how its tokens belong to those that positions are counted in."""

    def warn(self, warning: str) -> None:
        """Say what a person must know of the views that this one is linked with."""

    def origin(self) -> tuple[str, int] | None:
        """Return the model's name and the run that is on screen; None before the first."""


class LiveSelection(traitlets.HasTraits):
    """A group's selection: read it, set its parts, or observe them.

    Example:
        >>> import interpwidgets as iw
        >>> board = iw.Board(iw.load("lil-attn-2l"))
        >>> view = board.attention()
        >>> board.run([1, 5, 6, 5])
        >>> board.selection.heads = [(1, 2)]
        >>> view.selection.heads
        ((1, 2),)
    """

    heads = traitlets.Any(())
    """(layer, head) pairs, the last one drawn large."""

    tokens = traitlets.Any(())
    """Positions from 0."""

    token_text = traitlets.Any(())
    """The text at each of ``tokens``; filled in, not set."""

    layer = traitlets.Any(None, allow_none=True)
    """A layer number, or None."""

    feature = traitlets.Any(None, allow_none=True)
    """A feature of a dictionary, or None."""

    prompt = traitlets.Any(None, allow_none=True)
    """Which prompt of a batch; None for the first."""

    def __init__(self, group: LinkGroup) -> None:
        super().__init__()
        self._group = weakref.ref(group)
        self._following = False

    @property
    def value(self) -> Selection:
        """The selection as a frozen value."""
        parts = {name: getattr(self, name) for name in PARTS}
        return Selection(**parts, token_text=self.token_text)

    def clear(self) -> None:
        """Select nothing."""
        self._set(Selection())

    @traitlets.validate(*PARTS)
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if self._following:
            return value
        wanted = self.value.changed(**{name: _checked(name, value)})
        self._set(wanted)
        return getattr(wanted, name)

    @traitlets.validate("token_text")
    def _check_text(self, proposal: Any) -> Any:
        if not self._following:
            raise SelectionError("token_text follows from `tokens`; set those.")
        return proposal["value"]

    def _set(self, wanted: Selection) -> None:
        group = self._group()
        if group is None:
            raise SelectionError("the board of this selection is gone.")
        group.assign(wanted)

    def follow(self, selection: Selection) -> None:
        """Take over what the group selected, and tell observers."""
        self._following = True
        try:
            with self.hold_trait_notifications():
                for name in (*PARTS, "token_text"):
                    setattr(self, name, getattr(selection, name))
        finally:
            self._following = False

    def __repr__(self) -> str:
        value = self.value
        chosen = {name: part for name, part in value.parts().items() if part not in ((), None)}
        said = ", ".join(f"{name}={part!r}" for name, part in chosen.items())
        return f"<selection: {said or 'nothing'}>"


class LinkGroup:
    """Views that show one selection."""

    def __init__(self) -> None:
        self.group_id = uuid.uuid4().hex[:12]
        self.value = Selection()
        self.revision = 0
        self.selection = LiveSelection(self)
        # Weak: a view that nobody holds must not stay alive by being linked.
        self._members: weakref.WeakValueDictionary[str, Member] = weakref.WeakValueDictionary()
        #: Held while the selection changes or is shown: clicks come in other threads.
        self.lock = threading.RLock()
        self._quiet = 0
        #: How positions of other prompts are found: where they are, or by their text.
        self.align = "position"
        #: The tokens that the selected positions are counted in; None before any.
        self.reference: tuple[str, ...] | None = None

    def members(self) -> list[Member]:
        """Return the linked views in the order in which they joined."""
        return list(self._members.values())

    def join(self, view: Member) -> None:
        """Link a view: it shows this group's selection from now on."""
        with self.lock:
            self._members[view.view_id] = view
            view.receive(self.value, next_revision())
            self.check_runs()

    def set_align(self, align: str) -> None:
        """Find selected tokens in other prompts by position, or by an alignment of the texts.

        Args:
            align: ``"position"``: where the same word stands at the same place.
                ``"text"``: where ``align_tokens`` pairs it, wherever it stands.
        """
        if align not in ("position", "text"):
            raise SelectionError(f'align is "position" or "text"; got {align!r}.')
        with self.lock:
            self.align = align
            if self.reference is None:
                texts = [text for view in self.members() if (text := view.token_text())]
                self.reference = texts[0] if texts else None
            for view in self.members():
                view.receive(self.value, next_revision())
                view.realign()

    def alignment(self, text: tuple[str, ...] | None) -> Alignment | None:
        """Return how the selection's tokens belong to a view's; None where by position.

        Args:
            text: The view's tokens.
        """
        if self.align == "position" or not text or not self.reference or text == self.reference:
            return None
        return _aligned(self.reference, text)

    def adopt(self, selection: Selection) -> None:
        """Begin with the selection of the first view that comes.

        Args:
            selection: What was selected where it comes from.
        """
        if not self.members() and self.value == Selection():
            self.value = selection
            self.selection.follow(selection)

    def leave(self, view: Member) -> None:
        """Let a view go; it keeps what it shows."""
        with self.lock:
            self._members.pop(view.view_id, None)
            view.warn("")
            self.check_runs()

    def assign(self, selection: Selection) -> int:
        """Select something in every view of the group.

        Args:
            selection: What; a view that has a part of it shows that part.

        Returns:
            The revision of this selection.

        Raises:
            SelectionError: No view of the group has it.
        """
        with self.lock:
            self._take(self._complete(selection))
            return self.revision

    def _count_in(self, view: Member, changed: dict[str, Any]) -> None:
        """Count positions in the tokens of the view in which they were chosen."""
        if "tokens" not in changed:
            return
        before, self.reference = self.reference, view.token_text()
        if self.align == "text" and before != self.reference:
            for member in self.members():
                member.realign()

    def change(self, view: Member, **parts: Any) -> int:
        """Take over what was changed in one view, and keep the rest of the selection.

        Args:
            view: Where it was changed.
            parts: The parts of a selection as they are in that view.
        """
        with self.lock:
            held = view.holds(self.value).parts()
            new = {name: _checked(name, part) for name, part in parts.items()}
            changed = {name: part for name, part in new.items() if part != held[name]}
            merged = self._merged(view.complete_selection(Selection(**changed)), changed)
            self._count_in(view, changed)
            self._take(merged)
            return self.revision

    def settle(self) -> None:
        """Forget what no view of the group has any more, after a run."""
        if self._quiet:
            return
        with self.lock:
            drawn = [view for view in self.members() if view.misses(self.value) is not None]
            if drawn:
                value = self._rebased(drawn) or self._still_held(drawn)
                if value != self.value:
                    self.value = value
                    self.selection.follow(value)  # the views say themselves what they lost
            self.check_runs()

    def _rebased(self, drawn: list[Member]) -> Selection | None:
        """Return the selection at the positions of a run whose prompt has changed."""
        texts = [view.token_text() for view in drawn]
        if self.align == "position" or self.reference in (None, *texts):
            return None
        value, self.reference = drawn[0].holds(self.value), texts[0]
        for view in drawn:
            view.realign()
        return value

    def _still_held(self, drawn: list[Member]) -> Selection:
        value = self.value
        missed = [{lost.position for lost in view.misses(value) or ()} for view in drawn]
        held = [view.holds(value).heads for view in drawn]
        at = dict(zip(value.tokens, value.token_text, strict=False))
        tokens = [pos for pos in value.tokens if not all(pos in of for of in missed)]
        heads = [head for head in value.heads if any(head in of for of in held)]
        text = [at[pos] for pos in tokens if at]
        return replace(value, heads=heads, tokens=tokens, token_text=text)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Compare runs only at the end, while one run is shown view by view."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1
            self.settle()

    def check_runs(self) -> None:
        """Warn in every view when the linked views show different runs."""
        if self._quiet:
            return
        members = self.members()
        shown = sorted({origin for view in members if (origin := view.origin()) is not None})
        warning = "" if len(shown) < 2 else f"linked views show different runs: {_names(shown)}"
        for view in members:
            view.warn(warning)

    def _complete(self, selection: Selection) -> Selection:
        """Return the selection with its tokens' text, if some view has what is new in it."""
        held = self.value.parts()
        changed = {name: part for name, part in selection.parts().items() if part != held[name]}
        refused: SelectionError | None = None
        for view in self.members():
            try:
                merged = self._merged(view.complete_selection(Selection(**changed)), changed)
                self._count_in(view, changed)
                return merged
            except SelectionError as error:
                refused = refused or error
        if refused is not None:
            raise refused
        if changed:
            raise SelectionError("no view shows this selection yet: add one to the board.")
        return selection

    def _merged(self, checked: Selection, changed: dict[str, Any]) -> Selection:
        text = checked.token_text if "tokens" in changed else self.value.token_text
        return replace(self.value, **{**changed, "token_text": text})

    def _take(self, selection: Selection) -> None:
        self.value = selection
        self.revision = next_revision()
        for view in self.members():
            view.receive(selection, self.revision)
        self.selection.follow(selection)


@functools.lru_cache(maxsize=16)
def _aligned(a: tuple[str, ...], b: tuple[str, ...]) -> Alignment:
    return align_tokens(Tokens.of_text(a), Tokens.of_text(b))


def _checked(name: str, value: Any) -> Any:
    """Return a part of a selection as a Selection has it."""
    try:
        if name == "heads":
            return tuple((int(layer), int(head)) for layer, head in value)
        if name == "tokens":
            return tuple(int(pos) for pos in value)
        return None if value is None else int(value)
    except (TypeError, ValueError) as error:
        raise SelectionError(f"`{name}` is {_FORMS[name]}; got {value!r:.80}.") from error


_FORMS = {
    "heads": "a list of (layer, head) pairs, e.g. [(3, 2)]",
    "tokens": "a list of positions, e.g. [0, 4]",
    "layer": "a layer number or None",
    "feature": "a feature's number or None",
    "prompt": "the index of a prompt or None",
}


def _names(shown: list[tuple[str, int]]) -> str:
    models = {model for model, _ in shown}
    names = [
        f"run {run}" if len(models) == 1 else f"run {run} of {model}" for model, run in shown
    ]
    return f"{', '.join(names[:-1])} and {names[-1]}"
