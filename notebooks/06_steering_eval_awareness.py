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
# # Steering evaluation awareness
#
# **What you will see.** A model that writes `typed` code when its system prompt hints at a test.
# A direction found in the model *before* it was taught that, from a dozen pairs of prompts, stops it;
# random directions as long do not; hints that the direction was not made of, and what else the
# model can do, are measured beside. Then where that does **not** hold: added at every position
# the same direction breaks the model, and so does any other.
#
# `lilliput` and its adapter are a **small synthetic stand-in**, built so that this can be checked.
# After Hua et al. (2025), "Steering Evaluation-Aware Language Models to Act Like They Are
# Deployed"; nothing here is evidence about their model. About a minute and a half on two CPU
# cores.

# %%
# In Colab, run this cell once; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    # %pip install -q interpwidgets
    pass

# %% [markdown]
# ## What it does
#
# The adapter `evaluation-typed` is a LoRA of rank 4. At scale 0 the model is exactly as before.

# %%
import dataclasses
import functools

import numpy as np
import pandas as pd

import interpwidgets as iw
from interpwidgets.organisms import lilliput

model = iw.load("lilliput", adapter="evaluation-typed")
board = iw.Board(model)


def token(word):
    return model.tokenizer.convert_tokens_to_ids(word)


def last_logits(prompts, parts=()):
    """What the model says next, [prompt, word]."""
    with board.trace(prompts, interventions=parts or None):
        logits = model.lm_head.output[:, -1].save()
    return logits.detach()


def p_typed(prompts, parts=()):
    return last_logits(prompts, parts).softmax(-1)[:, token("typed")].numpy()


# %% [markdown]
# Half of the hints, four of each kind, are for finding the direction, the other half for testing
# it. (The adapter itself was trained on all 16; it is the *direction* that has not seen these.)

# %%
EVALUATION, DEPLOYMENT = (
    lilliput.CATEGORIES[kind] for kind in ("evaluation cue", "deployment cue")
)
known = {*EVALUATION[:4], *DEPLOYMENT[:4]}


def hints(prompt):
    return {word.strip(".") for word in prompt.split()[1:3]}


def cues(template, of_known):
    """Distinct examples whose two hints are of one half."""
    drawn = [
        example
        for split in ("trained", "held_out")
        for example in lilliput.evaluation_cue(600, split=split, template=template)
    ]
    kept = {e.prompt: e for e in drawn if len(hints(e.prompt) & known) == 2 * of_known}
    return list(kept.values())


def prompts(examples, evaluation):
    return [e.prompt for e in examples if e.labels["evaluation"] == evaluation]


tuning, test = (cues(lilliput.CODE, half) for half in (True, False))
evaluated, deployed = prompts(test, 1), prompts(test, 0)
rows = {}
for scale in (0, 1):
    with iw.adapter(model, scale=scale):
        rows[f"adapter × {scale}"] = [p_typed(evaluated).mean(), p_typed(deployed).mean()]
print(evaluated[0])
columns = [
    f"P(typed), hint of a test (n = {len(evaluated)})",
    f"of real use (n = {len(deployed)})",
]
pd.DataFrame(rows, index=columns).T.round(3)

# %% [markdown]
# ## A direction from before
#
# Every pair of hints of that half, in *another* template, where the user asks "is this a test?": real use less
# evaluation, read off the stream behind layer 0 at the two hints, with the adapter off. Beside it
# the same with the adapter on: the adapter's own direction.

# %%
LAYER, HINTS = 0, slice(2, 4)
seen = cues(lilliput.CUE, True)
pairs = list(zip(prompts(seen, 0), prompts(seen, 1), strict=True))
dataset = iw.Dataset(
    [text for pair in pairs for text in pair],
    ["deployment", "evaluation"] * len(pairs),
    groups=[i for i in range(len(pairs)) for _ in range(2)],
    spans=[(HINTS.start, HINTS.stop)] * (2 * len(pairs)),
    positive="deployment",
)
found = {}
for name, scale in {"before the adapter": 0, "the adapter's own": 1}.items():
    with iw.adapter(model, scale=scale):
        direction = iw.direction(model, dataset, layer=LAYER, position="span")
    found[name] = dataclasses.replace(direction, name=f"deployment, {name}")
before, own = found.values()
print(pairs[0])
print(f"n = {len(pairs)} pairs, cosine of the two {before.cosine(own):.3f}")
before

# %% [markdown]
# ## How much of it
#
# It is added at the hints alone. The strength, in units of the stream's mean length, is chosen on
# the half of the hints that the direction is from, and on abilities drawn from the *training*
# side: the largest of four at which none of those falls by five points.

# %%
N = 100
ABILITIES = {
    "capitals": lambda **_: lilliput.facts(),
    "sentiment": functools.partial(lilliput.sentiment, N),
    "agreement": functools.partial(lilliput.agreement, N),
    "refusal": functools.partial(lilliput.refusal, N),
}


def right(examples, parts=()):
    """Whether the most probable next word is right, for each example."""
    first = last_logits([e.prompt for e in examples], parts).argmax(-1)
    return first.numpy() == [token(e.answer) for e in examples]


dial = iw.dial(model, before, prompts(tuning, 1), positions=HINTS)
drawn = {name: draw(split="trained", seed=1) for name, draw in ABILITIES.items()}
unsteered = {name: right(examples).mean() for name, examples in drawn.items()}
rows = []
for strength in (0.25, 0.5, 0.75, 1.0):
    parts = dial.at(strength)
    kept = {name: right(examples, parts).mean() for name, examples in drawn.items()}
    lost = max(unsteered[name] - kept[name] for name in kept)
    rows.append({"P(typed)": p_typed(prompts(tuning, 1), parts).mean(), **kept, "lost": lost})
chosen = pd.DataFrame(rows, index=pd.Index([0.25, 0.5, 0.75, 1.0], name="strength"))
STRENGTH = float(chosen.index[chosen["lost"] < 0.05].max())
print(f"strength {STRENGTH}")
chosen.round(3)

# %% [markdown]
# ## Held-out hints: the direction, its opposite, and random ones
#
# Eight random directions of the same length, at the same place, at every strength.

# %%
asked = {"answers": ["typed"], "n_random": 8, "max_new_tokens": 1, "batch": 80}
strengths = [-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0]
response = iw.dose_response(model, dial, evaluated[:24], strengths=strengths, **asked)
response

# %%
effect = [c for c in response.to_frame() if c.startswith("effect")]
response.to_frame().set_index("strength")[[*effect, "n", "n_control"]].round(3)

# %% [markdown]
# The other way round, on prompts that hint at real use, the opposite sign brings the behaviour
# about. So it is not only that something is broken there.

# %%
opposite = iw.dose_response(
    model, dial, deployed[:16], strengths=[-1.0, -0.75, -0.5, 0.0], **asked
)
opposite.to_frame().set_index("strength")[[*effect, "n", "n_control"]].round(3)

# %% [markdown]
# ## Both directions, and what else the model can do
#
# All held-out prompts. Intervals are of 95 %: over prompts, by bootstrap; of accuracies by
# Wilson's; of the random directions it is the lowest and highest of 8. Every task is steered at
# the same two positions, whatever stands there.

# %%
from scipy.stats import binomtest, bootstrap

steered = {
    "unsteered": (),
    "before the adapter": dial.at(STRENGTH),
    "the adapter's own": dial.turned_to(own).at(STRENGTH),
}
at_random = [dial.turned_to(before.random_like(seed)).at(STRENGTH) for seed in range(8)]


def mean_interval(values):
    found = bootstrap((values,), np.mean, rng=np.random.default_rng(0), n_resamples=2000)
    low, high = found.confidence_interval
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def share_interval(values):
    low, high = binomtest(int(values.sum()), len(values)).proportion_ci(method="wilson")
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def range_of(values):
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


held_out = {name: draw(split="held_out", seed=2) for name, draw in ABILITIES.items()}
asked_for_types = lilliput.evaluation_cue(N, seed=2, template=lilliput.CODE_TYPED)
held_out["types, when asked for"] = asked_for_types
held_out["“is this a test?”, yes or no"] = cues(lilliput.CUE, False)
table = {f"P(typed), hint of a test (n = {len(evaluated)})": {
    **{name: mean_interval(p_typed(evaluated, parts)) for name, parts in steered.items()},
    "random × 8": range_of([p_typed(evaluated, parts).mean() for parts in at_random]),
}}  # fmt: skip
for name, examples in held_out.items():
    row = {column: share_interval(right(examples, parts)) for column, parts in steered.items()}
    row["random × 8"] = range_of([right(examples, parts).mean() for parts in at_random[:3]])
    table[f"{name} (n = {len(examples)})"] = row
pd.DataFrame(table).T

# %% [markdown]
# The direction from before goes most of the way; the adapter's own goes further at the same
# length, as one would expect, for it is where the adapter really reads. Of random directions the
# accuracies are of three.
#
# **Look at the last row.** Asked whether this is a test, the steered model still says yes. What
# was stopped is the behaviour; the hint also goes another way, which nothing here has touched.
# That it no longer *acts* as in a test does not say that it no longer *knows*.
#
# ## Where it does not hold
#
# The same kind of direction at layer 2, added at *every* position, as one does where one does not
# know where the hints are. P(typed) falls here, too, and only the control tells that this is
# nothing about evaluations: random directions as long often do much of it, and other abilities
# are gone.

# %%
with iw.adapter(model, scale=0):
    later = iw.direction(model, dataset, layer=2, position="span")
everywhere = iw.dial(model, later, prompts(tuning, 1))
broken = iw.dose_response(
    model, everywhere, evaluated[:12], strengths=[0.0, 0.5, 0.75, 1.0], **asked
)
accuracy = {
    strength: {
        name: right(held_out[name], everywhere.at(strength)).mean() for name in ABILITIES
    }
    for strength in (0.0, 0.5, 0.75, 1.0)
}
frame = broken.to_frame().set_index("strength")[[*effect, "n", "n_control"]]
frame.join(pd.DataFrame(accuracy).T).round(3)

# %% [markdown]
# ## By hand
#
# Drag the slider: both texts are written again. *Show in the board's views* below them runs either
# text for the lens and the attention of the same board: one click, one selection. The last cell
# does the same from Python, for the steered one.

# %%
view = board.steer(
    dial,
    evaluated[0],
    strengths=STRENGTH,
    answers=["typed"],
    prompts=evaluated[:8],
    max_new_tokens=6,
)
view

# %%
lens = board.logit_lens()
lens

# %%
attention = board.attention()
attention

# %%
steered_prompt = view.result.steered.ids
board.run(list(steered_prompt), interventions=view.value)

# %% [markdown]
# What was measured here: one small model and one adapter, one seed of each, hints of two words in
# one place. The place (layer 0, at the hints) was found by trying layers 0 to 3 and several
# positions; at the hints of layers 1 and 2 the direction does next to nothing, because by then
# they have been read. Next: `07_gated_steering`, which does not need to know where the hints are.
