"""Views of what the user has already: arrays, and what other libraries give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpwidgets.arrays.built import attention_pattern, token_values
from interpwidgets.arrays.reading import read_texts
from interpwidgets.arrays.sources import layers_of
from interpwidgets.errors import ResultError
from interpwidgets.results.tokens import Tokens
from interpwidgets.show import show
from interpwidgets.widgets.base import View


def show_tokens(
    tokens: Any,
    values: Any,
    *,
    rows: Sequence[str] = (),
    title: str = "Values",
    unit: str = "",
    signed: bool | None = None,
    scale: tuple[float, float] | None = None,
    tokenizer: Any = None,
    key: str | None = None,
) -> View:
    """Draw any values on a text's tokens.

    Args:
        tokens: The text of each token, token ids with ``tokenizer=``, or ``Tokens`` of
            another Result (with chat turns and what was generated).
        values: ``[pos]`` or ``[row, pos]``; a torch tensor, an array or lists.
        rows: A name for each row.
        title: What the values are.
        unit: E.g. ``"nats"``.
        signed: Whether 0 is the middle of the ramp; by default where a value is negative.
        scale: The values of the ramp's ends; ``(0, largest)``, or ± the largest.
        tokenizer: A Hugging Face tokenizer, for ids.
        key: Name that ties this view to the one it replaces; its cell by default.

    Raises:
        ResultError: The shapes do not fit together, or it is not what it should be.

    Example:
        >>> import interpwidgets as iw
        >>> iw.show_tokens(["The", " cat"], [0.5, -2]).result.scale
        (-2.0, 2.0)
    """
    result = token_values(
        read_texts(tokens, tokenizer),
        values,
        rows=tuple(rows),
        title=title,
        unit=unit,
        signed=signed,
        scale=scale,
    )
    return show(result, key=key)


def show_attention(
    tokens: Any,
    attention: Any,
    *,
    causal: bool | None = None,
    prompt: int | None = None,
    less: str = "",
    tokenizer: Any = None,
    key: str | None = None,
) -> View:
    """Draw attention patterns from anywhere.

    Args:
        tokens: The text of each token, token ids with ``tokenizer=``, or ``Tokens``; of a
            batch a list of those, one per prompt.
        attention: One of

            - an array ``[query_pos, key_pos]``, ``[head, query_pos, key_pos]`` or
              ``[layer, head, query_pos, key_pos]``: torch, numpy or lists;
            - a list with ``[head, query_pos, key_pos]`` for each layer;
            - the output of a Hugging Face model that was called with
              ``output_attentions=True``, or its ``attentions``;
            - an ``ActivationCache`` of TransformerLens, or a dictionary with its names.
        causal: Whether keys after the query are masked; by default where all are 0.
        prompt: Of a batch, the one to show; all by default.
        less: Of a difference: what was subtracted, in words; numbers may then be negative.
        tokenizer: A Hugging Face tokenizer, for ids.
        key: Name that ties this view to the one it replaces; its cell by default.

    Raises:
        ResultError: It is none of these, or does not fit the tokens.

    Example:
        >>> import interpwidgets as iw
        >>> iw.show_attention(["a", "b"], [[1, 0], [0.5, 0.5]]).result.weights(0, 0)[1]
        array([0.5, 0.5], dtype=float32)
    """
    layers, batches = layers_of(attention, tokens)
    n_prompts = len(batches[0])
    texts = _texts_of(tokens, n_prompts, tokenizer)
    chosen = range(n_prompts) if prompt is None else (_checked_prompt(prompt, n_prompts),)
    results = [
        attention_pattern(
            texts[i],
            [batch[i] for batch in batches],
            layers=layers,
            causal=causal,
            less=less,
            prompt_index=at,
            prompt_count=len(chosen),
        )
        for at, i in enumerate(chosen)
    ]
    return show(results, key=key)


def _texts_of(tokens: Any, n_prompts: int, tokenizer: Any) -> list[Tokens]:
    if isinstance(tokens, Tokens) or n_prompts == 1:
        single = [read_texts(tokens, tokenizer)]
    else:
        entries = tokens.tolist() if hasattr(tokens, "tolist") else list(tokens)
        nested = all(not isinstance(one, (str, int)) for one in entries)
        single = [read_texts(one, tokenizer) for one in entries] if nested else []
    if len(single) != n_prompts:
        raise ResultError(
            f"attention is of {n_prompts} prompts; give a list with the tokens of each "
            f"({len(single) or 'one list'} came)."
        )
    return single


def _checked_prompt(prompt: int, n_prompts: int) -> int:
    if not 0 <= prompt < n_prompts:
        raise ResultError(
            f"prompt is {prompt}; attention is of {n_prompts}, 0-{n_prompts - 1}."
        )
    return prompt
