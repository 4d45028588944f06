"""Senders and receivers as a person names them, checked against a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpwidgets.axes import head_name
from interpwidgets.errors import InterventionError
from interpwidgets.models.adapter import Adapter
from interpwidgets.results.path_nodes import RECEIVING, SENDING, PathNode

#: Words for all of a kind.
_GROUPS = {"heads": "head", "mlps": "mlp", "q": "q", "k": "k", "v": "v"}


def read_nodes(adapter: Adapter, given: Any, side: str) -> tuple[PathNode, ...]:
    """Return senders or receivers, each once, in the order given.

    Args:
        adapter: The model's.
        given: A word (``"heads"``, ``"mlps"``, ``"embed"``, ``"logits"``, ``"q"``, ``"k"``,
            ``"v"``), a name (``"L1 H3 k"``), a (layer, head) pair, or a list of those.
        side: ``"senders"`` or ``"receivers"``.

    Raises:
        InterventionError: It names nothing of this model, or nothing on that side of a path.
        SiteError: The architecture lacks the site.
    """
    parts = SENDING if side == "senders" else RECEIVING
    single = isinstance(given, (str, PathNode)) or _is_head(given)
    found = [node for one in ([given] if single else given) for node in _nodes(adapter, one)]
    wrong = [node for node in found if node.part not in parts]
    if wrong or not found:
        raise InterventionError(
            f"{side} are {', '.join(_words(parts))}, all of those or by name; got "
            f"{wrong[0].name if wrong else given!r}."
        )
    for node in found:
        _check(adapter, node)
    return tuple(dict.fromkeys(found))


def _nodes(adapter: Adapter, given: Any) -> Sequence[PathNode]:
    if isinstance(given, PathNode):
        return [given]
    if _is_head(given):
        return [PathNode("head", int(given[0]), int(given[1]))]
    if isinstance(given, str) and given in _GROUPS:
        return _all(adapter, _GROUPS[given])
    node = PathNode.from_name(given) if isinstance(given, str) else None
    if node is None:
        raise InterventionError(
            f"{given!r:.40} names no part of a model. Give 'heads', 'mlps', 'embed', 'q', 'k', "
            "'v', 'logits', a (layer, head) pair, or a name: 'L1 H3', 'L1 H3 k', 'L2 mlp'."
        )
    return [node]


def _all(adapter: Adapter, part: str) -> list[PathNode]:
    if part == "mlp":
        return [PathNode(part, layer) for layer in range(adapter.n_layers)]
    heads = range(_n_heads(adapter, part))
    return [PathNode(part, layer, head) for layer in range(adapter.n_layers) for head in heads]


def _n_heads(adapter: Adapter, part: str) -> int:
    return adapter.n_kv_heads if part in ("k", "v") else adapter.n_heads


def _check(adapter: Adapter, node: PathNode) -> None:
    n_heads = _n_heads(adapter, node.part)
    outside = node.layer is not None and not 0 <= node.layer < adapter.n_layers
    if outside or (node.head is not None and not 0 <= node.head < n_heads):
        last = adapter.n_layers - 1
        kind = "key-value heads" if node.part in ("k", "v") else "heads"
        known = f"{kind} {head_name(0, 0)} to {head_name(last, n_heads - 1)}"
        if node.head is None:
            known = f"layers 0-{last}"
        raise InterventionError(f"there is no {node.name} in {adapter.name}; it has {known}.")
    if node.part != "logits":
        adapter.place(node.site, node.layer)


def _is_head(given: Any) -> bool:
    return (
        isinstance(given, (tuple, list))
        and len(given) == 2
        and all(isinstance(one, int) for one in given)
    )


def _words(parts: Sequence[str]) -> list[str]:
    words = {part: f"'{word}'" for word, part in _GROUPS.items()}
    return [words.get(part, f"'{part}'") for part in parts]
