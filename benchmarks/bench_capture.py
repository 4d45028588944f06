"""What reading a model costs beside its bare forward: gpt2-small's size, random weights.

Every arm runs once a round on the same module, in this process, at one torch thread; its
CPU seconds are divided by the bare forward's of the same round. TransformerLens has a
process, and a bare forward, of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from measuring import (
    NOT_INSTALLED,
    Arm,
    Stopwatch,
    argument_parser,
    beside_limit,
    in_rounds,
    megabytes,
    missing,
    paired_ratios,
    peak_bytes,
    print_machine,
    print_table,
    spread,
)
from transformers import GPT2Config, GPT2LMHeadModel

import interpwidgets as iw
from interpwidgets.board.session import Board
from interpwidgets.methods.attention import AttentionMethod
from interpwidgets.models.capture import Read
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from interpwidgets.reads.pattern import keep_pattern, pattern_reads

LIMIT = 1.05
BARE, AGAIN = "bare forward", "bare forward again"
OURS = "interpwidgets, 12×12 patterns + 13 residuals"
TRACE = "board.trace + attention view"
VIEW = "  of which the view's Python build"
ROUNDS = {64: 15, 512: 7}
TL_ARMS = {"filtered": "run_with_cache, the same sites", "full": "run_with_cache, all sites"}
TL_SCRIPT = Path(__file__).with_name("transformerlens_capture.py")


def main(arguments: Sequence[str] | None = None) -> None:
    """Time every arm at every length and print the tables."""
    parser = argument_parser(__doc__)
    parser.add_argument("--tl-python", metavar="PATH", help="a Python with transformer-lens")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for that Python")
    parser.add_argument("--tokens", type=int, nargs="+", help="lengths (64 512; quick: 8)")
    parser.add_argument("--rounds", type=int, help="rounds (15 at T=64, 7 at T=512; quick: 2)")
    parser.add_argument("--profile", action="store_true", help="say where our time goes")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print_machine("interpwidgets", "torch", "nnsight", "transformers")
    config = tiny_config() if options.quick else GPT2Config()
    module = random_gpt2(config)
    for n_tokens in options.tokens or ([8] if options.quick else list(ROUNDS)):
        n_rounds = options.rounds or (2 if options.quick else ROUNDS.get(n_tokens, 5))
        print(f"== T = {n_tokens}, {config.n_layer} layers × {config.n_head} heads, "
              f"{n_rounds} rounds")  # fmt: skip
        ids = torch.arange(n_tokens)[None] % config.vocab_size
        measure(module, ids, n_rounds, options)
        if options.profile:
            profile(iw.wrap(module), ids, n_rounds)


def random_gpt2(config: GPT2Config) -> GPT2LMHeadModel:
    """Return a GPT-2 that makes its attention weights, with seeded random parameters."""
    torch.manual_seed(0)
    config._attn_implementation = "eager"
    return GPT2LMHeadModel(config).eval()


def tiny_config() -> GPT2Config:
    """Return a model for a try-out; its ratios say nothing: the forward takes no time."""
    return GPT2Config(n_layer=2, n_head=2, n_embd=32, vocab_size=64, n_positions=64)


# ------------------------------------------------------------------------------- arms


class ReadPatternsAndResiduals(MethodReader):
    """Reads every pattern, and the residual stream before, between and after the layers."""

    def reads(self) -> list[Read]:
        """Return the reads: patterns as the attention method keeps them, residuals as are."""
        a = self.adapter
        heads = tuple(range(a.n_heads))
        layers = tuple(range(a.n_layers))
        return [
            *pattern_reads(layers, heads, a.n_heads),
            Read("resid_pre", 0, as_it_is),
            *(Read("resid_post", layer, as_it_is) for layer in layers),
        ]


def as_it_is(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor as it is."""
    return tensor


@dataclass(frozen=True)
class TimedAttention(AttentionMethod):
    """The attention method with a clock around the making of Results."""

    watch: Stopwatch = field(default_factory=Stopwatch)

    def build(self, run: Any, previous: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Return one Result per prompt."""
        results: Any = self.watch.around(super().build)(run, previous)
        return tuple(results)


class TracedBoard:
    """A board with one attention view, its build timed apart."""

    def __init__(self, model: Any, ids: torch.Tensor) -> None:
        self.ids = ids
        self.builds: list[float] = []
        self._watch = Stopwatch()
        self._board = Board(model)
        self._view = self._board.add(TimedAttention(watch=self._watch), key="bench")
        self._view.show = self._watch.around(self._view.show)  # type: ignore[method-assign]

    def run(self) -> None:
        """Trace once, as a person does."""
        with torch.no_grad(), self._board.trace(self.ids):
            self._board.model.lm_head.output.save()
        self.builds.append(self._watch.take())

    def close(self) -> None:
        """Let the view go."""
        self._board.close()


def hooked(module: GPT2LMHeadModel, ids: torch.Tensor, *, copied: bool) -> Arm:
    """Return a forward whose plain torch hooks keep what ours reads.

    Args:
        module: The model.
        ids: The prompt.
        copied: Reduce and copy as ours does; False keeps the live tensors.
    """
    blocks = module.transformer.h

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.clone() if copied else tensor.detach()

    def keep_weights(tensor: torch.Tensor) -> torch.Tensor:
        n_patterns = len(blocks) * module.config.n_head
        return (
            keep_pattern(tensor, heads=None, n_patterns=n_patterns, budget=64 * 2**20)
            if copied
            else tensor.detach()
        )

    def run() -> None:
        kept: list[torch.Tensor] = []
        handles = [
            blocks[0].register_forward_pre_hook(lambda _, args: kept.append(keep(args[0])))
        ]
        for block in blocks:
            handles += [
                block.attn.register_forward_hook(
                    lambda _, __, output: kept.append(keep_weights(output[1]))
                ),
                block.register_forward_hook(lambda _, __, output: kept.append(keep(output))),
            ]
        try:
            with torch.no_grad():
                module(ids)
        finally:
            for handle in handles:
                handle.remove()
        expected = 2 * len(blocks) + 1
        if len(kept) != expected:
            raise RuntimeError(f"hooks kept {len(kept)} tensors, not {expected}")

    return run


def arms_of(module: GPT2LMHeadModel, ids: torch.Tensor, traced: TracedBoard) -> dict[str, Arm]:
    """Return what is compared, the bare forward first."""
    model = iw.wrap(module)
    reader = ReadPatternsAndResiduals(model, [])

    def bare(**flags: bool) -> Arm:
        def run() -> None:
            with torch.no_grad():
                module(ids, **flags)

        return run

    def empty_trace() -> None:
        with torch.no_grad(), model.trace(ids):
            pass

    return {
        BARE: bare(),
        AGAIN: bare(),
        "nnsight, an empty trace": empty_trace,
        OURS: lambda: forward(model, ids, reader),
        TRACE: traced.run,
        "torch hooks, live tensors kept": hooked(module, ids, copied=False),
        "torch hooks, reduced and copied": hooked(module, ids, copied=True),
        "HF output_attentions + output_hidden_states": bare(
            output_attentions=True, output_hidden_states=True
        ),
    }


# --------------------------------------------------------------------------- measuring


def measure(
    module: GPT2LMHeadModel, ids: torch.Tensor, n_rounds: int, options: argparse.Namespace
) -> None:
    """Time all arms on one prompt and print what came out."""
    traced = TracedBoard(iw.wrap(module), ids)
    try:
        arms = arms_of(module, ids, traced)
        seconds = in_rounds(arms, n_rounds)
        builds = traced.builds[-n_rounds:]
        peaks = {name: peak_bytes(arm) for name, arm in arms.items()}
    finally:
        traced.close()
    seconds[VIEW] = builds
    seconds[f"{TRACE}, without its build"] = [
        whole - build for whole, build in zip(seconds[TRACE], builds, strict=True)
    ]
    base = seconds[BARE]
    rows = [
        [name, spread(paired_ratios(values, base)), spread(values), megabytes(peaks.get(name))]
        for name, values in seconds.items()
    ]
    told = transformerlens(module.config, ids.shape[1], n_rounds, options)
    rows += transformerlens_rows(told)
    print_table(["arm", "ratio to bare", "CPU s", "peak memory"], rows)
    if told == NOT_INSTALLED:
        print(f"TransformerLens: {missing('transformer-lens')}")
    if options.quick:
        return  # the forward takes no time: no ratio says anything
    ours = statistics.median(paired_ratios(seconds[OURS], base))
    print(f"ours / bare forward: {beside_limit(ours, LIMIT)}")
    fastest = min(seconds[OURS]) / min(base)
    print(f"the fastest of ours / the fastest bare forward: {fastest:.3f}")
    noise = statistics.median(paired_ratios(seconds[AGAIN], base))
    print(f"the same bare forward a second time: {noise:.3f}; its spread above is the noise")
    for name in arms:
        if name not in (BARE, AGAIN, OURS, TRACE):
            against = statistics.median(paired_ratios(seconds[OURS], seconds[name]))
            print(f"ours / {name}: {against:.3f}")
    print(flush=True)


def transformerlens(
    config: GPT2Config, n_tokens: int, n_rounds: int, options: argparse.Namespace
) -> dict[str, Any] | str:
    """Return what TransformerLens's own process told, or why it told nothing."""
    if options.tl_python is None:
        return NOT_INSTALLED
    sizes = [str(n) for n in (config.n_layer, config.n_head, config.n_embd, config.vocab_size)]
    command = [options.tl_python, str(TL_SCRIPT), str(n_tokens), str(n_rounds), *sizes]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=options.timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not finish in {options.timeout:.0f} s"
    if done.returncode:
        return f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]:.200}"
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def transformerlens_rows(told: dict[str, Any] | str) -> list[list[str]]:
    """Return TransformerLens's rows; its ratios are to the bare forward of its process."""
    if isinstance(told, str):
        return [["TransformerLens run_with_cache", told, "", ""]]
    return [
        [
            f"TransformerLens {told['version']} {what}, own process",
            spread(paired_ratios(told["seconds"][arm], told["seconds"]["bare"])),
            spread(told["seconds"][arm]),
            megabytes(told["peaks"][arm]),
        ]
        for arm, what in TL_ARMS.items()
    ]


def profile(model: Any, ids: torch.Tensor, n_rounds: int) -> None:
    """Print where the time of our reads goes, clocks around each part."""
    reduce, copy = Stopwatch(), Stopwatch()

    class Timed(ReadPatternsAndResiduals):
        def reads(self) -> list[Read]:
            return [Read(read.site, read.layer, timed(read.reduce)) for read in super().reads()]

    def timed(call: Callable[..., object]) -> Any:
        return (copy if call is as_it_is else reduce).around(
            torch.clone if call is as_it_is else call
        )

    parts: dict[str, list[float]] = {"reducing patterns": [], "copying residuals": []}
    for _ in range(n_rounds):
        forward(model, ids, Timed(model, list[AttentionMethod]()))
        parts["reducing patterns"].append(reduce.take())
        parts["copying residuals"].append(copy.take())
    print_table(
        ["inside our reads", "CPU s"], [[k, spread(v, ".4f")] for k, v in parts.items()]
    )


if __name__ == "__main__":
    main()
