"""Checks on messages from the browser: they are data, and may be anything."""

from __future__ import annotations

import types
import typing
from typing import Any, Literal, NotRequired, get_args, get_origin

from interpwidgets.errors import MessageError


def check_request(content: Any, declared: type) -> dict[str, Any]:
    """Return a message if it has exactly the keys and types of a TypedDict.

    Args:
        content: What came.
        declared: A request of ``interpwidgets.widgets.contract``.

    Raises:
        MessageError: It has not; the message says which key.
    """
    hints = typing.get_type_hints(declared)
    if not isinstance(content, dict):
        raise MessageError(f"a request is an object; got {type(content).__name__}.")
    whole = typing.get_type_hints(declared, include_extras=True)
    optional = {key for key, hint in whole.items() if get_origin(hint) is NotRequired}
    wrong = sorted((set(hints) - optional - set(content)) | (set(content) - set(hints)))
    if wrong:
        raise MessageError(
            f"a {declared.__name__} has the keys {', '.join(hints)}; missing or unknown: "
            f"{', '.join(map(str, wrong))}."
        )
    for key, hint in hints.items():
        if key in content and not _fits(content[key], hint):
            raise MessageError(
                f"`{key}` of a {declared.__name__} must be {hint}; got {content[key]!r:.80}."
            )
    return content


def _fits(value: Any, hint: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in args
    if origin is types.UnionType:
        return any(_fits(value, one) for one in args)
    if hint is type(None):
        return value is None
    if origin is list:
        return isinstance(value, list) and all(_fits(item, args[0]) for item in value)
    if origin is tuple:
        return (
            isinstance(value, list)
            and len(value) == len(args)
            and all(_fits(item, of) for item, of in zip(value, args, strict=True))
        )
    # bool is an int in Python, but true is no head number; JSON has no other 0.0 than 0
    kinds = (int, float) if hint is float else hint
    return isinstance(value, kinds) and (hint is bool or not isinstance(value, bool))
