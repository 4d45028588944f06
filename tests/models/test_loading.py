"""Loading by name, from a folder, and wrapping what a user has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from nnsight import TransformersModel

import interpwidgets as iw
from interpwidgets.errors import ModelError
from tiny import tiny_gpt2, tiny_llama, tiny_tokenizer, wrapped


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    tiny_llama().save_pretrained(path)
    tiny_tokenizer().save_pretrained(path)
    return path


def test_a_bundled_model_loads_by_name() -> None:
    model = iw.load("lil-attn-2l")
    assert isinstance(model, TransformersModel)
    assert iw.describe(model).n_layers == 2


def test_a_local_folder_loads(folder: Path) -> None:
    model = iw.load(folder)
    with model.trace("the cat sat"):
        logits = model.lm_head.output.save()
    assert logits.shape == (1, 3, 64)
    assert iw.describe(model).name == str(folder)


def test_dtype_and_device_are_as_asked(folder: Path) -> None:
    description = iw.describe(iw.load(folder, dtype="bfloat16", device="cpu"))
    assert (description.dtype, description.device) == ("bfloat16", "cpu")


def test_a_wrong_dtype_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="no dtype 'float33'"):
        iw.load(folder, dtype="float33")


def test_a_name_that_leads_nowhere_says_what_could_be_given() -> None:
    with pytest.raises(ModelError, match=r"ships with interpwidgets \(lilliput, lil-attn-2l\)"):
        iw.load("no/such-model")


def test_wrapping_an_nnsight_model_gives_it_back() -> None:
    model = wrapped(tiny_gpt2())
    assert iw.wrap(model) is model


def test_wrapping_twice_gives_the_same() -> None:
    module = tiny_gpt2()
    model = iw.wrap(module, tokenizer=tiny_tokenizer())
    assert iw.wrap(module) is model


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2, 3]], torch.tensor([[1, 2, 3]])])
def test_a_hugging_face_model_without_tokenizer_takes_ids(prompt: Any) -> None:
    assert len(iw.attention(tiny_gpt2(), prompt).result.tokens) == 3


def test_a_board_of_a_model_without_tokenizer_takes_ids() -> None:
    model = iw.wrap(tiny_gpt2())
    board = iw.Board(model)
    view = board.attention()
    with board.trace([1, 2, 3]):
        hidden = model.transformer.h[0].output.save()
    assert hidden.shape == (1, 3, 32)
    assert len(view.result.tokens) == 3


@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (tiny_gpt2, (4, 4, 4, 64, 32, 8, 128, 64)),
        (tiny_llama, (3, 4, 2, 64, 32, 8, 48, 64)),
    ],
)
def test_describe_gives_the_sizes(make: Any, sizes: tuple[int, ...]) -> None:
    d = iw.describe(wrapped(make()))
    assert (
        d.n_layers,
        d.n_heads,
        d.n_kv_heads,
        d.n_ctx,
        d.d_model,
        d.d_head,
        d.d_mlp,
        d.d_vocab,
    ) == sizes


def test_describe_reads_well() -> None:
    text = str(iw.describe(wrapped(tiny_llama())))
    assert "3 layers × 4 heads (2 key-value), d_model 32" in text
    assert "pattern     model.layers.{layer}.self_attn.output[1]" in text
