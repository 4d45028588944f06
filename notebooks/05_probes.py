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
# # Probes, and what they are worth
#
# **What you will see.** Linear probes for three things that a model's prompts are about:
# sentiment, number, and whether a prompt hints at a test. Each is measured on texts that it was
# not fitted on, layer by layer, **beside controls**: shuffled labels, random directions, other
# templates. Then every word of an unseen text by its score, and a claim put to the test: that
# the signs of single components carry the classes.
#
# The model is `lilliput`, a **small synthetic one** that ships with the package. About a minute
# on two CPU cores.

# %%
# In Colab, run this cell once; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    # %pip install -q interpwidgets
    pass

# %% [markdown]
# ## Three datasets
#
# Texts, labels, and *groups*: what shares its content words is never on both sides of a split.
# Identical texts are left out.

# %%
import numpy as np
import pandas as pd

import interpwidgets as iw
from interpwidgets.organisms import lilliput

model = iw.load("lilliput")


def labelled(examples, label, content, name, positive):
    """A dataset of distinct examples; ``content`` names the slots that make a group."""
    distinct = list({e.prompt: e for e in examples}.values())
    return iw.Dataset(
        [e.prompt for e in distinct],
        [label(e) for e in distinct],
        groups=[" ".join(sorted(str(e.labels[slot]) for slot in content)) for e in distinct],
        name=name,
        positive=positive,
    )


def sentiment(examples):
    words = ("first", "second")
    return labelled(examples, lambda e: e.labels["sentiment"], words, "sentiment", "positive")


def number(examples):
    words = ("subject", "attractor")
    return labelled(examples, lambda e: e.labels["number"], words, "number", "plural")


def evaluation(examples):
    kinds = ("deployment", "evaluation")
    words = ("first", "second")
    return labelled(
        examples, lambda e: kinds[e.labels["evaluation"]], words, "hint", "evaluation"
    )


trained = {"split": "trained"}
plain = [e for e in lilliput.agreement(320, **trained) if "attractor" in e.labels]
data = {
    "sentiment": sentiment(lilliput.sentiment(240, **trained)),
    "number": number(plain),
    "hint of a test": evaluation(lilliput.evaluation_cue(320, **trained)),
}
data

# %% [markdown]
# *Another* dataset for each, to which the probe is taken as it is: another template, or pairs of
# words that the model itself never saw together.

# %%
transfer = {
    "sentiment": {"adjectives of no review": sentiment(lilliput.sentiment(80))},
    "number": {"pairs of nouns never met": number(lilliput.agreement(80))},
    "hint of a test": {
        "pairs of hints never met": evaluation(lilliput.evaluation_cue(80)),
        "asked for code": evaluation(
            lilliput.evaluation_cue(80, split="trained", template=lilliput.CODE)
        ),
    },
}
probes, results = {}, {}
for name, dataset in data.items():
    probes[name] = iw.probe(
        model,
        dataset,
        transfer=transfer[name],
        method=["logistic", "mean_difference", "sign"],
        shuffled=20,
        random=20,
        rotations=20,
    )
    results[name] = getattr(probes[name], "result", probes[name])
probes["sentiment"]

# %% [markdown]
# ## All three, with their controls
#
# AUROC of the logistic probe at the last token, by layer (−1 is the embedding, which there holds
# the same word for all). `low` and `high` hold 95 % over groups resampled; of the controls they
# hold 95 % of 20 draws.

# %%
columns = ["value", "low", "high", "shuffled", "shuffled_low", "shuffled_high"]
columns += ["random", "random_low", "random_high"]


def auroc(result, method="logistic", part="held out"):
    frame = result.to_frame().query("layer >= 0").set_index("layer")
    chosen = (frame["method"] == method) & (frame["part"] == part)
    return frame[chosen & (frame["metric"] == "auroc")]


for name, result in results.items():
    print(f"{name}: n = {int((result.part == 1).sum())} held out, {result.split}")
table = {name: auroc(result)[columns] for name, result in results.items()}
pd.concat(table, names=["probe"]).round(2)

# %% [markdown]
# **Shuffled labels are near one half**: the probes do not merely remember. But look at *random
# directions*: where all prompts are of one template, almost all that varies at the last token is
# the answer, so many directions show it, and an AUROC of 1 is cheap there. It is no sign that the
# model has *a* direction for it. In `number` before the last layers they do not: there the probe
# finds something that a random direction does not.
#
# ## Elsewhere

# %%
rows = {}
for name, result in results.items():
    for part in result.parts[2:]:
        rows[f"{name}: {part} (n = {int((result.part == result.parts.index(part)).sum())})"] = [
            f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})"
            for row in auroc(result, part=part).itertuples()
        ]
pd.DataFrame(rows, index=["L0", "L1", "L2", "L3"]).T

# %% [markdown]
# Words that never met are no obstacle. Another template is: where code is asked for, the last token
# is another word and has little use for the hint, and the probe that was perfect on its own
# template is far from it, at layer 3 no better than chance. Held-out *texts* say nothing about
# that; only a second dataset does.
#
# ## Word by word
#
# The same probe at every word of a text that it has not seen. At the last word this is the
# probe's own score; elsewhere only what its direction happens to show.

# %%
of_hints = results["hint of a test"]
iw.probe_scores(model, of_hints, "[sys] rubric harness. [user] is this a test? [bot]")

# %%
iw.probe_scores(model, of_hints, "[sys] client invoice. [user] is this a test? [bot]")

# %% [markdown]
# ## Do signs carry the classes?
#
# One claim about residual streams is that each component is a register whose *sign* is its
# content. `method="sign"` takes for each class the signs on which its examples agree, and counts
# agreement: nothing is trained. If components mean something, the same in a randomly **rotated**
# stream must do worse.

# %%
frames = {name: auroc(result, "sign") for name, result in results.items()}
columns = ["value", "low", "high", "rotated", "rotated_low", "rotated_high"]
signs = pd.concat(frames, names=["probe"])[columns]
inside = (signs["value"] <= signs["rotated_high"]) & (signs["value"] >= signs["rotated_low"])
signs["as rotated"] = np.where(inside, "yes", "no")
print(f"inside 95 % of 20 rotations: {inside.sum()} of {len(inside)}")
signs.round(2)

# %% [markdown]
# Signs do tell the classes apart in many places, and **they do in any basis**: every value lies
# within what rotations give. So nothing here says that the components of this model's stream are
# special, only that the classes are far apart. (With 20 rotations and so few groups, a small
# difference would not be seen.)
#
# ## From a probe to a direction
#
# Different methods find different directions for the same thing, even where all are right.

# %%
of = results["sentiment"]
directions = {m: of.direction(2, method=m) for m in ("logistic", "mean_difference")}
one, other = directions.values()
print(f"cosine of the two at layer 2: {one.cosine(other):.2f}")
one

# %% [markdown]
# What was measured here: whether something can be *read* by a line. Whether the model *uses* it,
# a probe cannot say; changing it can: `06_steering_eval_awareness`.
