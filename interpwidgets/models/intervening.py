"""Applies interventions to a run: a worker of nnsight's for each place that is changed.

The observers of the run come after every worker, so reads see the changed values. Stored
edits of the user's come before ours.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from nnsight.intervention.envoy import Envoy
from nnsight.intervention.interleaver import Mediator, OutOfOrderError

from interpwidgets.errors import SiteError
from interpwidgets.interventions import Ablate, Ablation, Patch, Where
from interpwidgets.interventions.value import Part
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.architectures.table import Place
from interpwidgets.models.capture import Capture
from interpwidgets.models.changing import Change, change_of
from interpwidgets.models.choosing import check_place, given_length
from interpwidgets.models.derived import SoftmaxWatch


@dataclass(frozen=True)
class Edit:
    """One change at one site."""

    site: str
    layer: int | None
    change: Change
    words: str
    """What the provenance says of it; empty: nothing."""

    note: Callable[[Capture], str] = lambda _: ""
    """What else a reader must know, once the prompts are known."""


@dataclass(frozen=True)
class Skip(Edit):
    """A layer that is not run: it gives what it is told to."""

    gives: torch.Tensor | None = None
    """``[prompt, pos, d_model]``."""

    @classmethod
    def of_layer(cls, layer: int, gives: torch.Tensor) -> Skip:
        """Return the skip of one layer."""
        return cls("resid_post", layer, lambda *_: None, words="", gives=gives)


def edits_of(part: Part | Edit, adapter: Adapter, tokenizer: Any | None = None) -> list[Edit]:
    """Return what an intervention does in one run, a layer each, checked against the model.

    Args:
        part: The intervention; an edit is taken as it is.
        adapter: The model's.
        tokenizer: The model's, where tokens are named by their text.

    Raises:
        InterventionError: The model has no such layer or head, or another width.
        SiteError: Its architecture has no such site.
    """
    if isinstance(part, Edit):
        return [part]
    note = functools.partial(_note, part, adapter)
    if isinstance(part, Ablation):
        part.check_heads(adapter.n_layers, adapter.n_heads, adapter.name)
        by_layer = [
            (layer, Ablate(site="z", where=Where(layers=layer, heads=heads), mode=part.mode))
            for layer, heads in _by_layer(part).items()
        ]
        return [
            Edit("z", layer, change_of(one, layer, adapter, tokenizer), str(part), note)
            for layer, one in by_layer
        ]
    return [
        Edit(part.site, layer, change_of(part, layer, adapter, tokenizer), str(part), note)
        for layer in check_place(part.where, part.site, adapter)
        if not isinstance(part, (Patch, Ablate)) or not part.layers or layer in part.layers
    ]


def _by_layer(ablation: Ablation) -> dict[int, list[int]]:
    by_layer: dict[int, list[int]] = {}
    for layer, head in ablation.heads:
        by_layer.setdefault(layer, []).append(head)
    return by_layer


def _note(part: Part, adapter: Adapter, capture: Capture) -> str:
    """Return what a mean is over, and whether generated positions are changed, too."""
    said = []
    made_on = getattr(part, "made_on", "")
    if made_on and made_on != adapter.name:
        said.append(f"{part}: a direction of {made_on}")
    if part_mode(part) == "mean":
        lengths = sorted({given_length(capture, p) for p in range(capture.n_prompts)})
        positions = "positions" if adapter.architecture.positions else "tokens"
        if capture.n_prompts == 1:
            said.append(f"mean over this prompt's {lengths[0]} {positions}")
        else:
            n = f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]}-{lengths[-1]}"
            said.append(f"mean over each prompt's own {n} {positions}")
    if capture.n_steps > 1:
        said.append(f"{part}: {_reach(part)}")
    return ". ".join(said)


def part_mode(part: Part) -> str:
    """Return how a part ablates by the run's own values: ``"mean"``; else something else."""
    if isinstance(part, Ablate) and part.values is not None:
        return ""
    return part.mode if isinstance(part, (Ablation, Ablate)) else ""


def _reach(part: Part) -> str:
    where = Where() if isinstance(part, Ablation) else part.where
    stays = isinstance(part, Patch) or (isinstance(part, Ablate) and part.mode == "resample")
    reaches = [
        position is None
        or position == "new"
        or (isinstance(position, slice) and (position.stop is None or position.stop > 0))
        for position in (where.positions or (None,))
    ]
    if stays or not any(reaches):
        return "in the prompt, not in what is generated"
    return "where chosen, in what is generated, too"


def workers_of(
    model: Envoy, adapter: Adapter, interventions: Sequence[Part | Edit], capture: Capture
) -> list[EditWorker]:
    """Return one worker for each place that interventions change, for one run.

    Args:
        model: The nnsight model.
        adapter: The model's.
        interventions: Applied in this order.
        capture: Of that run: says where each prompt is, and is told what was changed.

    Raises:
        InterventionError: The model has no such layer or head.
        SiteError: The architecture has no such site.
    """
    edits: dict[tuple[str, int | None], list[Edit]] = {}
    tokenizer = getattr(model, "tokenizer", None)
    for part in interventions:
        for edit in edits_of(part, adapter, tokenizer):
            edits.setdefault((edit.site, edit.layer), []).append(edit)
    return [
        _worker_for(site, of_place)(model, adapter, of_place, capture)
        for (site, _), of_place in edits.items()
    ]


def _worker_for(site: str, edits: Sequence[Edit]) -> type[EditWorker]:
    if isinstance(edits[0], Skip):
        return SkipWorker
    return PatternWorker if site == "pattern" else EditWorker


class EditWorker(Mediator):
    """Waits for one place in the run and swaps what passes there for a changed copy.

    At each visit: a generation comes by once a step.
    """

    def __init__(
        self, model: Envoy, adapter: Adapter, edits: Sequence[Edit], capture: Capture
    ) -> None:
        super().__init__(None, {}, {})
        self._adapter, self._edits, self._capture = adapter, edits, capture
        self._place = adapter.place(edits[0].site, edits[0].layer)
        self._path = ".".join(filter(None, [model.path, self._place.path]))

    def _run(self) -> None:
        try:
            self._visit()
        except OutOfOrderError as error:
            words = ", ".join(edit.words for edit in self._edits)
            raise SiteError(
                f"{words}: this run never came to {self._place}, so nothing was changed "
                "there. A stored edit (`model.edit`) that stops or skips would do that."
            ) from error
        with contextlib.suppress(OutOfOrderError):  # the run is over
            for visit in itertools.count(1):
                self.iteration = visit
                self._visit()

    def _visit(self) -> None:
        location = f"{self._path}.{self._place.slot}"
        self.swap(location, self._changed(self.value(location)))

    def _changed(self, value: Any) -> Any:
        """Return a copy of a module's input or output with the edits made on it."""
        # The stream between attention and MLP is no module's input alone: the layer adds to
        # the same tensor what the MLP makes of it. So there the tensor itself is changed.
        if self._edits[0].site != "resid_mid":
            value = with_own_copy(value, self._place)
        with torch.no_grad():
            tensor = self._adapter.at_site(value, self._place, self._capture.n_prompts)
            self._make_edits(tensor)
            self._adapter.write_back(value, self._place, tensor)
        return value

    def _make_edits(self, tensor: torch.Tensor) -> None:
        for edit in self._edits:
            edit.change(tensor, self._capture)
            if edit.words:
                self._capture.intervened[edit.words] = None
            self._capture.add_note(edit.note(self._capture))


class SkipWorker(EditWorker):
    """Lets a layer give what it is told to, without running it."""

    def _visit(self) -> None:
        given = getattr(self._edits[0], "gives", None)
        # Of a tuple, models take the stream alone; attention weights may be behind it.
        output = given if self._place.item is None else (given, None)
        self.skip(f"{self._path}.skip", output)


class PatternWorker(EditWorker):
    """Changes attention weights as their softmax gives them: no module does."""

    def __init__(
        self, model: Envoy, adapter: Adapter, edits: Sequence[Edit], capture: Capture
    ) -> None:
        super().__init__(model, adapter, edits, capture)
        sinks = adapter.place("attn_scores", edits[0].layer).sinks is not None
        self._n_sinks = int(sinks)
        #: Has to be active while the model runs.
        self.watch = SoftmaxWatch()

    def _visit(self) -> None:
        self.value(f"{self._path}.input")
        self.watch.open(self._place.path, lambda _: None, self._changed_weights)
        self.value(f"{self._path}.output")
        self.watch.close()

    def _changed_weights(self, weights: torch.Tensor) -> torch.Tensor:
        weights = weights.clone()
        with torch.no_grad():
            self._make_edits(weights[..., : weights.shape[-1] - self._n_sinks])
        return weights


def _contiguous(tensor: torch.Tensor) -> torch.Tensor:
    # So that heads are a view of it.
    return tensor.clone(memory_format=torch.contiguous_format)


def with_own_copy(
    value: Any, place: Place, copy: Callable[[torch.Tensor], torch.Tensor] = _contiguous
) -> Any:
    """Return what a module took or gave with its own copy of the tensor that a site is of.

    Heads and other parts of a copy are views of it: changing them changes the copy.

    Args:
        value: The module's output, or its (args, kwargs).
        place: Where the site is.
        copy: What makes the copy.
    """
    if place.slot == "input":
        args, kwargs = value
        if args:
            return (_copied(args[0], place, copy), *args[1:]), kwargs
        name = next(iter(kwargs))
        return args, {**kwargs, name: _copied(kwargs[name], place, copy)}
    return _copied(value, place, copy)


def _copied(value: Any, place: Place, copy: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if place.item is None and isinstance(value, torch.Tensor):
        return copy(value)
    if isinstance(place.item, int) and isinstance(value, tuple):
        at = place.item
        return (*value[:at], copy(value[at]), *value[at + 1 :])
    raise SiteError(
        f"{place} is no tensor that can be changed: the module there deals in "
        f"{type(value).__name__}. Correct the table, iw.register_architecture(...)."
    )
