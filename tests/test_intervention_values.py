"""Interventions as values: equal by content, as JSON and back, refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interpwidgets.errors import InterventionError, SiteError
from interpwidgets.interventions import (
    Ablate,
    Ablation,
    Add,
    Clamp,
    Interventions,
    Patch,
    ProjectOut,
    SignFlip,
    Threshold,
    Where,
    from_json,
    parts_of,
)

D = np.array([1.0, -2.0, 0.5], dtype=np.float32)
VALUES = np.arange(12, dtype=np.float32).reshape(1, 4, 3)

EVERY = [
    Add(D, 2.5, name="sycophancy"),
    Add(D, where=Where(2, positions=[slice(1, None), -1, "new"], tokens=[5, " the"])),
    ProjectOut(D, where=Where([0, 2], when=Threshold(D, 0.5, below=True, name="refusal"))),
    Clamp(D, -1.0, site="z", where=Where(1, heads=[3, 0])),
    SignFlip((0, 2)),
    SignFlip(),
    Ablate(site="pattern", where=Where(1, heads=0)),
    Ablate(mode="mean", values=VALUES[0, :1], layers=(3,), of="mean of 9"),
    Ablate(mode="resample", values=VALUES[None], layers=(3,), seed=7),
    Patch(values=VALUES, layers=(3,), mapping=((0, 1), (2, 5)), of="run 12"),
    Ablation([(1, 2)], "mean"),
]


@pytest.mark.parametrize("part", EVERY, ids=str)
def test_json_gives_the_same_back(part: Any) -> None:
    back = from_json(part.to_json())
    assert back == part
    assert hash(back) == hash(part)
    assert str(back) == str(part)


def test_arrays_keep_every_bit() -> None:
    odd = np.array([1e-40, np.pi, -0.0, 3e38], dtype=np.float32)
    assert from_json(Add(odd).to_json()).direction.tobytes() == odd.tobytes()


def test_several_are_composed_in_order_and_come_back() -> None:
    a, b, c = EVERY[0], EVERY[4], EVERY[-1]
    assert (a + b + c).parts == (a, b, c)
    assert a + (b + c) == (a + b) + c
    assert from_json((a + b + c).to_json()) == Interventions((a, b, c))
    assert parts_of([a, [b, c], None]) == (a, b, c)
    assert str(Interventions()) == "nothing changed"


def test_they_differ_by_content() -> None:
    assert Add(D, 1.0) == Add([1.0, -2.0, 0.5], 1.0)
    assert Add(D, 1.0) != Add(D, 2.0)
    assert Add(D) != ProjectOut(D)
    assert len({Add(D), Add(D), ProjectOut(D)}) == 2


def test_they_say_what_they_do() -> None:
    assert str(EVERY[0]) == "resid_post + 2.5 × sycophancy"
    assert str(EVERY[2]) == "L0 L2 resid_post without a direction when along refusal < 0.5"
    assert str(EVERY[3]) == "L1 H0 H3 z with a direction set to -1"
    assert str(EVERY[6]) == "L1 H0 pattern zero-ablated"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Add(np.zeros(3)), "not all 0"),
        (lambda: Add([1.0, np.nan]), "finite"),
        (lambda: Add(np.ones((2, 3))), r"got shape \[2, 3\]"),
        (lambda: Add(D, float("inf")), "`scale` must be a finite number"),
        (lambda: Add(D, site="pattern"), "no direction"),
        (lambda: Add(D, site="result"), "derived"),
        (lambda: Add(D, where=Where(heads=1)), "'resid_post' has no heads"),
        (lambda: Add(D, site="embed", where=Where(0)), "exists once"),
        (lambda: Where(layers=-1), "whole numbers from 0"),
        (lambda: Where(positions=1.5), "one or several to choose"),
        (lambda: Where(positions=slice(5, 0, -1)), "positive step"),
        (lambda: Where(tokens=[]), "token ids or texts"),
        (lambda: Ablate(mode="median"), "'zero', 'mean' or 'resample'"),
        (lambda: Ablate(mode="resample"), "needs values"),
        (lambda: Ablate(site="pattern", mode="mean"), "have no mean"),
        (lambda: Patch(values=VALUES, layers=(1, 2)), "its axis 0 must be the 2 `layers`"),
        (lambda: Patch(values=VALUES, layers=(1,), where=Where(2)), r"also asks for \[2\]"),
        (lambda: Patch(values=VALUES, layers=(1,), mapping=((4, 0),)), "0-3"),
        (lambda: from_json("{"), "no JSON"),
        (lambda: from_json('{"kind": "explode"}'), "known kind"),
        (lambda: from_json('{"kind": "add", "size": 3}'), "does not fit"),
        (lambda: parts_of(3), "expected an intervention"),
    ],
)
def test_bad_ones_are_refused_in_words(make: Any, said: str) -> None:
    with pytest.raises(InterventionError, match=said):
        make()


def test_a_site_is_named_right() -> None:
    with pytest.raises(SiteError, match="Did you mean 'resid_post'"):
        Add(D, site="resid_pots")
