"""What a sweep of activation patching costs: gpt2-small's size, random weights, one thread.

Every arm runs once a round on the same module, in this process; ratios are of one round.
One forward a cell is measured on a sample of cells and scaled. TransformerLens has a process
of its own, and its own bare forward beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import (
    NOT_INSTALLED,
    Arm,
    argument_parser,
    cpu_seconds,
    in_rounds,
    megabytes,
    missing,
    paired_ratios,
    peak_bytes,
    print_machine,
    print_table,
    spread,
)
from patching_peers import HandWrittenGPT2, inputs_of, naive_cell
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

import interpwidgets as iw
from interpwidgets.models.pairs import read_pairs
from interpwidgets.models.patching import ProgressTeller
from interpwidgets.models.patching_grid import GridPlan
from interpwidgets.reads.patching_runs import run_pairs

OURS, WHOLE = "interpwidgets", "interpwidgets, whole forwards in batches (in a trace)"
NAIVE, HAND, TL = "one forward a cell, scaled", "written by hand for GPT-2", "TransformerLens"
TOKENS = (5, 9)
TL_SCRIPT = Path(__file__).with_name("transformerlens_patching.py")

#: (arm, least or most of its CPU seconds over ours), by site.
LIMITS = {
    "resid_pre": {NAIVE: (5, None), TL: (8, None), HAND: (1 / 1.15, None), WHOLE: (None, 2.2)},
    "z": {NAIVE: (3.5, None), TL: (5, None), WHOLE: (None, 2.2)},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Time every arm on every family and site, and print the tables."""
    parser = argument_parser(__doc__)
    parser.add_argument("--tl-python", metavar="PATH", help="a Python with transformer-lens")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for that Python")
    parser.add_argument("--families", nargs="+", default=["gpt2", "llama"])
    parser.add_argument("--sites", nargs="+", default=list(LIMITS))
    parser.add_argument("--tokens", type=int, help="length of the prompt (32; quick: 8)")
    parser.add_argument("--rounds", type=int, help="rounds (3; quick: 1)")
    options = parser.parse_args(arguments)
    options.tokens = options.tokens or (8 if options.quick else 32)
    options.rounds = options.rounds or (1 if options.quick else 3)
    torch.set_num_threads(1)
    print_machine("interpwidgets", "torch", "nnsight", "transformers")
    for family in options.families:
        sizes = sizes_of(family, quick=options.quick)
        module = random_model(family, sizes)
        told = transformerlens(family, sizes, options)
        for site in options.sites:
            measure(module, family, site, told, options)
        if told == NOT_INSTALLED:
            print(f"TransformerLens: {missing('transformer-lens')}")


def sizes_of(family: str, *, quick: bool) -> list[int]:
    """Return layers, heads, width, MLP, key-value heads, vocabulary."""
    if quick:
        return [3, 4, 256, 512, 2 if family == "llama" else 4, 64]
    return (
        [12, 12, 768, 2048, 4, 32000] if family == "llama" else [12, 12, 768, 3072, 12, 50257]
    )


def random_model(family: str, sizes: Sequence[int]) -> Any:
    """Return a model with seeded random weights."""
    torch.manual_seed(0)
    n_layers, n_heads, width, d_mlp, n_kv, d_vocab = sizes
    ids = {"bos_token_id": 0, "eos_token_id": 0}
    if family == "gpt2":
        config = GPT2Config(
            n_layer=n_layers, n_head=n_heads, n_embd=width, vocab_size=d_vocab, **ids
        )
        return GPT2LMHeadModel(config).eval()
    return LlamaForCausalLM(
        LlamaConfig(
            num_hidden_layers=n_layers,
            num_attention_heads=n_heads,
            num_key_value_heads=n_kv,
            hidden_size=width,
            intermediate_size=d_mlp,
            vocab_size=d_vocab,
            **ids,
        )
    ).eval()


# -------------------------------------------------------------------------------- arms


class Sweeps:
    """The same grid of patches, by several ways, on two prompts that differ everywhere."""

    def __init__(self, module: Any, site: str, n_tokens: int) -> None:
        """Draw the prompts."""
        self.module, self.site = module, site
        self.model = iw.wrap(module)
        torch.manual_seed(1)
        self.ids = torch.randint(11, module.config.vocab_size, (2, n_tokens))
        self.ids[1] = torch.where(self.ids[0] == self.ids[1], 10, self.ids[1])
        self.n_layers = module.config.num_hidden_layers
        self.n_columns = n_tokens if site == "resid_pre" else module.config.num_attention_heads
        rng = np.random.default_rng(0)
        #: One cell of each layer, columns drawn so that every part of the prompt has its share.
        columns = rng.permutation(np.linspace(0, self.n_columns - 1, self.n_layers).astype(int))
        self.sample = list(enumerate(columns.tolist()))
        self.kept: dict[str, np.ndarray] = {}

    def bare(self) -> None:
        """One forward, its last logits alone."""
        with torch.no_grad():
            self.module(self.ids[1:], use_cache=False, logits_to_keep=1)

    def ours(self) -> None:
        """What ``iw.activation_patching`` does."""
        self.kept[OURS] = self._grid(march=True)

    def whole(self) -> None:
        """The form that stays inside nnsight's traces."""
        self.kept[WHOLE] = self._grid(march=False)

    def _grid(self, *, march: bool) -> np.ndarray:
        plan = GridPlan(self.model, self.site, None, "denoising", None, None, None, march=march)
        clean, corrupted = self.ids.tolist()
        (pair,) = read_pairs(self.model, clean, corrupted, align=None, prepend_bos=None)
        runs = run_pairs(plan, [pair], "logit_difference", TOKENS)
        raw, measure = runs.empty()[0], runs.metrics[0]
        teller = ProgressTeller(raw.size, None)
        plan.sweep(pair, runs.donor(0), runs.columns, measure, raw, None, teller, tokens=TOKENS)
        if ("march" in plan.note) is not march:
            raise RuntimeError(f"the wrong way: {plan.note}")
        return raw

    def hand(self) -> None:
        """The sweep that knows GPT-2."""
        with torch.no_grad():
            peer = HandWrittenGPT2(self.module, TOKENS)
            logits = peer.sweep(self.ids[1:], self.ids[:1], self.site)
        self.kept[HAND] = logits[..., 0] - logits[..., 1]

    def naive(self) -> None:
        """Plain hooks, one forward a cell: of the sample."""
        grid = np.full((self.n_layers, self.n_columns), np.nan)
        with torch.no_grad():
            donor = inputs_of(self.module, self.site, self.n_layers, self.ids[:1])
            for layer, column in self.sample:
                cell = naive_cell(self.module, self.site, layer, column)
                logits = cell(self.ids[1:], donor[layer])
                grid[layer, column] = float(logits[TOKENS[0]] - logits[TOKENS[1]])
        self.kept[NAIVE] = grid

    def check(self) -> float:
        """Return by how much the arms differ at most, over the range of the grid.

        Raises:
            RuntimeError: By more than rounding.
        """
        ours = self.kept[OURS]
        worst = max(float(np.nanmax(np.abs(other - ours))) for other in self.kept.values())
        worst /= float(np.ptp(ours))
        if worst > 1e-3:
            raise RuntimeError(f"arms differ by {worst:.1e} of the range of the grid")
        return worst


def measure(
    module: Any, family: str, site: str, told: Any, options: argparse.Namespace
) -> None:
    """Time all arms on one grid and print what came out."""
    sweeps = Sweeps(module, site, options.tokens)
    arms: dict[str, Arm] = {OURS: sweeps.ours, WHOLE: sweeps.whole, NAIVE: sweeps.naive}
    if family == "gpt2":
        arms[HAND] = sweeps.hand
    for _ in range(3):
        sweeps.bare()
    bare = statistics.median(cpu_seconds(sweeps.bare) for _ in range(9))
    seconds = in_rounds(arms, options.rounds)
    worst = sweeps.check()
    peaks = {name: peak_bytes(arms[name]) for name in (OURS, WHOLE, HAND) if name in arms}
    scale = sweeps.n_layers * sweeps.n_columns / len(sweeps.sample)
    seconds[NAIVE] = [scale * value for value in seconds[NAIVE]]
    rows = [
        [
            name,
            spread(values, ".2f"),
            f"{statistics.median(values) / bare:.0f}",
            spread(paired_ratios(values, seconds[OURS]), ".2f"),
            megabytes(peaks.get(name)),
        ]
        for name, values in seconds.items()
    ]
    theirs = tl_row(told, site, statistics.median(seconds[OURS]), bare)
    print(f"== {family}, {site}: {sweeps.n_layers} × {sweeps.n_columns} cells, "
          f"T = {options.tokens}, {options.rounds} rounds; bare forward {bare:.3f} CPU s; "
          f"arms differ by {worst:.0e} of the range")  # fmt: skip
    print_table(["arm", "CPU s", "bare forwards", "over ours", "peak memory"], [*rows, theirs])
    if not options.quick:
        for name, values in seconds.items():
            tell_limit(site, name, statistics.median(paired_ratios(values, seconds[OURS])))
        if not isinstance(told, str):
            tell_limit(site, TL, float(theirs[3].split()[0]))


def tell_limit(site: str, arm: str, ratio: float) -> None:
    """Print a ratio beside its limit, where it has one."""
    least, most = LIMITS[site].get(arm, (None, None))
    if least is not None:
        print(f"{arm}: {ratio:.2f} × ours, at least {least:.2f}: "
              f"{'kept' if ratio >= least else 'MISSED'}")  # fmt: skip
    if most is not None:
        print(f"{arm}: {ratio:.2f} × ours, at most {most}: "
              f"{'kept' if ratio <= most else 'MISSED'}")  # fmt: skip


# --------------------------------------------------------------------- TransformerLens


def transformerlens(family: str, sizes: Sequence[int], options: argparse.Namespace) -> Any:
    """Return what TransformerLens's own process told, or why it told nothing."""
    if options.tl_python is None:
        return NOT_INSTALLED
    numbers = map(str, sizes)
    command = [options.tl_python, str(TL_SCRIPT), str(options.tokens), "1", family, *numbers]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=options.timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not finish in {options.timeout:.0f} s"
    if done.returncode:
        return f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]:.200}"
    return json.loads(done.stdout.splitlines()[-1])


def tl_row(told: Any, site: str, ours: float, bare: float) -> list[str]:
    """Return TransformerLens's row; its seconds over ours, both as they were measured."""
    if isinstance(told, str):
        return [f"{TL}'s helper", told, "", "", ""]
    theirs, their_bare = told["seconds"][site][0], statistics.median(told["seconds"]["bare"])
    return [
        f"{TL} {told['version']}'s helper, own process",
        f"{theirs:.2f} (n=1)",
        f"{theirs / their_bare:.0f} of its own",
        f"{theirs / ours:.2f} ({theirs / their_bare / (ours / bare):.2f} in bare forwards)",
        "",
    ]


if __name__ == "__main__":
    main()
