"""A model type that the package does not know: told what is missing, then it works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

import interpwidgets as iw
from interpwidgets.errors import ModelError, SiteError
from interpwidgets.models.architectures import registry
from tiny import VOCAB, tiny_llama, tiny_tokenizer, wrapped


class MadeUpConfig(PretrainedConfig):
    model_type = "made-up"
    rooms: int = 2
    width: int = 16
    eyes: int = 2
    vocab_size: int = VOCAB
    max_position_embeddings: int = 32


class Look(nn.Module):
    """Attention, its three projections in one."""

    def __init__(self, config: MadeUpConfig) -> None:
        super().__init__()
        self.eyes = config.eyes
        self.wqkv = nn.Linear(config.width, 3 * config.width)
        self.wo = nn.Linear(config.width, config.width)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        q, k, v = (
            t.unflatten(-1, (self.eyes, -1)).transpose(1, 2) for t in self.wqkv(x).chunk(3, -1)
        )
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        future = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        pattern = scores.masked_fill(future, torch.finfo(x.dtype).min).softmax(-1)
        return self.wo((pattern @ v).transpose(1, 2).flatten(2)), pattern


class Room(nn.Module):
    """One layer."""

    def __init__(self, config: MadeUpConfig) -> None:
        super().__init__()
        self.norm_a = nn.LayerNorm(config.width)
        self.attention = Look(config)
        self.norm_b = nn.LayerNorm(config.width)
        self.feed_forward = nn.Sequential(
            nn.Linear(config.width, 32), nn.GELU(), nn.Linear(32, config.width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm_a(x))[0]
        return x + self.feed_forward(self.norm_b(x))


class MadeUp(PreTrainedModel):
    config_class = MadeUpConfig
    all_tied_weights_keys: dict[str, str] = {}

    def __init__(self, config: MadeUpConfig) -> None:
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.width)
        self.rooms = nn.ModuleList(Room(config) for _ in range(config.rooms))
        self.last_norm = nn.LayerNorm(config.width)
        self.speak = nn.Linear(config.width, config.vocab_size)

    def get_output_embeddings(self) -> nn.Module:
        return self.speak

    def forward(self, input_ids: torch.Tensor, **_: Any) -> CausalLMOutput:
        x = self.words(input_ids)
        for room in self.rooms:
            x = room(x)
        return CausalLMOutput(logits=self.speak(self.last_norm(x)))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(registry, "_TABLES", dict(registry._TABLES))
    torch.manual_seed(0)
    return wrapped(MadeUp(MadeUpConfig()).eval())


SIZES = {"n_layers": "rooms", "d_model": "width", "n_heads": "eyes"}


def test_an_unknown_type_is_told_what_is_known_and_what_to_fill_in(model: Any) -> None:
    with pytest.raises(ModelError) as caught:
        iw.attention(model, "the cat")
    message = str(caught.value)
    assert "model type 'made-up' are not known; known are bert, bloom," in message
    for line in (
        "iw.register_architecture('made-up', blocks='rooms',",
        "attn='attention',",
        "out_proj='wo',",
        "fused='wqkv',",
        "mlp='feed_forward',",
        "mlp_norm='norm_b',",
        "norm='last_norm',",
        "unembed='speak',",
        "One block (Room) has: norm_a (LayerNorm), attention (Look), norm_b (LayerNorm),",
    ):
        assert line in message


def test_the_call_in_the_message_runs_as_it_is_and_then_everything_works(model: Any) -> None:
    with pytest.raises(ModelError) as caught:
        iw.describe(model)
    call = re.search(r"iw\.register_architecture\(.*?\n  \)", str(caught.value), re.DOTALL)
    assert call is not None
    exec(call[0].replace("\n  )", f"\n sizes={SIZES!r})"), {"iw": iw})
    read = {
        site: iw.activations(model, "the cat sat on", site).values
        for site in iw.describe(model).sites
    }
    assert len(read) == 16
    total = read["embed"][0] + read["attn_out"].sum(0) + read["mlp_out"].sum(0)
    assert abs(total - read["resid_post"][-1]).max() < 1e-5
    bias = torch.stack([room.attention.wo.bias for room in model._module.rooms]).detach()
    written = read["result"].sum(2) + bias.numpy()[:, None]
    assert abs(written - read["attn_out"]).max() < 1e-5
    rows = torch.tensor(read["attn_scores"]).softmax(-1).numpy()
    assert abs(rows - read["pattern"]).max() < 1e-6
    assert abs(rows.sum(-1) - 1).max() < 1e-6
    assert iw.attention(model, "the cat").result.pattern.shape == (2, 2, 2, 2)


def test_sizes_under_other_names_are_asked_for(model: Any) -> None:
    iw.register_architecture("made-up", blocks="rooms", attn="attention", out_proj="wo")
    with pytest.raises(ModelError, match=r"has no hidden_size or .*sizes=\{'d_model': '...'\}"):
        iw.describe(model)


def test_what_is_not_named_is_a_site_that_it_lacks(model: Any) -> None:
    iw.register_architecture(
        "made-up", blocks="rooms", attn="attention", out_proj="wo", sizes=SIZES
    )
    assert iw.describe(model).d_mlp is None
    with pytest.raises(SiteError, match="made-up has no site 'mlp_out'; it has attn_out, "):
        iw.activations(model, "the cat", "mlp_out")


def test_saying_it_again_corrects_it_for_a_model_in_use(model: Any) -> None:
    table: dict[str, Any] = {"attn": "attention", "out_proj": "wo", "sizes": SIZES}
    iw.register_architecture("made-up", blocks="rooms", **table)
    iw.activations(model, "the cat", "z")
    iw.register_architecture(
        "made-up",
        blocks="rooms",
        **table,
        places={"ln_final": "last_norm.output", "logits": "output[logits]"},
    )
    logits = iw.activations(model, "the cat", "logits").values
    assert logits.shape == (1, 2, VOCAB)
    assert iw.describe(model).sites["ln_final"] == "last_norm.output"


def test_a_table_that_does_not_fit_the_model_says_so(model: Any) -> None:
    iw.register_architecture("made-up", blocks="halls", attn="attention", out_proj="wo")
    with pytest.raises(ModelError, match=r"(?s)it has no module 'halls\.0'.*blocks='rooms'"):
        iw.describe(model)


def test_an_item_of_what_is_no_tuple_is_refused(model: Any) -> None:
    iw.register_architecture(
        "made-up",
        blocks="rooms",
        attn="attention",
        out_proj="wo",
        sizes=SIZES,
        places={
            "pattern": "rooms.{layer}.attention.wo.output[1]",
            "attn_scores": "rooms.{layer}.attention.softmax",
            "q": "rooms.{layer}.norm_a.output",
        },
    )
    with pytest.raises(SiteError, match=r"attention\.wo gives one tensor, but .* \[1\]"):
        iw.activations(model, "the cat", "pattern")
    assert iw.activations(model, "the cat", "attn_scores").values.shape == (2, 2, 2, 2)
    assert iw.activations(model, "the cat", "q").values.shape == (2, 2, 2, 8)


@pytest.mark.parametrize(
    ("places", "match"),
    [
        ({"resid_pots": "rooms.output"}, "Did you mean 'resid_post'"),
        ({"attn_out": "rooms.{layer}.attention"}, "must read like 'model.layers.{layer}.attn"),
    ],
)
def test_a_place_that_cannot_be_read_is_refused(
    model: Any, places: dict[str, str], match: str
) -> None:
    with pytest.raises(SiteError, match=re.escape(match)):
        iw.register_architecture(
            "made-up", blocks="rooms", attn="attention", out_proj="wo", places=places
        )


def test_a_table_of_ones_own_replaces_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_TABLES", dict(registry._TABLES))
    iw.register_architecture(
        "llama", blocks="model.layers", attn="self_attn", out_proj="o_proj"
    )
    sites = iw.describe(wrapped(tiny_llama())).sites
    assert "logits" not in sites
    assert sites["z"] == "model.layers.{layer}.self_attn.o_proj.input"


def test_a_model_without_layers_says_what_it_has() -> None:
    class Flat(PreTrainedModel):
        config_class = MadeUpConfig
        all_tied_weights_keys: dict[str, str] = {}

        def __init__(self, config: MadeUpConfig) -> None:
            super().__init__(config)
            self.only = nn.Linear(2, 2)

    with pytest.raises(ModelError, match=r"Flat has no list of alike blocks.*parts: only"):
        iw.describe(iw.wrap(Flat(MadeUpConfig()), tokenizer=tiny_tokenizer()))


def test_a_model_without_config_is_refused_in_words() -> None:
    from nnsight import NNsight

    with pytest.raises(ModelError, match="Linear has no Hugging Face config"):
        iw.describe(NNsight(nn.Linear(2, 2)))
    with pytest.raises(ModelError, match="wanted an nnsight model or a Hugging Face model"):
        iw.attention(nn.Linear(2, 2), "the cat")
