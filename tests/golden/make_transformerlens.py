"""What TransformerLens computes on a small GPT-2 with random weights: golden values.

A program for an environment of its own (``pip install transformer-lens==4.3.0
torch==2.13.0``); it imports nothing of ours. Writes ``transformerlens.npz`` and
``transformerlens.json`` beside itself, and with ``--weights`` first the GPT-2 that both
sides read: weights that float16 holds exactly, biases and gains drawn like everything else.

Weights are as they are in the file, so TransformerLens folds and centres nothing
(``TransformerBridge`` without compatibility mode), but for what is named ``folded``.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models
from transformer_lens import patching
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

HERE = Path(__file__).parent
WEIGHTS = HERE / "gpt2_small_random.safetensors"

CONFIG = {
    "n_layer": 3,
    "n_head": 4,
    "n_embd": 32,
    "vocab_size": 61,
    "n_positions": 16,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
CLEAN, CORRUPTED = [3, 17, 5, 9, 3, 40, 8], [3, 21, 5, 9, 33, 40, 8]
ANSWERS = (11, 29)


def main(arguments: list[str]) -> None:
    """Write the golden values."""
    if "--weights" in arguments:
        write_weights()
    model = bridged(load())
    with torch.no_grad():
        logits, clean = model.run_with_cache(torch.tensor([CLEAN]))
        found = {
            "logits": logits[0],
            **lens(model, clean),
            **attribution(model, clean),
            **patched(model, clean),
            **composition(model),
        }
        folded = bridged(load())
        folded.enable_compatibility_mode(**FOLD_NORMS_ONLY)
        folded_clean = folded.run_with_cache(torch.tensor([CLEAN]))[1]
        stack = folded_clean.stack_head_results(pos_slice=-1)
        found["folded.head_attribution"] = grid(
            folded_clean.logit_attrs(stack, *ANSWERS, pos_slice=-1)[:, 0]
        )
        found |= {f"folded.{name}": value for name, value in composition(folded).items()}
    arrays = {name: value.detach().numpy() for name, value in found.items()}
    np.savez_compressed(HERE / "transformerlens.npz", **arrays)
    told = {
        "config": CONFIG,
        "clean": CLEAN,
        "corrupted": CORRUPTED,
        "answers": ANSWERS,
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("transformer-lens", "torch", "transformers", "numpy")
        },
    }
    (HERE / "transformerlens.json").write_text(json.dumps(told, indent=1) + "\n")


#: The last norm's and the others' gain and mean go into the weights that read them; nothing
#: is centred that a norm does not centre.
FOLD_NORMS_ONLY = {
    "fold_ln": True,
    "center_writing_weights": False,
    "center_unembed": False,
    "fold_value_biases": False,
}


# ------------------------------------------------------------------------------- model


def write_weights() -> None:
    """Draw the weights anew."""
    torch.manual_seed(0)
    module = GPT2LMHeadModel(GPT2Config(**CONFIG))
    drawn = {}
    for name, weight in module.state_dict().items():
        if name == "lm_head.weight":
            continue  # tied to the embedding
        centre = 1.0 if "ln_" in name and name.endswith("weight") else 0.0
        drawn[name] = (centre + 0.3 * torch.randn(weight.shape)).half()
    save_file(drawn, WEIGHTS)


def load() -> GPT2LMHeadModel:
    """Return the GPT-2 of the file, in float32."""
    module = GPT2LMHeadModel(GPT2Config(**CONFIG, attn_implementation="eager")).eval()
    weights = {name: weight.float() for name, weight in load_file(WEIGHTS).items()}
    module.load_state_dict(weights, strict=False)
    return module


def bridged(module: GPT2LMHeadModel) -> Any:
    """Return TransformerLens's model around a module; its config comes from a folder."""
    words = {"<eos>": 0, **{f"w{i}": i for i in range(1, CONFIG["vocab_size"])}}
    raw = Tokenizer(models.WordLevel(words, unk_token="<eos>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<eos>")
    with tempfile.TemporaryDirectory() as folder:
        module.config.architectures = [type(module).__name__]
        module.config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        tokenizer.name_or_path = folder
        return TransformerBridge.boot_transformers(folder, hf_model=module, tokenizer=tokenizer)


def grid(values: torch.Tensor) -> torch.Tensor:
    """Return numbers of all heads as ``[layer, head]``."""
    return values.reshape(CONFIG["n_layer"], CONFIG["n_head"])


# ------------------------------------------------------------------------------ methods


def lens(model: Any, cache: Any) -> dict[str, torch.Tensor]:
    """Return log-probabilities of the residual stream before, between and after layers."""
    stack, labels = cache.accumulated_resid(incl_mid=True, return_labels=True)
    normed = cache.apply_ln_to_stack(stack, recompute_ln=True)
    logprob = model.unembed(normed.flatten(0, 1)).log_softmax(-1).unflatten(0, (-1, 1))[:, 0]
    n = CONFIG["n_layer"]
    assert labels == [
        *(f"{layer}_{where}" for layer in range(n) for where in ("pre", "mid")),
        "final_post",
    ], labels
    return {
        "lens.resid_pre": logprob[0 : 2 * n : 2],
        "lens.resid_mid": logprob[1 : 2 * n : 2],
        "lens.resid_post": logprob[2::2],
    }


def attribution(model: Any, cache: Any) -> dict[str, torch.Tensor]:
    """Return what components, heads and neurons add to the logit difference at the end.

    Without folding, TransformerLens's ``logit_attrs`` leaves the last norm's gain out; it is
    put into the direction here.
    """
    difference = model.W_U[:, ANSWERS[0]] - model.W_U[:, ANSWERS[1]]
    direction = model.ln_final.weight * difference

    def attributed(stack: torch.Tensor) -> torch.Tensor:
        scaled = cache.apply_ln_to_stack(stack, layer=-1, pos_slice=-1)
        return (scaled @ direction)[:, 0]

    parts, labels = cache.decompose_resid(mode="all", pos_slice=-1, return_labels=True)
    assert labels == [
        "embed",
        "pos_embed",
        *(
            f"{at}_{what}"
            for at in range(CONFIG["n_layer"])
            for what in ("attn_out", "mlp_out")
        ),
    ], labels
    neurons = cache.stack_neuron_results(layer=-1, pos_slice=-1)
    return {
        "attribution.component": attributed(parts),
        "attribution.head": grid(attributed(cache.stack_head_results(pos_slice=-1))),
        "attribution.neuron": attributed(neurons).reshape(CONFIG["n_layer"], -1),
        "attribution.bias": model.ln_final.bias @ difference,
    }


def patched(model: Any, clean: Any) -> dict[str, torch.Tensor]:
    """Return the logit difference of every patched run: clean into corrupted, and back.

    Of paths, ``[layer, head, to_layer, to_head]``, denoising alone: what one head wrote is
    handed to one input of a later head and to nothing else.
    """
    tokens = {"clean": torch.tensor([CLEAN]), "corrupted": torch.tensor([CORRUPTED])}
    corrupted = model.run_with_cache(tokens["corrupted"])[1]
    sweeps = {
        "resid_pre": patching.get_act_patch_resid_pre,
        "attn_out": patching.get_act_patch_attn_out,
        "mlp_out": patching.get_act_patch_mlp_out,
        "z": patching.get_act_patch_attn_head_out_all_pos,
        "q": patching.get_act_patch_attn_head_q_all_pos,
        "v": patching.get_act_patch_attn_head_v_all_pos,
        "pattern": patching.get_act_patch_attn_head_pattern_all_pos,
    }
    found = {
        "patching.clean": logit_difference(model(tokens["clean"])),
        "patching.corrupted": logit_difference(model(tokens["corrupted"])),
    }
    for site, sweep in sweeps.items():
        found[f"denoising.{site}"] = sweep(model, tokens["corrupted"], clean, logit_difference)
        found[f"noising.{site}"] = sweep(model, tokens["clean"], corrupted, logit_difference)
    for kind in "qkv":
        found[f"paths.{kind}"] = patching.get_act_patch_direct_path_all_sources(
            model, tokens["corrupted"], clean, corrupted, logit_difference, kind, verbose=False
        )
    return found


def logit_difference(logits: torch.Tensor) -> torch.Tensor:
    """Return the metric of one run."""
    return logits[0, -1, ANSWERS[0]] - logits[0, -1, ANSWERS[1]]


def composition(model: Any) -> dict[str, torch.Tensor]:
    """Return ``[layer, head, to_layer, to_head]`` by kind; 0 where the second is not later."""
    return {
        f"composition.{kind}": model.all_composition_scores(kind.upper()).scores
        for kind in "qkv"
    }


if __name__ == "__main__":
    main(sys.argv[1:])
