"""The translators of a tuned lens: an affine map a layer, in the format of tuned-lens.

Translator i is for what enters layer i (``resid_pre``), which is what leaves layer i − 1
(``resid_post``). What leaves the last layer needs none.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float

from interpwidgets.errors import ResultError, SiteError
from interpwidgets.models.adapter import Adapter
from interpwidgets.results.lens_training import LensTraining

#: The files of a saved lens.
CONFIG, PARAMETERS = "config.json", "params.pt"


@dataclass(frozen=True, eq=False)
class TunedLens:
    """Affine maps that make each layer's vectors readable by the final layer's head."""

    weights: Float[torch.Tensor, "layer d_model d_model"]
    """``h`` becomes ``h + weights[layer] @ h + biases[layer]``; float32."""

    biases: Float[torch.Tensor, "layer d_model"]
    """float32."""

    model: str = ""
    """The model that they are for."""

    n_steps: int = 0
    """How many steps they were trained for here; 0: not trained here."""

    training: LensTraining | None = None
    """How it went; None when they were opened from a folder."""

    def __str__(self) -> str:
        trained = f", {self.n_steps} steps" if self.n_steps else ""
        return f"tuned lens of {self.model or 'an unnamed model'}{trained}"

    @classmethod
    def identity(cls, n_layers: int, d_model: int, model: str = "") -> TunedLens:
        """Return translators that change nothing: with them it is the logit lens.

        Args:
            n_layers: The model's.
            d_model: Its width.
            model: Its name.
        """
        zeros = torch.zeros
        return cls(zeros(n_layers, d_model, d_model), zeros(n_layers, d_model), model)

    def check(self, adapter: Adapter, site: str) -> None:
        """Refuse another model's lens, or a site that it was not made for.

        Args:
            adapter: Of the model that is read.
            site: Where.

        Raises:
            ResultError: The sizes are not that model's.
            SiteError: It is no residual stream between layers.
        """
        if site not in ("resid_pre", "resid_post"):
            raise SiteError(
                f"a tuned lens reads the residual stream between layers, resid_pre or "
                f"resid_post; got {site!r}. Leave lens= out there."
            )
        wanted, came = (adapter.n_layers, adapter.d_model), tuple(self.biases.shape)
        if wanted != came:
            raise ResultError(
                f"{self} has {came[0]} layers of width {came[1]}; {adapter.name} has "
                f"{wanted[0]} of width {wanted[1]}. Give a lens that was made for it."
            )

    def translate(
        self, site: str, layer: int, stream: Float[torch.Tensor, "*rows d_model"]
    ) -> Float[torch.Tensor, "*rows d_model"]:
        """Return vectors as the final layer would have them, in their own dtype.

        Args:
            site: ``"resid_pre"`` or ``"resid_post"``.
            layer: The layer.
            stream: What is there.
        """
        at = layer + (site == "resid_post")
        if at == len(self.weights):
            return stream
        weight, bias = (part[at].to(stream.device) for part in (self.weights, self.biases))
        wide = stream.float()
        return (
            torch.addmm(bias, wide.flatten(0, -2), weight.T)
            .view_as(wide)
            .add(wide)
            .to(stream.dtype)
        )

    def save(self, folder: str | Path) -> Path:
        """Write ``config.json`` and ``params.pt``, which tuned-lens opens, too.

        Args:
            folder: Made where it is not there. The training's curve is not in it:
                ``training.save`` writes that.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        n_layers, d_model = self.biases.shape
        config = {
            "base_model_name_or_path": self.model,
            "d_model": d_model,
            "num_hidden_layers": n_layers,
            "bias": True,
            "base_model_revision": None,
            "unembed_hash": None,
            "lens_type": "linear_tuned_lens",
        }
        (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
        state = {}
        for layer in range(n_layers):
            state[f"{layer}.weight"] = self.weights[layer].clone()
            state[f"{layer}.bias"] = self.biases[layer].clone()
        torch.save(state, folder / PARAMETERS)
        return folder

    def with_training(self, training: LensTraining, n_steps: int) -> TunedLens:
        """Return the same translators, and how they were trained."""
        return replace(self, training=training, n_steps=n_steps)


def load_tuned_lens(folder: str | Path) -> TunedLens:
    """Open a lens that ``TunedLens.save`` or the tuned-lens package wrote.

    Weights are read as tensors alone: a file that would run code is refused.

    Args:
        folder: With ``config.json`` and ``params.pt``.

    Raises:
        ResultError: It holds no lens of linear translators.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / CONFIG).read_text())
        state = torch.load(folder / PARAMETERS, map_location="cpu", weights_only=True)
        n_layers, d_model = int(config["num_hidden_layers"]), int(config["d_model"])
    except (OSError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ResultError(
            f"{folder} holds no tuned lens: wanted {CONFIG} and {PARAMETERS} as tuned-lens "
            f"writes them; {type(error).__name__}: {error!s:.200}"
        ) from error
    weights = _stacked(state, "weight", n_layers, (d_model, d_model), folder)
    biased = config.get("bias", True)
    biases = (
        _stacked(state, "bias", n_layers, (d_model,), folder)
        if biased
        else torch.zeros(n_layers, d_model)
    )
    return TunedLens(weights, biases, str(config.get("base_model_name_or_path") or ""))


def _stacked(
    state: Any, name: str, n_layers: int, shape: tuple[int, ...], folder: Path
) -> torch.Tensor:
    keys = [f"{layer}.{name}" for layer in range(n_layers)]
    wrong = [k for k in keys if k not in state or tuple(state[k].shape) != shape]
    if wrong:
        raise ResultError(
            f"{folder / PARAMETERS} must have {keys[0]!r} to {keys[-1]!r} of shape {shape}; "
            f"{wrong[0]!r} is not so. It is no lens of linear translators."
        )
    return torch.stack([state[key].float() for key in keys])
