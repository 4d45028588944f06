"""A prompt's run, kept so that each layer can be called again by itself.

No architecture's mathematics is written here: a layer is the model's own module, called with
the arguments that it had in the run (rotary embeddings, mask, positions), cut to the positions
that are asked for. In place of the cache it gets one that puts the keys and values of the run
in front.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from transformers import DynamicCache

from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.exclusive import exclusive
from interpwidgets.models.prompts import Batch, Prompt, takes, to_input

#: Which axis counts positions, by how many axes an argument has: cache positions [pos],
#: position ids [prompt, pos], rotary embeddings [prompt, pos, ·], a mask [·, head, pos, ·].
_AXIS_OF_POSITIONS = {1: 0, 2: 1, 3: 1, 4: 2}


class CannotMarchError(Exception):
    """Why this model's layers cannot be called one by one; caught by who asks."""


class _KeysKnown(BaseException):
    """Ends a layer's call once its keys and values are known."""


@dataclass(frozen=True)
class Answer:
    """What a module gives without being run."""

    value: Float[torch.Tensor, "n _"]
    item: int | str = 0
    """Which item, where the module gives a tuple."""

    flat: bool = False
    """Whether prompts and positions share one axis there."""


class Prefix:
    """What a layer takes for its cache: keys and values in front of the new ones."""

    def __init__(
        self,
        keys: Float[torch.Tensor, "_ head_kv pos d_head"] | None,
        values: Float[torch.Tensor, "_ head_kv pos d_v"] | None,
        *,
        ends_call: bool = False,
    ) -> None:
        """Make one.

        Args:
            keys: Of the positions before the new ones; None where there are none.
            values: Of the same.
            ends_call: Stop the layer as soon as they are joined, and keep them.
        """
        self.keys, self.values, self._ends_call = keys, values, ends_call
        self._complete = False

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the prefix and the new ones, as a cache of transformers does."""
        if self._complete:
            assert self.keys is not None
            assert self.values is not None
            return self.keys, self.values
        keys, values = _behind(self.keys, keys), _behind(self.values, values)
        if self._ends_call:
            self.keys, self.values, self._complete = keys, values, True
            raise _KeysKnown
        return keys, values

    def get_seq_length(self, *_: object) -> int:
        """Return how many positions are in front."""
        return 0 if self.keys is None else int(self.keys.shape[-2])


def _behind(before: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
    if before is None:
        return new
    return torch.cat([before.expand(len(new), *before.shape[1:]), new], dim=-2)


class LayerCalls:
    """One plain run of a prompt, and calls of its layers."""

    def __init__(self, model: Model, ids: Sequence[int], kept: Sequence[str]) -> None:
        """Run the prompt once, without nnsight.

        Args:
            model: The nnsight model.
            ids: The prompt.
            kept: Sites whose values to keep.

        Raises:
            CannotMarchError: Its layers depend on what cannot be cut.
        """
        self.model, self.adapter, self._root = model, adapter_of(model), module_of(model)
        self.n_layers, self.n_tokens = self.adapter.n_layers, len(ids)
        self.layers = [self.module("resid_post", at) for at in range(self.n_layers)]
        #: Before each layer and behind the last, ``[1, pos, d_model]``.
        self.streams: list[torch.Tensor] = []
        self._values: dict[tuple[str, int], torch.Tensor] = {}
        self._lengths: dict[torch.nn.Module, int] = {}
        self._arguments: list[Mapping[str, Any]] = []
        self._masks: dict[tuple[int, int], torch.Tensor] = {}
        # Made without a configuration: layers with a window keep every position, too.
        self._cache = DynamicCache()
        self.logits = self._run(ids, kept)
        self._check()

    # ------------------------------------------------------------------------ the run

    def module(self, site: str, layer: int) -> torch.nn.Module:
        """Return the module whose input or output a site is."""
        return self._root.get_submodule(self.adapter.place(site, layer).path)

    def attention(self, layer: int) -> torch.nn.Module:
        """Return the attention module of a layer: the one that ends in ``z``'s projection."""
        path = self.adapter.place("z", layer).path.rpartition(".")[0]
        return self._root.get_submodule(path)

    def value(self, site: str, layer: int) -> torch.Tensor:
        """Return a site of the run, ``[pos, *axes]``."""
        if site in ("resid_pre", "resid_post"):
            return self.streams[layer + (site == "resid_post")][0]
        return self._values[site, layer]

    def _run(self, ids: Sequence[int], kept: Sequence[str]) -> torch.Tensor:
        _, inputs = to_input(Batch((Prompt(tuple(ids)),)), self.model)
        if takes(self._root, "logits_to_keep"):
            inputs["logits_to_keep"] = 1
        inputs |= {"past_key_values": self._cache, "use_cache": True}
        with exclusive(self._root), torch.no_grad(), contextlib.ExitStack() as hooks:
            for layer in range(self.n_layers):
                for hook in self._hooks(layer, kept):
                    hooks.enter_context(hook)
            logits: torch.Tensor = self._root(**inputs).logits[0, -1]
        return logits.float()

    def _hooks(self, layer: int, kept: Sequence[str]) -> Iterator[Any]:
        block = self.layers[layer]
        yield block.register_forward_pre_hook(self._note_call(layer), with_kwargs=True)
        if layer == self.n_layers - 1:
            yield block.register_forward_hook(self._note_end)
        yield self.attention(layer).register_forward_hook(self._note_length)
        for site in kept:
            place, module = self.adapter.place(site, layer), self.module(site, layer)
            if place.slot == "input":
                yield module.register_forward_pre_hook(
                    lambda _, args, kwargs, site=site: self._keep(site, layer, (args, kwargs)),
                    with_kwargs=True,
                )
            else:
                yield module.register_forward_hook(self._note_length)
                yield module.register_forward_hook(
                    lambda _, __, output, site=site: self._keep(site, layer, output)
                )

    def _note_call(self, layer: int) -> Callable[..., None]:
        # Of the class: nnsight and accelerate put a `forward` of their own in the instance.
        signature = inspect.signature(type(self.layers[layer]).forward)

        def note(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
            named = dict(list(signature.bind(module, *args, **kwargs).arguments.items())[1:])
            for name, parameter in signature.parameters.items():
                if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                    named |= named.pop(name, {})
            self._first = next(iter(named))
            self.streams.append(named.pop(self._first))
            self._arguments.append(named)

        return note

    def _note_end(self, _: Any, __: Any, output: Any) -> None:
        place = self.adapter.place("resid_post", self.n_layers - 1)
        self.streams.append(self.adapter.at_site(output, place))

    def _note_length(self, module: torch.nn.Module, _: Any, output: Any) -> None:
        self._lengths[module] = len(output) if isinstance(output, tuple) else 0

    def _keep(self, site: str, layer: int, value: Any) -> None:
        tensor = self.adapter.at_site(value, self.adapter.place(site, layer))
        # A copy: Falcon adds to such tensors in place.
        self._values[site, layer] = tensor[0].clone()

    def _check(self) -> None:
        held = [layer.keys for layer in self._cache.layers]
        if len(self.streams) != self.n_layers + 1 or len(held) != self.n_layers:
            raise CannotMarchError("a layer keeps no keys and values of its own")
        if any(one.get("alibi") is not None for one in self._arguments):
            raise CannotMarchError("its layers take ALiBi for one number of rows")
        if any(keys is None or keys.shape[-2] != self.n_tokens for keys in held):
            raise CannotMarchError("the cache does not hold every position")

    # ----------------------------------------------------------------------- the calls

    def onward(
        self, layer: int, stream: Float[torch.Tensor, "run pos d_model"], start: int
    ) -> Float[torch.Tensor, "run pos d_model"]:
        """Return the stream behind a layer.

        Args:
            layer: Which.
            stream: Before it, from position ``start`` to the end of the prompt.
            start: What is before it is as in the run.
        """
        return self._call(layer, stream, start, self.n_tokens, self._prefix(layer, start))

    def last_onward(
        self, stream: Float[torch.Tensor, "run pos d_model"], start: int
    ) -> Float[torch.Tensor, "run 1 d_model"]:
        """Return the stream behind the last layer, after the last token alone.

        All positions are needed for keys and values, but for nothing behind them.

        Args:
            stream: As of ``onward``.
            start: Likewise.
        """
        end, layer = self.n_tokens, self.n_layers - 1
        prefix = self._prefix(layer, start, ends_call=True)
        with contextlib.suppress(_KeysKnown):
            self._call(layer, stream, start, end, prefix)
            raise CannotMarchError("the last layer made no use of the cache")
        return self._call(layer, stream[:, -1:], end - 1, end, prefix)

    def rest_of_layer(
        self,
        layer: int,
        positions: Sequence[int],
        answers: Mapping[torch.nn.Module, Answer],
    ) -> Float[torch.Tensor, "n d_model"]:
        """Return the stream behind a layer at some positions, parts of it given.

        What is behind attention works on each position alone.

        Args:
            layer: Which.
            positions: Of the run; one may come several times.
            answers: What modules of the layer give there.
        """
        stream = self.streams[layer][:, list(positions)]
        with _standing_in({of: self._in_form(of, answer) for of, answer in answers.items()}):
            return self._call(layer, stream, 0, self.n_tokens, Prefix(None, None))[0]

    def _in_form(self, module: torch.nn.Module, answer: Answer) -> Any:
        """Return an answer in the form in which a module gave one in the run."""
        length = self._lengths[module]
        shaped = answer.value if answer.flat else answer.value[None]
        if not length:
            return shaped
        return tuple(shaped if at == answer.item else None for at in range(length))

    def _prefix(self, layer: int, start: int, *, ends_call: bool = False) -> Prefix:
        if not start:
            return Prefix(None, None, ends_call=ends_call)
        held = self._cache.layers[layer]
        keys, values = held.keys[:, :, :start], held.values[:, :, :start]
        return Prefix(keys, values, ends_call=ends_call)

    def _call(
        self, layer: int, stream: torch.Tensor, start: int, end: int, prefix: Prefix
    ) -> torch.Tensor:
        given = {
            name: self._cut(name, value, start, end, prefix)
            for name, value in self._arguments[layer].items()
        }
        output = self.layers[layer](**{self._first: stream}, **given)
        place = self.adapter.place("resid_post", layer)
        return self.adapter.at_site(output, place, len(stream))

    def _cut(self, name: str, value: Any, start: int, end: int, prefix: Prefix) -> Any:
        """Return one argument as it is for some positions of the prompt."""
        if value is self._cache:
            return prefix
        if isinstance(value, (tuple, list)):
            return type(value)(self._cut(name, one, start, end, prefix) for one in value)
        if isinstance(value, dict):
            return {k: self._cut(name, one, start, end, prefix) for k, one in value.items()}
        # Fused attention was left to mask by itself, which is wrong behind a prefix.
        if name == "attention_mask" and value is None and 0 < start < end - 1:
            return self._mask(start, end)
        if not isinstance(value, torch.Tensor) or value.ndim not in _AXIS_OF_POSITIONS:
            return value
        axis = _AXIS_OF_POSITIONS[value.ndim]
        whole = value.shape[axis] == self.n_tokens
        return value.narrow(axis, start, end - start) if whole else value

    def _mask(self, start: int, end: int) -> torch.Tensor:
        if (start, end) not in self._masks:
            shape = (end - start, end)
            seen = torch.ones(shape, dtype=torch.bool, device=self.streams[0].device)
            self._masks[start, end] = seen.tril(start)[None, None]
        return self._masks[start, end]


@contextlib.contextmanager
def _standing_in(answers: Mapping[torch.nn.Module, Any]) -> Iterator[None]:
    """Let modules answer what they are told to; their own ``forward`` is put back."""
    before = {module: module.__dict__.get("forward") for module in answers}
    try:
        for module, answer in answers.items():
            module.__dict__["forward"] = lambda *_, answer=answer, **__: answer
        yield
    finally:
        for module, own in before.items():
            if own is None:
                module.__dict__.pop("forward", None)
            else:
                module.__dict__["forward"] = own
