"""What a sweep of probes costs beside bare forwards: gpt2-small's size, random weights.

13 layers (embedding and 12 × resid_post) of many texts, read at the last token in one pass,
then fitted with every control. The bare arm runs the same batches through the module itself;
the fits are timed inside the sweep. All at one torch thread, in CPU seconds of this process.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from bench_capture import random_gpt2, tiny_config
from measuring import (
    Stopwatch,
    argument_parser,
    beside_limit,
    megabytes,
    peak_bytes,
    print_machine,
    print_table,
)
from transformers import GPT2Config, GPT2LMHeadModel

import interpwidgets as iw
from interpwidgets.estimators.bench import Bench
from interpwidgets.methods.probe import probe
from interpwidgets.models import labelled_rows
from interpwidgets.models.prompts import read_prompts, to_input
from interpwidgets.results.probe import ProbeResult

LIMIT, LIMIT_BYTES = 1.15, 2**30
LENGTHS = (12, 28)


def main(arguments: Sequence[str] | None = None) -> None:
    """Time one sweep and its bare forwards, and print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--texts", type=int, help="how many (2000; quick: 40)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print_machine("interpwidgets", "torch", "nnsight", "scikit-learn")
    module = random_gpt2(tiny_config() if options.quick else GPT2Config())
    n_texts = options.texts or (40 if options.quick else 2000)
    measure(module, *labelled_ids(n_texts, module.config.vocab_size))


def labelled_ids(n: int, n_vocab: int) -> tuple[list[list[int]], list[bool]]:
    """Return texts as ids, of several lengths, and labels that their last tokens have."""
    rng = np.random.default_rng(0)
    ids = [rng.integers(0, n_vocab, rng.integers(*LENGTHS)).tolist() for _ in range(n)]
    return ids, [row[-1] % 2 == 0 for row in ids]


def measure(module: GPT2LMHeadModel, ids: list[list[int]], labels: list[bool]) -> None:
    """Run the sweep once for its time and peak, and its batches bare before and after."""
    model = iw.wrap(module)
    probe(model, ids[:40], labels[:40], shuffled=1)  # imports, and the first run's extras
    before = bare(module, model, ids)
    found: list[ProbeResult] = []
    fits, n_read = Stopwatch(), Stopwatch()
    run, keep = Bench.run, labelled_rows.keep
    seen: list[int] = []

    def counted(model: Any, batch: Any, *rest: Any, **more: Any) -> Any:
        seen.append(len(batch.prompts))
        return keep(model, batch, *rest, **more)

    Bench.run = fits.around(run)  # type: ignore[method-assign]
    labelled_rows.keep = n_read.around(counted)  # type: ignore[assignment]
    start = time.process_time()
    try:
        peak = peak_bytes(lambda: found.append(probe(model, ids, labels)))
    finally:
        Bench.run, labelled_rows.keep = run, keep  # type: ignore[method-assign]
    total = time.process_time() - start
    after = bare(module, model, ids)
    forwards, fitted = (before + after) / 2, fits.take()
    n_layers = len(found[0].layers)
    print(f"== {len(ids)} texts × {n_layers} layers, d {found[0].vectors.shape[-1]}")
    rows = [
        ["bare forwards, before", f"{before:.1f}", ""],
        ["bare forwards, after", f"{after:.1f}", f"{after / before:.3f} of before"],
        ["fits and controls", f"{fitted:.1f}", "20 × shuffled, 20 random directions"],
        ["forwards with reads", f"{n_read.take():.1f}", ""],
        ["iw.probe, all of it", f"{total:.1f}", ""],
    ]
    print_table(["arm", "CPU s", ""], rows)
    print(f"all ÷ (bare + fits): {beside_limit(total / (forwards + fitted), LIMIT)}")
    print(f"texts through the model: {sum(seen)} of {len(ids)}, each once")
    if peak is not None:
        print(f"peak beyond the model: {megabytes(peak)}; limit {megabytes(LIMIT_BYTES)}")


def bare(module: GPT2LMHeadModel, model: Any, ids: list[list[int]]) -> float:
    """Return the CPU seconds of the same batches through the module alone."""
    lengths = [len(row) for row in ids]
    batches = [
        to_input(read_prompts([ids[i] for i in batch], model), model)[1]
        for batch in labelled_rows._batches(lengths, 0)
    ]
    start = time.process_time()
    with torch.no_grad():
        for batch in batches:
            module(**batch, logits_to_keep=1)
    return time.process_time() - start


if __name__ == "__main__":
    main()
