import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from interpwidgets.errors import PromptError
from interpwidgets.organisms.attention_only import (
    AttentionOnlyConfig,
    AttentionOnlyForCausalLM,
    register,
)
from interpwidgets.organisms.induction import repeated_blocks

PROMPT = "apple river king apple river"


@pytest.fixture
def token_ids():
    return torch.from_numpy(repeated_blocks(6, seed=9).token_ids)


def run(model, *args, **kwargs):
    with torch.no_grad():
        return model(*args, **kwargs)


def test_auto_classes_know_the_architecture(tmp_path, model):
    register()
    model.save_pretrained(tmp_path)
    assert type(AutoConfig.from_pretrained(tmp_path)) is AttentionOnlyConfig
    assert type(AutoModelForCausalLM.from_pretrained(tmp_path)) is AttentionOnlyForCausalLM


def test_saved_and_opened_model_gives_the_same_bits(tmp_path, model, token_ids):
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(run(again, token_ids).logits, run(model, token_ids).logits)


def test_pattern_is_causal_and_sums_to_one(model, token_ids):
    for pattern in run(model, token_ids, output_attentions=True).attentions:
        assert pattern.shape == (6, 4, 32, 32)
        assert torch.allclose(pattern.sum(-1), torch.ones(()))
        assert not pattern.triu(1).any()


def test_padded_rows_of_the_pattern_are_causal_and_sum_to_one_too(model, tokenizer):
    batch = tokenizer(["apple", PROMPT], padding=True, return_tensors="pt")
    for pattern in run(model, **batch, output_attentions=True).attentions:
        assert torch.allclose(pattern.sum(-1), torch.ones(()))
        assert not pattern.triu(1).any()


def test_real_tokens_never_attend_to_padding(model, tokenizer):
    batch = tokenizer(["apple", PROMPT], padding=True, return_tensors="pt")
    n_pad = int((batch.attention_mask[0] == 0).sum())
    for pattern in run(model, **batch, output_attentions=True).attentions:
        assert not pattern[0, :, n_pad:, :n_pad].any()


def test_attention_module_returns_what_it_adds_and_the_pattern(model, token_ids):
    caught = []
    handle = model.model.layers[1].attn.register_forward_hook(
        lambda _module, _inputs, output: caught.append(output)
    )
    outputs = run(model, token_ids, output_attentions=True)
    handle.remove()
    assert torch.equal(caught[0][1], outputs.attentions[1])


def test_embeddings_and_attention_outputs_sum_to_the_last_residual(model, token_ids):
    added = []
    handles = [
        layer.attn.register_forward_hook(lambda _module, _in, output: added.append(output[0]))
        for layer in model.model.layers
    ]
    logits = run(model, token_ids).logits
    for handle in handles:
        handle.remove()
    embed = model.model.embed_tokens(token_ids) + model.model.embed_positions.weight
    residual = embed + sum(added)
    assert torch.allclose(model.lm_head(model.model.norm(residual)), logits, atol=1e-5)


def test_block_output_is_a_plain_tensor(model, token_ids):
    caught = []
    handle = model.model.layers[0].register_forward_hook(
        lambda _module, _in, output: caught.append(output)
    )
    outputs = run(model, token_ids, output_hidden_states=True)
    handle.remove()
    assert torch.equal(caught[0], outputs.hidden_states[1])


def test_last_hidden_state_goes_through_the_unembedding_to_the_logits(model, token_ids):
    outputs = run(model, token_ids, output_hidden_states=True)
    assert len(outputs.hidden_states) == 3
    logits = model.lm_head(outputs.hidden_states[-1])
    assert torch.allclose(logits, outputs.logits, atol=1e-5)


def test_left_padded_prompt_gives_what_it_gives_alone(model, tokenizer):
    prompts = ["apple", PROMPT, "king queen king"]
    batch = tokenizer(prompts, padding=True, return_tensors="pt")
    together = run(model, **batch).logits
    for row, prompt in zip(together, prompts, strict=True):
        alone = run(model, **tokenizer(prompt, return_tensors="pt")).logits[0]
        assert torch.allclose(row[-len(alone) :], alone, atol=1e-5)


def test_right_padding_changes_nothing_before_it(model, tokenizer):
    batch = tokenizer(
        ["apple", PROMPT], padding=True, padding_side="right", return_tensors="pt"
    )
    alone = run(model, **tokenizer("apple", return_tensors="pt")).logits[0]
    assert torch.allclose(run(model, **batch).logits[0, :2], alone, atol=1e-5)


def test_cached_forward_equals_the_whole(model, token_ids):
    whole = run(model, token_ids).logits
    first = run(model, token_ids[:, :20], use_cache=True)
    rest = run(model, token_ids[:, 20:], past_key_values=first.past_key_values)
    assert torch.allclose(torch.cat([first.logits, rest.logits], 1), whole, atol=1e-5)


@pytest.mark.parametrize("prompts", [[PROMPT], ["apple cat", PROMPT]])
def test_generate_with_the_cache_equals_without(model, tokenizer, prompts):
    batch = tokenizer(prompts, padding=True, return_tensors="pt")
    cached, whole = (
        model.generate(
            **batch,
            max_new_tokens=12,
            use_cache=use_cache,
            output_logits=True,
            return_dict_in_generate=True,
        )
        for use_cache in (True, False)
    )
    assert torch.equal(cached.sequences, whole.sequences)
    for ours, theirs in zip(cached.logits, whole.logits, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_padded_row_generates_what_it_generates_alone(model, tokenizer):
    batch = tokenizer(["apple cat dog apple", PROMPT], padding=True, return_tensors="pt")
    alone = tokenizer("apple cat dog apple", return_tensors="pt")
    together = model.generate(**batch, max_new_tokens=6)[0, -6:]
    assert torch.equal(together, model.generate(**alone, max_new_tokens=6)[0, -6:])


def test_generate_continues_the_block(model, tokenizer):
    block = "apple river king zebra boat"
    prompt = tokenizer(f"{block} {block} apple river", return_tensors="pt")
    words = tokenizer.decode(model.generate(**prompt, max_new_tokens=5)[0, -5:])
    assert words == "king zebra boat apple river"


def test_loss_is_the_shifted_cross_entropy(model, token_ids):
    outputs = run(model, token_ids, labels=token_ids)
    logprob = outputs.logits.log_softmax(-1)[:, :-1].gather(2, token_ids[:, 1:, None])
    assert torch.allclose(outputs.loss, -logprob.mean(), atol=1e-5)


def test_kept_logits_are_the_last(model, token_ids):
    kept = run(model, token_ids, logits_to_keep=3).logits
    assert torch.allclose(kept, run(model, token_ids).logits[:, -3:], atol=1e-6)


def test_tuple_on_request(model, token_ids):
    logits = run(model, token_ids, return_dict=False)[0]
    assert torch.equal(logits, run(model, token_ids).logits)


def test_embeddings_may_stand_for_ids(model, token_ids):
    embeds = model.get_input_embeddings()(token_ids)
    logits = run(model, inputs_embeds=embeds).logits
    assert torch.equal(logits, run(model, token_ids).logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_runs_in_its_own_dtype(organism, token_ids, dtype):
    half = AttentionOnlyForCausalLM(organism.model.config)
    half.load_state_dict(organism.model.state_dict())
    outputs = run(half.to(dtype), token_ids, output_attentions=True)
    assert {outputs.logits.dtype, outputs.attentions[0].dtype} == {dtype}
    assert torch.isfinite(outputs.logits).all()


def test_too_long_prompt_is_refused_in_words(model):
    with pytest.raises(
        PromptError, match=r"prompt has 40 tokens, lil-attn-2l holds 32; shorten it"
    ):
        model(torch.full((1, 40), 5))


def test_too_long_generation_is_refused_in_words(model, tokenizer):
    prompt = tokenizer(" ".join(["apple", "river"] * 15), return_tensors="pt")
    with pytest.raises(ValueError, match=r"33 tokens, lil-attn-2l holds 32; .*max_new_tokens"):
        model.generate(**prompt, max_new_tokens=3)


def test_padding_beyond_the_context_is_no_length(model, tokenizer):
    batch = tokenizer(PROMPT, padding="max_length", max_length=40, return_tensors="pt")
    alone = run(model, **tokenizer(PROMPT, return_tensors="pt")).logits
    assert torch.allclose(run(model, **batch).logits[:, -6:], alone, atol=1e-5)


def test_mask_of_another_shape_is_refused(model, token_ids):
    with pytest.raises(PromptError, match=r"\(batch, pos\) \(6, 32\); it is \(6, 31\)"):
        model(token_ids, attention_mask=torch.ones(6, 31))


def test_neither_ids_nor_embeddings_is_refused(model):
    with pytest.raises(PromptError, match="input_ids"):
        model()


def test_attention_stays_eager_whatever_is_asked_for(organism, token_ids):
    model = AttentionOnlyForCausalLM(organism.model.config)
    model.set_attn_implementation("sdpa")
    assert model.config._attn_implementation == "eager"
    assert len(run(model, token_ids, output_attentions=True).attentions) == 2
