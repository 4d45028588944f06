"""From what a user gives as a prompt to what a forward takes, and the checks on it."""

from __future__ import annotations

import contextlib
import inspect
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int

from interpwidgets.errors import PromptError
from interpwidgets.models.adapter import Adapter, Model, adapter_of, module_of
from interpwidgets.models.capture import Capture
from interpwidgets.models.chat import is_message, read_chat
from interpwidgets.models.images import as_pixels, check_image

#: Keywords of a trace that say how nnsight is to make model inputs of a prompt: with one
#: of them it does so itself.
ENCODING_KEYWORDS = frozenset(
    {
        *("add_special_tokens", "attention_mask", "chat_template", "continue_final_message"),
        *("audio", "audios", "documents", "image", "images", "input_ids", "inputs_embeds"),
        *("padding", "position_ids", "prefix", "text", "tokenizer_encode_kwargs"),
        *("token_type_ids", "tools", "truncation", "video", "videos"),
    }
)
_PLAIN_ENCODING = frozenset({"input_ids", "attention_mask"})


@dataclass(frozen=True)
class Prompt:
    """One prompt as ids."""

    ids: tuple[int, ...]
    """Vocabulary indices."""

    roles: tuple[str, ...] = ()
    """Whose turn each id belongs to, as the chat template names it; empty for no chat."""

    turns: tuple[int, ...] = ()
    """The number of that turn from 0, −1 before the first; empty for no chat."""


@dataclass(frozen=True)
class Batch:
    """What a run gets: prompts that we encoded, or an input that nnsight takes as it is."""

    prompts: tuple[Prompt, ...] = ()
    given: Any = None
    prepend_bos: bool | None = None
    typed: Any = None
    """The prompts as the user gave them."""


def read_prompts(
    given: Any, model: Model, *, prepend_bos: bool | None = None, as_given: bool = False
) -> Batch:
    """Return the prompts that a user gave, checked before the model starts.

    Args:
        given: Text, token ids, chat messages, several of those, or an encoding; images for
            a model that sees.
        model: The nnsight model.
        prepend_bos: Whether each begins with the beginning-of-sequence token; None: as the
            tokenizer or the chat template does.
        as_given: Leave it to nnsight to encode.

    Raises:
        PromptError: No tokens, text without a tokenizer, ids out of range, a chat without
            a template, no image for a model that sees, or nothing that is a prompt.
    """
    adapter = adapter_of(model)
    reader = _PromptReader(adapter, getattr(model, "tokenizer", None), prepend_bos)
    if adapter.architecture.positions:
        check_image(given, adapter)
        return Batch(given=as_pixels(given))
    if as_given or _is_rich_encoding(given):
        if prepend_bos is not None:
            raise PromptError(
                "prepend_bos needs text, ids or messages, without keywords for encoding."
            )
        return Batch(given=given)
    singles = _singles(given)
    prompts = [reader.read(one) for one in singles]
    for n, prompt in enumerate(prompts):
        reader.check(prompt, n if len(prompts) > 1 else None)
    return Batch(tuple(prompts), prepend_bos=prepend_bos, typed=given)


def token_ids_of(given: Any, model: Model) -> list[list[int]]:
    """Return the token ids of one or several prompts, as the model would read each alone.

    Args:
        given: As of ``read_prompts``.
        model: The nnsight model.

    Raises:
        PromptError: It is none of that, or is more than tokens.
    """
    batch = read_prompts(given, model)
    if not batch.prompts:
        raise PromptError(
            "this takes text, token ids or chat messages, one prompt or a list of them; got "
            f"{type(given).__name__} {given!r:.40}."
        )
    return [list(prompt.ids) for prompt in batch.prompts]


def _is_rich_encoding(given: Any) -> bool:
    """Whether an encoding has more than ids and a mask: what nnsight takes as it is."""
    return (
        isinstance(given, Mapping)
        and not {"input_ids", "inputs_embeds"}.isdisjoint(given)
        and not set(given) <= _PLAIN_ENCODING
    )


class _PromptReader:
    """Reads single prompts for one model."""

    def __init__(
        self, adapter: Adapter, tokenizer: Any | None, prepend_bos: bool | None
    ) -> None:
        self.adapter, self.tokenizer, self.prepend_bos = adapter, tokenizer, prepend_bos
        self.bos: int | None = getattr(tokenizer, "bos_token_id", None)
        if prepend_bos and self.bos is None:
            raise PromptError(
                f"the tokenizer of {adapter.name} has no beginning-of-sequence token; leave "
                "prepend_bos out."
            )

    def read(self, one: Any) -> Prompt:
        """Return one prompt as ids."""
        if isinstance(one, str):
            self._need_tokenizer("text")
            return self._with_bos(Prompt(tuple(self._encode(one))), self._adds_bos(one))
        if one and is_message(one[0]):
            self._need_tokenizer("messages")
            ids, roles, turns = read_chat(one, self.tokenizer)
            return self._with_bos(Prompt(tuple(ids), tuple(roles), tuple(turns)), True)
        return self._with_bos(Prompt(tuple(int(i) for i in one)), False)

    def _encode(self, text: str, **how: Any) -> list[int]:
        return list(self.tokenizer(text, **how)["input_ids"])  # type: ignore[misc]

    def _adds_bos(self, text: str) -> bool:
        """Whether the tokenizer puts BOS before a text that does not begin with it."""
        return self._encode(text, add_special_tokens=False)[:1] != [self.bos]

    def _need_tokenizer(self, what: str) -> None:
        if self.tokenizer is None:
            raise PromptError(
                f"{self.adapter.name} has no tokenizer, so it takes token ids, not {what}: "
                "pass a list of ids, or iw.wrap(model, tokenizer=...)."
            )

    def _with_bos(self, prompt: Prompt, removable: bool) -> Prompt:
        begins = self.bos is not None and prompt.ids[:1] == (self.bos,)
        if self.prepend_bos and not begins and self.bos is not None:
            roles = ("", *prompt.roles) if prompt.roles else ()
            turns = (-1, *prompt.turns) if prompt.turns else ()
            return Prompt((self.bos, *prompt.ids), roles, turns)
        if self.prepend_bos is False and begins and removable:
            return Prompt(prompt.ids[1:], prompt.roles[1:], prompt.turns[1:])
        return prompt

    def check(self, prompt: Prompt, number: int | None) -> None:
        """Refuse a prompt without tokens, or with ids that the model does not have."""
        if not prompt.ids:
            name = "the prompt" if number is None else f"prompt {number}"
            raise PromptError(
                f"{name} is empty: it has no token ids, and the tokenizer of "
                f"{self.adapter.name} adds none of its own; give at least one word or id."
            )
        _check_range(prompt.ids, self.adapter, self.tokenizer, number)


def _check_range(
    ids: Iterable[int], adapter: Adapter, tokenizer: Any | None, number: int | None
) -> None:
    if adapter.d_vocab is None:  # its configuration does not say
        return
    outside = [(pos, i) for pos, i in enumerate(ids) if not 0 <= i < adapter.d_vocab]
    if not outside:
        return
    pos, token_id = outside[0]
    known = 0 if tokenizer is None else len(tokenizer)
    mismatch = (
        f" The tokenizer has {known:,} tokens: it is another model's."
        if 0 <= token_id < known
        else ""
    )
    where = f"position {pos}" if number is None else f"position {pos} of prompt {number}"
    raise PromptError(
        f"token id {token_id} at {where} is outside the vocabulary of "
        f"{adapter.name}, 0-{adapter.d_vocab - 1}.{mismatch}"
    )


def _singles(given: Any) -> list[Any]:
    """Split what was given into single prompts: text, ids, or messages."""
    one = _single(given)
    if one is not None:
        return [one]
    if isinstance(given, Mapping) and "input_ids" in given:
        return _rows(given)
    rows = _plain(given)
    if isinstance(rows, (list, tuple)):
        singles = [_single(row) for row in rows]
        if all(row is not None for row in singles):
            return singles
    raise PromptError(
        "a prompt is text, a list or tensor of token ids, chat messages, a list of those, "
        f"or an encoding with input_ids; got {type(given).__name__} {given!r:.40}."
    )


def _single(given: Any) -> Any | None:
    """Return a single prompt, ids as a list; None for anything else."""
    if isinstance(given, str):
        return given
    given = _plain(given)
    if not isinstance(given, (list, tuple)):
        return None
    if all(isinstance(part, numbers.Integral) for part in given) or is_message(given[0]):
        return list(given)
    return None


def _plain(given: Any) -> Any:
    """Return an array of integers as nested lists, anything else as it is."""
    if hasattr(given, "tolist") and "float" not in str(getattr(given, "dtype", "")):
        return given.tolist()
    return given


def _rows(encoding: Mapping[str, Any]) -> list[list[int]]:
    """Return the ids of each row of an encoding, without what its mask leaves out."""
    ids, mask = _plain(encoding["input_ids"]), _plain(encoding.get("attention_mask"))
    if not ids or isinstance(ids[0], numbers.Integral):
        ids, mask = [ids], None if mask is None else [mask]
    ids = [_plain(row) for row in ids]
    mask = [[1] * len(row) for row in ids] if mask is None else [_plain(row) for row in mask]
    if [len(row) for row in ids] != [len(row) for row in mask]:
        raise PromptError("input_ids and attention_mask of the encoding differ in shape.")
    return [
        [i for i, real in zip(row, kept, strict=True) if real]
        for row, kept in zip(ids, mask, strict=True)
    ]


# ------------------------------------------------------------------- model inputs


def to_input(batch: Batch, model: Model) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments for nnsight's ``trace``.

    Shorter prompts of a batch are padded on the left, so that every last token is in the
    last column, and their positions are counted from their own first token. Encoders, which
    have no direction and may count positions in ways of their own, are padded on the right.

    Args:
        batch: From ``read_prompts``.
        model: The nnsight model.
    """
    if not batch.prompts:
        return (batch.given,), {}
    module, adapter = module_of(model), adapter_of(model)
    causal = adapter.architecture.causal
    padding = _pad_id(getattr(model, "tokenizer", None), adapter)
    ids, mask = _pad([prompt.ids for prompt in batch.prompts], padding, left=causal)
    encoding = {"input_ids": ids, "attention_mask": mask}
    if causal and not mask.all() and takes(module, "position_ids"):
        encoding["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    device = next(module.parameters()).device
    return (), {name: tensor.to(device) for name, tensor in encoding.items()}


def _pad(
    rows: Sequence[Sequence[int]], padding: int, *, left: bool
) -> tuple[Int[torch.Tensor, "prompt pos"], Int[torch.Tensor, "prompt pos"]]:
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), padding)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[at, place] = torch.tensor(row)
        mask[at, place] = 1
    return ids, mask


def _pad_id(tokenizer: Any | None, adapter: Adapter) -> int:
    """Return the id to pad with: any that the embedding has, for it is masked."""
    padding = getattr(tokenizer, "pad_token_id", None)
    return padding if padding is not None and 0 <= padding < (adapter.d_vocab or 0) else 0


def takes(module: torch.nn.Module, argument: str) -> bool:
    """Return whether a model's forward has an argument of that name."""
    return argument in inspect.signature(module.forward).parameters


@contextlib.contextmanager
def left_padding(model: Model) -> Iterator[None]:
    """Let nnsight pad what it encodes itself on the left, whatever the tokenizer is set to.

    On the right, a shorter prompt of a batch would be continued after its pads.

    Args:
        model: The nnsight model; encoders keep their side.
    """
    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None or not adapter_of(model).architecture.causal:
        yield
        return
    before, tokenizer.padding_side = tokenizer.padding_side, "left"
    try:
        yield
    finally:
        tokenizer.padding_side = before


# ------------------------------------------------------------------ checks in a run


def check_run(capture: Capture, adapter: Adapter, tokenizer: Any | None) -> None:
    """Refuse a forward pass whose input the model was not made for.

    Args:
        capture: The run, its ids known.
        adapter: The model's.
        tokenizer: The model's; None when it has none.

    Raises:
        PromptError: It has more positions than the context, or ids that are not there.
    """
    longest = max(range(capture.n_prompts), key=capture.length)
    _check_length(capture.length(longest), capture.n_generated(longest), adapter)
    if capture.n_steps == 1 and not adapter.architecture.positions:
        for prompt in range(capture.n_prompts):
            number = prompt if capture.n_prompts > 1 else None
            _check_range(capture.prompt_ids(prompt), adapter, tokenizer, number)


def _check_length(n_tokens: int, generated: int, adapter: Adapter) -> None:
    if adapter.n_ctx is not None and n_tokens > adapter.n_ctx:
        what = (
            f"prompt and {generated} generated tokens have" if generated > 0 else "prompt has"
        )
        raise PromptError(
            f"the {what} {n_tokens:,} tokens; {adapter.name} was made for {adapter.n_ctx:,} "
            f"(n_ctx). Shorten it by {n_tokens - adapter.n_ctx:,}."
        )
