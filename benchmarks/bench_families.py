"""What a capture costs beside the bare eager forward, for each family of architectures.

Random weights at 12 layers × 768, all patterns and 13 residuals read, at one torch thread;
CPU seconds are divided by the bare forward's of the same round.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
import transformers as hf
from bench_capture import AGAIN, BARE, ReadPatternsAndResiduals
from measuring import (
    argument_parser,
    beside_limit,
    in_rounds,
    paired_ratios,
    print_machine,
    print_table,
    spread,
)

import interpwidgets as iw
from interpwidgets.methods.attention import AttentionMethod
from interpwidgets.models.tracing import forward

LIMIT = 1.08
OURS = "patterns + residuals"
ROUNDS, TOKENS, VOCAB = 15, 64, 32_000

Make = Callable[[int, int], Any]


def text_sizes(layers: int, width: int) -> dict[str, Any]:
    """Return what most configurations call their sizes."""
    return {
        "vocab_size": VOCAB,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 12,
        "intermediate_size": 4 * width,
        "max_position_embeddings": 1024,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def grouped(layers: int, width: int) -> dict[str, Any]:
    """Return the same with three queries for each key."""
    return text_sizes(layers, width) | {"num_key_value_heads": 4, "head_dim": width // 12}


def few_names(layers: int, width: int) -> dict[str, Any]:
    """Return the names of GPT-2 and GPT-J."""
    ends = {"bos_token_id": 1, "eos_token_id": 2}
    return {"vocab_size": VOCAB, "n_embd": width, "n_layer": layers, "n_head": 12, **ends}


def experts(layers: int, width: int) -> dict[str, Any]:
    """Return four experts, two at a time, as wide together as one MLP."""
    sizes = grouped(layers, width) | {"intermediate_size": 2 * width}
    return sizes | {"num_local_experts": 4, "num_experts_per_tok": 2}


def without_mlp_size(layers: int, width: int) -> dict[str, Any]:
    """Return sizes for models that name their MLP's width in a way of their own."""
    return {k: v for k, v in text_sizes(layers, width).items() if k != "intermediate_size"}


def image_sizes(layers: int, width: int) -> dict[str, Any]:
    """Return a tower over 7 × 9 patches and a class token: 64 positions."""
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 12,
        "intermediate_size": 4 * width,
        "image_size": (112, 144),
        "patch_size": 16,
    }


DECODERS: dict[str, Make] = {
    "gpt2": lambda n, d: hf.GPT2Config(**few_names(n, d)),
    "gptj": lambda n, d: hf.GPTJConfig(**few_names(n, d), rotary_dim=d // 24),
    "bloom": lambda n, d: hf.BloomConfig(vocab_size=VOCAB, hidden_size=d, n_layer=n, n_head=12),
    "falcon": lambda n, d: hf.FalconConfig(**without_mlp_size(n, d)),
    "opt": lambda n, d: hf.OPTConfig(
        **without_mlp_size(n, d), ffn_dim=4 * d, word_embed_proj_dim=d
    ),
    "gpt_neox": lambda n, d: hf.GPTNeoXConfig(**text_sizes(n, d)),
    "llama": lambda n, d: hf.LlamaConfig(**grouped(n, d)),
    "qwen3": lambda n, d: hf.Qwen3Config(**grouped(n, d)),
    "phi3": lambda n, d: hf.Phi3Config(**text_sizes(n, d), num_key_value_heads=4),
    "olmo2": lambda n, d: hf.Olmo2Config(**text_sizes(n, d), num_key_value_heads=4),
    "gemma2": lambda n, d: hf.Gemma2Config(**grouped(n, d), query_pre_attn_scalar=64),
    "gemma3": lambda n, d: hf.Gemma3TextConfig(**grouped(n, d), query_pre_attn_scalar=64),
    "mixtral": lambda n, d: hf.MixtralConfig(**experts(n, d)),
    "gpt_oss": lambda n, d: hf.GptOssConfig(**experts(n, d)),
}
OTHERS: dict[str, Make] = {
    "bert": lambda n, d: hf.BertForMaskedLM(hf.BertConfig(**text_sizes(n, d))),
    "vit": lambda n, d: hf.ViTModel(hf.ViTConfig(**image_sizes(n, d))),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Time each family in turn and print one table."""
    parser = argument_parser(__doc__)
    names = [*DECODERS, *OTHERS]
    parser.add_argument("--families", nargs="+", choices=names, default=names)
    parser.add_argument("--rounds", type=int, help=f"rounds ({ROUNDS}; quick: 2)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print_machine("interpwidgets", "torch", "nnsight", "transformers")
    n_rounds = options.rounds or (2 if options.quick else ROUNDS)
    layers, width = (2, 48) if options.quick else (12, 768)
    print(f"== {layers} layers × {width}, T = {TOKENS}, {n_rounds} rounds")
    rows, ratios = [], {}
    for name in options.families:
        seconds = measure(make(name, layers, width), n_rounds)
        base = seconds[BARE]
        ratios[name] = statistics.median(paired_ratios(seconds[OURS], base))
        told = [spread(paired_ratios(seconds[arm], base)) for arm in (AGAIN, OURS)]
        rows.append([name, spread(base), *told])
    print_table(["family", "bare forward, CPU s", "bare again / bare", "ours / bare"], rows)
    if not options.quick:  # the forward takes no time: no ratio says anything
        worst = max(ratios, key=lambda name: ratios[name])
        print(f"the most expensive, {worst}: {beside_limit(ratios[worst], LIMIT)}")


def make(name: str, layers: int, width: int) -> Any:
    """Return a model of a family with eager attention and seeded random weights."""
    torch.manual_seed(0)
    if name in DECODERS:
        config = DECODERS[name](layers, width)
        return hf.AutoModelForCausalLM.from_config(
            config, attn_implementation="eager", dtype=torch.float32
        ).eval()
    module = OTHERS[name](layers, width)
    module.set_attn_implementation("eager")
    return module.eval()


def measure(module: Any, n_rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of the bare forward, twice, and of ours."""
    if module.main_input_name == "pixel_values":
        prompt = torch.randn(1, 3, 112, 144)
    else:
        prompt = torch.arange(3, 3 + TOKENS)[None]
    model = iw.wrap(module)
    reader = ReadPatternsAndResiduals(model, list[AttentionMethod]())

    def bare() -> None:
        with torch.no_grad():
            module(prompt)

    return in_rounds(
        {BARE: bare, AGAIN: bare, OURS: lambda: forward(model, prompt, reader)}, n_rounds
    )


if __name__ == "__main__":
    main()
