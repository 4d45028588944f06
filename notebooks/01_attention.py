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
# # What do the heads do?
#
# **What you will see.** Scores that name heads by what they attend to, on two models side by
# side: `lil-attn-2l`, which can do nothing but repeat (the induction circuit of Elhage et al.,
# 2021), and `lilliput`, a small language model in which the same circuit stands among others.
# Then the heads that answer *"When Ada and Ben went to the store, Ada gave a ring to"* (Wang et
# al., 2022), each measured against all others.
#
# Both are **synthetic models** that ship with the package. About a minute on two CPU cores.

# %%
# In Colab, run this cell once; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    # %pip install -q interpwidgets
    pass

# %% [markdown]
# ## Scores for every head
#
# `iw.head_scores` reads random words that come twice. A *previous-token* head looks one word
# back; an *induction* head looks at what followed this word last time (one word after it: lag
# 1); a *first-token* head parks its attention on `<bos>`. What even attention would score is
# beside each number: that is the control.

# %%
import interpwidgets as iw

small = iw.load("lil-attn-2l")
small_scores = iw.head_scores(small)
small_scores

# %%
model = iw.load("lilliput")
scores = iw.head_scores(model)
scores

# %% [markdown]
# In both, some head looks one word back and a head of a later layer does induction. That is no
# accident: the later one needs the earlier one's output to know which word came before each
# place.
#
# ## Look at them
#
# The same random words for the picture: in the large map, the stripe of an induction head lies
# one place off the repetition.

# %%
from interpwidgets.organisms import lilliput
from interpwidgets.selection import Selection

example = max(lilliput.induction(20, period=10), key=lambda e: e.labels["repeated"])
layer, head = scores.ranked("induction")[0]

board = iw.Board(model)
picture = board.attention()
with board.trace(example.text):
    logits = model.lm_head.output.save()
picture.selection = Selection(heads=[(layer, head)], tokens=[])
picture

# %% [markdown]
# ## Take the circuit away
#
# If induction runs through the previous-token head, then without that head the model cannot
# continue a repetition. Zero every head in turn, on 32 sequences, and count how often the next
# word is right. The other heads are the control.

# %%
import numpy as np
import pandas as pd
import torch

repeated = [e.text for e in lilliput.induction(32, seed=5, period=20)]
token_ids = torch.tensor([model.tokenizer(text).input_ids[:22] for text in repeated])
token_ids = torch.cat([token_ids[:, :21], token_ids[:, 1:21]], dim=1)  # two whole rounds


def induction_accuracy(ablate=None):
    """Share of the second round's words, its first left out, that are ranked first."""
    with torch.no_grad(), model.trace(token_ids):
        if ablate is not None:
            layer, head = ablate
            model.model.layers[layer].self_attn.o_proj.input[
                ..., 24 * head : 24 * head + 24
            ] = 0
        logits = model.lm_head.output.save()
    right = logits[:, 21:-1].argmax(-1) == token_ids[:, 22:]
    return right.float().mean(1)  # one number a sequence


heads = [(layer, head) for layer in range(4) for head in range(4)]
whole = induction_accuracy()
rows = []
for layer, head in heads:
    accuracy = induction_accuracy((layer, head))
    rows.append(
        {
            "head": f"L{layer} H{head}",
            "accuracy without it": accuracy.mean().item(),
            "± (95 %)": 1.96 * accuracy.std().item() / len(accuracy) ** 0.5,
            "previous token": scores.of("previous_token")[layer, head],
            "induction": scores.of("induction")[layer, head],
        }
    )
print(f"nothing ablated: {whole.mean():.2f} (n = {len(whole)} sequences of 19 predictions)")
table = pd.DataFrame(rows).set_index("head")
table.sort_values("accuracy without it").round(2)

# %% [markdown]
# The previous-token head is among those that bring it down, and most heads are not. Others bring
# it down too: a zeroed head is a blunt tool, which also takes away what later heads rely on and
# what the head does on average.
#
# ## Who gave what to whom
#
# In *"When Ada and Ben went to the store, Ada gave a ring to"* the answer is the name that came
# once. Which heads carry it? Each is zeroed in turn on 40 prompts whose pairs of names training
# never put together, and the logit difference (*Ben* minus *Ada*) is compared with the whole
# model's.

# %%
examples = lilliput.ioi(40)
to_id = model.tokenizer.convert_tokens_to_ids
right = torch.tensor([to_id(e.answer) for e in examples])[:, None]
wrong = torch.tensor([to_id(e.wrong[0]) for e in examples])[:, None]


def logit_difference(ablate=None):
    """Right name minus wrong name at the last token, one number a prompt."""
    with torch.no_grad(), model.trace([e.prompt for e in examples]):
        if ablate is not None:
            layer, head = ablate
            model.model.layers[layer].self_attn.o_proj.input[
                ..., 24 * head : 24 * head + 24
            ] = 0
        last = model.lm_head.output[:, -1].save()
    return (last.gather(1, right) - last.gather(1, wrong))[:, 0]


def looks_at(example):
    """How much each head's last token looks at the three names: a score of your own each."""
    roles = {
        role: lambda pattern, _ids, at=example.positions[role]: pattern[:, :, -1, at]
        for role in ("io", "s1", "s2")
    }
    own = iw.head_scores(model, example.prompt, scores=roles)
    return np.array([own.of(role) for role in roles])


whole = logit_difference()
to_io, to_s1, to_s2 = np.mean([looks_at(e) for e in examples], axis=0)
rows = []
for layer, head in heads:
    change = logit_difference((layer, head)) - whole
    rows.append(
        {
            "head": f"L{layer} H{head}",
            "change": change.mean().item(),
            "± (95 %)": 1.96 * change.std().item() / len(change) ** 0.5,
            "looks at IO": to_io[layer, head],
            "looks at S1": to_s1[layer, head],
            "looks at S2": to_s2[layer, head],
        }
    )
print(f"whole model: {whole.mean():.2f} (n = {len(whole)} prompts)")
ioi = pd.DataFrame(rows).set_index("head").sort_values("change").round(2)
ioi

# %% [markdown]
# Heads with a large fall carry the answer; those around zero are the control; a rise means that a
# head works against it. Two kinds show: heads whose last token **looks at the names**, and heads
# whose last token does not but which matter all the same. What those pass on, and to whom, is a
# question for path patching. The picture has the strongest of the first kind, on one prompt.

# %%
layer, head = (int(ioi["looks at IO"].idxmax()[i]) for i in (1, 4))
view = iw.attention(model, examples[0].prompt)
view.selection = Selection(heads=[(layer, head)], tokens=[len(view.result.tokens) - 1])
view

# %% [markdown]
# What was measured here: one model of 0.5 million parameters, 40 prompts, four templates. Next:
# `02_lens_and_attribution`, which asks what each layer knows and who wrote the answer.
