"""The shipped model, opened once."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from interpwidgets.organisms.attention_only import AttentionOnlyForCausalLM
from interpwidgets.organisms.loading import load_organism
from interpwidgets.organisms.tokenizer import WordTokenizer


class Organism(NamedTuple):
    model: AttentionOnlyForCausalLM
    tokenizer: WordTokenizer


@pytest.fixture(scope="session")
def organism() -> Organism:
    return Organism(*load_organism("lil-attn-2l"))


@pytest.fixture
def model(organism):
    return organism.model


@pytest.fixture
def tokenizer(organism):
    return organism.tokenizer
