"""Forward passes that carry reads: our own, and the user's nnsight traces.

nnsight hands every value that passes a module to the observers ("caches") of the run,
after all interventions. One more worker in the run registers our observer and ends:
there is one forward, and the values are those that the model went on with.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from nnsight.intervention.cache import Cache
from nnsight.intervention.envoy import Envoy
from nnsight.intervention.interleaver import Mediator
from nnsight.tracing.backend import Backend
from nnsight.tracing.tracer import Tracer

from interpwidgets.errors import InterpWidgetsError, PromptError, ReadError, SiteError
from interpwidgets.interventions import parts_of
from interpwidgets.interventions.value import Part
from interpwidgets.models.adapter import Adapter, adapter_of, module_of
from interpwidgets.models.architectures.table import Place
from interpwidgets.models.block_source import Block, read_block
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.derived import SoftmaxWatch, scores_of, through_projection
from interpwidgets.models.eager import eager_attention
from interpwidgets.models.exclusive import exclusive
from interpwidgets.models.images import patch_ids
from interpwidgets.models.intervening import Edit, EditWorker, PatternWorker, workers_of
from interpwidgets.models.lora import describe_adapter
from interpwidgets.models.output_head import OutputHead
from interpwidgets.models.prompts import Batch, left_padding, read_prompts, takes, to_input

NO_PROMPT = (
    "the trace has no prompt: give trace() one, or open at least one "
    "`with tracer.invoke(prompt):` inside it."
)

#: Sites that fused attention never makes.
INSIDE_ATTENTION = frozenset({"pattern", "attn_scores"})


@runtime_checkable
class Reader(Protocol):
    """Who wants values of a run."""

    def reads(self) -> Sequence[Read]:
        """Return what to read, asked once as the run begins."""

    def check(self, capture: Capture) -> None:
        """Refuse a run by raising, before each forward pass, when its input is known."""

    def progress(self, capture: Capture) -> None:
        """Hear that a generation step is complete and another begins."""

    def deliver(self, capture: Capture) -> None:
        """Take the finished run, also one that failed."""


def forward(
    model: Envoy,
    prompt: Any,
    reader: Reader,
    interventions: Sequence[Part | Edit] = (),
    *,
    last_logits: bool = False,
) -> Capture:
    """Run a model once on a prompt, with the reader's reads and no gradients.

    Args:
        model: An nnsight model.
        prompt: What ``prompts.read_prompts`` takes, or the batch that it gave.
        reader: Who wants the values; sees them as they are after the interventions.
        interventions: What to change in this run, in this order; nothing by default.
        last_logits: Compute no other logits than the last position's, where a model can.

    Returns:
        The finished run, already delivered to the reader.

    Raises:
        InterventionError: The model lacks what is to be changed.
        SiteError: Its architecture has no site for that.
    """
    batch = prompt if isinstance(prompt, Batch) else read_prompts(prompt, model)
    inputs, encoding = to_input(batch, model)
    if last_logits and takes(module_of(model), "logits_to_keep"):
        encoding["logits_to_keep"] = 1

    def run() -> None:
        with torch.no_grad():
            model.trace(*inputs, trace=False, **encoding)

    return run_with_reads(model, reader, run, interventions=interventions)


class ReadBackend(Backend):
    """Runs the user's traced block with the reads of a reader in the same forward."""

    def __init__(
        self,
        reader: Reader,
        *,
        on_block: Callable[[Block | None], None] | None = None,
        interventions: Any = None,
    ) -> None:
        """Make a backend for one trace.

        Args:
            reader: Who wants the values.
            on_block: Told the text of the block before it runs.
            interventions: What to change at each pass, before the block sees it.
        """
        super().__init__()
        self._interventions = parts_of(interventions)
        self._reader = reader
        self._on_block = on_block

    def __call__(self, tracer: Tracer) -> None:
        """Execute the block where nnsight would, with our observer added."""
        if self._on_block is not None:
            self._on_block(read_block(tracer))
        try:
            eos_ids = _eos_ids(tracer.envoy, getattr(tracer, "kwargs", {}))
            run_with_reads(
                tracer.envoy,
                self._reader,
                lambda: tracer.execute(tracer.info.code),
                eos_ids,
                self._interventions,
            )
        except IndexError as error:
            if tracer.batcher is not None and tracer.batcher.total == 0:
                raise PromptError(NO_PROMPT) from error
            raise error.with_traceback(tracer.traceback(error)) from error.__cause__
        except BaseException as error:
            # Of an error in the user's block keep the user's own lines alone.
            raise error.with_traceback(tracer.traceback(error)) from error.__cause__


def _eos_ids(model: Envoy, kwargs: Mapping[str, Any]) -> frozenset[int]:
    """Return the ids that end a generation with these arguments."""
    given = kwargs.get("eos_token_id")
    for config in (kwargs.get("generation_config"), _generation_config(model)):
        if given is None:
            given = getattr(config, "eos_token_id", None)
    if isinstance(given, torch.Tensor):
        given = given.tolist()
    if given is None:
        return frozenset()
    return frozenset(given) if isinstance(given, Iterable) else frozenset({int(given)})


def _generation_config(model: Envoy) -> Any:
    return getattr(module_of(model), "generation_config", None)


def run_with_reads(
    model: Envoy,
    reader: Reader,
    run: Callable[[], None],
    eos_ids: frozenset[int] = frozenset(),
    interventions: Sequence[Part | Edit] = (),
) -> Capture:
    """Run what has no block of the user's, with a reader's reads and interventions.

    Args:
        model: An nnsight model.
        reader: As of ``forward``.
        run: Starts the forwards.
        eos_ids: Ids that end a generation.
        interventions: As of ``forward``.

    Returns:
        The finished run, already delivered to the reader.
    """
    module, adapter = module_of(model), adapter_of(model)
    with exclusive(module) as number:
        capture = Capture(number, eos_ids=eos_ids, adapter=describe_adapter(module))
        reads = reader.reads()
        observer = _Observer(model, adapter, reader, reads, capture)
        worker = _ReadWorker(observer, capture)
        editors = workers_of(model, adapter, interventions, capture)
        watches = [one.watch for one in editors if isinstance(one, PatternWorker)]
        inside = bool(watches) or any(read.site in INSIDE_ATTENTION for read in reads)
        try:
            with (
                contextlib.ExitStack() as watching,
                left_padding(model),
                eager_attention(module, needed=inside) as note,
                observer.watching_softmax(),
            ):
                caution = adapter.architecture.caution if note else ""
                capture.note = ". ".join(filter(None, [note, caution]))
                for watch in watches:
                    watching.enter_context(watch)
                model.interleaver.mediators.extend([worker, *editors])
                run()
        except BaseException as error:
            capture.error = error
            raise
        finally:
            worker.unwatch()
            # A block that fails before the forward begins leaves our worker queued.
            model.interleaver.cancel()
            reader.deliver(capture)
    if capture.read_error is not None:
        raise capture.read_error
    return capture


class _ReadWorker(Mediator):
    """A worker that registers the observer, watches the others for edits, and ends."""

    def __init__(self, observer: _Observer, capture: Capture) -> None:
        super().__init__(None, {}, {})
        self._observer = observer
        self._capture = capture
        self._root = f"{observer.model.path}."
        self._watched: list[Mediator] = []

    def _run(self) -> None:
        self.caches.append(self._observer)
        for mediator in self.interleaver.mediators:
            # Ours note what they change themselves, in words.
            if mediator is not self and not isinstance(mediator, EditWorker):
                self._watch(mediator)

    def _watch(self, mediator: Mediator) -> None:
        """Note where a worker replaces a value or changes one in place."""
        handle = mediator.handle

        def watched(provider: str, value: Any) -> Any:
            before = [(tensor, _version(tensor)) for tensor in _tensors(value)]
            after = handle(provider, value)
            if after is not value or any(_version(t) != v for t, v in before):
                where = provider.rpartition(".")[0].removeprefix(self._root)
                self._capture.intervened[where] = None
            return after

        mediator.handle = watched
        self._watched.append(mediator)

    def unwatch(self) -> None:
        """Leave stored edits, which outlive the run, as they were."""
        for mediator in self._watched:
            del mediator.handle
        self._watched.clear()


class _Observer(Cache):
    """Files what the reads keep of each value as it passes."""

    def __init__(
        self,
        model: Envoy,
        adapter: Adapter,
        reader: Reader,
        reads: Sequence[Read],
        capture: Capture,
    ) -> None:
        super().__init__(model, modules=[])
        self._adapter, self._reader, self._capture = adapter, reader, capture
        self._root_input = f"{model.path}.input"
        self._wanted: dict[str, list[tuple[Read, Place]]] = {}
        self._softmax: dict[str, list[tuple[Read, Place]]] = {}
        self._watch = SoftmaxWatch()
        for read in reads:
            place = adapter.place(read.site, read.layer)
            module = ".".join(filter(None, [model.path, place.path]))
            if place.slot == "softmax":
                self._softmax.setdefault(module, []).append((read, place))
            else:
                self._wanted.setdefault(f"{module}.{place.slot}", []).append((read, place))

    def watching_softmax(self) -> contextlib.AbstractContextManager[object]:
        """Return what the forward runs in: a watch on softmax, where a read needs one."""
        return self._watch if self._softmax else contextlib.nullcontext()

    def subscriptions(self) -> dict[str, tuple[str, str]]:
        """Name the values to be handed over: the root's input and the reads' places."""
        around = [
            f"{module}.{side}" for module in self._softmax for side in ("input", "output")
        ]
        locations = (self._root_input, *self._wanted, *around)
        return {location: (location, "") for location in locations}

    def observe_selected(self, selected: tuple[str, str], value: Any) -> None:
        """Take one value, after every intervention on it."""
        location = selected[0]
        module, _, slot = location.rpartition(".")
        if location == self._root_input:
            self._begin_step(value)
        if module in self._softmax:
            self._watch_softmax(module, slot)
        for read, place in self._wanted.get(location, ()):
            self._keep(read, functools.partial(self._tensor_at, place, value))

    def _tensor_at(self, place: Place, value: Any) -> torch.Tensor:
        tensor = self._adapter.at_site(value, place, self._capture.n_prompts)
        if place.projected:
            return through_projection(tensor, self._module_at(place), self.model)
        return tensor

    def _watch_softmax(self, module: str, slot: str) -> None:
        if slot == "input":
            self._watch.open(module, functools.partial(self._keep_scores, module))
            return
        try:
            self._watch.close()
        except SiteError as error:
            self._capture.read_error = self._capture.read_error or error

    def _keep_scores(self, module: str, received: torch.Tensor) -> None:
        for read, place in self._softmax[module]:
            scores = functools.partial(scores_of, received, place, self._module_at(place))
            self._keep(read, scores)

    def _module_at(self, place: Place) -> torch.nn.Module:
        return module_of(self.model).get_submodule(place.path)

    def _begin_step(self, value: Any) -> None:
        args, kwargs = value
        sees = bool(self._adapter.architecture.positions)
        given = kwargs.get("pixel_values" if sees else "input_ids", args[0] if args else None)
        if given is None:
            raise PromptError(NO_PROMPT)
        ids = patch_ids(given, self._adapter) if sees else given
        if self._capture.n_steps:
            self._reader.progress(self._capture)
        self._capture.add_step(ids, kwargs.get("attention_mask"))
        self._reader.check(self._capture)

    def _keep(self, read: Read, tensor_at_site: Callable[[], torch.Tensor]) -> None:
        if self._capture.read_error is not None:
            return
        try:
            with torch.no_grad():
                tensor = tensor_at_site().detach()
                more: tuple[Any, ...] = (self._capture.ids,) if read.with_ids else ()
                more += (OutputHead(self.model),) if read.with_head else ()
                kept = _own_cpu_copy(read.reduce(tensor, *more), tensor)
        except InterpWidgetsError as error:
            self._capture.read_error = None if read.optional else error
        except (RuntimeError, TypeError, ValueError, LookupError, MemoryError) as error:
            if read.optional:
                return
            where = read.site if read.layer is None else f"{read.site} of layer {read.layer}"
            self._capture.read_error = ReadError(f"reading {where} failed: {error}")
            self._capture.read_error.__cause__ = error
        else:
            self._capture.values.setdefault(read.key, []).append(kept)


def _own_cpu_copy(reduced: torch.Tensor, live: torch.Tensor) -> torch.Tensor:
    """Move to the CPU; copy only what would alias the model's live tensor."""
    if reduced.device.type != "cpu":
        return reduced.to("cpu")
    shares = reduced.untyped_storage().data_ptr() == live.untyped_storage().data_ptr()
    return reduced.clone() if shares else reduced


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


def _version(tensor: torch.Tensor) -> int:
    # Inference tensors count no versions: an in-place edit on one goes unseen.
    return 0 if tensor.is_inference() else tensor._version
