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
# # Start here: attention you can point at
#
# **What you will see.** A small trained transformer reads a list of words twice. Its second
# layer looks back to *what followed this word last time*: an induction head. You will see it
# in the picture, click on it, use what you clicked in the next cell, switch off the head that
# it depends on, and watch the same picture change.
#
# The model is `lil-attn-2l`: 2 attention-only layers of 4 heads, trained on random repeated
# words. It is a **synthetic model** that ships with the package; nothing here needs a network.
# It takes about half a minute on two CPU cores.

# %%
# In Colab, run this cell once; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    # %pip install -q interpwidgets
    pass

# %% [markdown]
# ## One call, one picture
#
# Each small square is one head: query tokens run down, key tokens across. **Click a square** to
# draw it large, **hover a cell** for its value, **click a row** to see as arcs where that token
# looks. With the keyboard: Tab to the squares, arrows, Enter. T opens a table.

# %%
import interpwidgets as iw

model = iw.load("lil-attn-2l")
prompt = "tiger piano river lemon ghost tiger piano river lemon ghost"
view = iw.attention(model, prompt)
view

# %% [markdown]
# Change the prompt above and run the cell again: the picture updates in place, and keeps the
# head that you chose. The words must be ones that the model knows; an unknown one is answered
# with those near it.

# %%
from interpwidgets.errors import PromptError

try:
    iw.attention(model, "tiger pianos")
except PromptError as error:
    print(error)

# %% [markdown]
# ## What you select is a Python value
#
# Assigning it moves the view. Position 6 is the second *tiger*; the word after the first
# *tiger* was *piano*, at position 2.

# %%
from interpwidgets.selection import Selection

view.selection = Selection(heads=[(1, 0)], tokens=[6])
layer, head = view.selection.heads[-1]
query = view.selection.tokens[-1]
weights = view.result.weights(layer, head)[query]
for key in weights.argsort()[::-1][:3]:
    print(
        f"{view.result.tokens.text[query]} -> {view.result.tokens.text[key]}: {weights[key]:.2f}"
    )

# %% [markdown]
# ## A board: your own nnsight code, one forward, every view
#
# A `Board` holds views that all show the same run. `board.trace(...)` is nnsight's own
# `model.trace(...)`: your block reads and changes what it likes, in **one** forward, and the
# views show what the model went on with.

# %%
board = iw.Board(model)
picture = board.attention()
picture

# %%
with board.trace(prompt):
    logits = model.lm_head.output.save()

predicted = model.tokenizer.convert_ids_to_tokens(logits[0].argmax(-1).tolist())
print("after the second 'lemon' it expects:", predicted[9])

# %% [markdown]
# ## Switch a head off, and switch off another as the control
#
# Head 3 of layer 0 attends to the word before. Layer 1 needs that to find what followed. Its 16
# numbers per position enter `o_proj`; setting them to zero ablates it. An effect means little
# without its control: the same ablation of another head in the same layer.


# %%
def accuracy(logits):
    """Share of the second half that is predicted right."""
    ids = model.tokenizer(prompt, return_tensors="pt").input_ids[0]
    return (logits[0, 6:-1].argmax(-1) == ids[7:]).float().mean().item()


def ablate(head):
    with board.trace(prompt):
        z = model.model.layers[0].attn.o_proj.input
        z[..., 16 * head : 16 * (head + 1)] = 0
        logits = model.lm_head.output.save()
    return accuracy(logits)


print(f"nothing ablated      {accuracy(logits):.2f}")
print(f"control: L0 H0 zero  {ablate(0):.2f}")
print(f"L0 H3 zero           {ablate(3):.2f}   (one prompt, 4 predictions)")

# %% [markdown]
# Look at the picture of the board again: it shows the last run, with a mark that says so. The
# stripes of layer 1 are gone. (Four predictions are few: the model card has the figure over
# 512 sequences.)
#
# ## The numbers, a figure, a page
#
# A view hands on what it shows: `to_frame` (pandas), `figure` (plotly), `save`, and `to_html`,
# one file that stays live with no kernel and no network.

# %%
view.to_frame(layer=1, head=0).sort_values("weight", ascending=False).head()

# %%
iw.describe(model)
