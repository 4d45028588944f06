"""A direction behind the last norm, taken back to everything that wrote to the stream."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Float
from torch import nn

from interpwidgets.errors import TraceError
from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.linear import apply_linear, pull_back
from interpwidgets.models.norms import FrozenNorm, read_norm
from interpwidgets.models.readout import Targets, last_norm
from interpwidgets.models.running import Run

#: What the parts of a layer add and what the biases of its output add.
Parts = tuple[Float[torch.Tensor, "prompt part"], Float[torch.Tensor, " prompt"]]


class Decomposition:
    """What each part of a model adds to a product with one direction per prompt.

    Every norm on the way is held at the scale that it had in the run, so that the way is
    linear. Rows of the run are of one position per prompt.
    """

    def __init__(self, model: Model, run: Run, targets: Targets) -> None:
        """Take the directions back through the last norm.

        Args:
            model: The model that ran.
            run: Rows of ``resid_post`` of the last layer, of ``ln_final``, and of what
                is asked for below.
            targets: The directions.

        Raises:
            SiteError: The model has no last norm.
            ModelError: A norm on the way is neither a LayerNorm nor an RMSNorm.
        """
        self._model, self._run, self._adapter = model, run, adapter_of(model)
        self._norm = norm = last_norm(model)
        last = self.row("resid_post", self._adapter.n_layers - 1)
        self._one_over = one_over = norm.one_over_scale(last, self.row("ln_final"))
        self._length = targets.directions.norm(dim=-1)
        #: In the last residual stream: what a part adds is its product with these.
        self.before = norm.pull_back(targets.directions, one_over)
        #: What the last norm's bias and the unembedding's add.
        self.bias = targets.directions @ norm.bias + targets.offset

    def row(self, site: str, layer: int | None = None) -> Float[torch.Tensor, prompt * axes]:
        """Return a site's rows in the run's last pass, in float64."""
        return row_of(self._run, site, layer)

    def added(self, site: str, layer: int | None = None) -> Float[torch.Tensor, " prompt"]:
        """Return what all of a site adds: ``embed``, ``attn_out`` or ``mlp_out``."""
        return (self.row(site, layer) * self.before).sum(-1)

    def components(self) -> dict[str, Float[torch.Tensor, " prompt"]]:
        """Return what everything that is added to the stream adds, by name, and biases."""
        found = {name: self.added(*at) for name, at in self._sites().items()}
        return found | {"bias": self.bias}

    def chances(self) -> Float[torch.Tensor, "prompt component"]:
        """Return ``chance`` of each component; NaN for the biases, which are not added."""
        found = [self.chance(*at) for at in self._sites().values()]
        return torch.stack([*found, torch.full_like(self.bias, torch.nan)], dim=-1)

    def _sites(self) -> dict[str, tuple[str, int | None]]:
        found: dict[str, tuple[str, int | None]] = {"embed": ("embed", None)}
        for layer in range(self._adapter.n_layers):
            found[f"L{layer} attn"] = "attn_out", layer
            if self._adapter.d_mlp:
                found[f"L{layer} mlp"] = "mlp_out", layer
        return found

    def chance(self, site: str, layer: int | None = None) -> Float[torch.Tensor, " prompt"]:
        """Return the spread of what a site would add to random directions.

        The standard deviation over directions of the targets' length, drawn from a sphere.
        """
        return self._spread(self.row(site, layer)[:, None])[:, 0]

    def chance_of_heads(self, layer: int) -> Float[torch.Tensor, "prompt head"]:
        """Return the same of each head of a layer."""
        z, projection = self.row("z", layer), self._module("z", layer)
        alone = torch.einsum("phd,hk->phkd", z, torch.eye(z.shape[1], dtype=z.dtype))
        written = apply_linear(projection, self._model, alone.flatten(0, 1).flatten(1))
        zeros = torch.zeros(1, alone[0, 0].numel(), dtype=torch.float64)
        written = (written - apply_linear(projection, self._model, zeros)).unflatten(
            0, z.shape[:2]
        )
        if self._has_post_norm("attn_out", "z", layer):
            norm, one_over = self._post_norm("attn_out", "z", layer)
            written = norm.frozen(written, one_over[:, None])
        return self._spread(written)

    def _spread(
        self, added: Float[torch.Tensor, "prompt part d_model"]
    ) -> Float[torch.Tensor, "prompt part"]:
        behind = self._norm.frozen(added, self._one_over[:, None])
        return behind.norm(dim=-1) * self._length[:, None] / behind.shape[-1] ** 0.5

    def heads(self, layer: int) -> Parts:
        """Return what each head of a layer adds, and the biases of its attention."""
        z = self.row("z", layer)
        parts = (z * self._into_heads(layer)).sum(-1)
        return parts, self._bias("attn_out", "z", layer)

    def neurons(self, layer: int) -> Parts:
        """Return what each neuron of a layer adds, and the biases of its MLP."""
        acts = self.row("mlp_post", layer)
        directions = pull_back(
            self._module("mlp_post", layer),
            self._model,
            self._behind("mlp_out", "mlp_post", layer)[0],
            acts.shape[-1],
        )
        return acts * directions, self._bias("mlp_out", "mlp_post", layer)

    def sources(
        self, layer: int, prompt: int, values: Float[torch.Tensor, "key_pos kv_head d_head"]
    ) -> Float[torch.Tensor, "head key_pos"]:
        """Return what each head of a layer took from each position of a prompt.

        Args:
            layer: The layer.
            prompt: Which prompt of the batch.
            values: Its values, padding left out.
        """
        directions = self._into_heads(layer)[prompt]
        each = values.double().repeat_interleave(len(directions) // values.shape[1], dim=1)
        pattern = self.row("pattern", layer)[prompt]
        span = self._run.capture.span(prompt)
        # A cache of a window has let go of the first keys: nothing was taken from them.
        missing = self._run.capture.n_tokens - pattern.shape[-1]
        pattern = nn.functional.pad(pattern, (missing, 0))[:, span]
        return pattern * torch.einsum("khd,hd->hk", each, directions)

    # ---------------------------------------------------------------- the way to a part

    def _into_heads(self, layer: int) -> Float[torch.Tensor, "prompt head d_head"]:
        if layer not in self._of_heads:
            a = self._adapter
            projection = self._module("z", layer)
            behind, _ = self._behind("attn_out", "z", layer)
            flat = pull_back(projection, self._model, behind, a.n_heads * a.d_head)
            self._of_heads[layer] = flat.unflatten(-1, (a.n_heads, a.d_head))
        return self._of_heads[layer]

    @cached_property
    def _of_heads(self) -> dict[int, Float[torch.Tensor, "prompt head d_head"]]:
        return {}

    def _bias(self, out: str, inside: str, layer: int) -> Float[torch.Tensor, " prompt"]:
        width = self.row(inside, layer).flatten(1).shape[-1]
        zeros = torch.zeros(1, width, dtype=torch.float64)
        offset = apply_linear(self._module(inside, layer), self._model, zeros)
        behind, more = self._behind(out, inside, layer)
        return (offset * behind).sum(-1) + more

    def _behind(
        self, out: str, inside: str, layer: int
    ) -> tuple[Float[torch.Tensor, "prompt d_model"], Float[torch.Tensor, " prompt"]]:
        """Return the directions in what a projection gives, and what a norm behind it adds.

        Args:
            out: The site of what is added to the stream.
            inside: The site that the projection receives.
            layer: The layer.
        """
        if not self._has_post_norm(out, inside, layer):
            return self.before, torch.zeros(len(self.before), dtype=torch.float64)
        norm, one_over = self._post_norm(out, inside, layer)
        return norm.pull_back(self.before, one_over), self.before @ norm.bias

    def _post_norm(
        self, out: str, inside: str, layer: int
    ) -> tuple[FrozenNorm, Float[torch.Tensor, " prompt"]]:
        norm = read_norm(self._module(out, layer), self._model, self._adapter.d_model)
        inner = self.row(inside, layer).flatten(1)
        received = apply_linear(self._module(inside, layer), self._model, inner)
        return norm, norm.one_over_scale(received, self.row(out, layer))

    def _has_post_norm(self, out: str, inside: str, layer: int) -> bool:
        """Whether what is added to the stream comes from elsewhere than the projection."""
        given = self._adapter.place(out, layer).path
        return not f"{self._adapter.place(inside, layer).path}.".startswith(f"{given}.")

    def _module(self, site: str, layer: int) -> nn.Module:
        path = self._adapter.place(site, layer).path
        return module_of(self._model).get_submodule(path)


def row_of(run: Run, site: str, layer: int | None = None) -> Float[torch.Tensor, prompt * axes]:
    """Return what was kept of a site in a run's last pass, in float64.

    Args:
        run: The run.
        site: The site.
        layer: Its layer.

    Raises:
        TraceError: The run ended before it.
    """
    visits: Sequence[torch.Tensor] = run.visits(site, layer)
    if not visits:
        where = site if layer is None else f"{site} of layer {layer}"
        raise TraceError(
            f"the run ended before {where}, so its logits have no "
            "parts; let it go on to its end."
        )
    return visits[-1].double()
