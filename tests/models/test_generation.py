"""Generated positions, of batches too: each prompt ends with its own EOS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import interpwidgets as iw
from interpwidgets.methods.activations import ActivationsMethod
from interpwidgets.methods.attention import attention
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import ReadBackend
from tiny import chat_tokenizer, tiny_gpt2, tiny_llama, wrapped

LONG, SHORT = "the cat sat on a mat and the dog", "a dog"


def continuations(model: Any, prompts: list[str], n_new: int) -> list[list[int]]:
    """What the model writes after each prompt alone, greedily and without a stop."""
    written = []
    for prompt in prompts:
        ids = model.tokenizer(prompt, return_tensors="pt")
        with torch.no_grad():
            out = model._module.generate(
                **ids, max_new_tokens=n_new, do_sample=False, eos_token_id=-1, pad_token_id=0
            )
        written.append(out[0, ids["input_ids"].shape[1] :].tolist())
    return written


def generate(model: Any, prompt: Any, **kwargs: Any) -> Any:
    board = iw.Board(model)
    view = board.attention()
    with board.generate(prompt, do_sample=False, **kwargs) as tracer:
        tracer.result.save()
    return view.results


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
@pytest.mark.parametrize("use_cache", [True, False])
def test_a_batch_ends_each_prompt_with_its_own_eos(make: Any, use_cache: bool) -> None:
    model = wrapped(make())
    short, long = continuations(model, [SHORT, LONG], 8)
    eos = next(i for i in short if i not in long)  # ends the short prompt only
    results = generate(
        model, [SHORT, LONG], max_new_tokens=8, eos_token_id=eos, use_cache=use_cache
    )
    wrote = [
        [i for i, g in zip(r.tokens.ids, r.tokens.generated, strict=True) if g] for r in results
    ]
    assert wrote == [short[: short.index(eos) + 1], long[:7]]
    for result in results:  # the same as a forward over the text with what was written
        alone = attention(model, list(result.tokens.ids))
        np.testing.assert_allclose(
            result.pattern.astype(np.float32), alone.pattern.astype(np.float32), atol=1e-3
        )


def test_the_models_own_eos_ends_a_prompt_too() -> None:
    model = wrapped(tiny_llama())
    short, long = continuations(model, [SHORT, LONG], 6)
    eos = next(i for i in short if i not in long)
    model._module.generation_config.eos_token_id = [eos, 63]
    results = generate(model, [SHORT, LONG], max_new_tokens=6)
    assert sum(results[0].tokens.generated) == min(short.index(eos) + 1, 5)
    assert sum(results[1].tokens.generated) == 5


def test_eos_inside_a_prompt_ends_nothing() -> None:
    model = wrapped(tiny_llama())
    results = generate(model, ["<eos> the cat <eos>", LONG], max_new_tokens=3, min_new_tokens=3)
    assert results[0].tokens.text[:4] == ("<eos>", "the", "cat", "<eos>")
    assert sum(results[0].tokens.generated) == 2


@pytest.mark.parametrize("site", ["resid_post", "pattern"])
def test_values_of_generated_positions_equal_a_forward_over_the_whole_text(site: str) -> None:
    model = wrapped(tiny_gpt2())
    method = ActivationsMethod(site)
    reader = MethodReader(model, [method])
    captures: list[Any] = []
    reader.deliver = captures.append  # type: ignore[method-assign]
    with model.trace(
        [LONG, SHORT],
        fn=model.generate,
        max_new_tokens=4,
        min_new_tokens=4,
        do_sample=False,
        backend=ReadBackend(reader),
    ) as tracer:
        tracer.result.save()
    for result in method.build(reader.run_of(captures[0])):
        assert sum(result.tokens.generated) == 3
        whole = iw.activations(model, list(result.tokens.ids), site)
        np.testing.assert_allclose(result.values, whole.values, atol=1e-4)


def test_prompts_of_invokes_are_continued_whatever_the_padding_side() -> None:
    model = wrapped(tiny_gpt2())
    wrote = continuations(model, [SHORT, LONG], 3)
    model.tokenizer.padding_side = "right"
    board = iw.Board(model)
    view = board.attention()
    with board.generate(max_new_tokens=3, min_new_tokens=3, do_sample=False) as tracer:
        with tracer.invoke(SHORT):
            model.transformer.h[0].output.save()
        with tracer.invoke(LONG):
            model.transformer.h[0].output.save()
    assert [list(result.tokens.ids[-2:]) for result in view.results] == [w[:2] for w in wrote]
    assert model.tokenizer.padding_side == "right"


def test_a_batch_of_chats_generates_with_turns() -> None:
    model = wrapped(tiny_gpt2(), chat_tokenizer())
    chats = [[{"role": "user", "content": words}] for words in ("the cat", "a dog ran to")]
    results = generate(model, chats, max_new_tokens=3, min_new_tokens=3)
    for result in results:
        assert result.tokens.role[-3:] == ("assistant",) * 3
        assert sum(result.tokens.generated) == 2
