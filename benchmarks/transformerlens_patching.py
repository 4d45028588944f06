"""TransformerLens's own patching helpers on random weights, beside a bare forward.

A program for an environment of its own, started by ``bench_patching.py --tl-python``: it
imports nothing of ours. Prints CPU seconds a round as JSON, on its last line.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from tokenizers import Tokenizer, models
from transformer_lens import patching
from transformer_lens.model_bridge import TransformerBridge
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)


def main(n_tokens: int, n_rounds: int, family: str, sizes: list[int]) -> None:
    """Time a bare forward and the two helpers, and print them."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = bridged(random_model(family, *sizes))
    ids = torch.randint(3, sizes[-1] - 1, (2, n_tokens))
    patching.tqdm = lambda steps, **_: steps  # no progress bar

    def metric(logits: Any) -> Any:
        return logits[0, -1, 5] - logits[0, -1, 9]

    def sweep(helper: Callable[..., Any], names: str) -> None:
        _, cache = model.run_with_cache(ids[:1], names_filter=lambda name: names in name)
        helper(model, ids[1:], cache, metric)

    arms: dict[str, Callable[[], object]] = {
        "bare": lambda: model(ids[:1]),
        "resid_pre": lambda: sweep(patching.get_act_patch_resid_pre, "resid_pre"),
        "z": lambda: sweep(patching.get_act_patch_attn_head_out_all_pos, "hook_z"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    with torch.no_grad():
        for _ in range(3):
            model(ids[:1])
        for _ in range(n_rounds):
            for name, arm in arms.items():
                gc.collect()
                times = 5 if name == "bare" else 1
                start = time.process_time()
                for _ in range(times):
                    arm()
                seconds[name].append((time.process_time() - start) / times)
    version = importlib.metadata.version("transformer-lens")
    print(json.dumps({"version": version, "seconds": seconds}))


def random_model(
    family: str, n_layers: int, n_heads: int, d_model: int, d_mlp: int, n_kv: int, d_vocab: int
) -> PreTrainedModel:
    """Return a GPT-2 or a Llama of these sizes."""
    special = {"bos_token_id": 0, "eos_token_id": 0}
    if family == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                n_layer=n_layers, n_head=n_heads, n_embd=d_model, vocab_size=d_vocab, **special
            )
        ).eval()
    return LlamaForCausalLM(
        LlamaConfig(
            num_hidden_layers=n_layers,
            num_attention_heads=n_heads,
            num_key_value_heads=n_kv,
            hidden_size=d_model,
            intermediate_size=d_mlp,
            vocab_size=d_vocab,
            **special,
        )
    ).eval()


def bridged(module: PreTrainedModel) -> Any:
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


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], [int(n) for n in sys.argv[4:]])
