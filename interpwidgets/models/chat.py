"""Chat messages through the model's own template, and which token is whose turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from interpwidgets.errors import PromptError

#: Stands for a system prompt when asking whether a template writes one of its own.
_PROBE = "interpwidgets-probe"


@dataclass(frozen=True)
class Turn:
    """A stretch of the rendered text that belongs to one message."""

    role: str
    end: int
    """Where it ends, in characters of the rendered text."""


def is_message(part: Any) -> bool:
    """Whether something is one message of a chat."""
    return isinstance(part, Mapping) and "input_ids" not in part


def read_chat(
    messages: Sequence[Mapping[str, Any]], tokenizer: Any
) -> tuple[list[int], list[str], list[int]]:
    """Return a chat's ids, and the role and turn of each.

    The template's opening of the model's turn is added, unless the last message is the
    assistant's: that one is left open, for the model to go on with.

    Args:
        messages: ``{"role": ..., "content": ...}`` in order.
        tokenizer: The model's, with its template.

    Returns:
        Ids; roles, ``""`` where the tokenizer does not tell; turns from 0, else −1.

    Raises:
        PromptError: A message lacks its role or content, or the template refuses them.
    """
    _check_messages(messages)
    ids = list(_apply(tokenizer, messages, tokenize=True, return_dict=True)["input_ids"])
    nobody = [""] * len(ids), [-1] * len(ids)
    if not getattr(tokenizer, "is_fast", False):
        return ids, *nobody
    text = _apply(tokenizer, messages, tokenize=False)
    again = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    if list(again["input_ids"]) != ids:
        return ids, *nobody
    turns = list(_turns(text, messages, tokenizer))
    starts = [start for start, _ in again["offset_mapping"]]
    of = [next((n for n, t in enumerate(turns) if at < t.end), len(turns) - 1) for at in starts]
    if ids[:1] == [tokenizer.bos_token_id]:
        of[0] = -1  # before any turn
    return ids, ["" if n < 0 else turns[n].role for n in of], of


def _check_messages(messages: Sequence[Mapping[str, Any]]) -> None:
    if not messages:
        raise PromptError("the chat has no messages; give at least one.")
    for n, message in enumerate(messages):
        if not isinstance(message.get("role"), str) or "content" not in message:
            raise PromptError(
                f"message {n} of the chat needs a role and a content, as in "
                f'{{"role": "user", "content": "Hello"}}; it has {list(message)}.'
            )


def _apply(tokenizer: Any, messages: Sequence[Mapping[str, Any]], **how: Any) -> Any:
    if getattr(tokenizer, "chat_template", None) is None:
        raise PromptError(
            f"{type(tokenizer).__name__} has no chat template, so it takes no messages: this "
            "may be a base model. Give text, load the chat model's tokenizer, or set "
            "model.tokenizer.chat_template."
        )
    goes_on = messages[-1]["role"] == "assistant"
    how = {"add_generation_prompt": not goes_on, "continue_final_message": goes_on, **how}
    try:
        return tokenizer.apply_chat_template([dict(m) for m in messages], **how)
    except (TemplateError, TypeError, ValueError, LookupError) as error:
        raise PromptError(
            f"the chat template of {type(tokenizer).__name__} refuses these messages "
            f"(roles {', '.join(m['role'] for m in messages)}): {error}"
        ) from error


def _turns(text: str, messages: Sequence[Mapping[str, Any]], tokenizer: Any) -> Iterator[Turn]:
    """Yield the turns of a rendered chat, in order.

    A message ends where the chat that ends with it stops to agree with the whole; where a
    template refuses so short a chat, with its content.
    """
    cursor = _end_of_default_system(text, messages, tokenizer)
    if cursor:
        yield Turn("system", cursor)
    for n, message in enumerate(messages, start=1):
        content = _text_of(message["content"]).strip()
        found = text.find(content, cursor)
        if found >= 0:
            cursor = found + len(content)
        cursor = max(cursor, _agreement(text, _render(tokenizer, messages[:n])))
        if n == len(messages) and message["role"] == "assistant":
            cursor = len(text)
        yield Turn(message["role"], cursor)
    if cursor < len(text):
        yield Turn("assistant", len(text))


def _end_of_default_system(
    text: str, messages: Sequence[Mapping[str, Any]], tokenizer: Any
) -> int:
    """Return where a system prompt ends that the template writes of its own accord, or 0."""
    if messages[0]["role"] == "system":
        return 0
    probe = {"role": "system", "content": _PROBE}
    with_system = _render(tokenizer, [probe, *messages], whole=True)
    alone = _render(tokenizer, [probe])
    rest = with_system[len(alone) :] if with_system.startswith(alone) else ""
    if not alone or not rest or not text.endswith(rest):
        return 0
    before = text[: -len(rest)]
    for special in tokenizer.all_special_tokens:
        before = before.replace(special, "")
    return len(text) - len(rest) if before.strip() else 0


def _render(
    tokenizer: Any, messages: Sequence[Mapping[str, Any]], *, whole: bool = False
) -> str:
    """Return a chat as text; empty where the template refuses it."""
    closed = {} if whole else {"add_generation_prompt": False, "continue_final_message": False}
    try:
        return str(_apply(tokenizer, messages, tokenize=False, **closed))
    except PromptError:
        return ""


def _agreement(text: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    pairs = zip(text, other, strict=False)
    shorter = min(len(text), len(other))
    return next((n for n, (a, b) in enumerate(pairs) if a != b), shorter)


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))
