"""From the residual stream to logits, by the model's own modules and code.

What a model does behind its last block differs: norms, a projection, soft-caps, scales. So
the last norm is the model's own module, and what follows is the ``forward`` of the model
itself, called with a stand-in for the transformer inside it that gives our vectors.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import nn

from interpwidgets.errors import SiteError
from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.derived import standing_down
from interpwidgets.models.lora import WRAPPER_PATH, is_wrapper

#: Which words of the vocabulary: a run of them, or their numbers.
Columns = slice | Int[torch.Tensor, " column"]


class OutputHead:
    """The last norm and the unembedding of a model, apart from the rest of it.

    May be called while the model runs: nnsight counts none of it as the model's own.
    """

    def __init__(self, model: Model) -> None:
        """Find the parts.

        Args:
            model: An nnsight model.

        Raises:
            SiteError: It has no logits, or its blocks are in no part of their own.
        """
        self._model, adapter = model, adapter_of(model)
        adapter.place("logits", None)  # refuses a model without a head
        module = module_of(model)
        self._root: Any = module.get_submodule(WRAPPER_PATH) if is_wrapper(module) else module
        places = adapter.architecture.places
        blocks = places["resid_post"].path.removeprefix(f"{WRAPPER_PATH}.")
        #: The part of the model that holds the blocks.
        self._inside, _, more = blocks.partition(".")
        if "." not in more:
            raise SiteError(
                f"{adapter.model_type} has its blocks at its root ({blocks}), so that what "
                "follows them cannot be run alone. A lens needs a model inside the one with "
                "a head, as Hugging Face's are."
            )
        path = places["ln_final"].path if "ln_final" in places else ""
        self._norm = module.get_submodule(path) if path else nn.Identity()
        # OPT's decoder may project behind its norm.
        around = module.get_submodule(path.rpartition(".")[0]) if path else module
        self._projection = getattr(around, "project_out", None) or nn.Identity()
        self._unembedding = _plain_linear(self._root)

    @property
    def in_columns(self) -> bool:
        """Whether some words of the vocabulary can be asked for without all others."""
        return self._unembedding is not None

    @property
    def n_columns(self) -> int:
        """How many words it has, where those can be asked for one by one."""
        return 0 if self._unembedding is None else self._unembedding[1].out_features

    def normed(self, stream: Float[torch.Tensor, "*rows d_model"]) -> torch.Tensor:
        """Return what the unembedding receives for vectors of the residual stream.

        Args:
            stream: In the model's dtype, on its device.
        """
        with standing_down(self._model):
            return self._projection(self._norm(stream))

    def logits(
        self,
        normed: Float[torch.Tensor, "row d_normed"],
        columns: Columns = slice(None),
        *,
        out: Float[torch.Tensor, "column row"] | None = None,
    ) -> Float[torch.Tensor, "row column"]:
        """Return logits as the model gives them, in its own dtype.

        Args:
            normed: Of ``normed``.
            columns: Which words; all by default.
            out: Memory that may be used for the unembedding's product, where it is there
                for some words; the logits may or may not be in it.
        """
        rest, forward = self._rest_of_model(normed[None]), type(self._root).forward
        if self._unembedding is not None:
            name, linear = self._unembedding
            rest.__dict__[name] = functools.partial(_some_columns, linear, columns, out)
        with standing_down(self._model):
            given = forward(rest)
        logits = (given.logits if hasattr(given, "logits") else given[0])[0]
        return logits if self._unembedding is not None else logits[:, columns]

    def _rest_of_model(self, hidden: Float[torch.Tensor, "1 row d_normed"]) -> Any:
        """Return a stand-in for the model whose transformer gives ``hidden``."""
        rest = object.__new__(type(self._root))
        # Found before the modules of those names, which stay where they are.
        rest.__dict__.update(self._root.__dict__)
        rest.__dict__[self._inside] = _Given(hidden)
        return rest


def _plain_linear(root: Any) -> tuple[str, nn.Linear] | None:
    """Return the unembedding if its weights are there and mean what they say, and its name."""
    unembedding = root.get_output_embeddings()
    # A hook of accelerate's brings weights and inputs to one device: it must be asked.
    if type(unembedding) is not nn.Linear or hasattr(unembedding, "_hf_hook"):
        return None
    named = (name for name, part in root.named_children() if part is unembedding)
    name = next(named, None)
    return None if name is None or unembedding.weight.is_meta else (name, unembedding)


def _some_columns(
    linear: nn.Linear,
    columns: Columns,
    out: Float[torch.Tensor, "column row"] | None,
    given: Float[torch.Tensor, "1 row d_normed"],
) -> Float[torch.Tensor, "1 row column"]:
    """Return a linear layer's output, words first in memory: for many rows a third faster."""
    product = torch.mm(linear.weight[columns], given[0].T, out=out)
    if linear.bias is not None:
        product += linear.bias[columns][:, None]
    return product.T[None]


class _Given:
    """Stands for a transformer, and for any part of it, that gives what it was told to."""

    def __init__(self, hidden: torch.Tensor) -> None:
        self._hidden = hidden

    def __getattr__(self, name: str) -> _Given:
        return self

    def __call__(self, *_: object, **__: object) -> _Outputs:
        return _Outputs((self._hidden,))


class _Outputs(tuple[torch.Tensor]):
    """A transformer's output: its last hidden states, and nothing else."""

    __slots__ = ()

    def __getattr__(self, name: str) -> torch.Tensor | None:
        return self[0] if name == "last_hidden_state" else None
