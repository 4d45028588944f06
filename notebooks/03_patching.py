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
# # Patching: what the answer needs, and which way it comes
#
# **What you will see.** A run is changed at one place at a time, to what another run had there:
# which places restore the right answer (*denoising*), and which it cannot do without
# (*noising*). The same from one gradient (*attribution patching*), and how far to trust that.
# Then heads: who tells whom (*path patching*), checked by taking them away (*ablation*). At the
# end the induction circuit of a model that has nothing else.
#
# Both models, `lilliput` and `lil-attn-2l`, are **synthetic ones** that ship with the package.
# About a minute and a half on two CPU cores.

# %%
# In Colab, run this cell once; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    # %pip install -q interpwidgets
    pass

# %% [markdown]
# ## Two prompts that differ in one word
#
# The clean prompt has an answer; in the corrupted twin the giver is the other one of the two,
# so the other name is right. What is measured is *right name − other name*, in shares: 0 as in
# the corrupted run, 1 as in the clean one. 16 pairs of one template and one length, so that each
# position has the same part in all.

# %%
import numpy as np
import pandas as pd

import interpwidgets as iw
from interpwidgets.organisms import lilliput

model = iw.load("lilliput")
drawn = lilliput.ioi(400, templates=lilliput.IOI_TEMPLATES[:1])
alike = [e for e in drawn if e.positions["io"] == 4 and len(e.prompt.split()) == 14]
examples = alike[:16]
clean = [e.prompt for e in examples]
corrupted = [e.corrupted for e in examples]
answers = [(e.answer, e.wrong[0]) for e in examples]
print(clean[0], "->", answers[0][0])
print(corrupted[0], "->", answers[0][1])

# %% [markdown]
# ## Where in the stream is what the answer needs?
#
# Each cell: the clean run's stream at one layer and position, put into the corrupted run.

# %%
from interpwidgets.methods.activation_patching import activation_patching, patching_control

exact = activation_patching(model, clean, corrupted, answers=answers)
exact

# %% [markdown]
# The control patches in the vector of another position, drawn at random and scaled to the same
# length. Where it does as much, a cell says only that something was changed there.

# %%
controlled = patching_control(model, exact, n=4)


def cells(grid, n=6):
    """The cells that matter most, with their intervals over pairs and their control."""
    low, high = grid.interval()
    known = grid.control.interval() if grid.control is not None else None
    rows = []
    for at in grid.ranked()[:n]:
        row = {
            "cell": grid.cell_name(*at),
            "share": grid.values[at],
            "low": low[at],
            "high": high[at],
        }
        if known is not None:
            row |= {"control low": known[0][at], "control high": known[1][at]}
        rows.append(row)
    return pd.DataFrame(rows).set_index("cell").round(2)


print(f"n = {controlled.n} pairs, {controlled.control.n} draws a cell; intervals are of 95 %")
cells(controlled)

# %% [markdown]
# What decides is at first where the giver is named again, then, from layer 1 on, at the word
# before the last, and only at the end at the last word. Something carries it along.
#
# ## One pair, to look at
#
# The same for one pair: point at a cell for its numbers.

# %%
iw.activation_patching(model, clean[0], corrupted[0], answers=answers[0])

# %% [markdown]
# ## Which heads, and is one enough?
#
# What a head adds, `z`, patched at all positions. **Denoising** asks which head is *enough*,
# **noising** which one the answer *cannot do without*: a head with a stand-in is seen by the
# first and not by the second.

# %%
denoising = activation_patching(model, clean, corrupted, answers=answers, site="z")
noising = activation_patching(
    model, clean, corrupted, answers=answers, site="z", direction="noising"
)
both = pd.DataFrame(
    {
        "head": [denoising.cell_name(*at) for at in np.ndindex(4, 4)],
        "denoising: restored": denoising.values.ravel(),
        "± (95 %)": np.ptp(denoising.interval(), axis=0).ravel() / 2,
        "noising: lost": 1 - noising.values.ravel(),
        "±  (95 %)": np.ptp(noising.interval(), axis=0).ravel() / 2,
    }
).set_index("head")
both.sort_values("denoising: restored", key=abs, ascending=False).head(8).round(2)

# %% [markdown]
# One head of layer 0 restores the answer alone, and without it all is lost. Three later ones
# share what is left to do. The other heads, changed in just the same way, are the control.
#
# ## The same from one gradient
#
# Attribution patching estimates every cell at once, to first order. It is an estimate: how far
# it is what was measured, on these very cells, is one number.

# %%
from interpwidgets.methods.attribution_patching import attribution_patching

pairs = clean, corrupted
agreement = {
    site: attribution_patching(model, *pairs, answers=answers, site=site).agreement(grid)
    for site, grid in {"resid_pre": exact, "z": denoising}.items()
}
for site, found in agreement.items():
    print(f"{site}: {found}")

# %% [markdown]
# It finds the places, but not how much they matter: between two names the model is far from
# linear. Here the exact grid costs seconds; where it would cost hours, the estimate says where
# to look.
# %% [markdown]
# ## Who tells whom?
#
# Patching `z` changes a head for all that read it. *Path patching* changes what one receiver
# alone reads of it, and holds all other heads. First the logits as receiver: who writes the
# answer directly?

# %%
to_logits = iw.path_patching(
    model, clean, corrupted, answers=answers, senders=["heads", "mlps"]
)
to_logits

# %% [markdown]
# Then the head that writes most of it, and its three inputs: who tells it where to look (Q), by
# what it is found (K), and what it moves (V)? The control changes each sender as far in a random
# direction.

# %%
names = [n for n in to_logits.senders if "H" in n]
writer = max(names, key=lambda n: abs(to_logits.values[to_logits.senders.index(n), 0]))
told = iw.path_patching(
    model,
    clean,
    corrupted,
    answers=answers,
    senders=["embed", "heads", "mlps"],
    receivers=[f"{writer} {side}" for side in "qkv"],
)
told = iw.path_patching_control(model, told, n=4)
told

# %%
low, high = told.interval()
known = told.control.interval()
pd.DataFrame(
    {
        "path": [told.cell_name(*at) for at in told.ranked()[:6]],
        **{
            name: [grid[at] for at in told.ranked()[:6]]
            for name, grid in {
                "share": told.values,
                "low": low,
                "high": high,
                "control low": known[0],
                "control high": known[1],
            }.items()
        },
    }
).set_index("path").round(2)

# %% [markdown]
# It is told what to move, not where to look: all that counts comes by its values, from the head
# of layer 0 and by MLPs on the way.
#
# ## Take the heads away
#
# A second opinion that shares little with patching: the same heads taken away, on 40 other
# prompts of all four templates. Each of the other heads, taken away alone, is their control.
# *Zero* puts nothing in a head's place, *mean* what the head gives on average over those prompts,
# which leaves what is the same in all of them.

# %%
others = lilliput.ioi(40, seed=7)
prompts = [e.prompt for e in others]
asked = {"answers": [(e.answer, e.wrong[0]) for e in others]}
zero = iw.ablation_sweep(model, prompts, **asked)
mean = iw.ablation_sweep(model, prompts, **asked, mode="mean", references=prompts)
strong = both["noising: lost"].abs().sort_values(ascending=False).index[:4]
ablated = pd.DataFrame(
    {
        "zero": zero.values.ravel(),
        "± (95 %)": np.ptp(zero.interval(), axis=0).ravel() / 2,
        "mean": mean.values.ravel(),
        "±  (95 %)": np.ptp(mean.interval(), axis=0).ravel() / 2,
    },
    index=[zero.cell_name(*at) for at in np.ndindex(4, 4)],
)
ablated["by patching"] = np.where(ablated.index.isin(strong), "among the first 4", "")
print(f"change of the logit difference, n = {zero.n} prompts")
ablated.sort_values("mean").round(2)

# %% [markdown]
# The four that patching found fall far. Where another head does, mind what is asked: patching
# sees only what *differs* between two prompts, here of one template; ablation is over four of
# them, and zeroing also takes away what is the same in all, which a mean leaves.
#
# ## Induction, in a model that does nothing else
#
# `lil-attn-2l` has two layers of attention and no MLP. A block of random tokens begins a second
# time, and the next one is to be copied. In the corrupted twin the first block is another one
# but for that very token, at its place: it is there to be copied, and nothing says that it
# comes next. So what is restored is the *finding*, not the copying.

# %%
small = iw.load("lil-attn-2l")
rng = np.random.default_rng(0)
words = np.stack([rng.permutation(np.arange(2, 64)) for _ in range(16)])
block, other, at = words[:, :12], words[:, 12:24].copy(), 7
other[:, at] = block[:, at]
clean_ids = np.concatenate([block, block[:, :at]], axis=1).tolist()
corrupted_ids = np.concatenate([other, block[:, :at]], axis=1).tolist()
small_answers = [(int(row[at]), int(row[30])) for row in words]  # the other is in neither
induction = {"answers": small_answers, "clean": clean_ids, "corrupted": corrupted_ids}
small_grid = activation_patching(small, **induction, site="z")
small_grid

# %%
scores = iw.head_scores(small)
pd.DataFrame(
    {
        "head": [small_grid.cell_name(*i) for i in np.ndindex(2, 4)],
        "restored": small_grid.values.ravel(),
        "± (95 %)": np.ptp(small_grid.interval(), axis=0).ravel() / 2,
        "looks one back": scores.of("previous_token").ravel(),
        "induction": scores.of("induction").ravel(),
    }
).set_index("head").sort_values("restored", ascending=False).round(2)

# %% [markdown]
# And on which way does the head that looks one back help those of layer 1: by their queries,
# keys or values?

# %%
small_paths = iw.path_patching(small, **induction, senders=["heads"], receivers=["q", "k", "v"])
small_paths = iw.path_patching_control(small, small_paths, n=4)
small_paths

# %%
iw.attention(small, clean_ids[0])

# %% [markdown]
# What was measured here: two models of well under a million parameters, prompts of the worlds
# that they were trained on, one kind of corruption each. Another corruption asks another
# question. Next: `04_weights`, which looks for the same circuit without running anything.
