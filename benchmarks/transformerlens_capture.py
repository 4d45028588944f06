"""TransformerLens's ``run_with_cache`` beside a bare forward of the same random weights.

A program for an environment of its own, started by ``bench_capture.py --tl-python``: it
imports nothing of ours. Prints CPU seconds a round as JSON, on its last line.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from tokenizers import Tokenizer, models
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast


def main(n_tokens: int, n_rounds: int, sizes: list[int]) -> None:
    """Time bare forward, filtered cache and full cache in rounds, and print them."""
    torch.set_num_threads(1)
    ids = torch.arange(n_tokens)[None] % sizes[-1]
    bare = random_gpt2(sizes)
    bridge = bridged(random_gpt2(sizes))
    wanted = ["blocks.0.hook_resid_pre"]
    for layer in range(sizes[0]):
        wanted += [f"blocks.{layer}.attn.hook_pattern", f"blocks.{layer}.hook_resid_post"]
    arms: dict[str, Callable[[], object]] = {
        "bare": lambda: bare(ids),
        "filtered": lambda: bridge.run_with_cache(ids, names_filter=wanted),
        "full": lambda: bridge.run_with_cache(ids),
    }
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    with torch.no_grad():
        kept = bridge.run_with_cache(ids, names_filter=wanted)[1]
        lacking = [name for name in wanted if name not in kept]
        if lacking:
            raise RuntimeError(f"TransformerLens kept no {lacking[0]}")
        del kept
        order = random.Random(0)
        for number in range(-1, n_rounds):
            for name in order.sample(list(arms), len(arms)):
                gc.collect()
                start = time.process_time()
                arms[name]()
                if number >= 0:
                    seconds[name].append(time.process_time() - start)
        peaks = {name: peak_bytes(arm) for name, arm in arms.items()}
    version = importlib.metadata.version("transformer-lens")
    print(json.dumps({"version": version, "seconds": seconds, "peaks": peaks}))


def random_gpt2(sizes: list[int]) -> GPT2LMHeadModel:
    """Return the same random weights at every call: layers, heads, width, vocabulary."""
    torch.manual_seed(0)
    n_layers, n_heads, width, d_vocab = sizes
    config = GPT2Config(
        n_layer=n_layers,
        n_head=n_heads,
        n_embd=width,
        vocab_size=d_vocab,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation="eager",
    )
    return GPT2LMHeadModel(config).eval()


def bridged(module: GPT2LMHeadModel) -> Any:
    """Return TransformerLens's model around a module; its config comes from a folder."""
    words = {"<eos>": 0, **{f"w{i}": i for i in range(1, module.config.vocab_size)}}
    raw = Tokenizer(models.WordLevel(words, unk_token="<eos>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<eos>")
    with tempfile.TemporaryDirectory() as folder:
        module.config.architectures = [type(module).__name__]
        module.config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        tokenizer.name_or_path = folder
        return TransformerBridge.boot_transformers(folder, hf_model=module, tokenizer=tokenizer)


def peak_bytes(call: Callable[[], object]) -> int | None:
    """Return by how much a call raises resident memory (Linux); None elsewhere."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what was freed before would hide a new peak
        Path("/proc/self/clear_refs").write_text("5")
        before = status_bytes("VmRSS")
        call()
        return status_bytes("VmHWM") - before
    except (AttributeError, OSError):
        return None


def status_bytes(name: str) -> int:
    """Return a line of this process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), [int(size) for size in sys.argv[3:]])
