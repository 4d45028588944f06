"""What each head reads and writes by its weights alone: queries, keys, values, output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

from interpwidgets.errors import ModelError
from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.architectures.table import Place
from interpwidgets.models.derived import standing_down
from interpwidgets.models.linear import bias_of, matrix_of
from interpwidgets.models.norms import FrozenNorm, read_norm


@dataclass(frozen=True)
class HeadWeights:
    """The matrices of one layer's heads, float32; key-value heads are repeated.

    With ``x`` a row of the residual stream, ``x @ q @ k.mT @ x`` is a score before scaling
    and rotation, and ``x @ v @ o`` what is written where all attention is on ``x``.
    """

    q: Float[torch.Tensor, "head d_model d_head"]
    k: Float[torch.Tensor, "head d_model d_head"]
    v: Float[torch.Tensor, "head d_model d_head"]
    o: Float[torch.Tensor, "head d_head d_model"]

    has_bias: bool
    """Whether a projection adds a bias, which these matrices leave out."""


def head_weights(
    model: Model, layer: int, norm: FrozenNorm | None = None, behind: FrozenNorm | None = None
) -> HeadWeights:
    """Return the matrices of one layer's heads.

    Args:
        model: An nnsight model.
        layer: The layer.
        norm: The norm that its attention reads through, whose gain and mean are then part
            of ``q``, ``k`` and ``v``; None: left out.
        behind: The norm that its attention writes through, taken into ``o``; None: left out.

    Raises:
        SiteError: The architecture's table does not say where a projection is, or there is
            no such layer.
        ModelError: A projection is not linear.
    """
    adapter = adapter_of(model)
    parts = {site: _projection(model, site, layer) for site in "qkv"}
    repeats = adapter.n_heads // adapter.n_kv_heads
    q, k, v = (
        _through(parts[site][0], norm).repeat_interleave(1 if site == "q" else repeats, dim=0)
        for site in "qkv"
    )
    projection = _module(model, adapter.place("z", layer))
    width = adapter.n_heads * adapter.d_head
    o = matrix_of(projection, model, width).unflatten(0, (adapter.n_heads, adapter.d_head))
    if behind is not None:
        o = behind.rows(o.double()).float()
    biased = bool(bias_of(projection, model, width).any()) or any(b for _, b in parts.values())
    return HeadWeights(q, k, v, o, biased)


def _projection(
    model: Model, site: str, layer: int
) -> tuple[Float[torch.Tensor, "head d_model d_head"], bool]:
    adapter = adapter_of(model)
    place = adapter.place(site, layer)
    module = _module(model, place)
    weight = matrix_of(module, model, adapter.d_model)
    heads = adapter.at_site(weight, Place(place.path, split=place.split))
    return heads.movedim(-2, 0), bool(bias_of(module, model, adapter.d_model).any())


def _through(
    weight: Float[torch.Tensor, "head d_model d_head"], norm: FrozenNorm | None
) -> Float[torch.Tensor, "head d_model d_head"]:
    """Return what a projection reads before a norm, its scale left out."""
    if norm is None:
        return weight
    read = norm.gain.float()[:, None] * weight
    return read - read.mean(dim=1, keepdim=True) if norm.centred else read


def _module(model: Model, place: Place) -> nn.Module:
    return module_of(model).get_submodule(place.path)


# ------------------------------------------------------------------------------- norms


@dataclass(frozen=True)
class LayerNorms:
    """The norms around one layer's attention; None where there is none."""

    before: FrozenNorm | None
    behind: FrozenNorm | None


def attention_norms(model: Model) -> list[LayerNorms]:
    """Return the norms that each layer's attention reads and writes through.

    Which norm it reads through no table says: it is the module whose output the query
    projection is handed, as a forward of one token shows.

    Args:
        model: An nnsight model.
    """
    adapter, module = adapter_of(model), module_of(model)
    sources = _sources_of_queries(model)
    found = []
    for layer in range(adapter.n_layers):
        path = adapter.place("q", layer).path
        before = sources.get(path)
        given, inside = adapter.place("attn_out", layer), adapter.place("z", layer)
        behind = None
        if not f"{inside.path}.".startswith(f"{given.path}."):
            behind = read_norm(module.get_submodule(given.path), model, adapter.d_model)
        read = None if before is None else read_norm(before, model, adapter.d_model)
        found.append(LayerNorms(read, behind))
    return found


def folded_head_weights(
    model: Model, layers: Sequence[int], *, fold_norms: bool = True
) -> list[HeadWeights]:
    """Return the matrices of several layers' heads, through the norms around attention.

    Args:
        model: An nnsight model.
        layers: Which.
        fold_norms: Whether gains and means of those norms are part of the matrices.

    Raises:
        SiteError: As of ``head_weights``.
        ModelError: As of ``head_weights``.
    """
    if not fold_norms:
        return [head_weights(model, layer) for layer in layers]
    norms = attention_norms(model)
    return [
        head_weights(model, layer, norms[layer].before, norms[layer].behind) for layer in layers
    ]


def _sources_of_queries(model: Model) -> dict[str, nn.Module]:
    """Return the module whose output each query projection received as it is."""
    adapter, module = adapter_of(model), module_of(model)
    paths = {adapter.place("q", layer).path: layer for layer in range(adapter.n_layers)}
    watch = _Watch({module.get_submodule(path): path for path in paths})
    handles = list(watch.on(module))
    device = next(module.parameters()).device
    try:
        with torch.no_grad(), standing_down(model):
            module(input_ids=torch.zeros(1, 1, dtype=torch.long, device=device))
    finally:
        for handle in handles:
            handle.remove()
    return watch.found


class _Watch:
    """Notes which module made the very tensor that another one receives."""

    def __init__(self, wanted: dict[nn.Module, str]) -> None:
        self._wanted = wanted
        self._made: dict[int, tuple[torch.Tensor, nn.Module]] = {}
        self.found: dict[str, nn.Module] = {}

    def on(self, module: nn.Module) -> Iterator[torch.utils.hooks.RemovableHandle]:
        for part in module.modules():
            if "norm" in type(part).__name__.lower():
                yield part.register_forward_hook(self._note)
            if part in self._wanted:
                yield part.register_forward_pre_hook(self._ask)

    def _note(self, part: nn.Module, _: object, out: object) -> None:
        if isinstance(out, torch.Tensor):
            self._made[id(out)] = out, part  # kept alive: ids are used again

    def _ask(self, part: nn.Module, args: tuple[object, ...]) -> None:
        made = self._made.get(id(args[0])) if args else None
        if made is not None:
            self.found[self._wanted[part]] = made[1]


def check_heads(model: Model) -> None:
    """Refuse a model whose heads have no matrices.

    Args:
        model: An nnsight model.

    Raises:
        ModelError: Its table has no q, k, v or z.
    """
    adapter = adapter_of(model)
    missing = {"q", "k", "v", "z"} - set(adapter.architecture.places)
    if missing:
        raise ModelError(
            f"the table of {adapter.model_type!r} does not say where "
            f"{', '.join(sorted(missing))} are made: "
            "iw.register_architecture(..., qkv=..., out_proj=...)."
        )


def mlp_output(model: Model, layer: int) -> Float[torch.Tensor, "neuron d_model"]:
    """Return what each neuron of a layer writes, behind a norm's gain where one follows.

    Args:
        model: An nnsight model.
        layer: The layer.

    Raises:
        SiteError: It has no MLP whose neurons every token meets.
    """
    adapter = adapter_of(model)
    inside, given = adapter.place("mlp_post", layer), adapter.place("mlp_out", layer)
    weight = matrix_of(_module(model, inside), model, adapter.d_mlp or 0)
    if f"{inside.path}.".startswith(f"{given.path}."):
        return weight
    norm = read_norm(_module(model, given), model, adapter.d_model)
    return norm.rows(weight.double()).float()
