"""Ablations in our own forwards equal plain torch hooks on the output projections."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import InterventionError, SiteError
from interpwidgets.interventions import Ablation, Mode
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.architectures.table import Place
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.intervening import edits_of, with_own_copy
from interpwidgets.models.prompts import read_prompts, to_input
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from tiny import CountForwards, tiny_gpt2, tiny_llama, wrapped

LONG, SHORT = [3, 5, 7, 9, 4, 5, 11], [6, 8]
BATCH = [LONG, SHORT]
HEADS = [(0, 1), (1, 0), (1, 3)]


class Reader(MethodReader):
    """Reads whole sites."""

    def __init__(self, model: Any, *sites: tuple[str, int | None]) -> None:
        super().__init__(model, [])
        self._sites = sites

    def reads(self) -> list[Read]:
        return [Read(site, layer, lambda tensor: tensor) for site, layer in self._sites]


def run(
    model: Any, prompt: Any, *ablations: Ablation, site: str = "logits", layer: Any = None
) -> torch.Tensor:
    capture = forward(model, prompt, Reader(model, (site, layer)), ablations)
    return capture.values[0, site, layer][0]


def by_hooks(model: Any, prompt: Any, ablation: Ablation, site: str) -> torch.Tensor:
    """The model's output by plain torch: columns of the output projections' input replaced."""
    module, adapter = model._module, adapter_of(model)
    _, inputs = to_input(read_prompts(prompt, model), model)
    real = inputs["attention_mask"].bool()

    def replace(layer: int) -> Any:
        def hook(_: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            z = args[0].clone()
            for of_layer, head in ablation.heads:
                columns = slice(head * adapter.d_head, (head + 1) * adapter.d_head)
                for row in range(len(z)) if of_layer == layer else ():
                    mean = z[row, real[row], columns].mean(dim=0)
                    z[row, real[row], columns] = 0 if ablation.mode == "zero" else mean
            return (z, *args[1:])

        return hook

    handles = [
        module.get_submodule(adapter.place("z", layer).path).register_forward_pre_hook(
            replace(layer)
        )
        for layer in ablation.layers()
    ]
    with torch.no_grad():
        output = module(**inputs)
    for handle in handles:
        handle.remove()
    return (output.logits if site == "logits" else output.last_hidden_state)[real]


def real_rows(model: Any, prompt: Any, values: torch.Tensor) -> torch.Tensor:
    _, inputs = to_input(read_prompts(prompt, model), model)
    return values[inputs["attention_mask"].bool()]


@pytest.fixture(params=[tiny_gpt2, tiny_llama], ids=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> Any:
    return wrapped(request.param())


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("name", [n for n in zoo.having("z", "logits") if n not in zoo.VISION])
def test_an_ablation_equals_plain_hooks_on_every_architecture(name: str, mode: Mode) -> None:
    model = zoo.wrapped_model(name)
    ablation = Ablation(HEADS, mode)
    plain = real_rows(model, BATCH, run(model, BATCH))
    ours = real_rows(model, BATCH, run(model, BATCH, ablation))
    torch.testing.assert_close(ours, by_hooks(model, BATCH, ablation, "logits"))
    assert not torch.allclose(ours, plain, atol=1e-3)


@pytest.mark.parametrize("mode", ["zero", "mean"])
def test_it_does_so_on_the_bundled_model(mode: Mode) -> None:
    model = iw.load("lilliput")
    prompts = ["When Ada and Ben went to the store, Ada gave a ring to", "Ada gave"]
    ablation = Ablation([(0, 1), (3, 2)], mode)
    ours = real_rows(model, prompts, run(model, prompts, ablation))
    torch.testing.assert_close(ours, by_hooks(model, prompts, ablation, "logits"))


@pytest.mark.parametrize("mode", ["zero", "mean"])
def test_it_does_so_without_logits(mode: Mode) -> None:
    model = zoo.wrapped_model("clip_text_model")
    ablation = Ablation(HEADS, mode)
    ours = run(model, LONG, ablation, site="ln_final")[0]
    torch.testing.assert_close(ours, by_hooks(model, LONG, ablation, "ln_final"))


def test_images_have_heads_to_ablate() -> None:
    model = zoo.wrapped_model("vit")
    image = zoo.prompt_of("vit")
    z = run(model, image, Ablation([(1, 2)]), site="z", layer=1)
    assert not z[:, :, 2].any()
    reader = Reader(model, ("z", 1))
    capture = forward(model, image, reader, [Ablation([(1, 2)], "mean")])
    assert capture.note == f"mean over this prompt's {z.shape[1]} positions"
    kept = capture.values[0, "z", 1][0]
    plain = run(model, image, site="z", layer=1)
    torch.testing.assert_close(kept[0, :, 2], plain[0, :, 2].mean(0).expand_as(kept[0, :, 2]))


# ------------------------------------------------------------------------------ laws


def test_ablating_no_head_is_the_model_to_the_bit(model: Any) -> None:
    assert torch.equal(run(model, BATCH), run(model, BATCH, Ablation([])))


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_only_the_heads_that_were_named_change(attention: str) -> None:
    model = wrapped(tiny_llama(attention=attention))
    before = run(model, LONG, site="z", layer=1)
    after = run(model, LONG, Ablation([(1, 0), (1, 3)]), site="z", layer=1)
    assert not after[:, :, [0, 3]].any()
    assert torch.equal(after[:, :, [1, 2]], before[:, :, [1, 2]])


def test_the_mean_of_one_position_changes_nothing(model: Any) -> None:
    every = Ablation([(layer, head) for layer in range(3) for head in range(4)], "mean")
    assert torch.equal(run(model, [5], every), run(model, [5]))


def test_a_mean_leaves_pads_out(model: Any) -> None:
    """A short prompt's ablated head is the same in a batch as alone."""
    ablation = Ablation([(1, 2)], "mean")
    batched = run(model, BATCH, ablation, site="z", layer=1)[1, -2:, 2]
    alone = run(model, SHORT, ablation, site="z", layer=1)[0, :, 2]
    torch.testing.assert_close(batched, alone)
    assert torch.equal(alone[0], alone[1])


def test_without_its_heads_attention_adds_its_bias_alone() -> None:
    model = wrapped(tiny_gpt2())
    bias = torch.randn(32, generator=torch.Generator().manual_seed(0))
    model._module.transformer.h[1].attn.c_proj.bias.data = bias
    all_heads = Ablation([(1, head) for head in range(4)])
    added = run(model, LONG, all_heads, site="attn_out", layer=1)
    assert torch.equal(added, bias.expand_as(added))


def test_two_ablations_compose(model: Any) -> None:
    both = run(model, BATCH, Ablation(HEADS))
    assert torch.equal(run(model, BATCH, Ablation(HEADS[:2]), Ablation(HEADS[2:])), both)
    # A mean of what is zero already is zero; a mean of means is the mean.
    assert torch.equal(run(model, BATCH, Ablation(HEADS), Ablation(HEADS, "mean")), both)
    mean = run(model, BATCH, Ablation(HEADS, "mean"))
    twice = run(model, BATCH, Ablation(HEADS, "mean"), Ablation(HEADS, "mean"))
    torch.testing.assert_close(twice, mean)


def test_half_precision_takes_its_mean_in_float32() -> None:
    z = torch.full((1, 4096, 1, 1), 0.1, dtype=torch.bfloat16)
    capture = Capture()
    capture.add_step(torch.zeros((1, 4096), dtype=torch.long), None)
    expected = z.clone()
    (edit,) = edits_of(Ablation([(0, 0)], "mean"), adapter_of(wrapped(tiny_gpt2())))
    edit.change(z, capture)
    assert torch.equal(z, expected)


# --------------------------------------------------------------- beside everything else


def test_it_is_one_forward_and_leaves_the_model_as_it_was(model: Any) -> None:
    before = run(model, LONG)
    with CountForwards(model._module) as count:
        run(model, LONG, Ablation(HEADS))
    assert count.n == 1
    assert torch.equal(run(model, LONG), before)
    assert not model.interleaver.mediators


def test_what_was_changed_is_noted_in_words(model: Any) -> None:
    reader = Reader(model, ("z", 1))
    ablations = [Ablation([(1, 0)]), Ablation([(2, 1)], "mean")]
    capture = forward(model, LONG, reader, ablations)
    assert list(capture.intervened) == ["L1 H0 zero-ablated", "L2 H1 mean-ablated"]
    assert capture.note == "mean over this prompt's 7 tokens"
    capture = forward(model, BATCH, reader, ablations)
    assert capture.note == "mean over each prompt's own 2-7 tokens"
    assert not forward(model, LONG, reader).intervened


def test_stored_edits_come_first_and_are_noted_beside_it() -> None:
    model = wrapped(tiny_gpt2())
    with model.edit(inplace=True):
        model.transformer.h[1].attn.c_proj.input[:] += 1
    z_reader = Reader(model, ("z", 1))
    capture = forward(model, LONG, z_reader, [Ablation([(1, 2)])])
    z = capture.values[0, "z", 1][0]
    assert not z[:, :, 2].any()
    assert list(capture.intervened) == ["transformer.h.1.attn.c_proj", "L1 H2 zero-ablated"]


def test_heads_that_are_not_there_never_reach_the_model(model: Any) -> None:
    with CountForwards(model._module) as count:
        with pytest.raises(InterventionError, match=r"no head L0 H4 in .*; it has layers 0-"):
            run(model, LONG, Ablation([(0, 4)]))
    assert count.n == 0
    run(model, LONG)  # the model is free again


def test_an_architecture_without_z_is_refused_in_words(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapter_of(model)
    architecture = adapter.architecture
    monkeypatch.setattr(
        "interpwidgets.models.tracing.adapter_of",
        lambda _: type(adapter)(**{**vars(adapter), "architecture": architecture.without("z")}),
    )
    with pytest.raises(SiteError, match="has no site 'z'"):
        run(model, LONG, Ablation([(0, 1)]))


def test_a_run_that_never_comes_there_is_refused_in_words() -> None:
    model = wrapped(tiny_gpt2())
    with model.edit(inplace=True) as tracer:
        model.transformer.h[0].output  # noqa: B018
        tracer.stop()
    with pytest.raises(SiteError, match="L2 H1 zero-ablated: this run never came to"):
        run(model, LONG, Ablation([(2, 1)]), site="embed")


@pytest.mark.parametrize("slot", ["input", "output"])
def test_the_copy_is_the_sites_own(slot: Any) -> None:
    tensor, other = torch.ones(1, 2, 3), torch.ones(2)
    if slot == "input":
        (copy, kept), kwargs = with_own_copy(((tensor, other), {"a": 1}), Place("x", "input"))
        assert kwargs == {"a": 1}
        _, by_name = with_own_copy(((), {"h": tensor, "a": other}), Place("x", "input"))
        assert by_name["h"] is not tensor
        assert by_name["a"] is other
    else:
        kept, copy = with_own_copy((other, tensor), Place("x", item=1))
    assert kept is other
    copy[:] = 0
    assert tensor.all()


def test_what_cannot_be_changed_is_refused_in_words() -> None:
    with pytest.raises(SiteError, match="deals in dict"):
        with_own_copy({"h": torch.ones(1)}, Place("x", item="h"))
