"""What steered generations cost beside plain ones: gpt2-small's size, random weights.

Nine strengths of one direction, 50 tokens each: together in one batch with a cache, beside
nine generations one after the other, by transformers with a torch hook and by nnsight's own
traces. Then one text: streamed and steered beside transformers' ``generate``, and the time
to its first token beside one prefill and one step. CPU seconds, one torch thread.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from measuring import (
    argument_parser,
    beside_limit,
    in_rounds,
    paired_ratios,
    print_machine,
    print_table,
    spread,
)
from transformers import GPT2Config, GPT2LMHeadModel

import interpwidgets as iw
from interpwidgets.directions import Direction
from interpwidgets.interventions.dial import Dial
from interpwidgets.models.generating import Sampling, generate
from interpwidgets.models.prompts import read_prompts

STRENGTHS = tuple(np.linspace(-1, 1, 9))
FASTER, OVERHEAD, FIRST = 2.5, 1.10, 1.2
OURS, HF, NNSIGHT = (
    "interpwidgets, one batch",
    "transformers, one by one",
    "nnsight, one by one",
)
PLAIN, STREAMED = "transformers generate", "interpwidgets, streamed and steered"


def main(arguments: Sequence[str] | None = None) -> None:
    """Time both comparisons and print them."""
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, help="rounds (5; quick: 1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print_machine("interpwidgets", "torch", "nnsight", "transformers")
    bench = Bench(quick=options.quick)
    n_rounds = options.rounds or (1 if options.quick else 5)
    sweep(bench, n_rounds)
    one_text(bench, n_rounds)
    first_token(bench, n_rounds)


class Bench:
    """One model, one prompt of 16 tokens, one direction."""

    def __init__(self, *, quick: bool) -> None:
        torch.manual_seed(0)
        small = {"n_layer": 2, "n_embd": 32, "n_head": 2, "vocab_size": 128}
        config = GPT2Config(bos_token_id=0, eos_token_id=None, **(small if quick else {}))
        self.module = GPT2LMHeadModel(config).eval()
        self.module.generation_config.pad_token_id = 0
        self.layer, self.n_new = config.n_layer // 2, 4 if quick else 50
        self.ids = list(range(5, 21))
        self.model = iw.wrap(
            copy.deepcopy(self.module)
        )  # of the peers nnsight is not in the way
        drawn = np.random.default_rng(0).standard_normal(config.n_embd)
        self.dial = Dial(Direction(drawn, layer=self.layer), {self.layer: 30.0})

    def ours(self, strengths: Sequence[float], tell: Any = None, n_new: int = 0) -> Any:
        """Return what the strengths write, together."""
        batch = read_prompts([self.ids] * len(strengths), self.model)
        rows = [self.dial.at(strength) for strength in strengths]
        sampling = Sampling(n_new or self.n_new)
        return generate(self.model, batch, sampling, rows, tell=tell).new_ids

    def hooked(self, strength: float, n_new: int = 0) -> tuple[int, ...]:
        """Return what one strength writes, by transformers and a torch hook."""
        added = self._added(strength)

        def hook(_: Any, __: Any, output: Any) -> Any:
            changed = (output[0] if isinstance(output, tuple) else output) + added
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        block = self.module.transformer.h[self.layer]
        handle = block.register_forward_hook(hook)
        try:
            return self.plain(n_new)
        finally:
            handle.remove()

    def _added(self, strength: float) -> torch.Tensor:
        return torch.tensor(self.dial.direction.unit.vector) * float(strength) * 30.0

    def plain(self, n_new: int = 0) -> tuple[int, ...]:
        """Return what the model writes as it is, by transformers."""
        ids = torch.tensor([self.ids])
        n_new = n_new or self.n_new
        with torch.no_grad():
            wrote = self.module.generate(ids, max_new_tokens=n_new, do_sample=False)
        return tuple(wrote[0, len(self.ids) :].tolist())

    def traced(self, strength: float) -> tuple[int, ...]:
        """Return what one strength writes, by nnsight's own trace."""
        added = self._added(strength)
        model, ids, n_new = self.model, torch.tensor([self.ids]), self.n_new
        options = {"fn": model.generate, "max_new_tokens": n_new, "do_sample": False}
        with model.trace(ids, **options) as tracer:
            for _ in tracer.iter[:n_new]:
                block = model.transformer.h[self.layer]
                block.output = block.output + added
            wrote = tracer.result.save()
        return tuple(wrote[0, len(self.ids) :].tolist())


def sweep(bench: Bench, n_rounds: int) -> None:
    """Nine strengths: one batch beside one after the other."""
    arms = {
        OURS: lambda: bench.ours(STRENGTHS),
        HF: lambda: [bench.hooked(strength) for strength in STRENGTHS],
        NNSIGHT: lambda: [bench.traced(strength) for strength in STRENGTHS],
    }
    same = tuple(arms[OURS]()) == tuple(arms[HF]())
    seconds = in_rounds(arms, n_rounds)
    rows = [
        [name, spread(of, ".2f"), spread(paired_ratios(of, seconds[OURS]), ".2f")]
        for name, of in seconds.items()
    ]
    print(
        f"== nine strengths × {bench.n_new} tokens; the same tokens: {'yes' if same else 'NO'}"
    )
    print_table(["", "CPU s", "× ours"], rows)
    for name in (HF, NNSIGHT):
        ratio = float(np.median(paired_ratios(seconds[name], seconds[OURS])))
        where = "within" if ratio >= FASTER else "BELOW"
        print(f"{name}: {ratio:.2f} times ours, at least {FASTER} wanted: {where}")
    print()


def one_text(bench: Bench, n_rounds: int) -> None:
    """One text, streamed and steered, beside transformers' own."""
    told: list[Any] = []
    arms = {
        PLAIN: bench.plain,
        f"{PLAIN} again": bench.plain,
        STREAMED: lambda: bench.ours([0.5], told.append),
    }
    seconds = in_rounds(arms, n_rounds)
    rows = [
        [name, spread(of, ".2f"), spread(paired_ratios(of, seconds[PLAIN]))]
        for name, of in seconds.items()
    ]
    print(f"== one text of {bench.n_new} tokens")
    print_table(["", "CPU s", "× plain"], rows)
    ratio = float(np.median(paired_ratios(seconds[STREAMED], seconds[PLAIN])))
    print(f"streamed and steered: {beside_limit(ratio, OVERHEAD)}\n")


def first_token(bench: Bench, n_rounds: int) -> None:
    """Seconds to the first token told, beside a prefill and one step by transformers."""
    ratios = []
    for _ in range(max(3, 2 * n_rounds)):
        start = time.process_time()
        bench.plain(2)
        both = time.process_time() - start
        at: list[float] = []
        start = time.process_time()
        bench.ours([0.5], lambda _, at=at: at.append(time.process_time()), n_new=2)
        ratios.append((at[0] - start) / both)
    print("== first token, of one prefill and one step")
    print(f"{spread(ratios)}; {beside_limit(float(np.median(ratios)), FIRST)}\n")


if __name__ == "__main__":
    main()
