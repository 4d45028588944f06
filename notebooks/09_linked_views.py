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
# # Several views, one selection, one click to change the model
#
# **What you will see.** Two views of one run that show the same selection, and hand it to the
# next cell as a Python value. Then two heads taken away: every view shows the new run, what that
# did to the next word stands beside what other heads do, and the difference of the two runs is
# drawn. At the end the code that makes the picture again.
#
# The model, `lilliput`, is a **synthetic one** that ships with the package. Half a minute on
# two CPU cores.

# %%
# In Colab, run this cell once; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    # %pip install -q interpwidgets
    pass

# %% [markdown]
# ## Two views of one forward
#
# A board feeds all its views with the same run. Neither shows anything before there is one.

# %%
import interpwidgets as iw

model = iw.load("lilliput")
board = iw.Board(model)
heads = board.attention()
heads

# %%
words = board.surprisal()
words

# %%
board.run("When Ada and Ben went to the store, Ada gave a ring to")

# %% [markdown]
# Click a word in one view, shift-click another, choose a head: the other view shows it, too.
# The next cell has it as a value, and can set it. Positions carry their word, so a selection
# never silently means another one after the prompt has changed.

# %%
board.selection.heads = [(0, 1), (0, 0)]
board.selection.tokens = [14]
board.selection.heads, board.selection.tokens, board.selection.token_text

# %% [markdown]
# Anything can follow what is selected:

# %%
heard = []
board.selection.observe(lambda change: heard.append(change["new"]), "tokens")
board.selection.tokens = [4]
board.selection.tokens = [14]
heard

# %% [markdown]
# ## Take heads away
#
# The ⋯ of the attention view has *ablate* for the heads that are selected; here is the same
# from Python. One forward, and both views show it. L0 H0 and L0 H1 look at the names.

# %%
board.ablate(board.selection.heads)
print(board.ablation)
print(board.effect)

# %% [markdown]
# Is that much? The control takes away as many other heads at once, drawn at random, in the same
# way.

# %%
board.control()
print(board.effect)

# %% [markdown]
# What the other heads now look at, less what they looked at before: blue is more, rust is less.
# In the view above, ⋯ and *less* draw the same; this one is of the two Results, and stays.

# %%
ablated = heads.result
board.undo()
changed = iw.show(ablated.difference(heads.result))
changed.selection = iw.Selection(heads=[(2, 3)], tokens=[14])
changed

# %% [markdown]
# ## Two prompts of different length
#
# A difference needs to know which word belongs to which. That is said, not guessed from
# positions: the mapping is drawn, words without a partner are marked.

# %%
two = iw.Board(model)
pair = two.attention()
two.run(
    [
        "When Ada and Ben went to the store, Ada gave a ring to",
        "When Ada and Ben went to the old store, Ada gave a ring to",
    ]
)
pair.less = "prompt-1"
pair

# %% [markdown]
# ## Any numbers on words
#
# Attention received by each word from the two heads that look at names, and an array of one's
# own.

# %%
received = iw.attention_received(heads.result, heads=[(0, 0), (0, 1)])
received

# %%
iw.show_tokens(["the", " cat", " sat"], [0.1, 0.9, -0.4])

# %% [markdown]
# ## The code of a picture
#
# Every view offers the Python that makes it again in a new kernel, selection included. In the
# page it is *copy as code*.

# %%
print(heads.code())
