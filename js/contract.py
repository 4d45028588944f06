"""Prints `src/contract.gen.ts` from the files of `interpwidgets/widgets/contract/`.

`python -m js.contract` writes the file; `contract_ts()` gives its text to the test that
holds the two together.
"""

from __future__ import annotations

import importlib
import pkgutil
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, get_args, get_origin

from interpwidgets.widgets import contract

TARGET = Path(__file__).parent / "src" / "contract.gen.ts"
HEADER = """\
// Generated from interpwidgets/widgets/contract/, do not edit: python -m js.contract

export type Bytes = DataView | Uint8Array | ArrayBuffer;
"""
PLAIN = {str: "string", bool: "boolean", int: "number", float: "number", bytes: "Bytes"}


def contract_ts() -> str:
    """Return the TypeScript interfaces of every TypedDict of the contract."""
    return "\n".join([HEADER, *(_interface(one) for one in _declared())])


def _declared() -> Iterator[Any]:
    for found in pkgutil.iter_modules(contract.__path__, contract.__name__ + "."):
        for one in vars(importlib.import_module(found.name)).values():
            if typing.is_typeddict(one) and one.__module__ == found.name:
                yield one


def _interface(declared: Any) -> str:
    hints = typing.get_type_hints(declared, include_extras=True)
    lines = [f"\t{_member(name, hint)};" for name, hint in hints.items()]
    return "\n".join([f"export interface {declared.__name__} {{", *lines, "}", ""])


def _member(name: str, hint: Any) -> str:
    if get_origin(hint) is NotRequired:
        return f"{name}?: {_type(get_args(hint)[0])}"
    return f"{name}: {_type(hint)}"


def _type(hint: Any) -> str:
    if hint in PLAIN:
        return PLAIN[hint]
    if hint is type(None):
        return "null"
    if typing.is_typeddict(hint):
        return str(hint.__name__)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(f'"{a}"' if isinstance(a, str) else str(a) for a in args)
    if origin in (Union, types.UnionType):
        return " | ".join(_type(a) for a in args)
    if origin is tuple:
        return f"[{', '.join(_type(a) for a in args)}]"
    if origin is list:
        inner = _type(args[0])
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    raise TypeError(f"no TypeScript for {hint}")


if __name__ == "__main__":
    TARGET.write_text(contract_ts())
