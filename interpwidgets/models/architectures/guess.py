"""A table to fill in for a model that has none: its parts, guessed by their names."""

from __future__ import annotations

import re

from torch import nn

# Searched in a name; ...
_ATTENTION = r"attn|attention"
_MLP = r"mlp|ffn|feed_?forward|moe|experts"
# ... and matched with all of it.
_OUT_PROJ = r"(c|o|out|output)_?(proj|lin|dense)|dense|out|wo"
_FUSED = r"c_attn|w?qkv(_?proj)?|query_key_value|in_proj"
_QKV = (
    r"(to_)?q(uery)?(_?(proj|lin))?|wq",
    r"(to_)?k(ey)?(_?(proj|lin))?|wk",
    r"(to_)?v(alue)?(_?(proj|lin))?|wv",
)
UNKNOWN = "?"


def guessed_table(model_type: str, module: nn.Module) -> str:
    """Return the call that registers a table, filled in as far as names tell.

    Args:
        model_type: The configuration's.
        module: The root module.
    """
    blocks = _blocks(module)
    if blocks is None:
        return (
            f"{type(module).__name__} has no list of alike blocks, so there are no layers "
            f"to read. Its parts: {', '.join(name for name, _ in module.named_children())}."
        )
    path, block = blocks
    attn = _search(block, _ATTENTION)
    heads = block.get_submodule(attn) if attn else nn.Module()
    told = {
        "attn": attn or UNKNOWN,
        "out_proj": _match(heads, _OUT_PROJ) or UNKNOWN,
        **_projections(heads),
        "mlp": _search(block, _MLP),
        "mlp_norm": _norm_before_mlp(block),
        "norm": _last_norm(module, path),
        "unembed": _unembedding(module),
    }
    lines = [f"    {name}={value!r}," for name, value in told.items() if value is not None]
    return "\n".join(
        [
            "To read it, say where its parts are; this is a guess by their names "
            f"({UNKNOWN!r}: not found):",
            f"  iw.register_architecture({model_type!r}, blocks={path!r},",
            *lines,
            "  )",
            f"One block ({type(block).__name__}) has: {_parts(block)}.",
        ]
    )


def _blocks(module: nn.Module) -> tuple[str, nn.Module] | None:
    """Return the path of the largest list of alike modules, and its first one."""
    lists = {
        name: child
        for name, child in module.named_modules()
        if isinstance(child, nn.ModuleList)
        and len({type(block) for block in child}) == 1
        and any(True for _ in child[0].children())
    }
    if not lists:
        return None
    name = max(lists, key=lambda name: sum(p.numel() for p in lists[name].parameters()))
    return name, lists[name][0]


def _search(module: nn.Module, pattern: str) -> str | None:
    children = module.named_children()
    found = (n for n, c in children if re.search(pattern, n.lower()) and not _is_norm(c))
    return next(found, None)


def _match(module: nn.Module, pattern: str) -> str | None:
    names = (name for name, _ in module.named_children())
    return next((name for name in names if re.fullmatch(pattern, name.lower())), None)


def _projections(heads: nn.Module) -> dict[str, object]:
    qkv = tuple(_match(heads, pattern) for pattern in _QKV)
    if all(qkv):
        return {"qkv": qkv}
    fused = _match(heads, _FUSED)
    return {"fused": fused} if fused else {}


def _is_norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower()


def _norm_before_mlp(block: nn.Module) -> str | None:
    """Return the second of two norms: in a pre-norm block it is the MLP's."""
    norms = [name for name, child in block.named_children() if _is_norm(child)]
    return norms[1] if len(norms) == 2 else None


def _last_norm(module: nn.Module, blocks: str) -> str | None:
    parent = blocks.rpartition(".")[0]
    beside = module.get_submodule(parent).named_children()
    norms = [name for name, child in beside if _is_norm(child)]
    return ".".join(filter(None, [parent, norms[-1]])) if norms else None


def _unembedding(module: nn.Module) -> str | None:
    get = getattr(module, "get_output_embeddings", None)
    head = get() if get is not None else None
    return next((name for name, child in module.named_modules() if child is head), None)


def _parts(block: nn.Module) -> str:
    return ", ".join(f"{name} ({type(c).__name__})" for name, c in block.named_children())
