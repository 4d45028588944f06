"""A march through the layers gives what one plain forward a cell gives, or says why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

import zoo
from interpwidgets.errors import TraceError
from interpwidgets.methods.activation_patching import activation_patching
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.exclusive import exclusive
from interpwidgets.models.layer_march import SITES
from interpwidgets.models.patching import Cell, patched_logits, record
from interpwidgets.models.patching_engine import PatchingEngine
from tiny import CountForwards

#: Longer than the windows of the zoo; the first two tokens are the same.
OTHER, IDS = [3, 5, 7, 9, 4, 5, 2, 8], [3, 5, 8, 9, 6, 5, 2, 8]
T = len(IDS)
ALIBI = ("bloom", "bloom, residual behind norm", "falcon, alibi")
FAMILIES = (*zoo.DECODERS, "lil-attn-2l")


def cells_of(model: Any, site: str, by: str) -> list[Cell]:
    """Every cell of a grid: positions, heads at all positions, heads at each position."""
    adapter = adapter_of(model)
    heads: list[tuple[int, ...]] = [()]
    if site == "z":
        heads = [(head,) for head in range(adapter.n_heads)]
    every = [((at, at),) for at in range(T)]
    pairs = [tuple((at, at) for at in range(T))] if by == "head" else every
    return [
        Cell(layer, at, some)
        for layer in range(adapter.n_layers)
        for some in heads
        for at in pairs
    ]


def plain(model: Any, site: str, cells: Sequence[Cell]) -> np.ndarray:
    """Logits after the last token by a plain torch hook and one forward a cell."""
    module, adapter = model._module, adapter_of(model)
    found = []
    for cell in cells:
        place = adapter.place(site, cell.layer)
        target, kept = module.get_submodule(place.path), []

        def change(value: Any, place: Any = place, cell: Cell = cell, kept: Any = kept) -> None:
            tensor = adapter.at_site(value, place)
            if not kept:
                kept.append(tensor.clone())
                return
            there, here = (list(side) for side in zip(*cell.pairs, strict=True))
            if cell.heads:
                for head in cell.heads:
                    tensor[0, here, head] = kept[0][0, there, head]
            else:
                tensor[0, here] = kept[0][0, there]

        # In place, so that the stream between attention and MLP is changed for both.
        handle = (
            target.register_forward_pre_hook(
                lambda _, args, kwargs, change=change: change((args, kwargs)),
                with_kwargs=True,
            )
            if place.slot == "input"
            else target.register_forward_hook(lambda _, __, out, change=change: change(out))
        )
        with handle, torch.no_grad():
            module(torch.tensor([OTHER]))
            found.append(module(torch.tensor([IDS])).logits[0, -1].float().numpy())
    return np.stack(found)


def swept(
    model: Any, site: str, cells: Sequence[Cell], **more: Any
) -> tuple[np.ndarray, PatchingEngine]:
    engine = PatchingEngine(model, site, march=more.pop("march", True))
    donor = record(model, OTHER, site, range(adapter_of(model).n_layers)).values
    parts = list(engine.logits(IDS, cells, donor, **more))
    order = [at for some, _ in parts for at in some]
    assert sorted(order) == list(range(len(cells)))
    logits = np.concatenate([logits for _, logits in parts])
    return logits[np.argsort(order)], engine


def assert_close(got: np.ndarray, wanted: np.ndarray, within: float = 1e-5) -> None:
    assert np.abs(got - wanted).max() <= within * np.abs(wanted).max()
    assert np.ptp(wanted, axis=0).max() > 1e-3 * np.abs(wanted).max()  # patches matter


def grids(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for name in names:
        for site in SITES:
            if site not in zoo.LACKS.get(name, ()):
                yield from (
                    (name, site, by) for by in ("position", "head")[: 1 + (site == "z")]
                )


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", zoo.first_by_default(FAMILIES, 2))
def test_every_cell_is_a_plain_forward(
    name: str, attention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ours is type-checked in tests: as if a layer were only called with all there is.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", name == "lil-attn-2l")
    try:
        model = zoo.wrapped_model(name, attention=attention)
    except ValueError as error:
        assert "does not support an attention implementation" in str(error)
        pytest.skip(f"{name} has no {attention}")
    for _, site, by in grids([name]):
        cells = cells_of(model, site, by)
        got, engine = swept(model, site, cells)
        assert engine.note.startswith("batched whole" if name in ALIBI else "layer march")
        assert_close(got, plain(model, site, cells))


@pytest.mark.parametrize("site", ["resid_pre", "resid_mid", "mlp_out", "z", "k"])
def test_whole_forwards_give_the_same(site: str) -> None:
    model = zoo.wrapped_model("llama")
    cells = cells_of(model, "z" if site in "zk" else site, "position")
    cells = [cell for cell in cells if site != "k" or cell.heads[0] < 2]
    got, engine = swept(model, site, cells, march=False)
    assert engine.note == "batched whole forwards (as was asked)"
    assert_close(got, plain(model, site, cells))


def test_whole_forwards_run_no_layer_before_the_patch() -> None:
    model = zoo.wrapped_model("gpt2")
    own = record(model, IDS, "resid_pre", [2]).values
    donor = record(model, OTHER, "resid_pre", [2]).values
    cells = [Cell(2, ((at, at),)) for at in range(T)]
    blocks = model._module.transformer.h
    with CountForwards(blocks[1].mlp) as before, CountForwards(blocks[2].mlp) as behind:
        ((_, got),) = patched_logits(model, IDS, "resid_pre", cells, donor, before=own)
    assert (before.n, behind.n) == (0, 1)
    assert_close(got, plain(model, "resid_pre", cells))


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox"])
def test_bfloat16_is_within_its_precision(name: str) -> None:
    module = zoo.make(name).to(torch.bfloat16)
    model = zoo.wrap(module)
    for site in ("resid_pre", "attn_out"):
        cells = cells_of(model, site, "position")
        got, engine = swept(model, site, cells)
        assert engine.note.startswith("layer march")
        assert_close(got, plain(model, site, cells), 0.03)


def test_an_adapter_takes_part() -> None:
    from peft import LoraConfig, get_peft_model

    module = zoo.make("llama")
    without = zoo.wrap(zoo.make("llama"))
    config = LoraConfig(r=4, target_modules=["q_proj", "o_proj", "down_proj"])
    tuned = get_peft_model(module, config).eval()
    for parameter in (p for n, p in tuned.named_parameters() if "lora_" in n):
        parameter.data = 0.3 * torch.randn_like(parameter)
    model = zoo.wrap(tuned)
    for site in ("resid_pre", "z", "mlp_out"):
        cells = cells_of(model, site, "position")
        got, engine = swept(model, site, cells)
        assert engine.note.startswith("layer march")
        assert_close(got, plain(model, site, cells))
        assert np.abs(got - swept(without, site, cells)[0]).max() > 0.1


@pytest.mark.parametrize("rows", [1, 5, 1000])
def test_how_many_march_together_changes_nothing(rows: int) -> None:
    model = zoo.wrapped_model("llama")
    cells = cells_of(model, "z", "position")[::-1]
    got, _ = swept(model, "z", cells, rows=rows)
    assert_close(got, swept(model, "z", cells)[0])


def test_only_the_wanted_logits_are_computed() -> None:
    model = zoo.wrapped_model("gpt2")
    cells = cells_of(model, "resid_pre", "position")
    got, _ = swept(model, "resid_pre", cells, tokens=(11, 3))
    assert_close(got, swept(model, "resid_pre", cells)[0][:, [11, 3]])


def test_prompts_of_different_length_and_several_positions_at_once() -> None:
    model = zoo.wrapped_model("llama")
    longer = [3, 5, 7, 7, 9, 4, 5, 2, 8]
    donor = record(model, longer, "resid_pre", range(3)).values
    cells = [
        Cell(layer, pairs)
        for layer in range(3)
        for pairs in (((4, 3),), ((3, 2), (5, 4)), ((8, 7), (1, 6)), ((0, 5), (4, 1)))
    ]
    engine = PatchingEngine(model, "resid_pre")
    got = np.empty((len(cells), 64))
    for at, logits in engine.logits(IDS, cells, donor):
        got[at] = logits
    parts = [one for _, one in patched_logits(model, IDS, "resid_pre", cells, donor)]
    assert engine.note.startswith("layer march")
    assert_close(got, np.concatenate(parts))


# ----------------------------------------------------------------------------- the law


@pytest.mark.parametrize("march", [True, False])
@pytest.mark.parametrize("name", ["gpt2", "llama", "opt"])
def test_the_stream_between_attention_and_mlp_is_all_that_goes_on(
    name: str, march: bool
) -> None:
    """With every position of it from the other run, the answer is the other run's."""
    model = zoo.wrapped_model(name)
    other = record(model, OTHER, "resid_mid", range(3))
    everywhere = tuple((at, at) for at in range(T))
    cells = [Cell(layer, everywhere) for layer in range(3)] * 3
    got, engine = swept(model, "resid_mid", cells, march=march)
    assert engine.note.startswith("layer march" if march else "batched")
    wanted = np.repeat(other.logits[None], len(cells), axis=0)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------ when it does not hold


def by_position_in_the_call(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
    """What no argument of a layer tells it: wrong for a call of some positions alone."""
    return output * (1 + 0.1 * torch.arange(output.shape[1])[:, None])


def refuse(*_: Any, **__: Any) -> Any:
    raise RuntimeError("this layer wants all positions")


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (
            by_position_in_the_call,
            r"a layer march differs from them by \de[-+]\d+ of the largest",
        ),
        (
            lambda _, __, output: output if output.shape[1] == T else refuse(),
            "a layer march failed: RuntimeError this layer wants all positions",
        ),
    ],
)
def test_a_model_that_cannot_march_is_run_whole_and_says_so(
    hook: Callable[..., Any], said: str
) -> None:
    model = zoo.wrapped_model("gpt2")
    cells = cells_of(model, "resid_pre", "position")
    with model._module.transformer.h[1].register_forward_hook(hook):
        got, engine = swept(model, "resid_pre", cells)
        wanted = plain(model, "resid_pre", cells)
    assert_close(got, wanted)
    assert re.fullmatch(rf"batched whole forwards \({said}.*\)", engine.note)


def test_what_fails_on_the_way_is_finished_whole() -> None:
    model = zoo.wrapped_model("gpt2")
    cells = cells_of(model, "resid_pre", "position")
    calls = iter(range(100))

    def late(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        return refuse() if output.shape[1] < T and next(calls) > 2 else output

    with model._module.transformer.h[1].register_forward_hook(late):
        got, engine = swept(model, "resid_pre", cells, rows=4)
    assert engine.note.startswith("layer march, within ")
    assert "; batched whole forwards (a layer march failed" in engine.note
    assert_close(got, swept(model, "resid_pre", cells)[0])


def test_a_stored_edit_of_the_user_counts() -> None:
    model = zoo.wrapped_model("gpt2")
    plainly = swept(model, "resid_pre", cells := cells_of(model, "resid_pre", "position"))[0]
    with model.edit(inplace=True):
        model.transformer.h[1].mlp.output[:] *= 3
    got, engine = swept(model, "resid_pre", cells)
    assert engine.note == "batched whole forwards (the model has stored edits)"
    assert np.abs(got - plainly).max() > 0.1


def test_the_result_says_which_way_it_was_run() -> None:
    ask: dict[str, Any] = {"answers": (11, 12)}
    marched = activation_patching(zoo.wrapped_model("gpt2"), OTHER, IDS, **ask)
    assert marched.provenance.note.startswith("layer march, within ")
    whole = activation_patching(zoo.wrapped_model("bloom"), OTHER, IDS, **ask)
    assert whole.provenance.note == (
        "batched whole forwards (its layers take ALiBi for one number of rows)"
    )


# --------------------------------------------------------------------------- the model


def forwards_of(model: Any) -> list[Any]:
    return [module.__dict__.get("forward") for module in model._module.modules()]


def test_the_model_is_as_it_was_also_after_an_interrupt() -> None:
    model = zoo.wrapped_model("gpt2")
    cells = cells_of(model, "attn_out", "position")
    before, logits = forwards_of(model), record(model, IDS, "resid_pre", [0]).logits
    swept(model, "attn_out", cells)
    assert forwards_of(model) == before

    def interrupt(*_: Any) -> None:
        # Only where attention stands in: the layer is called without running it.
        if model._module.transformer.h[1].attn.__dict__["forward"] is not before_attn:
            raise KeyboardInterrupt

    before_attn = model._module.transformer.h[1].attn.__dict__["forward"]
    with (
        model._module.transformer.h[1].mlp.register_forward_hook(interrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        swept(model, "attn_out", cells)
    assert forwards_of(model) == before
    np.testing.assert_array_equal(record(model, IDS, "resid_pre", [0]).logits, logits)


def test_inside_a_trace_of_the_model_it_is_refused() -> None:
    model = zoo.wrapped_model("gpt2")
    cells = cells_of(model, "resid_pre", "position")
    donor = record(model, OTHER, "resid_pre", range(3)).values
    with exclusive(model._module), pytest.raises(TraceError, match="is running already"):
        list(PatchingEngine(model, "resid_pre").logits(IDS, cells, donor))


def test_what_cannot_change_the_answer_is_not_run() -> None:
    """Before the first difference every cell is the prompt's own run, to the bit."""
    model = zoo.wrapped_model("llama")
    early = [Cell(layer, ((at, at),)) for layer in range(3) for at in (0, 1)]
    cells = [*early, *(Cell(layer, ((2, 2),)) for layer in range(3))]
    got, _ = swept(model, "resid_pre", cells)
    own = record(model, IDS, "resid_pre", [0]).logits
    np.testing.assert_array_equal(got[:6], np.repeat(own[None], 6, axis=0))
    with CountForwards(model._module.model.layers[1]) as count:
        swept(model, "resid_pre", early * 2)
    assert count.n == 2  # the two prompts as they are
