"""Applies interventions to a run: a worker of nnsight's for each place that is changed.

The observers of the run come after every worker, so reads see the changed values. Stored
edits of the user's come before ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from nnsight.intervention.envoy import Envoy
from nnsight.intervention.interleaver import Mediator, OutOfOrderError

from interpwidgets.errors import SiteError
from interpwidgets.interventions import Ablation
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.architectures.table import Place
from interpwidgets.models.capture import Capture

#: Changes the tensor of a site in place, given the run so far: its prompts and their pads.
Change = Callable[[torch.Tensor, Capture], None]


@dataclass(frozen=True)
class Edit:
    """One change at one site."""

    site: str
    layer: int | None
    change: Change
    words: str
    """What the provenance says of it."""

    note: Callable[[Capture], str] = lambda _: ""
    """What else a reader must know, once the prompts are known."""


def edits_of(ablation: Ablation, adapter: Adapter) -> list[Edit]:
    """Return what an ablation does, a layer each, checked against the model.

    Args:
        ablation: Which heads, and how.
        adapter: The model's.

    Raises:
        InterventionError: The model has no such head.
    """
    ablation.check_heads(adapter.n_layers, adapter.n_heads, adapter.name)
    change, note = (zero_heads, _no_note) if ablation.mode == "zero" else _mean(adapter)
    return [
        Edit("z", layer, _on(heads, change), str(ablation), note)
        for layer, heads in _by_layer(ablation).items()
    ]


def _by_layer(ablation: Ablation) -> dict[int, list[int]]:
    by_layer: dict[int, list[int]] = {}
    for layer, head in ablation.heads:
        by_layer.setdefault(layer, []).append(head)
    return by_layer


HeadChange = Callable[[torch.Tensor, list[int], Capture], None]


def _on(heads: list[int], change: HeadChange) -> Change:
    return lambda z, capture: change(z, heads, capture)


def _no_note(_: Capture) -> str:
    return ""


def zero_heads(
    z: Float[torch.Tensor, "prompt pos head d_head"], heads: list[int], _: Capture
) -> None:
    """Put 0 in place of what heads give, at every position."""
    z[:, :, heads] = 0


def mean_heads(
    z: Float[torch.Tensor, "prompt pos head d_head"], heads: list[int], capture: Capture
) -> None:
    """Put the mean over a prompt's own positions in place of what heads give there.

    Args:
        z: Changed in place; pads neither count nor change.
        heads: Which of its heads.
        capture: Says where each prompt is.
    """
    for prompt in range(capture.n_prompts):
        own = z[prompt, capture.span(prompt)]
        wide = torch.promote_types(z.dtype, torch.float32)
        own[:, heads] = own[:, heads].mean(dim=0, dtype=wide).to(z.dtype)


def _mean(adapter: Adapter) -> tuple[HeadChange, Callable[[Capture], str]]:
    positions = "positions" if adapter.architecture.positions else "tokens"

    def note(capture: Capture) -> str:
        lengths = sorted({capture.length(prompt) for prompt in range(capture.n_prompts)})
        if capture.n_prompts == 1:
            return f"mean over this prompt's {lengths[0]} {positions}"
        n = f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]}-{lengths[-1]}"
        return f"mean over each prompt's own {n} {positions}"

    return mean_heads, note


def workers_of(
    model: Envoy, adapter: Adapter, interventions: Sequence[Ablation], capture: Capture
) -> list[EditWorker]:
    """Return one worker for each place that interventions change, for one run.

    Args:
        model: The nnsight model.
        adapter: The model's.
        interventions: Applied in this order.
        capture: Of that run: says where each prompt is, and is told what was changed.

    Raises:
        InterventionError: The model has no such head.
        SiteError: The architecture has no such site.
    """
    edits: dict[tuple[str, int | None], list[Edit]] = {}
    for intervention in interventions:
        for edit in edits_of(intervention, adapter):
            edits.setdefault((edit.site, edit.layer), []).append(edit)
    return [EditWorker(model, adapter, of_place, capture) for of_place in edits.values()]


class EditWorker(Mediator):
    """Waits for one place in the run and swaps what passes there for a changed copy."""

    def __init__(
        self, model: Envoy, adapter: Adapter, edits: Sequence[Edit], capture: Capture
    ) -> None:
        super().__init__(None, {}, {})
        self._adapter, self._edits, self._capture = adapter, edits, capture
        self._place = adapter.place(edits[0].site, edits[0].layer)
        path = ".".join(filter(None, [model.path, self._place.path]))
        self._location = f"{path}.{self._place.slot}"

    def _run(self) -> None:
        try:
            value = self.value(self._location)
        except OutOfOrderError as error:
            words = ", ".join(edit.words for edit in self._edits)
            raise SiteError(
                f"{words}: this run never came to {self._place}, so nothing was changed "
                "there. A stored edit (`model.edit`) that stops or skips would do that."
            ) from error
        self.swap(self._location, self._changed(value))

    def _changed(self, value: Any) -> Any:
        """Return a copy of a module's input or output with the edits made on it."""
        value = with_own_copy(value, self._place)
        with torch.no_grad():
            tensor = self._adapter.at_site(value, self._place, self._capture.n_prompts)
            for edit in self._edits:
                edit.change(tensor, self._capture)
        for edit in self._edits:
            self._capture.intervened[edit.words] = None
            self._capture.add_note(edit.note(self._capture))
        return value


def with_own_copy(value: Any, place: Place) -> Any:
    """Return what a module took or gave with its own copy of the tensor that a site is of.

    Heads and other parts of a copy are views of it: changing them changes the copy.

    Args:
        value: The module's output, or its (args, kwargs).
        place: Where the site is.
    """
    if place.slot == "input":
        args, kwargs = value
        if args:
            return (_copied(args[0], place), *args[1:]), kwargs
        name = next(iter(kwargs))
        return args, {**kwargs, name: _copied(kwargs[name], place)}
    return _copied(value, place)


def _copied(value: Any, place: Place) -> Any:
    if place.item is None and isinstance(value, torch.Tensor):
        # Contiguous, so that heads are a view of it.
        return value.clone(memory_format=torch.contiguous_format)
    if isinstance(place.item, int) and isinstance(value, tuple):
        at = place.item
        return (*value[:at], value[at].clone(), *value[at + 1 :])
    raise SiteError(
        f"{place} is no tensor that can be changed: the module there deals in "
        f"{type(value).__name__}. Correct the table, iw.register_architecture(...)."
    )
