"""Values of a site: as hooks give them, named wrongly, too large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.errors import PromptError, ReadTooLargeError, ResultError, SiteError
from tiny import tiny_gpt2, tiny_llama, wrapped

PROMPT = "the cat sat on a mat"


def test_resid_post_equals_hugging_faces_hidden_states() -> None:
    model = wrapped(tiny_llama())
    result = iw.activations(model, PROMPT, "resid_pre")
    with torch.no_grad():
        out = model._module(torch.tensor([result.tokens.ids]), output_hidden_states=True)
    expected = torch.stack(out.hidden_states[:3])[:, 0].numpy()
    np.testing.assert_allclose(result.values, expected, atol=1e-6)


def test_layers_and_sites_that_exist_once() -> None:
    model = wrapped(tiny_gpt2())
    part = iw.activations(model, PROMPT, "z", layers=[3, 1])
    assert part.values.shape == (2, 6, 4, 8)
    assert part.at(1).shape == (6, 4, 8)
    logits = iw.activations(model, PROMPT, "logits")
    assert (logits.values.shape, logits.at().shape) == ((1, 6, 64), (6, 64))
    with pytest.raises(ResultError, match="layer 2 of z is not held"):
        part.at(2)


def test_the_sum_of_what_layers_add_is_the_last_residual() -> None:
    model = wrapped(tiny_gpt2())
    read = {
        site: iw.activations(model, PROMPT, site).values
        for site in ("embed", "attn_out", "mlp_out", "resid_post")
    }
    total = read["embed"][0] + read["attn_out"].sum(0) + read["mlp_out"].sum(0)
    np.testing.assert_allclose(total, read["resid_post"][-1], atol=1e-5)


def test_bfloat16_comes_as_float32() -> None:
    result = iw.activations(wrapped(tiny_gpt2().to(torch.bfloat16)), PROMPT, "q")
    assert (result.values.dtype, result.provenance.dtype) == (np.float32, "bfloat16")


def test_a_wrong_site_is_answered_with_the_nearest() -> None:
    with pytest.raises(SiteError, match=r"no site 'patern'\. Did you mean 'pattern'"):
        iw.activations(wrapped(tiny_gpt2()), PROMPT, "patern")


def test_a_site_that_is_not_in_the_architecture_is_refused() -> None:
    with pytest.raises(SiteError, match="has no site 'mlp_out'"):
        iw.activations(iw.load("lil-attn-2l"), [1, 2], "mlp_out")


def test_too_much_is_refused_with_what_would_fit() -> None:
    with pytest.raises(ReadTooLargeError, match=r"resid_post of 4 layers .* layers=range\(2\)"):
        iw.activations(wrapped(tiny_gpt2()), PROMPT, "resid_post", max_bytes=2 * 6 * 32 * 4)


def test_a_batch_is_refused_in_words() -> None:
    with pytest.raises(PromptError, match="this takes one prompt; got 2"):
        iw.activations(wrapped(tiny_gpt2()), ["the cat", "a dog"], "z")


def test_it_saves_opens_and_becomes_a_table(tmp_path: Path) -> None:
    result = iw.activations(wrapped(tiny_gpt2()), PROMPT, "z")
    opened = iw.load_result(result.save(tmp_path / "z"))
    assert np.array_equal(opened.values, result.values)
    frame = opened.to_frame()
    assert frame.shape == (4 * 6 * 4, 8)
    assert frame.loc[2, 3, 1].to_numpy() == pytest.approx(result.at(2)[3, 1])
