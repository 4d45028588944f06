"""The beginning of the stream that the shipped weights are trained on, read as text."""

from __future__ import annotations

import numpy as np
import pytest

from interpwidgets.organisms.lilliput.corpus import batch
from interpwidgets.organisms.lilliput.tokenizer import new_tokenizer
from interpwidgets.organisms.lilliput.words import VOCABULARY
from organisms.lilliput.reading import what_is_told, written

N_BATCHES = 80


def rows_of(steps):
    """Return the words of every row of some steps, `<bos>` left out."""
    token_ids = np.concatenate([batch(0, step) for step in steps])
    return [[VOCABULARY[i] for i in row[1:]] for row in token_ids]


def documents_in(rows):
    """Return every document as text, those too that the end of their row cuts short."""
    return [
        written(part.split())
        for row in rows
        for part in " ".join(row).split("<eos>")
        if part.strip()
    ]


@pytest.fixture(scope="session")
def rows():
    return rows_of(range(N_BATCHES))


@pytest.fixture(scope="session")
def documents(rows):
    return documents_in(rows)


@pytest.fixture(scope="session")
def first_documents(rows):
    """Each row's first document, as words: whole, and as likely as when drawn alone."""
    return [row[: row.index("<eos>")] for row in rows]


@pytest.fixture(scope="session")
def world(documents):
    """What training tells of the world."""
    return what_is_told(documents)


@pytest.fixture(scope="session")
def tokenizer():
    return new_tokenizer()
