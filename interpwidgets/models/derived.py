"""Sites that no module gives: scores before the softmax, and what each head writes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float
from nnsight.intervention.envoy import Envoy
from torch import nn
from torch.overrides import TorchFunctionMode
from transformers.pytorch_utils import Conv1D

from interpwidgets.errors import SiteError
from interpwidgets.models.architectures.table import Place


class SoftmaxWatch(TorchFunctionMode):
    """Hands over what the softmax inside a module receives, whoever wrote that module.

    Every model scales, caps, biases and masks its scores in its own way; what they have
    in common is the softmax behind. Torch tells a function mode of every call of its
    functions on this thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._take: Callable[[torch.Tensor], None] | None = None
        self._change: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._path = ""
        self._seen = 0

    def open(
        self,
        path: str,
        take: Callable[[torch.Tensor], None],
        change: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        """Begin to watch: the module at ``path`` starts.

        Args:
            path: The module's.
            take: Is handed what the softmax receives.
            change: Is handed what it gives, and returns what is to be in its place.
        """
        self._path, self._take, self._change, self._seen = path, take, change, 0

    def close(self) -> None:
        """End it: the module is done.

        Raises:
            SiteError: It called no softmax over heads, or several.
        """
        if self._take is None:
            return
        self._take = None
        if self._seen != 1:
            raise SiteError(
                f"{self._path} called softmax over heads {self._seen} times, not once, so "
                "its scores before the softmax are not known. Read 'pattern' instead."
            )

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if (
            self._take is not None
            and getattr(func, "__name__", "") == "softmax"
            and result.dim() == 4
        ):
            self._seen += 1
            if self._seen == 1:
                self._take(args[0] if args else (kwargs or {})["input"])
                return result if self._change is None else self._change(result)
        return result


def scores_of(
    received: Float[torch.Tensor, "prompt head query_pos key_pos"],
    place: Place,
    attention: nn.Module,
) -> Float[torch.Tensor, "prompt head query_pos seen"]:
    """Return scores with -inf where a mask was added, without a sink's column.

    Args:
        received: What the softmax received. Masks are the lowest number of a dtype, added.
        place: Of ``attn_scores``.
        attention: The attention module.
    """
    scores = received
    if place.sinks is not None:
        # The largest of each row was subtracted from it: known from the sink's own column.
        sink = getattr(attention, place.sinks).reshape(1, -1, 1, 1)
        scores = received[..., :-1] + (sink - received[..., -1:])
    dtypes = {scores.dtype, *(p.dtype for p in attention.parameters())}
    lowest = max(torch.finfo(d).min for d in dtypes if d.is_floating_point)
    return scores.masked_fill(scores <= lowest / 2, -torch.inf)


def through_projection(
    z: Float[torch.Tensor, "prompt pos head d_head"], projection: nn.Module, model: Envoy
) -> Float[torch.Tensor, "prompt pos head d_model"]:
    """Return what each head adds to the attention's output, without the bias.

    Args:
        z: Each head's weighted values.
        projection: The output projection.
        model: The model that is running.
    """
    if type(projection) in (nn.Linear, Conv1D):
        weight = cast(torch.Tensor, projection.weight)
        if not weight.is_meta:
            weight = weight if isinstance(projection, Conv1D) else weight.T
            return torch.einsum("bphd,hdm->bphm", z, weight.unflatten(0, z.shape[-2:]))
    with standing_down(model):
        return _head_by_head(z, projection)


def _head_by_head(
    z: Float[torch.Tensor, "prompt pos head d_head"], projection: nn.Module
) -> Float[torch.Tensor, "prompt pos head d_model"]:
    """Ask the module itself: its weights are quantised, adapted or not in memory."""
    alone = torch.zeros_like(z)
    bias = projection(alone.flatten(-2))
    added = []
    for head in range(z.shape[-2]):
        alone.zero_()
        alone[..., head, :] = z[..., head, :]
        added.append(projection(alone.flatten(-2)) - bias)
    return torch.stack(added, dim=-2)


@contextlib.contextmanager
def standing_down(model: Envoy) -> Iterator[None]:
    """Keep calls of ours apart from the model's own, which nnsight counts and serves.

    Args:
        model: The model whose modules are called in the block.
    """
    before = model.interleaver.interleaving
    model.interleaver.interleaving = False
    try:
        yield
    finally:
        model.interleaver.interleaving = before
