"""What a logit lens costs beside the naive pass: gpt2-small's size, random weights.

The naive pass keeps every layer's stream by torch hooks, makes the logits of all layers at
once, and takes softmax and top-k of them; with our outputs it also has entropy, and KL to
the final layer. Every arm runs once a round in this process, at one torch thread, forward
included. What a lens adds is its CPU seconds less those of the round's bare forward.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import torch
from bench_capture import random_gpt2, tiny_config
from measuring import (
    Arm,
    argument_parser,
    beside_limit,
    in_rounds,
    megabytes,
    paired_ratios,
    peak_bytes,
    print_machine,
    print_table,
    spread,
)
from transformers import GPT2Config, GPT2LMHeadModel

import interpwidgets as iw
from interpwidgets.methods.logit_lens import logit_lens

TIME_LIMIT, MEMORY_LIMIT = 0.60, 0.25
TOP_K = 10
BARE = "bare forward"
OURS = "interpwidgets: top 10, entropy, KL"
NAIVE = "naive: logits of all layers, softmax, top 10"
NAIVE_FULL = "naive: the same outputs as ours"


def main(arguments: Sequence[str] | None = None) -> None:
    """Time every arm and print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--tokens", type=int, help="length (64; quick: 8)")
    parser.add_argument("--rounds", type=int, help="rounds (11; quick: 2)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print_machine("interpwidgets", "torch", "transformers")
    config = tiny_config() if options.quick else GPT2Config()
    n_tokens = options.tokens or (8 if options.quick else 64)
    n_rounds = options.rounds or (2 if options.quick else 11)
    print(f"== {config.n_layer} layers × {n_tokens} tokens × {config.vocab_size:,} words, "
          f"{n_rounds} rounds")  # fmt: skip
    ids = torch.arange(n_tokens)[None] % config.vocab_size
    arms = arms_of(random_gpt2(config), ids)
    check_agreement(arms)
    report(in_rounds(arms, n_rounds), {name: peak_bytes(arm) for name, arm in arms.items()})


# ------------------------------------------------------------------------------- arms


def arms_of(module: GPT2LMHeadModel, ids: torch.Tensor) -> dict[str, Arm]:
    """Return what is compared, the bare forward first."""
    model, prompt = iw.wrap(module), ids[0].tolist()

    def bare() -> None:
        with torch.no_grad():
            module(ids)

    return {
        BARE: bare,
        OURS: lambda: logit_lens(model, prompt, top_k=TOP_K),
        NAIVE: lambda: naive(module, ids),
        NAIVE_FULL: lambda: naive_with_our_outputs(module, ids),
    }


def logits_of_all_layers(module: GPT2LMHeadModel, ids: torch.Tensor) -> torch.Tensor:
    """Return ``[layer, pos, d_vocab]`` from one forward."""
    kept: list[torch.Tensor] = []
    handles = [
        block.register_forward_hook(lambda _, __, output: kept.append(output))
        for block in module.transformer.h
    ]
    try:
        module(ids)
    finally:
        for handle in handles:
            handle.remove()
    return module.lm_head(module.transformer.ln_f(torch.cat(kept)))


def naive(module: GPT2LMHeadModel, ids: torch.Tensor) -> torch.Tensor:
    """Return the most probable words of every layer."""
    with torch.no_grad():
        return logits_of_all_layers(module, ids).softmax(dim=-1).topk(TOP_K).indices


def naive_with_our_outputs(
    module: GPT2LMHeadModel, ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the same with entropy, and KL from the final layer."""
    with torch.no_grad():
        logprob = logits_of_all_layers(module, ids).log_softmax(dim=-1)
        p = logprob.exp()
        entropy = -(p * logprob).sum(dim=-1)
        kl = (p[-1] * (logprob[-1] - logprob)).sum(dim=-1)
        return logprob.topk(TOP_K).indices, entropy, kl


def check_agreement(arms: Mapping[str, Arm]) -> None:
    """Refuse to compare what does not give the same numbers."""
    ours: object = arms[OURS]()
    full: object = arms[NAIVE_FULL]()
    assert isinstance(full, tuple)
    for name, theirs in zip(("entropy", "kl"), full[1:], strict=True):
        apart = float(abs(torch.from_numpy(getattr(ours, name)) - theirs).max())
        if apart > 1e-3:
            raise RuntimeError(f"{name} differs by {apart}")


# --------------------------------------------------------------------------- measuring


def report(seconds: Mapping[str, list[float]], peaks: Mapping[str, int | None]) -> None:
    """Print the table, and what is beside a limit."""
    base = seconds[BARE]
    added = {
        name: [a - b for a, b in zip(values, base, strict=True)]
        for name, values in seconds.items()
    }
    rows = [
        [
            name,
            spread(seconds[name]),
            spread(added[name]) if name != BARE else "",
            spread(paired_ratios(added[OURS], added[name])) if name != BARE else "",
            spread(paired_ratios(seconds[OURS], seconds[name])),
            megabytes(peaks[name]),
        ]
        for name in seconds
    ]
    heads = ["", "CPU s", "beyond the forward", "ours / it", "ours / it, whole", "peak memory"]
    print_table(heads, rows)
    ratio = statistics.median(paired_ratios(added[OURS], added[NAIVE]))
    print(f"time beyond the forward, of naive: {beside_limit(ratio, TIME_LIMIT)}")
    ours, theirs = peaks[OURS], peaks[NAIVE]
    if ours is not None and theirs:
        print(f"memory, of naive: {beside_limit(ours / theirs, MEMORY_LIMIT)}")


if __name__ == "__main__":
    main()
