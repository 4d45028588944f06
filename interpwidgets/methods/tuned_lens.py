"""Training a tuned lens: an affine map a layer, towards what the final layer says."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.errors import PromptError, ResultError
from interpwidgets.models.adapter import Model, adapter_of, module_of
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.loading import ready
from interpwidgets.models.output_head import OutputHead
from interpwidgets.models.prompts import token_ids_of
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from interpwidgets.models.vocabulary import check_words
from interpwidgets.reads.translators import TunedLens
from interpwidgets.results.lens_training import LensTraining

#: Called after each step: the step, how many there will be, seconds left.
Progress = Callable[[int, int, float], None]

#: Logits in memory at once while a layer is trained.
CHUNK = 2**22

MEASUREMENTS = 10


def tuned_lens(
    model: Any,
    texts: Any,
    *,
    steps: int = 250,
    batch: int = 8,
    learning_rate: float = 1e-3,
    held_out: float = 0.1,
    seed: int = 0,
    start: TunedLens | None = None,
    progress: Progress | None = None,
) -> TunedLens:
    """Train a translator for every layer, so that a lens reads it as the final layer does.

    A translator begins as the identity, where it is the logit lens. It learns to lower the
    KL from the final layer's prediction to its own; the model stays as it is. An interrupt
    ends the training early and keeps what it has learnt.

    Args:
        model: An nnsight or a Hugging Face model.
        texts: Texts, lists of token ids, or chats: at least two.
        steps: How many steps to take.
        batch: Sequences in each.
        learning_rate: Of Adam at the first step; it falls to 0 in a straight line.
        held_out: Share of the sequences, at least one, that are never trained on.
        seed: Of which those are, and of the order of the others.
        start: A lens to go on from; its steps count on, so that other batches are drawn.
        progress: Called after each step with the step, their number, and seconds left.

    Returns:
        ``TunedLens``, for ``iw.logit_lens(..., lens=)``; ``.training`` has the KL on the
        held-out sequences by step and layer, from before the first step.

    Raises:
        PromptError: There are too few sequences, or one is too long.
        SiteError: The model has no logits.
        ResultError: A number is out of range, or ``start`` is another model's.

    Example:
        >>> import interpwidgets as iw
        >>> texts = [[1, 5, 6, 5], [1, 7, 8, 7], [1, 9, 5, 9]]
        >>> lens = iw.tuned_lens(iw.load("lil-attn-2l"), texts, steps=2, batch=2)
        >>> lens.training.kl.shape
        (3, 2)

    Source:
        Belrose et al. (2023), "Eliciting Latent Predictions from Transformers with the
        Tuned Lens". We differ in: Adam for SGD with momentum, no weight decay.
    """
    model = ready(model)
    check_words(model)
    trainer = _Trainer(model, token_ids_of(texts, model), held_out, seed, start)
    if steps < 1 or batch < 1 or not learning_rate > 0:
        raise ResultError(
            f"steps and batch are at least 1, learning_rate above 0; got {steps}, {batch} and "
            f"{learning_rate}."
        )
    return trainer.train(steps, batch, learning_rate, progress)


@dataclass(frozen=True)
class _Streams:
    """What a batch gave, its padding left out."""

    layers: list[Float[torch.Tensor, "row d_model"]]
    """What enters each layer."""

    final: Float[torch.Tensor, "row d_model"]


class _Trainer:
    """One training: the split, the translators, and what was measured."""

    def __init__(
        self,
        model: Model,
        sequences: list[list[int]],
        held_out: float,
        seed: int,
        start: TunedLens | None,
    ) -> None:
        self._model, self._seed, self._adapter = model, seed, adapter_of(model)
        self._head = OutputHead(model)
        start = start or TunedLens.identity(
            self._adapter.n_layers, self._adapter.d_model, self._adapter.name
        )
        start.check(self._adapter, "resid_pre")
        self._train, self._held_out = _split(sequences, held_out, seed)
        self._done = start.n_steps
        device = next(module_of(model).parameters()).device
        self._lens = dataclasses.replace(
            start,
            weights=start.weights.clone().to(device),
            biases=start.biases.clone().to(device),
        )
        self._steps, self._curve = [self._done], [self._measure()]

    def train(
        self, steps: int, batch: int, learning_rate: float, progress: Progress | None
    ) -> TunedLens:
        parameters = [self._lens.weights, self._lens.biases]
        adam = torch.optim.Adam(parameters, lr=learning_rate)
        every, began = max(1, steps // MEASUREMENTS), time.monotonic()
        try:
            for step in range(1, steps + 1):
                for group in adam.param_groups:
                    group["lr"] = learning_rate * (1 - (step - 1) / steps)
                self._step(adam, batch)
                self._done += 1
                if step % every == 0 or step == steps:
                    self._note()
                if progress is not None:
                    left = (time.monotonic() - began) / step * (steps - step)
                    progress(step, steps, left)
        except KeyboardInterrupt:
            self._note()
        return self._finished()

    def _step(self, adam: torch.optim.Adam, batch: int) -> None:
        rng = np.random.default_rng([self._seed, self._done])
        chosen = rng.permutation(len(self._train))[:batch]
        streams = self._read([self._train[i] for i in chosen])
        weights, biases = self._lens.weights, self._lens.biases
        weights.grad, biases.grad = torch.zeros_like(weights), torch.zeros_like(biases)
        n_rows = len(streams.final)
        for rows in torch.arange(n_rows).split(self._rows_at_once()):
            wanted = self._log_probs(streams.final[rows]).detach()
            for layer, stream in enumerate(streams.layers):
                self._add_gradient(layer, stream[rows], wanted, n_rows)
        adam.step()

    def _add_gradient(
        self,
        layer: int,
        stream: Float[torch.Tensor, "row d_model"],
        wanted: Float[torch.Tensor, "row d_vocab"],
        n_rows: int,
    ) -> None:
        """Add a layer's gradient; asked for by name, so that the model's own gets none."""
        weights, biases = self._lens.weights, self._lens.biases
        with torch.enable_grad():
            weight = weights[layer].detach().requires_grad_()
            bias = biases[layer].detach().requires_grad_()
            moved = stream + (stream.float() @ weight.T + bias).to(stream.dtype)
            loss = _kl(wanted, self._log_probs(moved)).sum() / n_rows
            of_weight, of_bias = torch.autograd.grad(loss, (weight, bias))
        assert weights.grad is not None and biases.grad is not None
        weights.grad[layer] += of_weight
        biases.grad[layer] += of_bias

    def _log_probs(
        self, stream: Float[torch.Tensor, "row d_model"]
    ) -> Float[torch.Tensor, "row d_vocab"]:
        return self._head.logits(self._head.normed(stream)).float().log_softmax(dim=-1)

    def _rows_at_once(self) -> int:
        return max(1, CHUNK // (self._adapter.d_vocab or CHUNK))

    @torch.no_grad()
    def _measure(self) -> Float[np.ndarray, " layer"]:
        """Return the KL on the held-out tokens, one sequence at a time."""
        total, n_rows = torch.zeros(self._adapter.n_layers), 0
        for sequence in self._held_out:
            streams = self._read([sequence])
            n_rows += len(streams.final)
            for rows in torch.arange(len(streams.final)).split(self._rows_at_once()):
                wanted = self._log_probs(streams.final[rows])
                for layer, stream in enumerate(streams.layers):
                    moved = self._lens.translate("resid_pre", layer, stream[rows])
                    total[layer] += _kl(wanted, self._log_probs(moved)).sum().cpu()
        return (total / n_rows).numpy()

    def _note(self) -> None:
        if self._steps[-1] != self._done:
            self._steps.append(self._done)
            self._curve.append(self._measure())

    def _read(self, sequences: list[list[int]]) -> _Streams:
        reader = _StreamReader(self._model)
        capture = forward(self._model, sequences, reader)
        device = self._lens.weights.device
        self._provenance = reader.run_of(capture).provenance("resid_pre", prompt=None)
        n = self._adapter.n_layers
        return _Streams(
            [_rows(capture, "resid_pre", layer).to(device) for layer in range(n)],
            _rows(capture, "resid_post", n - 1).to(device),
        )

    def _finished(self) -> TunedLens:
        training = LensTraining(
            provenance=self._provenance,
            layers=tuple(range(self._adapter.n_layers)),
            steps=np.array(self._steps, dtype=np.int32),
            kl=np.stack(self._curve),
            n_held_out=sum(map(len, self._held_out)),
            seed=self._seed,
        )
        return dataclasses.replace(
            self._lens,
            weights=self._lens.weights.detach().cpu(),
            biases=self._lens.biases.detach().cpu(),
            n_steps=self._done,
            training=training,
        )


class _StreamReader(MethodReader):
    """Reads what enters every layer, and what leaves the last."""

    def __init__(self, model: Model) -> None:
        super().__init__(model, [])

    def reads(self) -> list[Read]:
        """Return the reads."""
        n = self.adapter.n_layers
        pre = [Read("resid_pre", layer, _as_it_is) for layer in range(n)]
        return [*pre, Read("resid_post", n - 1, _as_it_is)]


def _as_it_is(stream: Float[torch.Tensor, "prompt pos d_model"]) -> torch.Tensor:
    return stream


def _rows(capture: Capture, site: str, layer: int) -> Float[torch.Tensor, "row d_model"]:
    """Return a site's vectors of every prompt, one after another, without padding."""
    (visit,) = capture.values[0, site, layer]
    return torch.cat([visit[p, capture.span(p)] for p in range(capture.n_prompts)])


def _split(
    sequences: list[list[int]], share: float, seed: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Return the sequences to train on and those held out."""
    n = len(sequences)
    if n < 2:
        raise PromptError(
            f"a lens is trained on some texts and measured on others; got {n}. Give several."
        )
    if not 0 < share < 1:
        raise ResultError(f"held_out is a share between 0 and 1; got {share}.")
    n_out = min(n - 1, max(1, round(share * n)))
    order = np.random.default_rng(seed).permutation(n)
    return [sequences[i] for i in order[n_out:]], [sequences[i] for i in order[:n_out]]


def _kl(
    wanted: Float[torch.Tensor, "row d_vocab"], ours: Float[torch.Tensor, "row d_vocab"]
) -> Float[torch.Tensor, " row"]:
    """Return KL(wanted ‖ ours) in nats, of log-probabilities."""
    terms = wanted.exp() * (wanted - ours)
    return torch.where(wanted.isneginf(), 0.0, terms).sum(dim=-1)
