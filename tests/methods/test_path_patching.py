"""Every path equals two forwards with plain torch hooks, and the laws of paths hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import interpwidgets as iw
import zoo
from interpwidgets.errors import InterventionError, MetricError, PromptError, ResultError
from interpwidgets.methods.direct_logit_attribution import direct_logit_attribution
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.chance import as_far
from interpwidgets.models.pairs import read_pairs
from interpwidgets.models.patching import Progress, ProgressTeller
from interpwidgets.models.paths import PathPlan
from interpwidgets.organisms.attention_only import AttentionOnlyConfig, AttentionOnlyForCausalLM
from interpwidgets.results.path_nodes import PathNode
from interpwidgets.results.path_patching import PathPatching
from tiny import CountForwards, tiny_gpt2, tiny_llama, wrapped

CLEAN, CORRUPTED = [3, 5, 7, 9, 4, 5], [3, 5, 8, 9, 6, 5]
ANSWERS = (11, 12)
RECEIVERS = ["L1 H1 q", "L2 H1 k", "L2 H0 v", "L2 H2", "L1 mlp", "L2 mlp", "logits"]
SENDERS = ["embed", "L0 H2", "L1 H1", "L0 mlp", "L1 mlp"]
Swap = Callable[[torch.Tensor], torch.Tensor]


# ---------------------------------------------------------------------- plain torch hooks


def modules(name: str, module: nn.Module, layer: int) -> dict[str, tuple[nn.Module, str]]:
    """Where each part of a layer writes: a module, and whether it is its input."""
    if name == "gpt2":
        block: Any = module.transformer.h[layer]
        attn, mlp, fused = block.attn.c_proj, block.mlp, block.attn.c_attn
        return {"z": (attn, "input"), "mlp": (mlp, ""), **dict.fromkeys("qkv", (fused, ""))}
    if name == "gpt_neox":
        block = module.gpt_neox.layers[layer]
        fused = block.attention.query_key_value
        ends = {"z": (block.attention.dense, "input"), "mlp": (block.mlp, "")}
        return ends | dict.fromkeys("qkv", (fused, ""))
    block = module.model.layers[layer]
    mlp = block.post_feedforward_layernorm if name == "gemma2" else block.mlp
    inputs = {part: (getattr(block.self_attn, f"{part}_proj"), "") for part in "qkv"}
    return {"z": (block.self_attn.o_proj, "input"), "mlp": (mlp, ""), **inputs}


def columns(name: str, part: str, head: int | None, d_head: int) -> torch.Tensor | slice:
    if head is None:
        return slice(None)
    start = head * d_head
    if part in "qkv" and name == "gpt2":
        start += 4 * d_head * "qkv".index(part)
    if part in "qkv" and name == "gpt_neox":
        start = (3 * head + "qkv".index(part)) * d_head
    return torch.arange(start, start + d_head)


def run(
    module: nn.Module, ids: list[int], swaps: list[tuple[nn.Module, str, Swap]]
) -> torch.Tensor:
    """Logits after the last token, each swap given a module's value and giving another."""
    handles = []
    for target, slot, swap in swaps:
        if slot == "input":

            def before(_: Any, args: Any, swap: Swap = swap) -> Any:
                return (swap(args[0]), *args[1:])

            handles.append(target.register_forward_pre_hook(before))
        else:

            def after(_: Any, __: Any, output: Any, swap: Swap = swap) -> Any:
                return swap(output)

            handles.append(target.register_forward_hook(after))
    with torch.no_grad():
        logits = module(torch.tensor([ids])).logits[0, -1].double()
    for handle in handles:
        handle.remove()
    return logits


def first_block(name: str, module: nn.Module) -> nn.Module:
    roots = {"gpt2": "transformer.h.0", "gpt_neox": "gpt_neox.layers.0"}
    return module.get_submodule(roots.get(name, "model.layers.0"))


def recorded(name: str, module: nn.Module, ids: list[int]) -> dict[Any, torch.Tensor]:
    kept: dict[Any, torch.Tensor] = {}

    def keeping(key: Any) -> Swap:
        def swap(value: torch.Tensor) -> torch.Tensor:
            kept[key] = value.clone()
            return value

        return swap

    places = [
        (*modules(name, module, layer)[part], keeping((part, layer)))
        for layer in range(3)
        for part in ("z", "mlp")
    ]
    run(module, ids, [*places, (first_block(name, module), "input", keeping("embed"))])
    return kept


def along(
    name: str,
    module: nn.Module,
    sender: str,
    receiver: str,
    *,
    through: str,
    positions: list[int] | None = None,
) -> torch.Tensor:
    """Logits of one path, clean into corrupted."""
    d_head = module.config.to_dict().get("head_dim") or 8
    base, donor = (recorded(name, module, ids) for ids in (CORRUPTED, CLEAN))
    begin, end = PathNode.from_name(sender), PathNode.from_name(receiver)
    assert begin is not None
    assert end is not None
    rows = slice(None) if positions is None else positions
    part_of = {"head": "z", "mlp": "mlp"}
    got: list[torch.Tensor] = []

    def held(part: str, layer: int) -> Swap:
        def swap(value: torch.Tensor) -> torch.Tensor:
            if (part, layer) == (part_of.get(end.part), end.layer):
                got.append(value.clone())
            if part == "z" or through == "residual":
                value = base[part, layer].clone()
            if (part, layer) == (part_of.get(begin.part), begin.layer):
                at = columns(name, "z", begin.head, d_head)
                value = value.clone()
                changed = value[0][:, at].clone()
                changed[rows] = donor[part, layer][0][:, at][rows]
                value[0][:, at] = changed
            return value

        return swap

    def embedding(value: torch.Tensor) -> torch.Tensor:
        value = value.clone()
        value[0, rows] = donor["embed"][0, rows]
        return value

    def noting(value: torch.Tensor) -> torch.Tensor:
        got.append(value.clone())
        return value

    places = [
        (*modules(name, module, layer)[part], held(part, layer))
        for layer in range(3)
        for part in ("z", "mlp")
    ]
    if begin.part == "embed":
        places.append((first_block(name, module), "input", embedding))
    if end.part in "qkv":
        places.append((*modules(name, module, end.layer or 0)[end.part], noting))
    logits = run(module, CORRUPTED, places)
    if end.part == "logits":
        return logits

    def put(value: torch.Tensor) -> torch.Tensor:
        value = value.clone()
        at = columns(name, end.part, end.head, d_head)
        value[0][:, at] = got[0][0][:, at]
        return value

    place = modules(name, module, end.layer or 0)[part_of.get(end.part, end.part)]
    return run(module, CORRUPTED, [(*place, put)])


def difference(logits: Any) -> float:
    return float(logits[ANSWERS[0]] - logits[ANSWERS[1]])


def paths_of(model: Any, **more: Any) -> PathPatching:
    return iw.path_patching(model, CLEAN, CORRUPTED, **{"answers": ANSWERS, **more})


@pytest.mark.parametrize(
    ("name", "through", "positions"),
    [
        ("gpt2", "mlps", None),
        ("llama", "residual", None),
        *(
            pytest.param(name, through, positions, marks=pytest.mark.slow)
            for name in ("gpt2", "llama", "gpt_neox", "gemma2", "qwen3", "mistral")
            for through in ("mlps", "residual")
            for positions in (None, [2, 5])
        ),
    ],
)
def test_every_path_is_two_forwards_with_plain_hooks(
    name: str, through: str, positions: list[int] | None
) -> None:
    model, module = zoo.wrapped_model(name), zoo.make(name)
    paths = paths_of(
        model,
        senders=SENDERS,
        receivers=RECEIVERS,
        through=through,
        positions=positions,
        batch=3,
    )
    for row, sender in enumerate(SENDERS):
        for column, receiver in enumerate(RECEIVERS):
            if np.isnan(paths.values[row, column]):
                continue
            logits = along(name, module, sender, receiver, through=through, positions=positions)
            assert paths.raw[0, row, column] == pytest.approx(
                difference(logits), rel=1e-4, abs=1e-5
            ), f"{sender} → {receiver}"
    known = np.isfinite(paths.values)
    assert known.tolist() == [
        [True] * 7,
        [True] * 7,
        [False, True, True, True, True, True, True],
        [True] * 7,
        [False, True, True, True, False, True, True],
    ]
    assert np.ptp(paths.values[known]) > 0.01


# --------------------------------------------------------------------------------- laws


@pytest.fixture(params=[tiny_gpt2, tiny_llama], ids=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> Any:
    return wrapped(request.param())


EVERYTHING: dict[str, Any] = {
    "senders": ["embed", "heads", "mlps"],
    "receivers": ["q", "k", "v", "heads", "mlps", "logits"],
}


@pytest.mark.parametrize("through", ["mlps", "residual"])
def test_a_run_patched_into_itself_changes_no_bit(model: Any, through: str) -> None:
    plan = PathPlan(
        model,
        ["embed", "L1 H2", "L0 mlp"],
        ["L2 H1 q", "L2 H0 k", "L2 H1 v", "L2 H2", "L2 mlp", "logits"],
        through=through,
        last_norm="live",
        direction="denoising",
        positions=None,
    )
    (pair,) = read_pairs(model, CLEAN, CLEAN)
    base, _ = plan.record(pair)
    into = np.full(plan.is_path.shape, np.nan)
    teller = ProgressTeller(into.size, None)
    assert plan.sweep(
        CLEAN, base, base.values, pair.mapping, lambda x: float(x.sum()), into, 1, teller
    )
    assert (into == float(base.logits.sum())).all()


def whole_effect(module: Any) -> tuple[float, float]:
    """The logit difference of two runs' last streams behind one norm of one scale.

    Both with the corrupted run's scale; computed by hand.
    """
    last: list[torch.Tensor] = []
    norm = module.transformer.ln_f if hasattr(module, "transformer") else module.model.norm
    handle = norm.register_forward_pre_hook(lambda _, args: last.append(args[0][0, -1]))
    with handle, torch.no_grad():
        for ids in (CLEAN, CORRUPTED):
            module(torch.tensor([ids]))
    clean, corrupted = (one.double() for one in last)
    ruler = corrupted
    if isinstance(norm, nn.LayerNorm):
        ruler, clean, corrupted = (x - x.mean() for x in (ruler, clean, corrupted))
        offset, eps = norm.bias.detach(), norm.eps
    else:
        offset, eps = torch.zeros(32), norm.variance_epsilon
    scale = (ruler.square().mean() + eps).sqrt()
    unembed = module.lm_head.weight.detach().double()
    row = unembed[ANSWERS[0]] - unembed[ANSWERS[1]]
    with torch.no_grad():
        both = [
            float(row @ (norm.weight.double() * x / scale + offset)) for x in (clean, corrupted)
        ]
    return both[0], both[1]


def test_direct_paths_to_the_logits_add_up_to_the_whole(model: Any) -> None:
    paths = paths_of(
        model, senders=EVERYTHING["senders"], through="residual", last_norm="frozen"
    )
    clean, corrupted = whole_effect(model._module)
    changes = paths.raw[0, :, 0] - paths.corrupted_values[0]
    assert changes.sum() == pytest.approx(clean - corrupted, abs=1e-3)
    assert np.abs(changes).max() > 0.01


def test_direct_paths_to_the_logits_are_direct_attributions(model: Any) -> None:
    """Each head's is what it adds in the clean run, less what it adds in the corrupted one."""
    paths = paths_of(model, through="residual", last_norm="frozen")
    bars = [
        direct_logit_attribution(model, ids, ANSWERS[0], against=ANSWERS[1]).of("head")
        for ids in (CLEAN, CORRUPTED)
    ]
    ratio = scale(model._module, CLEAN) / scale(model._module, CORRUPTED)
    expected = ratio * bars[0] - bars[1]
    found = (paths.raw[0, :, 0] - paths.corrupted_values[0]).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def scale(module: Any, ids: list[int]) -> float:
    last: list[torch.Tensor] = []
    norm = module.transformer.ln_f if hasattr(module, "transformer") else module.model.norm
    handle = norm.register_forward_pre_hook(lambda _, args: last.append(args[0][0, -1]))
    with handle, torch.no_grad():
        module(torch.tensor([ids]))
    x = last[0].double()
    if isinstance(norm, nn.LayerNorm):
        return float((x.var(correction=0) + norm.eps).sqrt())
    return float((x.square().mean() + norm.variance_epsilon).sqrt())


def test_a_head_is_its_direct_path_and_those_through_values() -> None:
    """On the linear path: no norms, patterns held, so effects of paths add to the total."""
    torch.manual_seed(0)
    module = AttentionOnlyForCausalLM(AttentionOnlyConfig(initializer_range=0.3)).eval()
    for norm in (*(layer.norm for layer in module.model.layers), module.model.norm):
        norm.forward = lambda x: x
    paths = paths_of(wrapped(module), senders=[(0, 0), (0, 3)], receivers=["v", "logits"])
    through_values = paths.raw[0, :, 4:8] - paths.corrupted_values[0]  # of layer 1
    direct = paths.raw[0, :, 8] - paths.corrupted_values[0]
    for row, head in enumerate((0, 3)):
        total = with_patterns_held(module, head) - paths.corrupted_values[0]
        assert direct[row] + through_values[row].sum() == pytest.approx(total, abs=1e-3)
        assert abs(total) > 0.01


def with_patterns_held(module: Any, head: int) -> float:
    """A head of layer 0 writes what it does in the clean run; layer 1 looks where it did."""
    first, second = (layer.attn for layer in module.model.layers)
    kept: dict[str, torch.Tensor] = {}

    def keeping(name: str) -> Swap:
        def swap(value: torch.Tensor) -> torch.Tensor:
            kept[name] = value.clone()
            return value

        return swap

    run(module, CLEAN, [(first.o_proj, "input", keeping("z"))])
    inputs = [(second.q_proj, "", keeping("q")), (second.k_proj, "", keeping("k"))]
    run(module, CORRUPTED, inputs)

    def put(value: torch.Tensor) -> torch.Tensor:
        value = value.clone()
        value[..., head * 16 : (head + 1) * 16] = kept["z"][..., head * 16 : (head + 1) * 16]
        return value

    swaps: list[tuple[nn.Module, str, Swap]] = [
        (first.o_proj, "input", put),
        (second.q_proj, "", lambda _: kept["q"]),
        (second.k_proj, "", lambda _: kept["k"]),
    ]
    return difference(run(module, CORRUPTED, swaps))


def test_in_a_parallel_block_a_head_tells_its_mlp_nothing() -> None:
    paths = paths_of(
        zoo.wrapped_model("gpt_neox"), senders=[(1, 0)], receivers=["L1 mlp", "L2 mlp"], batch=1
    )
    assert paths.raw[0, 0, 0] == paths.corrupted_values[0]
    assert paths.raw[0, 0, 1] != paths.corrupted_values[0]


def test_denoising_is_noising_of_the_exchanged_pair(model: Any) -> None:
    given = {"senders": ["L0 H1", "L1 mlp"], "receivers": ["L2 H0 k", "logits"]}
    one = paths_of(model, **given)
    other = iw.path_patching(
        model, CORRUPTED, CLEAN, answers=ANSWERS, direction="noising", **given
    )
    np.testing.assert_array_equal(one.raw, other.raw)
    np.testing.assert_allclose(one.values, 1 - other.values)


@pytest.mark.parametrize("batch", [1, 5])
def test_how_many_share_a_forward_changes_nothing(model: Any, batch: int) -> None:
    given: dict[str, Any] = {"senders": "heads", "receivers": ["L2 H1 k", "logits"]}
    expected = paths_of(model, **given)
    with CountForwards(model._module) as count:
        found = paths_of(model, **given, batch=batch)
    np.testing.assert_allclose(found.raw, expected.raw, rtol=1e-5, atol=1e-6)
    n = len(expected.senders)
    chunks = [range(start, min(start + batch, n)) for start in range(0, n, batch)]
    # Two plain runs, one for each chunk of senders, one more for those before layer 2.
    assert count.n == 2 + len(chunks) + sum(chunk.start < 8 for chunk in chunks)


def test_the_model_is_as_it_was(model: Any) -> None:
    before = model._module(torch.tensor([CLEAN])).logits
    paths_of(model, **EVERYTHING)
    assert torch.equal(model._module(torch.tensor([CLEAN])).logits, before)
    assert not model.interleaver.mediators


# --------------------------------------------------------------------- pairs, alignment


def test_positions_are_aligned_and_chosen(model: Any) -> None:
    longer = [3, 5, 8, 8, 9, 6, 5]
    aligned = iw.path_patching(
        model, CLEAN, longer, answers=ANSWERS, senders=[(1, 1)], align="tokens"
    )
    chosen = iw.path_patching(
        model,
        CLEAN,
        longer,
        answers=ANSWERS,
        senders=[(1, 1)],
        align="tokens",
        positions=[0, 1, 4, 5, 6],
    )
    np.testing.assert_array_equal(aligned.raw, chosen.raw)
    none = iw.path_patching(
        model, CLEAN, longer, answers=ANSWERS, align="tokens", positions=[2]
    )
    assert np.isnan(none.values).all()  # nothing to patch in there


def test_several_pairs_give_a_mean_with_an_interval(model: Any) -> None:
    clean, corrupted = [CLEAN, [2, 5, 7, 9, 4]], [CORRUPTED, [2, 5, 3, 9, 6]]
    given = {"senders": [(0, 1), (1, 2)], "receivers": "logits"}
    both = iw.path_patching(model, clean, corrupted, answers=ANSWERS, **given)
    alone = [
        iw.path_patching(model, a, b, answers=ANSWERS, **given).values
        for a, b in zip(clean, corrupted, strict=True)
    ]
    np.testing.assert_allclose(both.values, np.mean(alone, axis=0), rtol=1e-6)
    low, high = both.interval()
    assert ((low <= both.values) & (both.values <= high)).all()


# ------------------------------------------------------------------------------ control


def test_a_control_changes_a_sender_as_far(model: Any) -> None:
    paths = paths_of(model, senders=[(0, 1), (1, 0)], receivers=["L2 H0 k", "logits"])
    assert "no control yet" in repr(paths)
    controlled = iw.path_patching_control(model, paths, n=3, seed=1)
    assert controlled.control is not None
    assert controlled.control.n == 3
    again = iw.path_patching_control(model, paths, n=3, seed=1)
    np.testing.assert_array_equal(controlled.control_raw, again.control_raw)
    low, high = controlled.control.interval()
    assert ((low <= controlled.control.mean) & (controlled.control.mean <= high)).all()
    assert "as large in a random direction, seed 1" in repr(controlled)
    np.testing.assert_array_equal(controlled.raw, paths.raw)


def test_as_far_is_as_far_and_nowhere_where_nothing_moved() -> None:
    own, given = torch.randn(2, 4, 3, 8, generator=torch.Generator().manual_seed(0))
    given[1] = own[1]
    drawn = as_far(own, given, np.random.default_rng(0))
    torch.testing.assert_close((drawn - own).norm(dim=-1), (given - own).norm(dim=-1))
    assert torch.equal(drawn[1], own[1])
    directions = torch.nn.functional.cosine_similarity(drawn - own, given - own, dim=-1)
    assert directions[0].abs().max() < 0.95


def test_a_control_is_of_the_same_model(model: Any) -> None:
    paths = paths_of(model, senders=[(0, 1)])
    renamed = dataclasses.replace(
        paths, provenance=dataclasses.replace(paths.provenance, model="other")
    )
    with pytest.raises(InterventionError, match="a control is of the same model"):
        iw.path_patching_control(model, renamed)
    moved = dataclasses.replace(paths, clean_values=paths.clean_values + 1)
    with pytest.raises(InterventionError, match="weights, adapter or precision changed"):
        iw.path_patching_control(model, moved)
    with pytest.raises(InterventionError, match="n of 1 or more"):
        iw.path_patching_control(model, paths, n=0)


def test_without_a_control_nothing_is_beyond_it(model: Any) -> None:
    with pytest.raises(ResultError, match=r"iw\.path_patching_control\(model, result\)"):
        _ = paths_of(model, senders=[(0, 1)]).beyond_control


# ------------------------------------------------------------------- sweeps, forms, words


def test_progress_counts_every_cell(model: Any) -> None:
    told: list[Progress] = []
    paths_of(model, receivers=["L1 H0", "logits"], progress=told.append, batch=4)
    assert told[-1].done == told[-1].total == 2 * 4 * adapter_of(model).n_layers
    assert [p.done for p in told] == sorted(p.done for p in told)


def test_an_interrupt_keeps_what_is_done(model: Any) -> None:
    def stop(progress: Progress) -> None:
        if progress.done >= 6:
            raise KeyboardInterrupt

    paths = paths_of(model, progress=stop, batch=2)
    assert np.isfinite(paths.raw).sum() == 6
    assert f"interrupted: 6 of {paths.raw.size} cells were run" in paths.provenance.note


def test_a_result_is_saved_and_opened(model: Any, tmp_path: Path) -> None:
    paths = paths_of(model, senders=["L0 H1", "embed"], receivers=["L2 H1 k", "logits"])
    controlled = iw.path_patching_control(model, paths, n=2)
    again = iw.load_result(controlled.save(tmp_path / "paths"))
    assert isinstance(again, PathPatching)
    assert again.fingerprint == controlled.fingerprint
    assert again.mapping == controlled.mapping
    assert repr(again) == repr(controlled)
    frame = controlled.to_frame()
    assert list(frame.columns[:3]) == ["pair", "sender", "receiver"]
    assert len(frame) == 4
    cell = frame[(frame.sender == "embed") & (frame.receiver == "logits")]
    assert cell.share.item() == pytest.approx(controlled.values[1, 1])
    assert cell.control_mean.item() == pytest.approx(controlled.control.mean[1, 1])  # type: ignore[union-attr]


def test_cells_have_names_and_heads(model: Any) -> None:
    paths = paths_of(model, senders=["L0 H1", "L0 mlp"], receivers=["L2 H1 k", "logits"])
    assert paths.cell_name(0, 0) == "L0 H1 → L2 H1 k"
    assert paths.heads_of(0, 0) == ((0, 1), (2, 1))
    assert paths.heads_of(1, 1) == ()


@pytest.mark.parametrize("name", ["embed", "logits", "L0 H11", "L3 mlp", "L12 H0 q"])
def test_a_name_is_read_as_it_is_written(name: str) -> None:
    node = PathNode.from_name(name)
    assert node is not None
    assert node.name == name


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"senders": "neurons"}, "names no part of a model"),
        ({"senders": "L1 mlp q"}, "names no part of a model"),
        ({"senders": "L1 H0 k"}, "senders are 'embed', 'heads', 'mlps'"),
        ({"senders": []}, r"got \[\]"),
        ({"senders": (4, 0)}, r"there is no L4 H0 .* L0 H0 to L\d H3"),
        ({"senders": "L4 mlp"}, r"there is no L4 mlp .* layers 0-\d"),
        ({"receivers": "embed"}, "receivers are 'heads', 'q', 'k'"),
        ({"senders": "L2 mlp", "receivers": "L2 H1"}, "no sender comes before a receiver"),
        ({"through": "heads"}, "through is 'mlps' or 'residual'; got 'heads'"),
        ({"direction": "both"}, "direction is 'denoising' or 'noising'"),
        ({"last_norm": "frozen", "receivers": "k"}, "give receivers='logits'"),
    ],
)
def test_what_is_no_path_is_refused_in_words(model: Any, more: Any, said: str) -> None:
    with pytest.raises(InterventionError, match=said):
        paths_of(model, **more)


def test_keys_have_fewer_heads() -> None:
    with pytest.raises(InterventionError, match=r"no L1 H2 k .* key-value heads L0 H0"):
        paths_of(wrapped(tiny_llama()), receivers="L1 H2 k")


def test_prompts_and_metrics_are_checked(model: Any) -> None:
    with pytest.raises(MetricError, match="no range in which a patch could restore"):
        iw.path_patching(model, CLEAN, CLEAN, answers=ANSWERS)
    with pytest.raises(PromptError, match="6 tokens, corrupted has 5"):
        iw.path_patching(model, CLEAN, CORRUPTED[:5], answers=ANSWERS)
    with pytest.raises(ResultError, match="`position` is 6"):
        paths_of(model, positions=[6])
    with pytest.raises(PromptError, match="5 to 6 tokens"):
        iw.path_patching(
            model,
            [CLEAN, CLEAN[:5]],
            [CORRUPTED, CORRUPTED[:5]],
            answers=ANSWERS,
            positions=[2],
        )
