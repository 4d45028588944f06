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
# # What the weights alone say
#
# **What you will see.** Which heads copy, which head feeds which, and what a head writes, all
# read off the weights with no prompt: eigenvalues of the OV circuit, composition scores beside
# those of random matrices, the circuits of one head as matrices, and its strongest directions
# as words. Then one prompt, to see whether the heads do what their weights say.
#
# Both models, `lil-attn-2l` and `lilliput`, are **synthetic ones** that ship with the package.
# Half a minute on two CPU cores.

# %%
# In Colab, run this cell once; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    # %pip install -q interpwidgets
    pass

# %% [markdown]
# ## Copying, and who feeds whom
#
# From a token that a head attends to, through its values and output, to the logits, is one
# matrix, the OV circuit. Where its eigenvalues are positive the head raises what it attends to:
# `Σ λ / Σ |λ|` is 1 for a head that copies. Composition is how much of what an earlier head can
# write a later one can read, by its queries (Q), keys (K) or values (V). Random matrices of the
# same shape are the control of both.

# %%
import numpy as np

import interpwidgets as iw

small = iw.load("lil-attn-2l")
circuits = iw.weight_circuits(small)
circuits

# %%
columns = ["layer", "head", "copying", "copying_low", "copying_high", "top_1", "n_tokens"]
circuits.to_frame()[columns].round(2)

# %% [markdown]
# `copying_low` and `copying_high` hold 95 % of random heads; `top_1` is the share of tokens
# that the head raises most when it attends to them.

# %%
print(f"random matrices: {circuits.baseline:.3f}, n = {len(circuits.composition_random)}")
circuits.pairs(n=6).round(3)

# %% [markdown]
# One head of layer 0 is on the left of the strongest pairs, and the heads of layer 1 read it
# **with their keys**. That is how induction works (Elhage et al., 2021): each token carries the
# one before it, and the later head looks for a token that carries the present one. `ratio` is
# to the mean of random matrices, `low` and `high` hold 95 % of those. Does the head on the left look one token back, and
# the one on the right do induction? That takes runs to see, on drawn sequences:

# %%
scores = iw.head_scores(small)
best = circuits.pairs("k", 1).iloc[0]
sender = int(best.layer), int(best["head"])
receiver = int(best.to_layer), int(best.to_head)
looks, matches = scores.of("previous_token"), scores.of("induction")
print(
    f"L{sender[0]} H{sender[1]} looks one back: {looks[sender]:.2f}, "
    f"other heads of its layer at most {np.delete(looks[sender[0]], sender[1]).max():.2f}"
)
print(
    f"L{receiver[0]} H{receiver[1]} induction: {matches[receiver]:.2f}, "
    f"heads of layer 0 at most {matches[0].max():.2f}"
)

# %% [markdown]
# ## One head's circuits as matrices
#
# `iw.head_matrix` gives both: `x @ ov` is what the head writes where all its attention is on
# `x`, `x @ qk @ y` its score from a query `x` to a key `y`. Between tokens they are the *full*
# circuits: what each token raises when attended to, and which token attends to which.

# %%
from interpwidgets.methods.weight_circuits import head_matrix

ov, qk = (head_matrix(small, *receiver, circuit) for circuit in ("ov", "qk"))
values = np.linalg.svd(ov, compute_uv=False)
print(
    f"L{receiver[0]} H{receiver[1]}: OV {ov.shape}, rank {np.sum(values > 1e-4 * values[0])}; "
    f"QK {qk.shape}"
)

# %% [markdown]
# ## The same in lilliput
#
# Four layers with MLPs between them, and rotary positions, which no composition score knows of.
# Here most pairs are above random matrices, whether anything uses them or not: trained heads
# write and read the same few directions. So a score is a reason to look, not a circuit.

# %%
model = iw.load("lilliput")
more = iw.weight_circuits(model)
low, high = more.baseline_interval
above = (more.pairs().score > high).mean()
print(
    f"random matrices: {more.baseline:.3f}, 95 % {low:.3f} to {high:.3f}; "
    f"{above:.0%} of {len(more.pairs())} pairs are above those"
)
more.pairs(n=6).round(3)

# %%
layer, head = (int(i) for i in np.unravel_index(more.copying.argmax(), more.copying.shape))
print(
    f"L{layer} H{head} copies most: {more.copying[layer, head]:+.2f}; "
    f"95 % of random heads {more.copying_interval[0]:+.2f} to {more.copying_interval[1]:+.2f}"
)

# %% [markdown]
# ## What it writes, as words
#
# The singular vectors of its output matrix are the directions that it can write, the strongest
# first; the unembedding says which words each raises. Words that belong together are a finding;
# but any direction raises *some* words. How large the logits of random directions are stands
# beside.

# %%
iw.singular_directions(model, layer, head, n=4)

# %%
iw.singular_directions(model, layer, n=3)

# %% [markdown]
# The second table is of the layer's MLP: what it writes, without a word for what it reads.
#
# ## Does it do what its weights say?
#
# One prompt with a repetition, and the attention of the pair that composes. Weights say what a
# head *would* move; the pattern says from where.

# %%
rng = np.random.default_rng(0)
block = rng.permutation(np.arange(2, 64))[:12]
view = iw.attention(small, [int(i) for i in [*block, *block]])
from interpwidgets.selection import Selection

view.selection = Selection(heads=[receiver], tokens=[18])
view

# %% [markdown]
# What was measured here: two small models, all of their heads, without biases, norms' scales and
# rotary positions, which weights alone leave out. A high score is a reason to look, and a run is
# what shows that the path is used: `03_patching`.
