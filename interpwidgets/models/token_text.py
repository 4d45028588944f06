"""From token ids to the text a person reads."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from interpwidgets.results.tokens import Tokens

T = TypeVar("T")

_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")


def read_tokens(
    tokenizer: Any | None,
    ids: Sequence[int],
    *,
    n_generated: int = 0,
    roles: Sequence[str] = (),
    turns: Sequence[int] = (),
) -> Tokens:
    """Decode each token alone, keeping its leading space.

    Args:
        tokenizer: A Hugging Face tokenizer, or None: ids are then shown as numbers.
        ids: Vocabulary indices.
        n_generated: How many of the last ones the model wrote itself.
        roles: Of a chat, whose turn each id is; what was generated continues the last.
        turns: The number of that turn.

    Returns:
        One entry per id. Bytes that are no text by themselves read ``<0xE2><0x80>``.
    """
    n = len(ids)
    generated = (False,) * (n - n_generated) + (True,) * n_generated
    whose = _continued(roles, n), _continued(turns, n)
    if tokenizer is None:
        text = tuple(str(i) for i in ids)
        return Tokens(tuple(ids), text, (False,) * n, generated, *whose)
    special_ids = set(tokenizer.all_special_ids)
    names = tokenizer.convert_ids_to_tokens(list(ids))
    special = tuple(i in special_ids for i in ids)
    read = _from_byte_level if _is_byte_level(tokenizer) else _from_sentence_piece
    # A name is None beyond the tokenizer's vocabulary: padding of the embedding.
    text = tuple(
        f"[{i}]" if name is None else name if is_special else read(name)
        for i, name, is_special in zip(ids, names, special, strict=True)
    )
    return Tokens(tuple(ids), text, special, generated, *whose)


def _continued(column: Sequence[T], n: int) -> tuple[T, ...]:
    """Go on with the last entry; an empty column stays empty."""
    return tuple(column) + tuple(column[-1:]) * (n - len(column))


def _is_byte_level(tokenizer: Any) -> bool:
    """Whether tokens are spelled in GPT-2's stand-ins for bytes."""
    decoder = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
    return decoder is not None and b"ByteLevel" in decoder.__getstate__()


def _from_byte_level(name: str) -> str:
    table = _byte_of_char()
    if not all(char in table for char in name):
        return name  # an added token, which is spelled as it is
    return _decode_bytes(bytes(table[char] for char in name))


def _from_sentence_piece(name: str) -> str:
    if _BYTE_TOKEN.fullmatch(name):
        return _decode_bytes(bytes([int(name[3:5], 16)]))
    return name.replace("▁", " ")


def _decode_bytes(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in raw)


@functools.cache
def _byte_of_char() -> dict[str, int]:
    """GPT-2's printable stand-in of each byte, inverted."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in set(printable))
    table.update({chr(0x100 + n): byte for n, byte in enumerate(others)})
    return table
