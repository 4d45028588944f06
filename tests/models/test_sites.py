"""Every site of every architecture against plain torch hooks, and what ties them together."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from typing import Any

import pytest
import torch

import interpwidgets as iw
import zoo
from interpwidgets.errors import SiteError
from interpwidgets.models.adapter import adapter_of
from interpwidgets.models.capture import Read
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from interpwidgets.sites import SITES, WHOLE_MODEL
from tiny import tiny_gpt2, wrapped

DERIVED = frozenset({"attn_scores", "result"})


class ReadAll(MethodReader):
    """Reads every site of every layer as it is."""

    def reads(self) -> list[Read]:
        layers = range(self.adapter.n_layers)
        return [
            Read(site, layer, lambda tensor: tensor)
            for site in self.adapter.architecture.places
            for layer in ([None] if site in WHOLE_MODEL else layers)
        ]


class Case:
    """One architecture: its model, and what every site held on one prompt."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.model = zoo.wrapped_model(name)
        self.module = self.model._module
        self.prompt = zoo.prompt_of(name)
        self.adapter = adapter_of(self.model)
        capture = forward(self.model, self.prompt, ReadAll(self.model, []))
        self.values = {key[1:]: values[0] for key, values in capture.values.items()}

    def layers(self, *sites: str) -> list[tuple[torch.Tensor, ...]]:
        """What some sites held, layer by layer."""
        return [
            tuple(self.values[site, layer] for site in sites)
            for layer in range(self.adapter.n_layers)
        ]

    def hooked(self, path: str, side: str) -> Any:
        """What a plain torch hook sees at a module, in a forward of its own."""
        return self.hooked_at({(path, side)})[path, side]

    def hooked_at(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        """What plain torch hooks see at modules, in one forward of their own."""
        seen: dict[tuple[str, str], Any] = {}
        handles = [self._hook(path, side, seen) for path, side in wanted]
        self.run()
        for handle in handles:
            handle.remove()
        return seen

    def _hook(self, path: str, side: str, seen: dict[tuple[str, str], Any]) -> Any:
        def note(value: Any) -> None:  # Falcon adds to an output in place
            seen[path, side] = value.clone() if isinstance(value, torch.Tensor) else value

        target = self.module.get_submodule(path)
        if side == "output":
            return target.register_forward_hook(lambda _, __, output: note(output))
        return target.register_forward_pre_hook(
            lambda _, args, kwargs: note(args[0] if args else next(iter(kwargs.values()))),
            with_kwargs=True,
        )

    def run(self) -> Any:
        """The model's own output."""
        with torch.no_grad():
            return self.module(self.prompt)


@functools.cache
def case_of(name: str) -> Case:
    return Case(name)


@pytest.fixture
def case(name: str) -> Case:
    return case_of(name)


def every(names: Iterable[str] = zoo.NAMES) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", sorted(names))


def close(actual: torch.Tensor, expected: torch.Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(actual, expected, atol=atol, rtol=1e-6)


def split_by_hand(flat: torch.Tensor, split: str, case: Case) -> torch.Tensor:
    """A flat projection's heads, one column block at a time: [..., head × d_head]."""
    heads, groups, d = case.adapter.n_heads, case.adapter.n_kv_heads, case.adapter.d_head
    blocks = flat.split(d, dim=-1)
    kind, _, part = split.partition("_")
    if kind == "fused":
        chosen = {
            "q": blocks[:heads],
            "k": blocks[heads : heads + groups],
            "v": blocks[heads + groups :],
        }[part]
    elif kind == "grouped":
        each = len(blocks) // groups
        by_group = [blocks[group * each : (group + 1) * each] for group in range(groups)]
        chosen = {
            "q": tuple(block for group in by_group for block in group[:-2]),
            "k": tuple(group[-2] for group in by_group),
            "v": tuple(group[-1] for group in by_group),
        }[part]
    else:
        chosen = blocks
    return torch.stack(chosen, dim=-2)


@every()
def test_every_site_of_a_module_equals_a_plain_torch_hook(case: Case) -> None:
    modules = {key: read for key, read in case.values.items() if key[0] not in DERIVED}
    places = {key: case.adapter.place(*key) for key in modules}
    hooked = case.hooked_at({(place.path, place.slot) for place in places.values()})
    for key, read in modules.items():
        place = places[key]
        expected = hooked[place.path, place.slot]
        if place.item is not None:
            expected = expected[place.item]
        if place.split is not None:
            expected = split_by_hand(expected, place.split, case)
        if place.flat:
            expected = expected[None]
        close(read, expected, atol=1e-6)


@every(zoo.having("attn_out", but=zoo.NORM_OF_SUM))
def test_embed_and_what_layers_add_sum_to_the_last_residual(case: Case) -> None:
    parts = [s for s in ("attn_out", "mlp_out") if s in case.adapter.architecture.places]
    added = [value for layer in case.layers(*parts) for value in layer]
    last = case.values["resid_post", case.adapter.n_layers - 1]
    close(case.values["embed", None] + sum(added), last)


@every(zoo.NORM_OF_SUM)
def test_where_norms_stand_behind_the_sums_they_give_the_stream(case: Case) -> None:
    first, second = {
        "bert": ("attention.output.LayerNorm", "output.LayerNorm"),
        "roberta": ("attention.output.LayerNorm", "output.LayerNorm"),
        "distilbert": ("sa_layer_norm", "output_layer_norm"),
        "opt, norms behind": ("self_attn_layer_norm", "final_layer_norm"),
    }[case.name]
    for layer, (pre, attn, mlp, post) in enumerate(
        case.layers("resid_pre", "attn_out", "mlp_out", "resid_post")
    ):
        block = case.module.get_submodule(case.adapter.place("resid_post", layer).path)
        mid = block.get_submodule(first)(pre + attn)
        if "resid_mid" in case.adapter.architecture.places:
            close(case.values["resid_mid", layer], mid)
        close(post, block.get_submodule(second)(mid + mlp))


@every()
def test_a_layer_begins_where_the_one_before_ended(case: Case) -> None:
    layers = case.layers("resid_pre", "resid_post")
    assert torch.equal(case.values["embed", None], layers[0][0])
    for (_, before), (after, _) in itertools.pairwise(layers):
        assert torch.equal(before, after)


@every(zoo.having("resid_mid", but=zoo.NORM_OF_SUM))
def test_resid_mid_is_resid_pre_and_attention(case: Case) -> None:
    for pre, attn, mid in case.layers("resid_pre", "attn_out", "resid_mid"):
        close(mid, pre + attn)


@every(zoo.having("logits"))
def test_logits_are_the_models_output(case: Case) -> None:
    close(case.values["logits", None], case.run().logits, atol=1e-6)


@every()
def test_rows_of_a_pattern_sum_to_one_and_see_no_future(case: Case) -> None:
    for (pattern,) in case.layers("pattern"):
        rows = pattern.sum(-1)
        if case.name in zoo.SINKS:
            assert (rows < 0.99).any()
            assert (rows > 0).all()
        else:
            close(rows, torch.ones_like(rows), atol=1e-6)
        causal = case.adapter.architecture.causal
        assert bool(pattern.triu(1).any()) is not causal


@every(zoo.WINDOWS)
def test_a_window_hides_what_is_further_back(case: Case) -> None:
    for layer, (pattern, scores) in enumerate(case.layers("pattern", "attn_scores")):
        beyond = torch.ones_like(pattern).tril(-zoo.WINDOW).bool()
        hidden = layer in zoo.WINDOWS[case.name]
        assert bool((pattern[beyond] == 0).all()) is hidden
        assert bool((scores[beyond] == -torch.inf).all()) is hidden


@every()
def test_z_is_the_pattern_times_the_values(case: Case) -> None:
    repeats = case.adapter.n_heads // case.adapter.n_kv_heads
    for pattern, v, z in case.layers("pattern", "v", "z"):
        each = v.repeat_interleave(repeats, dim=2)
        close(torch.einsum("bhqk,bkhd->bqhd", pattern, each), z)


@every()
def test_what_heads_write_and_a_bias_sum_to_what_attention_gives(case: Case) -> None:
    for layer, (result,) in enumerate(case.layers("result")):
        projection = case.module.get_submodule(case.adapter.place("z", layer).path)
        total = result.sum(dim=2)
        if projection.bias is not None:
            total = total + projection.bias
        if case.name in zoo.having("attn_out", but=zoo.NORM_OF_PART):
            close(total, case.values["attn_out", layer])
        elif case.name in zoo.NORM_OF_PART:
            norm = case.module.get_submodule(case.adapter.place("attn_out", layer).path)
            close(norm(total), case.values["attn_out", layer])
        close(total, case.hooked(case.adapter.place("z", layer).path, "output"))


@every(zoo.having("mlp_post", "mlp_out"))
def test_what_neurons_write_is_what_the_mlp_gives(case: Case) -> None:
    for layer, (post, out) in enumerate(case.layers("mlp_post", "mlp_out")):
        total = case.module.get_submodule(case.adapter.place("mlp_post", layer).path)(post)
        if case.name in zoo.NORM_OF_PART:
            total = case.module.get_submodule(case.adapter.place("mlp_out", layer).path)(total)
        close(total, out)


@every()
def test_a_heads_result_is_its_z_alone_through_the_projection(case: Case) -> None:
    layer = case.adapter.n_layers - 1
    projection = case.module.get_submodule(case.adapter.place("z", layer).path)
    z, result = case.layers("z", "result")[layer]
    others = z.clone()
    others[..., 1, :] = 0
    with torch.no_grad():
        expected = projection(z.flatten(2)) - projection(others.flatten(2))
    close(result[..., 1, :], expected)


@every()
def test_sites_have_the_shapes_that_the_adapter_says(case: Case) -> None:
    a, values = case.adapter, case.values
    n = values["embed", None].shape[1]
    shapes = {
        "q": (1, n, a.n_heads, a.d_head),
        "k": (1, n, a.n_kv_heads, a.d_head),
        "v": (1, n, a.n_kv_heads, a.d_head),
        "z": (1, n, a.n_heads, a.d_head),
        "result": (1, n, a.n_heads, a.d_model),
        "pattern": (1, a.n_heads, n, n),
        "attn_scores": (1, a.n_heads, n, n),
        "logits": (1, n, a.d_vocab),
        "mlp_post": (1, n, a.d_mlp),
    }
    for (site, layer), value in values.items():
        assert value.shape == shapes.get(site, (1, n, a.d_model)), (site, layer)


@every()
def test_a_batch_holds_what_each_prompt_holds_alone(case: Case) -> None:
    other = case.prompt.flip(-1)
    both, alone = (
        forward(case.model, prompt, ReadAll(case.model, []))
        for prompt in (torch.cat([other, case.prompt]), other)
    )
    for key, (values,) in both.values.items():
        close(values[:1], alone.values[key][0])
        close(values[1:], case.values[key[1:]])


@every()
def test_all_that_a_table_promises_was_read(case: Case) -> None:
    promised = set(SITES) - zoo.LACKS.get(case.name, frozenset())
    assert set(case.adapter.architecture.places) == promised
    assert {site for site, _ in case.values} == promised


@every(zoo.LACKS)
def test_a_site_that_is_not_there_is_refused_with_those_that_are(case: Case) -> None:
    for site in zoo.LACKS[case.name]:
        with pytest.raises(SiteError, match=f"has no site '{site}'; it has attn_"):
            case.adapter.place(site, 0)


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    adapter = adapter_of(wrapped(tiny_gpt2()))
    with pytest.raises(SiteError, match=r"no site 'resid_pots'\. Did you mean 'resid_post'\?"):
        adapter.place("resid_pots", 0)


def test_a_site_that_an_architecture_lacks_is_not_invented() -> None:
    adapter = adapter_of(iw.load("lil-attn-2l"))
    with pytest.raises(
        SiteError, match="has no site 'resid_mid'; it has attn_out, attn_scores"
    ):
        adapter.place("resid_mid", 0)


@pytest.mark.parametrize("layer", [None, -1, 4])
def test_a_layer_that_is_not_there_is_refused(layer: int | None) -> None:
    adapter = adapter_of(wrapped(tiny_gpt2()))
    with pytest.raises(SiteError, match=r"needs a `layer` of 0-3; got"):
        adapter.place("z", layer)
