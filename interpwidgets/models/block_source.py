"""The text of the block that a user traced, and what the names in it stand for."""

from __future__ import annotations

import ast
import builtins
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnsight.tracing.tracer import Tracer


@dataclass(frozen=True)
class Block:
    """A ``with`` statement as it was typed."""

    source: str
    """Its lines, without the indentation that they stood in."""

    names: Mapping[str, Any]
    """What the names that it reads stood for when it began; its own not among them."""


def read_block(tracer: Tracer) -> Block | None:
    """Return the block that a tracer is about to run; None where it has no source.

    Args:
        tracer: Inside its backend, while it still knows its frame.
    """
    if tracer.node is None or tracer.info is None or tracer.info.frame is None:
        return None
    frame, node = tracer.info.frame, tracer.node
    lines = tracer.source(frame.f_code.co_filename).splitlines()
    source = textwrap.dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))
    scope = {**frame.f_globals, **frame.f_locals}
    names = {name: scope[name] for name in _names_read(node) if name in scope}
    return Block(source, names)


def _names_read(node: ast.AST) -> list[str]:
    """Return the names that a piece of code reads and does not set, in order."""
    names = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
    own = {name.id for name in names if not isinstance(name.ctx, ast.Load)}
    read = dict.fromkeys(name.id for name in names if isinstance(name.ctx, ast.Load))
    return [name for name in read if name not in own and not hasattr(builtins, name)]
