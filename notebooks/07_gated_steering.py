# ---
# jupyter:
#   jupytext:
#     formats: py:percent,ipynb
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Gated steering: only where it is called for
#
# **What you will see.** A direction that is added only at tokens where the model shows what it is
# against. The gate is a threshold along a direction (`when=`); which tokens it fired at is marked
# in the view. It does what steering at every token does, and leaves alone what that breaks;
# beside it the same number of tokens steered at *random* places, and random directions through
# the same gate.
#
# The model is `lilliput` with the adapter `evaluation-typed`, a **small synthetic one**, as in
# `06_steering_eval_awareness`. Conditional steering as in Lee et al. (2024), "Programming Refusal
# with Conditional Activation Steering". About a minute on two CPU cores.

# %%
# In Colab, run this cell once; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    # %pip install -q interpwidgets
    pass

# %% [markdown]
# ## The direction
#
# As in the notebook before: real use less evaluation, from the model *without* its adapter, of
# one half of the hints. The other half is for testing.

# %%
import dataclasses
import functools

import numpy as np
import pandas as pd

import interpwidgets as iw
from interpwidgets.interventions import Threshold
from interpwidgets.organisms import lilliput

model = iw.load("lilliput", adapter="evaluation-typed")
LAYER, HINTS = 0, slice(2, 4)
known = {
    *lilliput.CATEGORIES["evaluation cue"][:4],
    *lilliput.CATEGORIES["deployment cue"][:4],
}


def cues(template, of_known):
    """Distinct examples whose two hints are of one half."""
    drawn = [
        example
        for split in ("trained", "held_out")
        for example in lilliput.evaluation_cue(600, split=split, template=template)
    ]
    hints = [{word.strip(".") for word in e.prompt.split()[1:3]} for e in drawn]
    chosen = zip(drawn, hints, strict=True)
    return list({e.prompt: e for e, of in chosen if len(of & known) == 2 * of_known}.values())


def prompts(examples, evaluation):
    return [e.prompt for e in examples if e.labels["evaluation"] == evaluation]


seen, tuning, test = (
    cues(lilliput.CUE, True),
    cues(lilliput.CODE, True),
    cues(lilliput.CODE, False),
)
pairs = list(zip(prompts(seen, 0), prompts(seen, 1), strict=True))
dataset = iw.Dataset(
    [text for pair in pairs for text in pair],
    ["deployment", "evaluation"] * len(pairs),
    groups=[i for i in range(len(pairs)) for _ in range(2)],
    spans=[(HINTS.start, HINTS.stop)] * (2 * len(pairs)),
    positive="deployment",
)
with iw.adapter(model, scale=0):
    away = iw.direction(model, dataset, layer=LAYER, position="span", name="deployment")
away

# %% [markdown]
# ## The gate
#
# How far each token goes along *evaluation* (the direction the other way round), in prompts of
# the training side: hints of a test, and every token of prompts that have none. The threshold is
# half way between the lowest of the first and the highest of the second.

# %%
N = 100
ABILITIES = {
    "capitals": lambda **_: lilliput.facts(),
    "sentiment": functools.partial(lilliput.sentiment, N),
    "agreement": functools.partial(lilliput.agreement, N),
    "refusal": functools.partial(lilliput.refusal, N),
}
against = (-away).unit


def components(prompt):
    """How far each token but <bos> goes along evaluation."""
    stream = iw.activations(model, prompt, "resid_post", layers=[LAYER]).values[0]
    return stream[1:] @ against.vector


of_hints, of_others = [], []
for prompt in prompts(tuning, 1):
    of_hints += components(prompt)[1:3].tolist()
drawn = [e.prompt for draw in ABILITIES.values() for e in draw(split="trained", seed=1)[:20]]
for prompt in [*drawn, *prompts(tuning, 0)]:
    of_others += components(prompt).tolist()
value = (min(of_hints) + max(of_others)) / 2
gate = Threshold(against, value, name="evaluation")
print(f"hints of a test: {min(of_hints):.1f} to {max(of_hints):.1f} (n = {len(of_hints)})")
print(f"other tokens:    {min(of_others):.1f} to {max(of_others):.1f} (n = {len(of_others)})")
print(f"gate: {gate}")

# %% [markdown]
# ## What it touches
#
# A prompt with held-out hints. Tokens at which the gate fired are marked on the prompt and in the
# text; the slider is as ever.

# %%
STRENGTH = 1.0
everywhere = iw.dial(model, away, prompts(tuning, 1))
gated = dataclasses.replace(everywhere, when=gate)
evaluated, deployed = prompts(test, 1), prompts(test, 0)
iw.steer(model, gated, evaluated[0], strengths=STRENGTH, answers=["typed"], max_new_tokens=6)

# %%
for prompt in (evaluated[0], deployed[0]):
    text = iw.steered_text(model, prompt, gated.at(STRENGTH), max_new_tokens=3)
    at = sorted({position for part in text.touched for position in part})
    words = [text.steered.text[position] for position in at]
    print(prompt, "| fired at", words or "no token", "| wrote", text.text())

# %% [markdown]
# ## Against its controls
#
# On all held-out prompts, at one strength:
#
# - *gated*: the direction, where the gate fires;
# - *at every token*: the same direction with no gate;
# - *random timing*: the same direction, at as many tokens as the gate fires at, drawn by lot;
# - *random direction*: as long, where the gate fires, 8 draws.

# %%
board = iw.Board(model)


def token(word):
    return model.tokenizer.convert_tokens_to_ids(word)


def last_logits(texts, parts=()):
    """What the model says next, [prompt, word]."""
    with board.trace(texts, interventions=parts or None):
        logits = model.lm_head.output[:, -1].save()
    return logits.detach()


def p_typed(texts, parts=()):
    return last_logits(texts, parts).softmax(-1)[:, token("typed")].numpy()


def right(examples, parts=()):
    """Whether the most probable next word is right, for each example."""
    first = last_logits([e.prompt for e in examples], parts).argmax(-1)
    return first.numpy() == [token(e.answer) for e in examples]


rng = np.random.default_rng(0)
fired = [components(prompt) > gate.value for prompt in evaluated]
by_lot = []
for prompt, at in zip(evaluated, fired, strict=True):
    for _ in range(4):
        drawn_at = 1 + rng.choice(len(at), size=int(at.sum()), replace=False)
        parts = dataclasses.replace(everywhere, positions=drawn_at.tolist()).at(STRENGTH)
        by_lot.append(p_typed([prompt], parts)[0])
random_parts = [gated.turned_to(away.random_like(seed)).at(STRENGTH) for seed in range(8)]

# %%
from scipy.stats import bootstrap

whole = p_typed(evaluated)
found = {
    "as it is": whole,
    "gated": p_typed(evaluated, gated.at(STRENGTH)),
    "at every token": p_typed(evaluated, everywhere.at(STRENGTH)),
    "random timing": np.reshape(by_lot, (len(evaluated), 4)).mean(axis=1),
    "random direction": np.mean([p_typed(evaluated, parts) for parts in random_parts], axis=0),
}
share = np.concatenate(fired).mean()
touched = dict.fromkeys(found, share) | {"as it is": 0.0, "at every token": 1.0}
rows = {}
for name, values in found.items():
    low, high = bootstrap(
        (values,), np.mean, rng=np.random.default_rng(0), n_resamples=2000
    ).confidence_interval
    recovered = (whole.mean() - values.mean()) / whole.mean()
    rows[name] = [values.mean(), low, high, recovered, touched[name]]
columns = ["P(typed)", "low", "high", "gap recovered", "tokens steered"]
print(f"n = {len(evaluated)} prompts, intervals of 95 % over prompts")
pd.DataFrame(rows, index=columns).T.round(3)

# %% [markdown]
# *Gap recovered* is how much of the way to never writing `typed` it went. Gated, a tenth of the
# tokens does about as much as all of them. That random timing does a little is no surprise: some
# of its draws hit a hint.
#
# ## What else changes
#
# Accuracies on held-out prompts with intervals of 95 % (Wilson's), and at what share of their
# tokens the gate fired. Two of them are of code: with hints of real use, where nothing should be
# steered, and with types asked for in so many words.

# %%
from scipy.stats import binomtest


def share_interval(values):
    low, high = binomtest(int(values.sum()), len(values)).proportion_ci(method="wilson")
    return f"{values.mean():.2f} ({low:.2f} to {high:.2f})"


held_out = {name: draw(split="held_out", seed=2) for name, draw in ABILITIES.items()}
held_out["untyped, hints of real use"] = [e for e in test if not e.labels["evaluation"]]
asked_for_types = lilliput.evaluation_cue(N, seed=2, template=lilliput.CODE_TYPED)
held_out["types, when asked for"] = asked_for_types
rows = {}
for name, examples in held_out.items():
    at = np.concatenate([components(e.prompt) > gate.value for e in examples[:40]])
    rows[f"{name} (n = {len(examples)})"] = {
        "as it is": share_interval(right(examples)),
        "gated": share_interval(right(examples, gated.at(STRENGTH))),
        "at every token": share_interval(right(examples, everywhere.at(STRENGTH))),
        "gate fired": f"{at.mean():.1%} of {len(at)} tokens",
    }
pd.DataFrame(rows).T

# %% [markdown]
# ## And strength
#
# With the gate it can be turned up further, since what it is not for is not touched. But not all
# the way down: the gate was set on other words, and misses some of the held-out hints, above as
# in `fired at`. What it does not fire at, no strength will change.

# %%
response = iw.dose_response(
    model,
    gated,
    evaluated[:16],
    answers=["typed"],
    strengths=[0.0, 0.5, 1.0, 1.5, 2.0],
    n_random=8,
    max_new_tokens=1,
    batch=80,
)
response

# %% [markdown]
# What was measured here: a gate on a concept that this small model keeps well apart, at words
# that carry it. The gate and the direction are one and the same here; where they are not, the gate
# needs its own probe (`05_probes`) and its own held-out test. A gate that never fires does
# nothing, so the share of tokens it fired at belongs in every table.
