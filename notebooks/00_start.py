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
# **What you will see.** A small trained language model reads *"When Ada and Ben went to the
# store, Ada gave a ring to"* and goes on with *Ben*. You will see where each of its heads looks,
# click on one, use what you clicked in the next cell, switch heads off, and watch the same
# picture change.
#
# The model is `lilliput`: a Llama of 4 layers with 4 heads each, trained on a small made-up
# world. It is a **synthetic model** that ships with the package; nothing here needs a network.
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

model = iw.load("lilliput")
prompt = "When Ada and Ben went to the store, Ada gave a ring to"
view = iw.attention(model, prompt)
view

# %% [markdown]
# Change the prompt above and run the cell again: the picture updates in place, and keeps the
# head that you chose. The words must be ones that the model knows; an unknown one is answered
# with those near it.

# %%
from interpwidgets.errors import PromptError

try:
    iw.attention(model, "When Anna went to the shop")
except PromptError as error:
    print(error)

# %% [markdown]
# ## What you select is a Python value
#
# Assigning it moves the view. Here the last token is chosen, and of all heads the one in which
# that token looks most at *Ben*, at position 4.

# %%
from interpwidgets.selection import Selection

tokens = view.result.tokens.text
last, ben = len(tokens) - 1, tokens.index("Ben")
looks = {
    (layer, head): view.result.weights(layer, head)[last, ben]
    for layer in view.result.layers
    for head in view.result.heads
}
view.selection = Selection(heads=[max(looks, key=looks.get)], tokens=[last])

# %%
layer, head = view.selection.heads[-1]
query = view.selection.tokens[-1]
weights = view.result.weights(layer, head)[query]
for key in weights.argsort()[::-1][:3]:
    print(f"L{layer} H{head}: {tokens[query]} -> {tokens[key]} {weights[key]:.2f}")

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

print("it goes on with:", model.tokenizer.decode(logits[0, -1].argmax()))

# %% [markdown]
# ## Switch a head off, and every other one as its control
#
# A head's output at each position enters `o_proj`, 24 numbers of it; setting them to zero ablates
# the head. The effect is the *logit difference*: how much *Ben* is preferred to *Ada*. One prompt
# says little, so here are 20, with pairs of names that training never put together. An effect
# means little without its control, so each of the 16 heads takes its turn.


# %%
import pandas as pd
import torch

from interpwidgets.organisms import lilliput

examples = lilliput.ioi(20, templates=lilliput.IOI_TEMPLATES[:1])
ids = model.tokenizer.convert_tokens_to_ids
right = torch.tensor([ids(example.answer) for example in examples])
wrong = torch.tensor([ids(example.wrong[0]) for example in examples])


def logit_difference(ablate=None):
    """Right minus wrong name at the last token, one number a prompt."""
    with torch.no_grad(), model.trace([example.prompt for example in examples]):
        if ablate is not None:
            layer, head = ablate
            model.model.layers[layer].self_attn.o_proj.input[
                ..., 24 * head : 24 * head + 24
            ] = 0
        last = model.lm_head.output[:, -1].save()
    return (last.gather(1, right[:, None]) - last.gather(1, wrong[:, None]))[:, 0]


whole = logit_difference()
rows = {}
for layer in range(4):
    for head in range(4):
        change = logit_difference((layer, head)) - whole
        rows[f"L{layer} H{head}"] = (change.mean().item(), 1.96 * change.std().item() / 20**0.5)
print(f"logit difference {whole.mean():.2f} (n = {len(whole)})")
effects = pd.DataFrame(rows, index=["change when ablated", "± (95 %)"]).T
effects.sort_values("change when ablated").round(2)

# %% [markdown]
# The heads at the top carry the answer, those around zero are the control. Now the same in
# the picture of the board: off goes the head whose fall is the surest (mean and interval
# together), for the prompt above.

# %%
worst = effects.sum(axis=1).idxmin()
layer, head = int(worst[1]), int(worst[4])

names = ids(["Ben", "Ada"])
before = logits[0, -1, names]

with board.trace(prompt):
    model.model.layers[layer].self_attn.o_proj.input[..., 24 * head : 24 * head + 24] = 0
    logits = model.lm_head.output.save()

after = logits[0, -1, names]
print(f"Ben minus Ada: {before[0] - before[1]:.2f}, without {worst} {after[0] - after[1]:.2f}")

# %% [markdown]
# Look at the picture of the board again: it shows the last run, with a mark that says so.
#
# ## The numbers, a figure, a page
#
# A view hands on what it shows: `to_frame` (pandas), `figure` (plotly), `save`, and `to_html`,
# one file that stays live with no kernel and no network.

# %%
view.to_frame(layer=layer, head=head).sort_values("weight", ascending=False).head()

# %%
iw.describe(model)

# %% [markdown]
# Next: `01_attention`, which finds out what the heads do.
