"""Generations of ours: several rows, each with its own interventions, told token by token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

from interpwidgets.errors import InterventionError, PromptError
from interpwidgets.interventions.value import Part
from interpwidgets.models.adapter import Adapter, Model, adapter_of, module_of
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.intervening import Edit, edits_of
from interpwidgets.models.keeping import KeepReader
from interpwidgets.models.prompts import Batch, to_input
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import run_with_reads

#: Takes the ids that each row got at a step; rows that have ended get what does not count.
Tell = Callable[[list[int]], object]
Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen."""

    max_new_tokens: int = 40
    """At most; a row ends before with the model's end-of-sequence token."""

    temperature: float = 0.0
    """0: the most probable token. Above: drawn, with the same noise for every row, so that
    rows differ only where the model's probabilities do."""

    seed: int = 0
    """Of that noise."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or not 0 <= self.temperature < float("inf"):
            raise PromptError(
                "a generation needs max_new_tokens of 1 or more and a temperature of 0 or "
                f"more; got {self.max_new_tokens} and {self.temperature}."
            )

    def __str__(self) -> str:
        if not self.temperature:
            return "greedy"
        return f"temperature {self.temperature:g}, seed {self.seed}"


@dataclass(frozen=True)
class Generated:
    """What was written."""

    capture: Capture

    new_ids: tuple[tuple[int, ...], ...]
    """Of each row, its end-of-sequence token included."""

    reader: MethodReader

    stopped: bool
    """Whether it was asked to stop before it was done."""


def generate(
    model: Model,
    batch: Batch,
    sampling: Sampling,
    rows: Sequence[Sequence[Part]] = (),
    *,
    tell: Tell | None = None,
    stopped: Stopped = lambda: False,
    reads: Sequence[Read] = (),
) -> Generated:
    """Write on after each prompt of a batch, in one generation with a cache.

    Args:
        model: The nnsight model.
        batch: The prompts, one a row.
        sampling: How tokens are chosen.
        rows: The interventions of each row; one entry: those of all rows; none: none.
        tell: Called after each step, while the model is held: it must be quick.
        stopped: Asked after each step; true ends the generation there.
        reads: What to keep, at each pass.

    Returns:
        The ids that were written, and the run.

    Raises:
        PromptError: The prompt and what is to be written are longer than the context.
        InterventionError: The model lacks what is to be changed.
        ModelError: The model writes nothing.
    """
    adapter = adapter_of(model)
    adapter.check_writes()
    _check_room(batch, sampling, adapter)
    inputs, encoding = to_input(batch, model)
    eos_ids = _eos_ids(model)
    steps = _Steps(tell, stopped, frozenset(eos_ids))
    arguments: dict[str, Any] = {
        "generation_config": _config(sampling, eos_ids),
        "stopping_criteria": StoppingCriteriaList([steps]),
    }
    if sampling.temperature:
        arguments["logits_processor"] = LogitsProcessorList([_Noise(sampling)])

    def run() -> None:
        with torch.no_grad():
            model.trace(*inputs, trace=False, fn=model.generate, **encoding, **arguments)

    reader = KeepReader(model, reads, batch)
    edits = edits_of_rows(rows, model)
    capture = run_with_reads(model, reader, run, frozenset(eos_ids), edits)
    return Generated(capture, steps.new_ids(), reader, steps.stopped_early)


def edits_of_rows(rows: Sequence[Sequence[Part]], model: Model) -> list[Part | Edit]:
    """Return what changes each row of a batch by interventions of its own.

    Args:
        rows: The interventions of each row; one entry: those of all rows.
        model: The nnsight model.

    Raises:
        InterventionError: The model lacks what is to be changed.
    """
    if len(rows) <= 1:
        return list(rows[0]) if rows else []
    adapter, tokenizer = adapter_of(model), getattr(model, "tokenizer", None)
    places: dict[tuple[str, int | None], dict[int, list[Edit]]] = {}
    for row, parts in enumerate(rows):
        for part in parts:
            for edit in edits_of(part, adapter, tokenizer):
                places.setdefault((edit.site, edit.layer), {}).setdefault(row, []).append(edit)
    return [
        Edit(site, layer, _by_row(of_rows, len(rows)), "")
        for (site, layer), of_rows in places.items()
    ]


def _by_row(
    of_rows: dict[int, list[Edit]], n_rows: int
) -> Callable[[torch.Tensor, Capture], None]:
    def change(tensor: torch.Tensor, capture: Capture) -> None:
        if len(tensor) != n_rows:
            raise InterventionError(
                f"{n_rows} rows have interventions of their own; this run has {len(tensor)}."
            )
        changed = {}
        for row, edits in of_rows.items():
            copy = tensor.clone()  # each edit is made on every row: of this one, one counts
            for edit in edits:
                edit.change(copy, capture)
            changed[row] = copy[row]
        for row, value in changed.items():
            tensor[row] = value

    return change


def _check_room(batch: Batch, sampling: Sampling, adapter: Adapter) -> None:
    longest = max((len(prompt.ids) for prompt in batch.prompts), default=0)
    if adapter.n_ctx is not None and longest + sampling.max_new_tokens > adapter.n_ctx:
        raise PromptError(
            f"a prompt of {longest} tokens and {sampling.max_new_tokens} more are beyond the "
            f"{adapter.n_ctx:,} that {adapter.name} was made for: shorten it, or "
            f"max_new_tokens={max(0, adapter.n_ctx - longest)}."
        )


def _eos_ids(model: Model) -> tuple[int, ...]:
    config: Any = getattr(module_of(model), "generation_config", None)
    given = getattr(config, "eos_token_id", None)
    if given is None:
        return ()
    return tuple(given) if isinstance(given, (list, tuple)) else (int(given),)


def _config(sampling: Sampling, eos_ids: Sequence[int]) -> GenerationConfig:
    return GenerationConfig(
        max_new_tokens=sampling.max_new_tokens,
        do_sample=False,  # `_Noise` does it
        eos_token_id=list(eos_ids) or None,
        pad_token_id=eos_ids[0] if eos_ids else 0,
    )


class _Steps:
    """Hears of each step: keeps what was written, tells it on, says when to stop."""

    def __init__(self, tell: Tell | None, stopped: Stopped, eos_ids: frozenset[int]) -> None:
        self._tell, self._stopped, self._eos_ids = tell, stopped, eos_ids
        self._steps: list[list[int]] = []
        self.stopped_early = False

    def __call__(
        self, input_ids: Int[torch.Tensor, "row pos"], _: Any, **__: Any
    ) -> Bool[torch.Tensor, " row"]:
        self._steps.append(input_ids[:, -1].tolist())
        if self._tell is not None:
            self._tell(self._steps[-1])
        self.stopped_early = self._stopped()
        return torch.full(
            (len(input_ids),), self.stopped_early, dtype=torch.bool, device=input_ids.device
        )

    def new_ids(self) -> tuple[tuple[int, ...], ...]:
        """Return what each row wrote until it ended."""
        return tuple(self._until_end(row) for row in zip(*self._steps, strict=True))

    def _until_end(self, ids: Sequence[int]) -> tuple[int, ...]:
        ends = [at for at, one in enumerate(ids) if one in self._eos_ids]
        return tuple(ids[: ends[0] + 1] if ends else ids)


class _Noise:
    """Makes the most probable token a draw, by Gumbel noise that all rows share.

    Source:
        Gumbel (1954); Maddison et al. (2014), "A* Sampling", section 2. We differ in: the
        same noise for every row, common random numbers.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._temperature = sampling.temperature
        self._generator = torch.Generator().manual_seed(sampling.seed)

    def __call__(
        self, _: Any, scores: Float[torch.Tensor, "row d_vocab"]
    ) -> Float[torch.Tensor, "row d_vocab"]:
        uniform = torch.rand(scores.shape[-1], generator=self._generator, dtype=torch.float64)
        noise = -(-uniform.clamp_min(1e-300).log()).log()
        drawn: torch.Tensor = scores.double() / self._temperature + noise.to(scores.device)
        return drawn.to(torch.promote_types(scores.dtype, torch.float32))
