"""The tuned lens: where it is the logit lens, that training helps, and the published format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.errors import PromptError, ResultError, SiteError
from interpwidgets.methods import tuned_lens as training
from interpwidgets.methods.logit_lens import logit_lens
from interpwidgets.methods.tuned_lens import tuned_lens
from interpwidgets.organisms import lilliput
from interpwidgets.reads.translators import TunedLens, load_tuned_lens
from interpwidgets.results.lens_training import LensTraining
from tiny import tiny_gpt2, tiny_llama, wrapped

PROMPT = "the cat sat on a mat and the cat"
TEXTS = ["the cat sat on a mat", "a dog ran to Paris", "it was in France where the dog is"]


def random_lens(n_layers: int = 4, d_model: int = 32) -> TunedLens:
    torch.manual_seed(1)
    size = n_layers, d_model
    return TunedLens(0.1 * torch.randn(*size, d_model), torch.randn(size), "tiny")


@pytest.fixture(scope="module")
def model() -> Any:
    return wrapped(tiny_gpt2())


@pytest.fixture(scope="module")
def trained() -> TunedLens:
    texts = [f"{e.prompt} {e.completion}" for e in lilliput.ioi(24) + lilliput.facts()]
    return tuned_lens(iw.load("lilliput"), texts, steps=12, batch=6)


# ---------------------------------------------------------------------------- the lens


@pytest.mark.parametrize("site", ["resid_pre", "resid_post"])
def test_an_untrained_lens_is_the_logit_lens(model: Any, site: str) -> None:
    lens = TunedLens.identity(4, 32)
    ours = logit_lens(model, PROMPT, site=site, lens=lens)
    plain = logit_lens(model, PROMPT, site=site)
    np.testing.assert_array_equal(ours.top_logprob, plain.top_logprob)
    np.testing.assert_array_equal(ours.kl, plain.kl)
    assert ours.lens


def test_translators_are_for_what_enters_their_layer(model: Any) -> None:
    lens, module = random_lens(), model._module
    ours = logit_lens(model, PROMPT, lens=lens, top_k=64)
    plain = logit_lens(model, PROMPT, top_k=64)
    with torch.no_grad():
        ids = torch.tensor([ours.tokens.ids])
        hidden = module(ids, output_hidden_states=True).hidden_states[1:4]
        moved = [
            h[0] + h[0] @ w.T + b
            for h, w, b in zip(hidden, lens.weights[1:], lens.biases[1:], strict=True)
        ]
        expected = module.lm_head(module.transformer.ln_f(torch.stack(moved))).log_softmax(-1)
    np.testing.assert_allclose(ours.top_logprob[:3], expected.topk(64).values, atol=1e-4)
    np.testing.assert_array_equal(ours.top_logprob[3], plain.top_logprob[3])


def test_the_same_stream_reads_the_same_at_either_name(model: Any) -> None:
    post = logit_lens(model, PROMPT, lens=random_lens())
    pre = logit_lens(model, PROMPT, site="resid_pre", lens=random_lens())
    np.testing.assert_allclose(pre.entropy[1:], post.entropy[:-1], atol=1e-5)


def test_another_models_lens_or_site_is_refused(model: Any) -> None:
    with pytest.raises(ResultError, match=r"has 3 layers of width 32; .* has 4 of width 32"):
        logit_lens(model, PROMPT, lens=random_lens(3))
    with pytest.raises(SiteError, match="resid_pre or resid_post; got 'mlp_out'"):
        logit_lens(model, PROMPT, site="mlp_out", lens=random_lens())


# ---------------------------------------------------------------------------- training


def test_training_lowers_the_held_out_kl_of_every_layer(trained: TunedLens) -> None:
    curve = trained.training
    assert curve is not None
    assert curve.steps.tolist() == list(range(13))
    assert (curve.kl[-1] < 0.9 * curve.kl[0]).all()


def test_the_curve_begins_with_the_logit_lens(model: Any) -> None:
    lens = tuned_lens(model, TEXTS, steps=1, seed=3)
    assert lens.training is not None
    split = training._split(training.token_ids_of(TEXTS, model), 0.1, 3)
    (held_out,) = split[1]
    plain = logit_lens(model, held_out, site="resid_pre")
    np.testing.assert_allclose(lens.training.kl[0], plain.kl.mean(axis=1), rtol=1e-4)
    assert lens.training.n_held_out == len(held_out)


def test_a_trained_lens_is_nearer_on_another_prompt(trained: TunedLens) -> None:
    bundled, prompt = iw.load("lilliput"), lilliput.ioi(1, seed=99)[0].prompt
    plain = logit_lens(bundled, prompt, site="resid_pre").kl.mean(axis=1)
    ours = logit_lens(bundled, prompt, site="resid_pre", lens=trained).kl.mean(axis=1)
    assert (ours < plain).all()


def test_the_gradient_is_that_of_the_mean_kl(model: Any) -> None:
    """By autograd over the whole of it at once, in one step of plain Adam."""
    lens = tuned_lens(model, TEXTS, steps=1, batch=9, learning_rate=0.01, held_out=0.3)
    train, _ = training._split(training.token_ids_of(TEXTS, model), 0.3, 0)
    module = model._module
    weights = torch.zeros(4, 32, 32, requires_grad=True)
    biases = torch.zeros(4, 32, requires_grad=True)
    losses = []
    for ids in train:
        out = module(torch.tensor([ids]), output_hidden_states=True)
        wanted = out.logits[0].log_softmax(-1).detach()
        hidden = torch.cat([h.detach() for h in out.hidden_states[:-1]])
        moved = hidden + torch.einsum("lpd,led->lpe", hidden, weights) + biases[:, None]
        ours = module.lm_head(module.transformer.ln_f(moved)).log_softmax(-1)
        losses.append((wanted.exp() * (wanted - ours)).sum(-1))
    loss = torch.cat(losses, dim=1).mean(dim=1).sum()
    gradients = torch.autograd.grad(loss, [weights, biases])
    parameters = [weights.detach().clone(), biases.detach().clone()]
    adam = torch.optim.Adam(parameters, lr=0.01)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    adam.step()
    torch.testing.assert_close(lens.weights, parameters[0], rtol=1e-2, atol=1e-4)
    torch.testing.assert_close(lens.biases, parameters[1], rtol=1e-2, atol=1e-4)


def test_the_model_stays_as_it_is() -> None:
    model = wrapped(tiny_llama())
    before = {n: p.detach().clone() for n, p in model._module.named_parameters()}
    tuned_lens(model, TEXTS, steps=2)
    for name, parameter in model._module.named_parameters():
        assert parameter.grad is None
        torch.testing.assert_close(parameter.detach(), before[name], rtol=0, atol=0)


def test_the_same_seed_trains_the_same_lens(model: Any) -> None:
    one, two = (tuned_lens(model, TEXTS, steps=3, batch=1, seed=5) for _ in range(2))
    other = tuned_lens(model, TEXTS, steps=3, batch=1, seed=6)
    torch.testing.assert_close(one.weights, two.weights, rtol=0, atol=0)
    assert not torch.equal(one.weights, other.weights)


def test_training_goes_on_from_a_lens(model: Any) -> None:
    first = tuned_lens(model, TEXTS, steps=4)
    second = tuned_lens(model, TEXTS, steps=4, start=first)
    assert first.training is not None and second.training is not None
    assert second.n_steps == 8
    assert second.training.steps.tolist() == [4, 5, 6, 7, 8]
    np.testing.assert_array_equal(second.training.kl[0], first.training.kl[-1])
    assert (second.training.kl[-1] < second.training.kl[0]).all()


def test_progress_is_told_and_an_interrupt_keeps_what_is_learnt(model: Any) -> None:
    told: list[tuple[int, int, float]] = []

    def stop(step: int, steps: int, left: float) -> None:
        told.append((step, steps, left))
        if step == 3:
            raise KeyboardInterrupt

    lens = tuned_lens(model, TEXTS, steps=50, progress=stop)
    assert [(step, steps) for step, steps, _ in told] == [(1, 50), (2, 50), (3, 50)]
    assert all(left > 0 for _, _, left in told)
    assert lens.n_steps == 3
    assert lens.training is not None
    assert lens.training.steps.tolist() == [0, 3]


def test_bad_arguments_are_refused_in_words(model: Any) -> None:
    with pytest.raises(PromptError, match="measured on others; got 1"):
        tuned_lens(model, ["the cat"])
    with pytest.raises(ResultError, match="held_out is a share"):
        tuned_lens(model, TEXTS, held_out=1.0)
    with pytest.raises(ResultError, match="steps and batch are at least 1"):
        tuned_lens(model, TEXTS, steps=0)
    with pytest.raises(ResultError, match="has 2 layers"):
        tuned_lens(model, TEXTS, start=random_lens(2))


def test_the_curve_is_saved_and_is_a_table(trained: TunedLens, tmp_path: Path) -> None:
    assert trained.training is not None
    opened = iw.load_result(trained.training.save(tmp_path / "curve"))
    assert isinstance(opened, LensTraining)
    assert opened.fingerprint == trained.training.fingerprint
    frame = opened.to_frame()
    assert frame.loc[(frame.step == 12) & (frame.layer == 3), "kl"].item() == opened.kl[-1, 3]


# --------------------------------------------------------------------------- the folder


def published(folder: Path, *, bias: bool = True, **more: Any) -> dict[str, torch.Tensor]:
    """A lens as tuned-lens 0.2 writes it: the fields and keys of its source."""
    config = {
        "base_model_name_or_path": "gpt2",
        "d_model": 32,
        "num_hidden_layers": 4,
        "bias": bias,
        "base_model_revision": None,
        "unembed_hash": "0" * 64,
        "lens_type": "linear_tuned_lens",
        **more,
    }
    (folder / "config.json").write_text(json.dumps(config))
    linears = torch.nn.ModuleList([torch.nn.Linear(32, 32, bias=bias) for _ in range(4)])
    torch.save(linears.state_dict(), folder / "params.pt")
    return linears.state_dict()


@pytest.mark.parametrize("bias", [True, False])
def test_a_published_lens_opens(tmp_path: Path, bias: bool) -> None:
    state = published(tmp_path, bias=bias)
    lens = load_tuned_lens(tmp_path)
    torch.testing.assert_close(lens.weights[2], state["2.weight"])
    expected = state["2.bias"] if bias else torch.zeros(32)
    torch.testing.assert_close(lens.biases[2], expected)
    assert str(lens) == "tuned lens of gpt2"


def test_a_saved_lens_opens_here_and_has_the_published_form(tmp_path: Path) -> None:
    lens = random_lens()
    folder = lens.save(tmp_path / "mine")
    opened = iw.load_tuned_lens(folder)
    torch.testing.assert_close(opened.weights, lens.weights, rtol=0, atol=0)
    (tmp_path / "theirs").mkdir()
    published(tmp_path / "theirs")
    configs = [
        json.loads((tmp_path / f / "config.json").read_text()) for f in ("mine", "theirs")
    ]
    assert configs[0].keys() == configs[1].keys()
    linears = torch.nn.ModuleList([torch.nn.Linear(32, 32) for _ in range(4)])
    linears.load_state_dict(torch.load(folder / "params.pt", weights_only=True))


class Runs:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> Any:
        return print, ("ran",)


def test_a_file_that_would_run_code_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published(tmp_path)
    torch.save({"0.weight": Runs()}, tmp_path / "params.pt")
    with pytest.raises(ResultError, match="holds no tuned lens"):
        load_tuned_lens(tmp_path)
    assert "ran" not in capsys.readouterr().out


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"wanted config\.json and params\.pt"):
        load_tuned_lens(tmp_path)
    published(tmp_path, d_model=16)
    with pytest.raises(ResultError, match=r"'0\.weight' is not so"):
        load_tuned_lens(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ResultError, match="holds no tuned lens"):
        load_tuned_lens(tmp_path)
