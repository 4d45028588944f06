"""The bundled model under nnsight, by its own module names."""

import pytest
import torch
from nnsight import TransformersModel

from interpwidgets.organisms.tokenizer import UnknownWordError

PROMPT = "apple river king zebra boat apple river king"


@pytest.fixture
def traced(organism):
    return TransformersModel(organism.model, tokenizer=organism.tokenizer)


def test_trace_reads_the_pattern(traced, model, tokenizer):
    with traced.trace(PROMPT):
        pattern = traced.model.layers[0].attn.output[1].save()
    outputs = model(**tokenizer(PROMPT, return_tensors="pt"), output_attentions=True)
    assert torch.equal(pattern, outputs.attentions[0])


def test_trace_may_change_the_residual_stream(traced):
    with traced.trace(PROMPT):
        traced.model.layers[1].output[:] = 0
        logits = traced.lm_head.output.save()
    assert torch.allclose(logits[0, 0], logits[0, -1], atol=1e-5)


def test_prompts_of_unequal_length_read_as_alone(traced, model, tokenizer):
    with traced.trace() as tracer:
        with tracer.invoke("cat dog"):
            short = traced.lm_head.output[:, -1].save()
        with tracer.invoke(PROMPT):
            _long = traced.lm_head.output[:, -1].save()
    alone = model(**tokenizer("cat dog", return_tensors="pt")).logits[:, -1]
    assert torch.allclose(short, alone, atol=1e-5)


def test_generate_continues_the_block(traced, tokenizer):
    with traced.generate(PROMPT, max_new_tokens=3) as tracer:
        token_ids = tracer.result.save()
    assert tokenizer.decode(token_ids[0, -3:]) == "zebra boat apple"


def test_unknown_word_is_said_through_nnsight_too(traced):
    with pytest.raises(UnknownWordError, match="'zebr' at word 2"):
        with traced.trace("apple zebr"):
            traced.lm_head.output.save()
