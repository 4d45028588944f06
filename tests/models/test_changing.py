"""Interventions in our own forwards, in traces and in generation equal plain torch hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import InterventionError, SiteError
from interpwidgets.interventions import (
    Ablate,
    Ablation,
    Add,
    Clamp,
    Intervention,
    Patch,
    ProjectOut,
    SignFlip,
    Threshold,
    Where,
)
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.capture import Read
from interpwidgets.models.prompts import read_prompts, to_input
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from tiny import tiny_gpt2, tiny_llama, wrapped

LONG, SHORT = [3, 5, 7, 9, 4, 5, 11], [6, 8, 5]
BATCH = [LONG, SHORT]
FAMILIES = [
    *("gpt2", "llama", "qwen3", "gemma2", "gpt_neox", "phi3", "opt", "bloom"),
    *("falcon, groups", "gpt_oss", "mixtral", "olmo2"),
]

Edit = Callable[[torch.Tensor], torch.Tensor]


class Reader(MethodReader):
    """Reads one whole site."""

    def __init__(self, model: Any, site: str, layer: int | None) -> None:
        super().__init__(model, [])
        self._read = Read(site, layer, lambda tensor: tensor)

    def reads(self) -> list[Read]:
        return [self._read]


def run(
    model: Any, prompt: Any, *parts: Any, site: str = "logits", layer: Any = None
) -> torch.Tensor:
    capture = forward(model, prompt, Reader(model, site, layer), parts)
    return capture.values[0, site, layer][0]


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def by_hooks(model: Any, prompt: Any, site: str, layer: int, edit: Edit) -> torch.Tensor:
    """Logits by plain torch: each prompt's own rows of a module's value, edited."""
    module, place = model._module, adapter_of(model).place(site, layer)
    _, inputs = to_input(read_prompts(prompt, model), model)
    real = inputs["attention_mask"].bool()

    def changed(value: torch.Tensor) -> torch.Tensor:
        value = value.clone()
        rows = value.view(*real.shape, -1)
        for at, own in enumerate(real):
            rows[at, own] = edit(rows[at, own])
        return value

    def after(_: Any, __: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (changed(output[0]), *output[1:])
        return changed(output)

    target = module.get_submodule(place.path)
    if place.slot == "input":
        handle = target.register_forward_pre_hook(lambda _, args: (changed(args[0]), *args[1:]))
    else:
        handle = target.register_forward_hook(after)
    with handle, torch.no_grad():
        return module(**inputs).logits[real]


def real_rows(model: Any, prompt: Any, values: torch.Tensor) -> torch.Tensor:
    _, inputs = to_input(read_prompts(prompt, model), model)
    return values[inputs["attention_mask"].bool()]


def unit(direction: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(direction / np.linalg.norm(direction))


D = random(32)


def _without(x: torch.Tensor) -> torch.Tensor:
    return x - (x @ unit(D))[:, None] * unit(D)


def _flip(x: torch.Tensor) -> torch.Tensor:
    x[:, [1, 4]] *= -1
    return x


def _last_two(x: torch.Tensor) -> torch.Tensor:
    x[-2:] += 3 * torch.from_numpy(D)
    return x


def _gated(x: torch.Tensor) -> torch.Tensor:
    fires = x @ unit(D) > 0.1
    x[fires] += torch.from_numpy(D)
    return x


CASES: dict[str, tuple[Callable[[Where], Intervention], Edit]] = {
    "add": (lambda w: Add(D, 2.0, where=w), lambda x: x + 2 * torch.from_numpy(D)),
    "project_out": (lambda w: ProjectOut(D, where=w), _without),
    "clamp": (lambda w: Clamp(D, 1.5, where=w), lambda x: _without(x) + 1.5 * unit(D)),
    "sign_flip": (lambda w: SignFlip((1, 4), where=w), _flip),
    "zero": (lambda w: Ablate(where=w), torch.zeros_like),
    "mean": (
        lambda w: Ablate(mode="mean", where=w),
        lambda x: x.mean(0, keepdim=True).expand_as(x),
    ),
    "positions": (lambda w: Add(D, 3.0, where=Where(w.layers, positions=[-2, -1])), _last_two),
    "gated": (lambda w: Add(D, where=Where(w.layers, when=Threshold(D, 0.1))), _gated),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", zoo.first_by_default(FAMILIES))
def test_the_stream_is_changed_as_by_hooks(name: str, case: str) -> None:
    model = zoo.wrapped_model(name)
    make, edit = CASES[case]
    ours = real_rows(model, BATCH, run(model, BATCH, make(Where(1))))
    torch.testing.assert_close(ours, by_hooks(model, BATCH, "resid_post", 1, edit))
    plain = real_rows(model, BATCH, run(model, BATCH))
    assert not torch.allclose(ours, plain, atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_it_is_so_on_the_bundled_model(case: str) -> None:
    model = iw.load("lilliput")
    prompts = ["When Ada and Ben went to the store, Ada gave a ring to", "Ada gave a"]
    adapter = adapter_of(model)
    direction = random(adapter.d_model)
    where = Where(1, positions=slice(1, None))

    def edit(x: torch.Tensor) -> torch.Tensor:
        x[1:] += 2 * torch.from_numpy(direction)
        return x

    if case == "add":
        ours = run(model, prompts, Add(direction, 2.0, where=where))
        theirs = by_hooks(model, prompts, "resid_post", 1, edit)
    else:  # the rest is of any width
        site = "mlp_out"
        ours = run(model, prompts, Ablate(site=site, mode="mean", where=Where(2)))
        mean: Edit = lambda x: x.mean(0, keepdim=True).expand_as(x)  # noqa: E731
        theirs = by_hooks(model, prompts, site, 2, mean)
    torch.testing.assert_close(real_rows(model, prompts, ours), theirs)


HEAD_FAMILIES = ["gpt2", "llama", "gemma2", "gpt_neox", "phi3", "falcon, groups", "gptj"]


def columns_of(name: str, model: Any, site: str, head: int) -> slice:
    """The columns of the projection that are one head's, by each model's own layout."""
    adapter = adapter_of(model)
    d, n, n_kv = adapter.d_head, adapter.n_heads, adapter.n_kv_heads
    at = head
    if name in ("gpt2", "phi3"):
        at += {"q": 0, "k": n, "v": n + n_kv}[site]
    elif name == "gpt_neox":
        at = 3 * head + "qkv".index(site)
    elif name == "falcon, groups":
        group = n // n_kv
        at = head // group * (group + 2) + head % group
        if site != "q":
            at = head * (group + 2) + group + "kv".index(site)
    return slice(at * d, at * d + d)


@pytest.mark.parametrize("site", ["q", "k", "v"])
@pytest.mark.parametrize("name", zoo.first_by_default(HEAD_FAMILIES))
def test_single_heads_of_a_projection_are_changed_as_by_hooks(name: str, site: str) -> None:
    model = zoo.wrapped_model(name)
    direction = random(adapter_of(model).d_head)
    columns = columns_of(name, model, site, 1)

    def edit(x: torch.Tensor) -> torch.Tensor:
        x[1:, columns] += 2 * torch.from_numpy(direction)
        return x

    # The same added to every key would change no softmax.
    where = Where(1, heads=1, positions=slice(1, None))
    ours = run(model, BATCH, Add(direction, 2.0, site=site, where=where))
    theirs = by_hooks(model, BATCH, site, 1, edit)
    torch.testing.assert_close(real_rows(model, BATCH, ours), theirs)
    assert not torch.allclose(ours, run(model, BATCH), atol=1e-3)


# ------------------------------------------------------------------------------ pattern


PATTERNED = ["gpt2", "llama", "gemma2", "gpt_neox", "gpt_oss", "bloom", "falcon, groups"]


@pytest.mark.parametrize("name", zoo.first_by_default(PATTERNED))
def test_a_head_without_weights_is_a_head_without_z(name: str) -> None:
    model = zoo.wrapped_model(name)
    where = Where((0, 1), heads=(1, 2))
    ours = run(model, BATCH, Ablate(site="pattern", where=where))
    by_z = run(model, BATCH, Ablate(site="z", where=where))
    assert torch.equal(real_rows(model, BATCH, ours), real_rows(model, BATCH, by_z))


@pytest.mark.parametrize("name", zoo.first_by_default(PATTERNED))
def test_a_patched_pattern_weighs_these_values(name: str) -> None:
    """z of a patched head is the other prompt's weights times this prompt's values."""
    model = zoo.wrapped_model(name)
    adapter, other = adapter_of(model), [4, 4, 8, 2, 6, 5, 3]
    weights = run(model, other, site="pattern", layer=1)
    patch = Patch(values=weights.numpy(), layers=(1,), site="pattern", where=Where(1, heads=2))
    z = run(model, LONG, patch, site="z", layer=1)
    values = run(model, LONG, site="v", layer=1)
    group = adapter.n_heads // adapter.n_kv_heads
    expected = weights[0, 2] @ values[0, :, 2 // group]
    torch.testing.assert_close(z[0, :, 2], expected)
    before = run(model, LONG, site="z", layer=1)
    assert torch.equal(z[0, :, [0, 1, 3]], before[0, :, [0, 1, 3]])


# --------------------------------------------------------------------------------- laws


@pytest.fixture(params=[tiny_gpt2, tiny_llama], ids=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> Any:
    return wrapped(request.param())


def test_nothing_applied_is_the_model_to_the_bit(model: Any) -> None:
    plain = run(model, BATCH)
    nowhere = Where(positions=slice(50, None))
    for part in (
        Add(D, 0.0),
        Add(D, 3.0, where=nowhere),
        Ablate(where=nowhere),
        Ablate(where=Where(tokens=63)),
        Clamp(D, 9.0, where=Where(when=Threshold(D, 1e9))),
        Ablate(mode="mean", site="z", where=Where(layers=[])),
    ):
        assert torch.equal(run(model, BATCH, part), plain), part


def test_projecting_out_twice_is_once(model: Any) -> None:
    once = run(model, BATCH, ProjectOut(D))
    torch.testing.assert_close(run(model, BATCH, ProjectOut(D), ProjectOut(D)), once)
    left = run(model, LONG, ProjectOut(D), site="resid_post", layer=1)[0] @ unit(D)
    assert left.abs().max() < 1e-5


def test_flipping_signs_twice_is_nothing(model: Any) -> None:
    assert torch.equal(run(model, BATCH, SignFlip(), SignFlip()), run(model, BATCH))


def test_what_commutes_commutes_and_what_does_not_does_not(model: Any) -> None:
    a, b = Add(D, 2.0, where=Where(1)), Add(random(2, 32)[1], -1.0, where=Where(1))
    torch.testing.assert_close(run(model, BATCH, a, b), run(model, BATCH, b, a))
    one = Ablate(site="z", where=Where(1, heads=0))
    other = Ablate(site="z", mode="mean", where=Where(1, heads=1))
    assert torch.equal(run(model, BATCH, one, other), run(model, BATCH, other, one))
    out = ProjectOut(D, where=Where(1))
    assert not torch.allclose(run(model, BATCH, a, out), run(model, BATCH, out, a), atol=1e-3)


def test_composed_is_one_after_the_other(model: Any) -> None:
    a, b = Add(D, 2.0, where=Where(0)), Clamp(D, 1.0, where=Where(2))
    assert torch.equal(run(model, BATCH, *(a + b)), run(model, BATCH, a, b))


SITES = ["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "q", "k", "v", "z"]


@pytest.mark.parametrize("site", [*SITES, "pattern", "embed"])
def test_patching_a_run_into_itself_changes_nothing(model: Any, site: str) -> None:
    patch = Patch.of_run(iw.activations(model, LONG, site))
    assert torch.equal(run(model, LONG, patch), run(model, LONG))


def test_patching_what_enters_the_first_layer_gives_the_other_run(model: Any) -> None:
    other = [2, 3, 4, 5, 6, 7, 8]
    patch = Patch.of_run(iw.activations(model, other, "resid_pre", layers=[0]))
    assert torch.equal(run(model, LONG, patch), run(model, other))


def test_patching_the_stream_behind_attention_gives_the_other_run(model: Any) -> None:
    other = [2, 3, 4, 5, 6, 7, 8]
    patch = Patch.of_run(iw.activations(model, other, "resid_mid", layers=[1]))
    assert torch.equal(run(model, LONG, patch), run(model, other))


def test_a_mapping_says_which_positions_belong_together(model: Any) -> None:
    kept = iw.activations(model, SHORT, "resid_post", layers=[1])
    patch = Patch.of_run(kept, Where(1), mapping=((0, 4), (2, 6)))
    ours = run(model, LONG, patch, site="resid_post", layer=1)[0]
    plain = run(model, LONG, site="resid_post", layer=1)[0]
    torch.testing.assert_close(ours[[4, 6]], torch.from_numpy(kept.values[0, [0, 2]]))
    assert torch.equal(ours[[0, 1, 2, 3, 5]], plain[[0, 1, 2, 3, 5]])
    with pytest.raises(InterventionError, match="has 3 positions, prompt 0 has 7"):
        run(model, LONG, Patch.of_run(kept, Where(1)))


def test_an_ablation_of_heads_is_one_kind_of_it(model: Any) -> None:
    for mode in ("zero", "mean"):
        ours = Ablate(site="z", mode=mode, where=Where(1, heads=(0, 3)))
        theirs = Ablation([(1, 0), (1, 3)], mode)
        assert torch.equal(run(model, BATCH, ours), run(model, BATCH, theirs))


def test_tokens_are_named_by_id_or_text(model: Any) -> None:
    text = "the cat sat on the mat"
    by_text = run(model, text, Add(D, where=Where(1, tokens="the")), site="resid_post", layer=1)
    plain = run(model, text, site="resid_post", layer=1)
    moved = (by_text - plain).abs().amax(-1)[0] > 1e-6
    assert moved.tolist() == [True, False, False, False, True, False]
    the = model.tokenizer("the")["input_ids"][0]
    by_id = run(model, text, Add(D, where=Where(1, tokens=the)), site="resid_post", layer=1)
    assert torch.equal(by_id, by_text)


# ----------------------------------------------------------------- references from elsewhere


def test_a_mean_over_other_prompts_is_put_everywhere(model: Any) -> None:
    prompts = [LONG, SHORT, [1, 2]]
    ablate = iw.references(model, prompts, "z", mode="mean")
    z = [iw.activations(model, prompt, "z").values for prompt in prompts]
    mean = np.concatenate(z, axis=1).mean(axis=1)
    np.testing.assert_allclose(ablate.values, mean, rtol=1e-5, atol=1e-6)
    ours = run(model, SHORT, ablate, site="z", layer=1)
    torch.testing.assert_close(ours[0], torch.from_numpy(ablate.values[1]).expand(3, -1, -1))
    assert "mean over 12 tokens of 3 prompts" in str(ablate)


def test_resampling_takes_one_other_prompt_by_its_seed(model: Any) -> None:
    bank = [[2, 3, 4, 5, 6, 7, 8], [9, 8, 7, 6, 5, 4, 3], SHORT]
    drawn = set()
    for seed in range(8):
        ablate = iw.references(model, bank, "resid_pre", layers=[0], mode="resample", seed=seed)
        ours = run(model, LONG, ablate)
        assert torch.equal(run(model, LONG, ablate), ours)
        same = [torch.equal(ours, run(model, other)) for other in bank[:2]]
        assert sum(same) == 1
        drawn.add(same.index(True))
    assert drawn == {0, 1}  # SHORT has too few tokens
    too_short = iw.references(model, [SHORT], "z", mode="resample")
    with pytest.raises(InterventionError, match="no prompt to resample from has the 7 tokens"):
        run(model, LONG, too_short)


# ------------------------------------------------------------------- traces and generation


def test_a_trace_of_the_users_has_it_too(model: Any) -> None:
    board = iw.Board(model)
    view = board.attention()
    add = Add(D, 4.0, where=Where(0))
    with board.trace(LONG, interventions=add):
        logits = model.lm_head.output.save()
    assert torch.equal(logits, run(model, LONG, add))
    assert view.result.provenance.intervened == (str(add),)
    board.run(LONG, interventions=[add])
    assert view.result.provenance.intervened == (str(add),)
    board.run(LONG)
    assert view.result.provenance.intervened == ()


def test_a_runs_code_has_its_interventions(model: Any) -> None:
    board = iw.Board(model)
    view = board.attention()
    add = Add(D[:4].repeat(8), 4.0, where=Where(0))
    board.run(LONG, interventions=add)
    lines = view.code().splitlines()
    names: dict[str, Any] = {"iw": iw}
    exec(next(line for line in lines if line.startswith("changed = ")), names)
    assert names["changed"].parts == (add,)
    assert f"board.run({LONG}, interventions=changed)" in lines


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize(
    "part",
    [
        Add(D, 8.0, where=Where(1)),
        Add(D, 8.0, where=Where(1, positions="new")),
        Add(D, 8.0, where=Where(1, positions="prompt")),
        Add(D, 8.0, where=Where(1, positions=[-1])),
        Add(D, 8.0, where=Where(1, positions=slice(-1, None))),
        Ablate(site="pattern", where=Where(1, heads=2)),
        Ablate(site="z", mode="mean", where=Where(1, heads=(0, 2))),
    ],
    ids=str,
)
def test_a_generation_has_it_at_every_step(model: Any, part: Any, use_cache: bool) -> None:
    """Each step's logits equal a forward over the text so far, changed at those positions."""
    prompts, n_new = ["the cat sat on a mat", "a dog ran"], 3
    board = iw.Board(model)
    view = board.attention()
    with board.generate(
        prompts,
        max_new_tokens=n_new,
        eos_token_id=-1,
        do_sample=False,
        use_cache=use_cache,
        interventions=part,
    ) as tracer:
        written = tracer.result.save()
    for row, prompt in enumerate(prompts):
        given = model.tokenizer(prompt)["input_ids"]
        ids = written[row, -n_new - 6 :].tolist()[6 - len(given) :]
        assert ids[: len(given)] == given
        for at in range(len(given), len(ids)):
            logits = run(model, ids[:at], as_prefix(model, part, given, at))
            assert int(logits[0, -1].argmax()) == ids[at]
    note = view.result.provenance.note
    assert ("not in what is generated" in note) == (
        part.where.positions in (("prompt",), (-1,))
    )


def as_prefix(model: Any, part: Any, given: list[int], now: int) -> Any:
    """The same of a text that begins with what was given."""
    where, n = part.where, len(given)
    if isinstance(part, Ablate) and part.mode == "mean":
        return iw.references(model, [given], "z", layers=where.layers, heads=where.heads)
    if where.positions is not None:
        (position,) = where.positions
        chosen = {"new": range(n, now), "prompt": range(n), -1: [n - 1]}
        wanted = range(n - 1, now) if isinstance(position, slice) else chosen[position]
        where = Where(where.layers, where.heads, positions=list(wanted))
    return type(part)(**{**vars(part), "where": where})


# ----------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Add(D, where=Where(9)), r"no layer 9 in .*; it has \d, 0-"),
        (Ablate(site="z", where=Where(1, heads=4)), "no head 4 in .*; it has 4, 0-3"),
        (Add(D[:5]), r"resid_post of .* is 32 wide; this direction has 5"),
        (Add(D, where=Where(positions=7)), "no position 7 in prompt 0; it has 7, 0-6"),
        (SignFlip((32,)), "no component 32 of resid_post; it has 32"),
        (Patch(values=random(1, 7, 8), layers=(0,)), r"\[32\] at each position; .* \[8\]"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(model: Any, part: Any, said: str) -> None:
    before = run(model, LONG)
    with pytest.raises(InterventionError, match=said):
        run(model, LONG, part)
    assert torch.equal(run(model, LONG), before)


def test_a_parallel_block_has_no_middle() -> None:
    with pytest.raises(SiteError, match="has no site 'resid_mid'"):
        run(zoo.wrapped_model("gpt_neox"), LONG, Ablate(site="resid_mid"))
