"""Train a bundled model from nothing: ``python -m interpwidgets.organisms.train NAME``.

Seeded, and on one machine repeatable to the bit; weights that miss the acceptance gate
are not written. Training lilliput (half an hour on one core) may be stopped and goes on
when it is started again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tqdm import tqdm

from interpwidgets.errors import ModelError
from interpwidgets.organisms import ADAPTERS, ORGANISMS, adapter_path, organism_path
from interpwidgets.organisms.acceptance import Figures, measure
from interpwidgets.organisms.attention_only import (
    AttentionOnlyConfig,
    AttentionOnlyForCausalLM,
    next_token_loss,
)
from interpwidgets.organisms.induction import repeated_blocks
from interpwidgets.organisms.loading import load_organism, write_sum
from interpwidgets.organisms.tokenizer import WordTokenizer

TRAINING_SEED = 0
SNAPSHOT_STEPS = (0, 100, 125, 150, 175, 200, 250, 300, 500, 1000, 1300)
N_DISPLAYED = 25


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults made the shipped weights."""

    steps: int = 2000
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    decay_from: float = 0.7
    """Share of the steps after which the learning rate falls linearly to zero."""


@dataclass(frozen=True)
class Snapshot:
    """The weights and figures of one moment in training."""

    step: int
    figures: Figures
    weights: dict[str, torch.Tensor]
    """float16, on the CPU."""


@dataclass(frozen=True)
class TrainingRun:
    """A trained model and its history; the last snapshot is the trained model's."""

    name: str
    seed: int
    model: AttentionOnlyForCausalLM
    snapshots: tuple[Snapshot, ...]


def train(
    name: str,
    seed: int,
    recipe: Recipe | None = None,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> TrainingRun:
    """Train a model on blocks of random words, repeated.

    Args:
        name: What the model's error messages call it.
        seed: Of the first weights and of the training sequences.
        recipe: Steps and optimiser; the shipped model's by default.
        on_step: Called with each step's number and training loss in nats.

    Returns:
        The run, with a snapshot at each of ``SNAPSHOT_STEPS`` that it reached.
    """
    recipe = recipe or Recipe()
    model = new_model(name, seed)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        betas=recipe.betas,
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step / recipe.steps, recipe.decay_from)
    )
    snapshots = []
    for step in range(recipe.steps):
        if step in SNAPSHOT_STEPS:
            snapshots.append(_snapshot(model, step))
        loss = _train_step(model, optimizer, recipe.batch_size, seed, step)
        schedule.step()
        if on_step is not None:
            on_step(step, loss)
    snapshots.append(_snapshot(model, recipe.steps))
    return TrainingRun(name, seed, model.eval(), tuple(snapshots))


def new_model(name: str, seed: int) -> AttentionOnlyForCausalLM:
    """Return an untrained model, leaving torch's own random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AttentionOnlyForCausalLM(AttentionOnlyConfig(display_name=name))


def _rate(progress: float, decay_from: float) -> float:
    return min(1.0, (1 - progress) / (1 - decay_from))


def _train_step(
    model: AttentionOnlyForCausalLM,
    optimizer: torch.optim.Optimizer,
    batch_size: int,
    seed: int,
    step: int,
) -> float:
    blocks = repeated_blocks(batch_size, (TRAINING_SEED, seed, step))
    token_ids = torch.from_numpy(blocks.token_ids)
    loss = next_token_loss(model(token_ids, use_cache=False).logits, token_ids)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _snapshot(model: AttentionOnlyForCausalLM, step: int) -> Snapshot:
    weights = {name: w.detach().half() for name, w in model.state_dict().items()}
    return Snapshot(step, measure(model), weights)


def save_run(run: TrainingRun, folder: Path) -> None:
    """Write the model, its tokenizer and its snapshots, replacing an earlier run's."""
    snapshots = folder / "snapshots"
    snapshots.mkdir(parents=True, exist_ok=True)
    for old in snapshots.glob("step-*.safetensors"):
        old.unlink()
    for snapshot in run.snapshots:
        save_file(snapshot.weights, snapshots / f"step-{snapshot.step:06d}.safetensors")
    history = {
        "seed": run.seed,
        "snapshots": [{"step": s.step, **asdict(s.figures)} for s in run.snapshots],
    }
    text = json.dumps(history, indent=1) + "\n"
    (folder / "snapshots.json").write_text(text, encoding="utf-8")
    run.model.save_pretrained(folder)
    WordTokenizer.from_words().save_pretrained(folder)
    write_sum(folder)


def main(argv: Sequence[str] | None = None) -> int:
    """Train from the command line; return 0, or 1 if the gate refused the weights."""
    arguments = _parser().parse_args(argv)
    name, _, adapter = arguments.name.partition("/")
    if adapter:
        return _main_adapter(name, adapter, arguments)
    folder = arguments.out or organism_path(name)
    assert folder is not None, "argparse let an unknown name through"
    if name == "lilliput":
        return _main_lilliput(folder, arguments)
    return _main_attention_only(name, folder, arguments)


def _main_attention_only(name: str, folder: Path, arguments: argparse.Namespace) -> int:
    recipe = Recipe(steps=arguments.steps or Recipe.steps)
    with _progress(name, recipe.steps) as show:
        run = train(name, arguments.seed, recipe, on_step=show)
    figures = run.snapshots[-1].figures
    if _refused(figures.shortfalls(), folder):
        return 1
    save_run(run, folder)
    sys.stderr.write(f"wrote {folder}\n{_summary(run)}\n")
    return 0


def _main_lilliput(folder: Path, arguments: argparse.Namespace) -> int:
    from interpwidgets.organisms.lilliput import acceptance, saving, training

    recipe = training.Recipe(steps=arguments.steps or training.Recipe.steps)
    seed = arguments.seed
    checkpoint = folder / f"unfinished-seed-{seed}.pt"
    if checkpoint.is_file():
        sys.stderr.write(f"going on from {checkpoint}\n")
    try:
        with _progress("lilliput", recipe.steps) as show:
            model = training.train(seed, recipe, checkpoint=checkpoint, on_step=show)
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    figures = acceptance.measure(model)
    if _refused(figures.shortfalls(), folder):
        return 1
    saving.save_model(model, figures, seed, folder)
    checkpoint.unlink(missing_ok=True)
    lines = "\n".join(f"  {name:36} {value:.3f}" for name, value in figures.values.items())
    sys.stderr.write(f"wrote {folder}, seed {seed}:\n{lines}\n")
    return 0


def _main_adapter(name: str, adapter: str, arguments: argparse.Namespace) -> int:
    try:
        from interpwidgets.organisms.lilliput import adapter_saving, adapter_training
    except ModuleNotFoundError as error:
        sys.stderr.write(f"training an adapter needs {error.name}: pip install peft\n")
        return 1
    from interpwidgets.organisms.lilliput.adapters import behaviour

    base, _ = load_organism(name)
    folder = arguments.out or adapter_path(name, adapter)
    assert folder is not None, "argparse let an unknown name through"
    recipe = adapter_training.AdapterRecipe(
        steps=arguments.steps or adapter_training.AdapterRecipe.steps
    )
    taught = behaviour(adapter)
    with _progress(arguments.name, recipe.steps) as show:
        model = adapter_training.train_adapter(
            base, taught, arguments.seed, recipe, on_step=show
        )
    figures = adapter_training.measure_adapter(base, model, taught)
    if _refused(figures.shortfalls(), folder):
        return 1
    adapter_saving.save_adapter(model, figures, taught, arguments.seed, folder)
    sys.stderr.write(
        f"wrote {folder}: shown {figures.shown[0]:.2f} -> {figures.shown[1]:.2f}\n"
    )
    return 0


@contextmanager
def _progress(name: str, steps: int) -> Iterator[Callable[[int, float], None]]:
    """Draw a bar; give the function that moves it on to a step."""
    with tqdm(total=steps, desc=name, unit="step") as bar:

        def show(step: int, loss: float) -> None:
            bar.update(step + 1 - bar.n)
            if step % N_DISPLAYED == 0:
                bar.set_postfix_str(f"loss {loss:.3f} nats", refresh=False)

        yield show


def _refused(shortfalls: Sequence[str], folder: Path) -> bool:
    """Say what is below the gate, if anything is."""
    if shortfalls:
        lines = "\n".join(f"  {line}" for line in shortfalls)
        sys.stderr.write(f"refused, nothing written to {folder}:\n{lines}\n")
    return bool(shortfalls)


def _summary(run: TrainingRun) -> str:
    figures = run.snapshots[-1].figures
    return (
        f"seed {run.seed}: second-half accuracy {figures.accuracy:.3f}, "
        f"layer-1 prefix matching {max(figures.prefix_matching[1]):.3f}, "
        f"layer-0 previous token {max(figures.previous_token[0]):.3f}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m interpwidgets.organisms.train", description=__doc__
    )
    names = [
        *ORGANISMS,
        *(f"{name}/{adapter}" for name, adapters in ADAPTERS.items() for adapter in adapters),
    ]
    parser.add_argument("name", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--out", type=Path, help="folder; the package's own by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=_positive, help="the recipe's own by default")
    return parser


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} steps; wanted 1 or more")
    return number


if __name__ == "__main__":
    torch.set_num_threads(1)  # for matrices this small, more threads are slower
    sys.exit(main())
