"""Training Lilliput: seeded, repeatable on one machine, and able to go on after a stop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import LlamaForCausalLM

from interpwidgets.errors import ModelError
from interpwidgets.organisms.lilliput.corpus import batch
from interpwidgets.organisms.lilliput.model import new_model

OnStep = Callable[[int, float], None]


@dataclass(frozen=True)
class Recipe:
    """How the model is trained; the defaults made the shipped weights."""

    steps: int = 13_000
    batch_size: int = 16
    """Small on purpose: induction heads need a number of steps more than of tokens."""

    learning_rate: float = 3e-3
    final_rate: float = 0.02
    """Of the learning rate, at the last step."""

    warm_up: int = 300
    constant_until: float = 0.5
    """Share of the steps after which the learning rate falls, along a cosine."""

    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    largest_gradient: float = 1.0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, as a share of the largest."""
        warm = min(1.0, (step + 1) / self.warm_up)
        late = (step / self.steps - self.constant_until) / (1 - self.constant_until)
        fallen = 0.5 * (1 + math.cos(math.pi * max(0.0, late)))
        return warm * (self.final_rate + (1 - self.final_rate) * fallen)


def train(
    seed: int,
    recipe: Recipe | None = None,
    *,
    checkpoint: Path | None = None,
    checkpoint_every: int = 500,
    on_step: OnStep | None = None,
) -> LlamaForCausalLM:
    """Train a model, or go on with one whose training was stopped.

    Args:
        seed: Of the first weights and of the documents.
        recipe: Steps and optimiser; the shipped model's by default.
        checkpoint: A file to write the state to, and to read it from if it is there: the
            result is the same to the bit as without the stop.
        checkpoint_every: Steps between two such writings.
        on_step: Called with each step's number and loss in nats a token.

    Raises:
        ModelError: The file holds another seed's or recipe's training.
    """
    recipe = recipe or Recipe()
    model = new_model(seed).train()
    optimizer = _optimizer(model, recipe)
    first = 0
    if checkpoint is not None and checkpoint.is_file():
        first = _restore(checkpoint, seed, recipe, model, optimizer)
    for step in range(first, recipe.steps):
        if checkpoint is not None and step > first and step % checkpoint_every == 0:
            _keep(checkpoint, step, seed, recipe, model, optimizer)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * recipe.rate(step)
        token_ids = torch.from_numpy(batch(seed, step, recipe.batch_size))
        loss = training_step(model, optimizer, token_ids, recipe.largest_gradient)
        if on_step is not None:
            on_step(step, loss)
    return model.eval()


def training_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    token_ids: torch.Tensor,
    largest_gradient: float,
) -> float:
    """Take one step towards predicting each token from those before it.

    Args:
        model: What is trained.
        optimizer: Over its parameters.
        token_ids: (batch, pos).
        largest_gradient: The gradient's norm is cut to this.

    Returns:
        The loss before the step, in nats a token.
    """
    logits = model(input_ids=token_ids[:, :-1], use_cache=False).logits
    loss = nn.functional.cross_entropy(logits.flatten(end_dim=1), token_ids[:, 1:].flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), largest_gradient)
    optimizer.step()
    return loss.item()


def _optimizer(model: LlamaForCausalLM, recipe: Recipe) -> torch.optim.Optimizer:
    parameters = list(model.parameters())
    return torch.optim.AdamW(
        [
            {
                "params": [p for p in parameters if p.dim() > 1],
                "weight_decay": recipe.weight_decay,
            },
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        betas=recipe.betas,
        fused=True,
    )


def _keep(
    path: Path,
    step: int,
    seed: int,
    recipe: Recipe,
    model: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
) -> None:
    state = {
        "step": step,
        "training": _name(seed, recipe),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    torch.save(state, unfinished)
    unfinished.replace(path)


def _restore(
    path: Path,
    seed: int,
    recipe: Recipe,
    model: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
) -> int:
    """Put a kept state back; return the step to go on with."""
    state = torch.load(path, weights_only=True)
    if state["training"] != _name(seed, recipe):
        raise ModelError(
            f"{path} is of another training: {state['training']}; this one is "
            f"{_name(seed, recipe)}. Give it another folder, or delete that file."
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _name(seed: int, recipe: Recipe) -> str:
    return f"seed {seed}, {asdict(recipe)}"
