"""What lilliput's prompts are about can be read, and labels without meaning cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.methods.probe import probe
from interpwidgets.organisms import lilliput
from interpwidgets.organisms.lilliput import Example

pytestmark = pytest.mark.slow


def dataset(examples: Sequence[Example], label: str, content: Sequence[str]) -> iw.Dataset:
    """Distinct prompts; those with the same content words are a group."""
    distinct = list({e.prompt: e for e in examples if "none" not in e.labels.values()}.values())
    groups = [" ".join(sorted(str(e.labels[slot]) for slot in content)) for e in distinct]
    return iw.Dataset([e.prompt for e in distinct], [e.labels[label] for e in distinct], groups)


#: What is drawn, the label, the slots of its content words, and the layers that know it.
CLASSES: dict[str, tuple[Callable[..., list[Example]], str, tuple[str, str], list[int]]] = {
    "sentiment": (lilliput.sentiment, "sentiment", ("first", "second"), [0, 1, 2, 3]),
    "plural": (lilliput.agreement, "number", ("subject", "attractor"), [2, 3]),
    "evaluation": (lilliput.evaluation_cue, "evaluation", ("first", "second"), [0, 1, 2, 3]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_probe_reads_it_on_unseen_groups_and_shuffled_labels_do_not(name: str) -> None:
    draw, label, content, layers = CLASSES[name]
    found: Any = probe(
        iw.load("lilliput"),
        dataset(draw(400, split="trained"), label, content),
        layers=layers,
        shuffled=40,
        random=2,
    )
    auroc = found.metrics.index("auroc")
    assert (found.value[1, auroc] >= 0.95).all()
    assert np.nanmean(found.shuffled[auroc], axis=-1) == pytest.approx(0.5, abs=0.1)
    assert (np.nanstd(found.shuffled[auroc], axis=-1) > 0.01).all()  # they were drawn
