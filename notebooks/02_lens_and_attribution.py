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
# # Which layer knows it, and who wrote it
#
# **What you will see.** What a small language model would say next if it stopped after each
# layer (the *logit lens*, and the *tuned lens*, trained here); that the right answer is on a
# shortlist before it is the choice; and a logit split into what each head and MLP wrote of it
# (*direct logit attribution*), with a click from there to the head's attention.
#
# The model is `lilliput`: 4 layers, 0.5 million parameters, a **synthetic model** that ships
# with the package. What holds in it is said of it alone. About a minute on two CPU cores.

# %%
# In Colab, run this cell once; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    # %pip install -q interpwidgets
    pass

# %% [markdown]
# ## What would each layer say?
#
# Rows are layers, columns are tokens. Each cell is the next word that the stream after that
# layer gives through the model's own last norm and unembedding, so the last row *is* the
# model's output.

# %%
import interpwidgets as iw
from interpwidgets.organisms import lilliput

model = iw.load("lilliput")
facts = lilliput.facts()
print(facts[0].prompt, "->", facts[0].answer)
lens = iw.logit_lens(model, facts[0].prompt)
lens

# %% [markdown]
# ## A shortlist before the choice
#
# One prompt says little. Over all countries: how often is the right capital the first of all
# words (*p@1*), and how often among the first 20 (*recall@20*), layer by layer? Beside it the
# control: the capital of **another** country. A word that is raised just because it is a
# capital is raised there too.

# %%
import numpy as np
import pandas as pd

from interpwidgets.methods.logit_lens import logit_lens
from interpwidgets.results.lens import recall_by_layer

answers = [fact.answer for fact in facts]
results = [logit_lens(model, fact.prompt, targets=sorted(set(answers))) for fact in facts]
others = list(np.roll(answers, 1))  # each the capital of another country


def with_interval(share, z=1.96):
    """A share of the prompts and its 95 % interval (Wilson)."""
    n = len(facts)
    middle = (share + z**2 / 2 / n) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / 4 / n**2) / (1 + z**2 / n)
    return f"{share:.2f} ({middle - half:.2f} to {middle + half:.2f})"


columns = {
    "p@1": recall_by_layer(results, answers, 1),
    "recall@20": recall_by_layer(results, answers, 20),
    "recall@20, another capital": recall_by_layer(results, others, 20),
}
words = model.config.vocab_size
print(f"n = {len(facts)} prompts; by chance p@1 is {1 / words:.3f}, recall@20 {20 / words:.3f}")
recall = pd.DataFrame(columns)
recall.index.name = "after layer"
recall.map(with_interval)

# %%
half = {name: int(np.argmax(recall[name] >= 0.5)) for name in ("recall@20", "p@1")}
print(
    f"half of the answers: on the shortlist after layer {half['recall@20']}, "
    f"the choice after layer {half['p@1']}"
)

# %% [markdown]
# The shortlist is there layers before the choice. And it is not just a list of capitals: other
# ones are on it much more rarely, though by the last layer they, too, are far above chance.
# There the model knows *which*, and also *that* it is a capital.
#
# ## A tuned lens
#
# Layers need not speak the last layer's language. A tuned lens learns one linear translation a
# layer, so that what it reads comes near the final prediction: here in 150 steps, on texts of
# which a tenth is never trained on. What counts is the KL from the final prediction on those.

# %%
texts = [f"{e.prompt} {e.completion}" for e in lilliput.ioi(80) + lilliput.facts(kind="city")]
tuned = iw.tuned_lens(model, texts, steps=150)
training = tuned.training
pd.DataFrame(
    {"logit lens": training.kl[0], "tuned lens": training.kl[-1]},
    index=pd.Index(training.layers, name="before layer"),
).round(3)

# %%
print(f"KL in nats, over {training.n_held_out} tokens of held-out texts")
iw.logit_lens(model, facts[0].prompt, site="resid_pre", lens=tuned)

# %% [markdown]
# ## Who wrote the answer?
#
# The last stream is a sum of what embeddings, heads and MLPs wrote, so with the last norm's
# scale held a logit is a sum of bars. Here the difference *right name − other name* on 40
# prompts (*"When Ada and Ben went to the store, Ada gave a ring to"*). `chance` is what 95 % of
# random directions of the same length would give: the control.

# %%
from interpwidgets.methods.direct_logit_attribution import direct_logit_attribution

examples = lilliput.ioi(40)
attribution = direct_logit_attribution(
    model,
    [e.prompt for e in examples],
    [e.answer for e in examples],
    against=[e.wrong[0] for e in examples],
    by=["head", "source"],
)
print(
    f"logit difference {attribution.logit.mean():.2f} (n = {attribution.n}), "
    f"remainder at most {abs(attribution.remainder).max():.0e}"
)
attribution.best("component", 6).round(2)

# %%
heads = attribution.best("head", 6).round(2)
heads

# %% [markdown]
# A bar is a *direct* effect: what a head tells a later head counts as the later one's. Which
# heads matter through others is the question of the next notebook.
#
# ## From a bar to its attention
#
# Two views on one board: in the bars, click a head, and the picture below it opens that head.

# %%
board = iw.Board(model)
bars = board.direct_logit_attribution(examples[0].answer, against=examples[0].wrong[0])
bars

# %%
picture = board.attention()
board.run(examples[0].prompt)
board.selection.heads = [tuple(int(i) for i in heads.loc[0, ["layer", "head"]])]
board.selection.tokens = [len(picture.result.tokens) - 1]
picture

# %% [markdown]
# And what did it take from where? Prompts differ in length, so places are named by their part:
# the name to give (`io`), the giver's two mentions (`s1`, `s2`), and the last two tokens.

# %%
layer, head = board.selection.heads[-1]
rows = []
for i, example in enumerate(examples):
    last = len(attribution.tokens[i]) - 1
    places = {
        **{r: example.positions[r] for r in ("io", "s1", "s2")},
        "before last": last - 1,
        "last": last,
    }
    row = {name: attribution.source[i, layer, head, at] for name, at in places.items()}
    rows.append({**row, "elsewhere": attribution.head[i, layer, head] - sum(row.values())})
taken = pd.DataFrame(rows)
print(f"L{layer} H{head}, n = {len(taken)} prompts")
pd.DataFrame(
    {"from there": taken.mean(), "± (95 %)": 1.96 * taken.std() / len(taken) ** 0.5}
).round(2)

# %% [markdown]
# Nothing from the names themselves: the head takes the answer from a word that stands between
# them and the end, where something has put it before. What has, path patching can tell.
#
# What was measured here: one model of 0.5 million parameters, on prompts of the world that it
# was trained on. Next: `03_patching`, which changes a run to see what its answer needs.
