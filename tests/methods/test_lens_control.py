"""The lens's control: what it keeps of the vectors, and what it takes away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from interpwidgets.errors import ResultError
from interpwidgets.methods import lens_control as module
from interpwidgets.methods.lens_control import (
    frame_of,
    lens_control,
    random_frames,
    read_turned,
)
from interpwidgets.methods.logit_lens import logit_lens
from interpwidgets.models.output_head import OutputHead
from interpwidgets.reads.translators import TunedLens
from interpwidgets.results.saved import load_result
from tiny import tiny_gpt2, tiny_llama, wrapped

PROMPT = "the cat sat on a mat and the cat"
IDS = (3, 7, 40)


@pytest.fixture(scope="module")
def gpt2() -> Any:
    return wrapped(tiny_gpt2())


def test_the_rotation_that_changes_nothing_gives_the_lens(
    gpt2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "random_frames", lambda streams, n, seed: frame_of(streams)[0][None]
    )
    for site in ("resid_post", "resid_pre"):
        control = lens_control(gpt2, PROMPT, IDS, pos=4, site=site)
        lens = logit_lens(gpt2, PROMPT, site=site, targets=IDS, top_k=0)
        np.testing.assert_allclose(control.logprob[0], lens.target_logprob[:, 4], atol=2e-5)


def test_a_tuned_lens_comes_before_the_rotation(
    gpt2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "random_frames", lambda streams, n, seed: frame_of(streams)[0][None]
    )
    d_model = gpt2._module.config.n_embd
    n_layers = gpt2._module.config.n_layer
    generator = torch.Generator().manual_seed(1)
    weights = 0.1 * torch.randn(n_layers, d_model, d_model, generator=generator)
    tuned = TunedLens(weights, torch.randn(n_layers, d_model, generator=generator))
    control = lens_control(gpt2, PROMPT, IDS, lens=tuned)
    lens = logit_lens(gpt2, PROMPT, lens=tuned, targets=IDS)
    np.testing.assert_allclose(control.logprob[0], lens.target_logprob[:, -1], atol=2e-5)
    assert control.lens == str(tuned)


def test_rotations_keep_norms_and_angles() -> None:
    streams = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    turned = random_frames(streams, 4, seed=5) @ frame_of(streams)[1]
    gram = streams.T @ streams
    torch.testing.assert_close(turned.mT @ turned, gram.expand(4, -1, -1), rtol=1e-4, atol=1e-4)
    assert (turned[0] - turned[1]).abs().max() > 0.1


def test_rotations_are_uniform_whatever_the_vectors() -> None:
    streams = torch.zeros(4, 1)
    streams[0] = 2.0
    turned = random_frames(streams, 4000, seed=0) @ frame_of(streams)[1]
    mean, square = turned.mean(0), turned.square().mean(0)
    torch.testing.assert_close(mean, torch.zeros(4, 1), atol=0.08, rtol=0)
    torch.testing.assert_close(square, torch.ones(4, 1), atol=0.1, rtol=0)  # 2² / 4 each


def test_it_is_what_a_whole_random_rotation_gives(gpt2: Any) -> None:
    """Turning only the vectors' own axes is turning all of the space."""
    head, generator = OutputHead(gpt2), torch.Generator().manual_seed(3)
    d_model = gpt2._module.config.n_embd
    streams = torch.randn(d_model, 2, generator=generator)
    rotation = torch.linalg.qr(torch.randn(d_model, d_model, generator=generator))[0]
    axes, on_axes = frame_of(streams)
    with torch.no_grad():
        ours = read_turned(head, (rotation @ axes @ on_axes)[None], IDS)[0]
        logits = gpt2._module.lm_head(gpt2._module.transformer.ln_f((rotation @ streams).T))
    torch.testing.assert_close(ours, logits.log_softmax(-1)[:, IDS], atol=2e-5, rtol=1e-4)


def test_the_same_seed_gives_the_same_numbers(gpt2: Any) -> None:
    first, again, other = (lens_control(gpt2, PROMPT, IDS, n=3, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.logprob, again.logprob)
    assert np.abs(first.logprob - other.logprob).max() > 1e-3


def test_the_interval_holds_its_share_of_the_draws(gpt2: Any) -> None:
    control = lens_control(gpt2, PROMPT, IDS, n=20)
    low, high = control.interval()
    inside = (np.exp(control.logprob) >= low) & (np.exp(control.logprob) <= high)
    assert (inside.sum(axis=0) == 18).all()  # of 20, one left out at each end
    full = control.interval(1.0)
    np.testing.assert_array_equal(full[1], np.exp(control.logprob).max(axis=0))
    with pytest.raises(ResultError, match="`share` is between 0 and 1; got 2"):
        control.interval(2.0)


def test_a_bfloat16_model_is_read_as_it_computes() -> None:
    llama = wrapped(tiny_llama().to(torch.bfloat16))
    assert np.isfinite(lens_control(llama, PROMPT, IDS, n=2).logprob).all()


def test_it_opens_as_it_was_saved(gpt2: Any, tmp_path: Path) -> None:
    control = lens_control(gpt2, PROMPT, IDS, n=2)
    opened = load_result(control.save(tmp_path / "control"))
    np.testing.assert_array_equal(opened.logprob, control.logprob)  # type: ignore[attr-defined]
    assert opened.fingerprint == control.fingerprint
    frame = control.to_frame()
    assert len(frame) == 2 * len(control.layers) * 3


def test_what_is_not_there_is_refused(gpt2: Any) -> None:
    n = len(logit_lens(gpt2, PROMPT).tokens)
    with pytest.raises(ResultError, match=f"`pos` is {n}; this prompt has {n} tokens"):
        lens_control(gpt2, PROMPT, IDS, pos=n)
    with pytest.raises(ResultError, match="`n` rotations are at least 1; got 0"):
        lens_control(gpt2, PROMPT, IDS, n=0)
