"""A transformer of attention blocks alone, as a transformers model.

The architecture of Elhage et al. (2021), "A Mathematical Framework for Transformer
Circuits", with learned positions and layer norm. Importing this module lets
``AutoModelForCausalLM`` open its folders; no remote code is run.
"""

import math
from typing import no_type_check

import torch
from jaxtyping import Bool, Float, Int
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    DynamicCache,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
    initialization,
)
from transformers.cache_utils import Cache
from transformers.modeling_outputs import (
    BaseModelOutputWithPast,
    CausalLMOutputWithPast,
)
from transformers.utils.generic import can_return_tuple
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from interpwidgets.errors import PromptError

IGNORED_LABEL = -100


@no_type_check  # its __init__ takes more than the fields below; transformers checks those
class AttentionOnlyConfig(PreTrainedConfig):
    """Sizes of an attention-only transformer.

    ``initializer_range`` is the spread of fresh projections, ``embedding_range`` that of
    fresh embeddings; ``display_name`` is what error messages call the model.
    """

    model_type = "interpwidgets-attn-only"
    keys_to_ignore_at_inference = ["past_key_values"]

    vocab_size: int = 64
    hidden_size: int = 64
    num_hidden_layers: int = 2
    num_attention_heads: int = 4
    max_position_embeddings: int = 32
    layer_norm_eps: float = 1e-5
    initializer_range: float = 0.07
    embedding_range: float = 0.3
    use_cache: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 1
    eos_token_id: int | None = None
    tie_word_embeddings: bool = False
    display_name: str = "this model"


class Attention(nn.Module):
    """Multi-head attention, always computed in full so that the pattern can be read."""

    def __init__(self, config: AttentionOnlyConfig, layer: int) -> None:
        """Build layer number ``layer``'s four projections."""
        super().__init__()
        width = config.hidden_size
        self.layer = layer
        self.d_head = width // config.num_attention_heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(
        self,
        hidden_states: Float[torch.Tensor, "batch query_pos d_model"],
        visible: Bool[torch.Tensor, "batch 1 query_pos key_pos"],
        past_key_values: Cache | None = None,
    ) -> tuple[
        Float[torch.Tensor, "batch query_pos d_model"],
        Float[torch.Tensor, "batch head query_pos key_pos"],
    ]:
        """Return what the heads add to the residual stream, and the softmaxed pattern."""
        q = self._split_heads(self.q_proj(hidden_states))
        k = self._split_heads(self.k_proj(hidden_states))
        v = self._split_heads(self.v_proj(hidden_states))
        if past_key_values is not None:
            k, v = past_key_values.update(k, v, self.layer)
        attn_scores = (q @ k.transpose(-1, -2) / math.sqrt(self.d_head)).float()
        attn_scores = attn_scores.masked_fill(~visible, torch.finfo(torch.float32).min)
        pattern = attn_scores.softmax(dim=-1).to(v.dtype)
        z = (pattern @ v).transpose(1, 2).flatten(start_dim=2)
        return self.o_proj(z), pattern

    def _split_heads(
        self, x: Float[torch.Tensor, "batch pos d_model"]
    ) -> Float[torch.Tensor, "batch head pos d_head"]:
        return x.unflatten(-1, (-1, self.d_head)).transpose(1, 2)


class AttentionBlock(nn.Module):
    """One layer: ``x + attn(norm(x))``."""

    def __init__(self, config: AttentionOnlyConfig, layer: int) -> None:
        """Build layer number ``layer``."""
        super().__init__()
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attn = Attention(config, layer)

    def forward(
        self,
        hidden_states: Float[torch.Tensor, "batch query_pos d_model"],
        visible: Bool[torch.Tensor, "batch 1 query_pos key_pos"],
        past_key_values: Cache | None = None,
    ) -> Float[torch.Tensor, "batch query_pos d_model"]:
        """Return the residual stream after this layer."""
        attn_out, _ = self.attn(self.norm(hidden_states), visible, past_key_values)
        return hidden_states + attn_out


class AttentionOnlyPreTrainedModel(PreTrainedModel):
    """What the two model classes tell transformers about themselves."""

    config_class = AttentionOnlyConfig
    base_model_prefix = "model"
    _no_split_modules = ["AttentionBlock"]
    _can_record_outputs = {
        "hidden_states": AttentionBlock,
        "attentions": OutputRecorder(Attention, index=1),
    }

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Embedding):
            # Small embeddings drown in the first layer's output, and training then finds
            # no induction heads. These calls leave weights read from a file alone.
            initialization.normal_(module.weight, std=self.config.embedding_range)


class AttentionOnlyModel(AttentionOnlyPreTrainedModel):
    """The network up to the final norm."""

    def __init__(self, config: AttentionOnlyConfig) -> None:
        """Build the network with fresh weights."""
        super().__init__(config)
        width = config.hidden_size
        self.embed_tokens = nn.Embedding(config.vocab_size, width)
        self.embed_positions = nn.Embedding(config.max_position_embeddings, width)
        self.layers = nn.ModuleList(
            AttentionBlock(config, layer) for layer in range(config.num_hidden_layers)
        )
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.post_init()

    @capture_outputs
    def forward(
        self,
        input_ids: Int[torch.Tensor, "batch pos"] | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: Int[torch.Tensor, "_ pos"] | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Float[torch.Tensor, "batch pos d_model"] | None = None,
        use_cache: bool | None = None,
        **_: object,
    ) -> BaseModelOutputWithPast:
        """Run the layers; arguments as in every transformers decoder.

        Positions count from each row's first token that is not padding.

        Raises:
            PromptError: More tokens than ``max_position_embeddings``, or a mask that does
                not fit them.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise PromptError("give one of `input_ids` and `inputs_embeds`, not both")
        x = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        if use_cache is None:
            use_cache = self.config.use_cache
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        n_past = 0 if past_key_values is None else past_key_values.get_seq_length()
        real = self._real_tokens(x, attention_mask, n_past)
        if position_ids is None:
            position_ids = (real.long().cumsum(-1) - 1).clamp(min=0)[:, n_past:]
        x = x + self.embed_positions(position_ids)
        for layer in self.layers:
            x = layer(x, _visible_keys(real, n_past), past_key_values)
        return BaseModelOutputWithPast(
            last_hidden_state=self.norm(x), past_key_values=past_key_values
        )

    def _real_tokens(
        self,
        x: Float[torch.Tensor, "batch pos d_model"],
        attention_mask: torch.Tensor | None,
        n_past: int,
    ) -> Bool[torch.Tensor, "batch key_pos"]:
        """Return which tokens, cached ones first, are not padding; refuse too many."""
        shape = (x.shape[0], n_past + x.shape[1])
        if attention_mask is None:
            real = torch.ones(shape, dtype=torch.bool, device=x.device)
        elif attention_mask.shape == shape:
            real = attention_mask.to(x.device, torch.bool)
        else:
            raise PromptError(
                f"the attention mask should be (batch, pos) {shape}; it is "
                f"{tuple(attention_mask.shape)}: pass the tokenizer's own mask "
                "(masks made for a static cache do not fit)"
            )
        self._check_length(real, n_past)
        return real

    def _check_length(self, real: Bool[torch.Tensor, "batch pos"], n_past: int) -> None:
        n_ctx = self.config.max_position_embeddings
        # The width settles it nearly always, without waiting for a device or reading a
        # tensor that nnsight's `scan` has no values for.
        if real.shape[1] <= n_ctx or (longest := int(real.sum(-1).max())) <= n_ctx:
            return
        name = self.config.display_name
        if n_past:
            raise PromptError(
                f"prompt and generated words make {longest} tokens, {name} holds {n_ctx};"
                " shorten the prompt or lower max_new_tokens"
            )
        raise PromptError(f"prompt has {longest} tokens, {name} holds {n_ctx}; shorten it")


def _visible_keys(
    real: Bool[torch.Tensor, "batch key_pos"], n_past: int
) -> Bool[torch.Tensor, "batch 1 query_pos key_pos"]:
    """Return which keys each query may attend to.

    A padding query sees itself alone, so that its row of the pattern is causal and sums
    to 1 like every other.
    """
    key_pos = torch.arange(real.shape[1], device=real.device)
    query_pos = key_pos[n_past:, None]
    visible = (key_pos <= query_pos) & real[:, None] | (key_pos == query_pos)
    return visible[:, None]


class AttentionOnlyForCausalLM(AttentionOnlyPreTrainedModel, GenerationMixin):
    """The network with its unembedding: token ids in, next-token logits out."""

    def __init__(self, config: AttentionOnlyConfig) -> None:
        """Build the network with fresh weights."""
        super().__init__(config)
        self.model = AttentionOnlyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Int[torch.Tensor, "batch pos"] | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: Int[torch.Tensor, "_ pos"] | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Float[torch.Tensor, "batch pos d_model"] | None = None,
        labels: Int[torch.Tensor, "batch pos"] | None = None,
        logits_to_keep: int = 0,
        **kwargs: object,
    ) -> CausalLMOutputWithPast:
        """Return logits, and the loss if ``labels`` are given.

        Args:
            input_ids: Token ids.
            attention_mask: 1 for tokens, 0 for padding, cached tokens included.
            position_ids: Where each token stands; counted from the mask by default.
            past_key_values: Keys and values of tokens already read.
            inputs_embeds: Token embeddings, in place of ``input_ids``.
            labels: Token ids to predict, not shifted; ``IGNORED_LABEL`` to leave out.
            logits_to_keep: How many last positions to unembed; 0 for all.
            **kwargs: ``use_cache``, ``output_attentions``, ``output_hidden_states`` and
                ``return_dict``, as in every transformers decoder.
        """
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            **kwargs,
        )
        logits = self.lm_head(outputs.last_hidden_state[:, -logits_to_keep:])
        return CausalLMOutputWithPast(
            loss=None if labels is None else next_token_loss(logits, labels),
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


def next_token_loss(
    logits: Float[torch.Tensor, "batch pos d_vocab"],
    labels: Int[torch.Tensor, "batch pos"],
) -> Float[torch.Tensor, ""]:
    """Return the mean cross-entropy in nats of each token given those before it."""
    return nn.functional.cross_entropy(
        logits[:, :-1].flatten(end_dim=1),
        labels[:, 1:].flatten(),
        ignore_index=IGNORED_LABEL,
    )


def register() -> None:
    """Let transformers' Auto classes open this architecture; calling it twice is fine."""
    AutoConfig.register(AttentionOnlyConfig.model_type, AttentionOnlyConfig, exist_ok=True)
    AutoModelForCausalLM.register(AttentionOnlyConfig, AttentionOnlyForCausalLM, exist_ok=True)


register()
