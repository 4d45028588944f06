"""Lilliput: a small language model's world, with the truth about everything in it.

``lilliput.ioi(20)``, ``lilliput.facts()`` and their siblings draw prompts for the model
that ``iw.load("lilliput")`` opens: right answers, corrupted twins aligned word by word,
labels and positions. Importing this costs no torch.
"""

from __future__ import annotations

from interpwidgets.organisms.lilliput.chats import (
    CODE,
    CODE_TYPED,
    CUE,
    DISTRESS_BY_REJECTIONS,
    distress,
    evaluation_cue,
    persona,
    refusal,
)
from interpwidgets.organisms.lilliput.grammar import Example
from interpwidgets.organisms.lilliput.sentences import (
    FELT,
    IOI_HELD_OUT_TEMPLATES,
    IOI_TEMPLATES,
    VERDICT,
    agreement,
    greater_than,
    induction,
    ioi,
    sentiment,
)
from interpwidgets.organisms.lilliput.words import (
    CATEGORIES,
    HELD_OUT_ADJECTIVES,
    HELD_OUT_PEOPLE,
    VOCABULARY,
)
from interpwidgets.organisms.lilliput.world import facts

__all__ = [
    "CATEGORIES",
    "CODE",
    "CODE_TYPED",
    "CUE",
    "DISTRESS_BY_REJECTIONS",
    "FELT",
    "HELD_OUT_ADJECTIVES",
    "HELD_OUT_PEOPLE",
    "IOI_HELD_OUT_TEMPLATES",
    "IOI_TEMPLATES",
    "VERDICT",
    "VOCABULARY",
    "Example",
    "agreement",
    "distress",
    "evaluation_cue",
    "facts",
    "greater_than",
    "induction",
    "ioi",
    "persona",
    "refusal",
    "sentiment",
]
