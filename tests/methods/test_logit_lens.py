"""The lens against plain torch hooks, on every decoder that has a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import interpwidgets as iw
from interpwidgets.errors import PromptError, ReadTooLargeError, ResultError, SiteError
from interpwidgets.methods.attention import AttentionMethod
from interpwidgets.methods.logit_lens import SITES, LogitLensMethod, logit_lens
from interpwidgets.methods.token_values import SurprisalMethod
from interpwidgets.models.capture import Capture
from interpwidgets.models.output_head import OutputHead
from interpwidgets.models.prompts import read_prompts
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import ReadBackend, forward
from interpwidgets.organisms import lilliput
from interpwidgets.reads import lens as lens_read
from interpwidgets.results.lens import recall_by_layer
from tiny import CountForwards, tiny_gpt2, tiny_llama, wrapped
from zoo import DECODERS, make, prompt_of, wrap

PROMPT = "the cat sat on a mat and the cat"
POST_NORM = "olmo2"


def model_log_probs(module: Any, ids: Any) -> torch.Tensor:
    with torch.no_grad():
        return module(torch.as_tensor(ids).reshape(1, -1)).logits[0].log_softmax(-1)


def hooked(module: Any, ids: Any, parts: list[Any], side: str = "output") -> list[torch.Tensor]:
    """What some modules take or give, by plain hooks."""
    seen: list[Any] = []

    def take(_module: Any, args: Any, kwargs: Any, output: Any) -> None:
        given = (
            (args[0] if args else next(iter(kwargs.values()))) if side == "input" else output
        )
        seen.append((given if isinstance(given, torch.Tensor) else given[0]).clone())

    handles = [part.register_forward_hook(take, with_kwargs=True) for part in parts]
    with torch.no_grad():
        module(torch.as_tensor(ids).reshape(1, -1))
    for handle in handles:
        handle.remove()
    return seen


@pytest.fixture(scope="module")
def gpt2() -> Any:
    return wrapped(tiny_gpt2())


@pytest.fixture(scope="module")
def bundled() -> Any:
    return iw.load("lilliput")


# ------------------------------------------------------------------------------ the law


@pytest.mark.parametrize("name", DECODERS)
def test_the_last_layer_of_resid_post_equals_the_models_output(name: str) -> None:
    module = make(name)
    expected = model_log_probs(module, prompt_of(name)).topk(64)
    lens = logit_lens(wrap(module), prompt_of(name), top_k=64)
    np.testing.assert_allclose(lens.top_logprob[-1], expected.values, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(lens.kl[-1], 0, atol=1e-6)
    assert lens.provenance.note == ""


def test_the_last_layer_of_lilliput_equals_its_output(bundled: Any) -> None:
    prompt = lilliput.ioi(1)[0].prompt
    lens = logit_lens(bundled, prompt, top_k=5)
    expected = model_log_probs(bundled._module, lens.tokens.ids).topk(5)
    np.testing.assert_allclose(lens.top_logprob[-1], expected.values, atol=1e-5)
    np.testing.assert_array_equal(lens.top_ids[-1], expected.indices)


def test_the_last_layer_is_the_models_own_logits_to_the_bit(gpt2: Any) -> None:
    lens = logit_lens(gpt2, PROMPT, top_k=64)
    with torch.no_grad():
        logits = gpt2._module(torch.tensor([lens.tokens.ids])).logits[0].numpy()
    sorted_logits = np.take_along_axis(logits, lens.top_ids[-1], axis=-1)
    np.testing.assert_array_equal(sorted_logits, -np.sort(-logits, axis=-1))
    # One number a row is taken off all of them.
    below_best = lens.top_logprob[-1] - lens.top_logprob[-1][:, :1]
    np.testing.assert_allclose(
        below_best, sorted_logits - sorted_logits[:, :1], rtol=0, atol=1e-6
    )


def test_a_bfloat16_model_is_read_as_it_computes() -> None:
    module = tiny_llama().to(torch.bfloat16)
    lens = logit_lens(wrapped(module), PROMPT, top_k=64)
    with torch.no_grad():
        logits = module(torch.tensor([lens.tokens.ids])).logits[0].float()
    expected = logits.log_softmax(-1).topk(64).values
    np.testing.assert_allclose(lens.top_logprob[-1], expected, atol=0.05)
    assert lens.top_logprob.dtype == np.float32


# ------------------------------------------------------------------- every number, by hooks


@pytest.mark.parametrize("chunk", [2**20, 300])
def test_every_number_is_that_of_plain_hooks(
    gpt2: Any, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(lens_read, "CHUNK", chunk)
    monkeypatch.setattr(lens_read, "ROWS", 20)
    module, targets = gpt2._module, [7, 3, 40]
    lens = logit_lens(gpt2, PROMPT, top_k=6, targets=targets)
    streams = hooked(module, lens.tokens.ids, list(module.transformer.h))
    with torch.no_grad():
        logits = module.lm_head(module.transformer.ln_f(torch.cat(streams))).double()
    logprob = logits.log_softmax(-1)
    p = logprob.exp()
    top = logprob.topk(6)
    np.testing.assert_array_equal(lens.top_ids, top.indices)
    np.testing.assert_allclose(lens.top_logprob, top.values, atol=2e-5)
    np.testing.assert_allclose(lens.entropy, -(p * logprob).sum(-1), atol=2e-5)
    kl = (p[-1] * (logprob[-1] - logprob)).sum(-1)
    np.testing.assert_allclose(lens.kl, kl, atol=2e-5)
    np.testing.assert_allclose(lens.target_logprob, logprob[..., targets], atol=2e-5)
    expected = torch.stack([(logits > logits[..., [t]]).sum(-1) for t in targets], dim=-1)
    np.testing.assert_array_equal(lens.target_rank, expected)


def test_the_sites_are_those_of_plain_hooks() -> None:
    module = make("llama")
    ids, layers = prompt_of("llama"), list(module.model.layers)
    parts: dict[str, tuple[list[Any], str]] = {
        "resid_pre": (layers, "input"),
        "resid_mid": ([layer.post_attention_layernorm for layer in layers], "input"),
        "attn_out": ([layer.self_attn for layer in layers], "output"),
        "mlp_out": ([layer.mlp for layer in layers], "output"),
    }
    model = wrap(module)
    for site, (modules, side) in parts.items():
        streams = torch.cat(hooked(module, ids, modules, side))
        with torch.no_grad():
            expected = module.lm_head(module.model.norm(streams)).log_softmax(-1).topk(3)
        lens = logit_lens(model, ids, site=site, top_k=3)
        np.testing.assert_array_equal(lens.top_ids, expected.indices)
        np.testing.assert_allclose(lens.top_logprob, expected.values, atol=1e-5)


def test_attn_out_behind_a_post_norm_is_what_is_added() -> None:
    module = make(POST_NORM)
    ids, layers = prompt_of(POST_NORM), list(module.model.layers)
    added = hooked(module, ids, [layer.post_attention_layernorm for layer in layers])
    with torch.no_grad():
        expected = module.lm_head(module.model.norm(torch.cat(added))).log_softmax(-1)
    lens = logit_lens(wrap(module), ids, site="attn_out", top_k=64)
    np.testing.assert_allclose(lens.top_logprob, expected.topk(64).values, atol=1e-4)


def test_layers_in_another_order_are_the_same_layers(gpt2: Any) -> None:
    every = logit_lens(gpt2, PROMPT)
    some = logit_lens(gpt2, PROMPT, layers=[3, 1])
    assert some.layers == (3, 1)
    np.testing.assert_allclose(some.kl, every.kl[[3, 1]], atol=1e-6)
    np.testing.assert_array_equal(some.top_ids, every.top_ids[[3, 1]])


# ------------------------------------------------------------------------------ memory


class Largest(TorchDispatchMode):
    """The most numbers that any tensor has which an operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.n = max(self.n, result.untyped_storage().nbytes() // result.element_size())
        return result


def test_logits_of_all_layers_are_never_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lens_read, "CHUNK", 2**12)
    config = tiny_gpt2().config
    config.vocab_size = 3000
    module = type(tiny_gpt2())(config).eval()
    head = OutputHead(wrapped(module))
    streams = [torch.randn(1, 40, 32) for _ in range(12)]
    with torch.no_grad(), Largest() as largest:
        lens_read.read_streams(head, streams, streams[-1], lens_read.Kept(10))
    weights = config.vocab_size * 32  # seen as the storage of their views
    assert largest.n <= max(weights, 8 * 2**12)
    assert 12 * 40 * config.vocab_size > 10 * largest.n


def test_a_run_that_would_keep_too_much_is_refused_with_what_fits(gpt2: Any) -> None:
    with pytest.raises(ReadTooLargeError, match=r"Read at most \d layers"):
        logit_lens(gpt2, PROMPT, max_bytes=8_000)
    with pytest.raises(ReadTooLargeError, match="Shorten the prompt"):
        logit_lens(gpt2, PROMPT, max_bytes=100)


# --------------------------------------------------------------- several at once, in a run


class Keeps(MethodReader):
    """A reader of methods that has the run when it is over."""

    capture: Capture

    def deliver(self, capture: Capture) -> None:
        self.capture = capture

    def results(self, at: int = 0) -> Any:
        return self.methods[at].build(self.run_of(self.capture, at), ())


def test_several_sites_and_other_methods_share_one_forward(gpt2: Any) -> None:
    methods = [
        LogitLensMethod(),
        LogitLensMethod("mlp_out"),
        SurprisalMethod(),
        AttentionMethod(),
    ]
    reader = Keeps(gpt2, methods)
    with CountForwards(gpt2._module.transformer) as count:
        forward(gpt2, PROMPT, reader)
    assert count.n == 1
    for at, site in enumerate(["resid_post", "mlp_out"]):
        alone = logit_lens(gpt2, PROMPT, site=site)
        np.testing.assert_array_equal(reader.results(at)[0].top_ids, alone.top_ids)
    np.testing.assert_allclose(
        reader.results(2)[0].values[0, 1:],
        -model_log_probs(gpt2._module, alone.tokens.ids)[
            torch.arange(len(alone.tokens) - 1), list(alone.tokens.ids[1:])
        ],
        atol=1e-5,
    )


def test_a_batch_is_read_without_its_padding(gpt2: Any) -> None:
    batch = read_prompts(["the cat sat", PROMPT], gpt2)
    reader = Keeps(gpt2, [LogitLensMethod()], batch)
    forward(gpt2, batch, reader)
    for result, prompt in zip(reader.results(), ["the cat sat", PROMPT], strict=True):
        alone = logit_lens(gpt2, prompt)
        assert result.tokens.ids == alone.tokens.ids
        np.testing.assert_allclose(result.kl, alone.kl, atol=1e-4)
        assert result.prompt_count == 2


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_generation_is_read_like_its_whole_text(gpt2: Any, use_cache: bool) -> None:
    reader = Keeps(gpt2, [LogitLensMethod()])
    with gpt2.generate(
        PROMPT,
        max_new_tokens=4,
        min_new_tokens=4,
        do_sample=False,
        use_cache=use_cache,
        backend=ReadBackend(reader),
    ) as tracer:
        tracer.result.save()
    (result,) = reader.results()
    assert sum(result.tokens.generated) == 3
    whole = logit_lens(gpt2, list(result.tokens.ids))
    np.testing.assert_allclose(result.entropy, whole.entropy, atol=1e-4)


def test_the_lens_sees_what_a_user_changed(gpt2: Any) -> None:
    reader = Keeps(gpt2, [LogitLensMethod()])
    with gpt2.trace(PROMPT, backend=ReadBackend(reader)):
        gpt2.transformer.h[1].output[:] = 0
    (changed,) = reader.results()
    plain = logit_lens(gpt2, PROMPT)
    np.testing.assert_allclose(changed.entropy[0], plain.entropy[0], atol=1e-6)
    assert np.abs(changed.entropy[1] - plain.entropy[1]).max() > 0.01
    assert changed.provenance.note == ""


def test_a_change_behind_the_last_layer_is_said(gpt2: Any) -> None:
    reader = Keeps(gpt2, [LogitLensMethod()])
    with gpt2.trace(PROMPT, backend=ReadBackend(reader)):
        gpt2.lm_head.output[:] = 0
    (changed,) = reader.results()
    assert "output differs from its last layer's" in changed.provenance.note
    plain = logit_lens(gpt2, PROMPT)
    np.testing.assert_allclose(changed.kl, plain.kl, atol=1e-6)


def test_logits_changed_at_one_position_are_not_taken_for_the_last_layers(
    gpt2: Any,
) -> None:
    reader = Keeps(gpt2, [LogitLensMethod()])
    with gpt2.trace(PROMPT, backend=ReadBackend(reader)):
        gpt2.lm_head.output[:, 2] = 0
    (changed,) = reader.results()
    plain = logit_lens(gpt2, PROMPT)
    np.testing.assert_array_equal(changed.top_ids, plain.top_ids)
    np.testing.assert_allclose(changed.kl, plain.kl, atol=1e-6)


def test_a_run_that_stops_early_has_no_numbers_and_says_so(gpt2: Any) -> None:
    reader = Keeps(gpt2, [LogitLensMethod()])
    with gpt2.trace(PROMPT, backend=ReadBackend(reader)) as tracer:
        gpt2.transformer.h[1].output.save()
        tracer.stop()
    (result,) = reader.results()
    assert np.isnan(result.kl).all()
    assert (result.top_ids == -1).all()
    assert "ended before the logits" in result.provenance.note


def test_reading_counts_no_call_of_the_models_parts(gpt2: Any) -> None:
    reader = Keeps(gpt2, [LogitLensMethod()])
    with gpt2.trace(PROMPT, backend=ReadBackend(reader)):
        norm = gpt2.transformer.ln_f.output.save()
        logits = gpt2.lm_head.output.save()
    assert norm.shape == (1, 9, 32)
    assert logits.shape == (1, 9, 64)


# ----------------------------------------------------------------------------- bad input


def test_targets_are_single_tokens(gpt2: Any) -> None:
    lens = logit_lens(gpt2, PROMPT, targets=["dog", 5])
    assert lens.target_text == ("dog", "on")
    with pytest.raises(PromptError, match=r"'the dog' is 2 tokens, not one"):
        logit_lens(gpt2, PROMPT, targets=["the dog"])
    with pytest.raises(PromptError, match="token id 64 is outside the vocabulary, 0-63"):
        logit_lens(gpt2, PROMPT, targets=64)
    with pytest.raises(PromptError, match="no tokenizer"):
        logit_lens(wrap(make("llama")), [3, 5], targets="dog")


def test_bad_arguments_are_refused_in_words(gpt2: Any) -> None:
    with pytest.raises(SiteError, match="the lens reads resid_pre"):
        logit_lens(gpt2, PROMPT, site="z")
    with pytest.raises(ResultError, match=r"`layer` is 4; .* 0-3"):
        logit_lens(gpt2, PROMPT, layers=[4])
    with pytest.raises(ResultError, match="top_k is 0-64"):
        logit_lens(gpt2, PROMPT, top_k=65)
    with pytest.raises(SiteError, match="has no site 'resid_mid'"):
        logit_lens(wrap(make("gpt_neox")), [3, 5], site="resid_mid")


def test_a_lens_without_top_tokens_or_targets_has_its_measures(gpt2: Any) -> None:
    lens = logit_lens(gpt2, PROMPT, top_k=0)
    assert lens.top_ids.shape == (4, 9, 0)
    np.testing.assert_allclose(lens.entropy, logit_lens(gpt2, PROMPT).entropy)


def test_every_site_has_its_place_in_the_docstring() -> None:
    assert all(f'"{site}"' in (logit_lens.__doc__ or "") for site in SITES)


# -------------------------------------------------------------------- a shortlist, by layer


def test_a_facts_shortlist_is_there_before_the_choice(bundled: Any) -> None:
    facts = lilliput.facts(kind="city")
    cities = sorted({fact.answers[0] for fact in facts})
    results = [logit_lens(bundled, fact.prompt, targets=cities) for fact in facts]
    answers = [fact.answers[0] for fact in facts]
    short, one = (recall_by_layer(results, answers, k) for k in (20, 1))
    first = [int(np.argmax(share >= 0.95)) for share in (short, one)]
    assert first[0] < first[1] == 3
