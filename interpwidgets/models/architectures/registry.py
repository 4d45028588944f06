"""Which table a model has, made to fit the modules that it really has."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch

from interpwidgets.errors import ModelError, SiteError
from interpwidgets.models.architectures import encoders, gpt2, llama, neox, towers
from interpwidgets.models.architectures.guess import guessed_table
from interpwidgets.models.architectures.table import Architecture, Place, Slot, Split
from interpwidgets.sites import check_site

#: A table, or a function of the configuration where it decides what there is.
Table = Architecture | Callable[[Any], Architecture]

_TABLES: dict[str, Table] = {
    **{
        table.model_type: table
        for family in (gpt2, llama, encoders, towers)
        for table in family.TABLES
    },
    "stablelm": llama.stablelm,
    "gpt_neox": neox.gpt_neox,
    "bloom": neox.bloom,
    "falcon": neox.falcon,
    "opt": neox.opt,
    "roberta": encoders.roberta,
    "vit": towers.vit,
    "clip_vision_model": towers.clip_vision,
}

_SPLITS: dict[str, Split] = {
    **dict.fromkeys(("q", "z", "result"), "heads"),
    **dict.fromkeys(("k", "v"), "kv_heads"),
}
_PLACE = re.compile(r"(?:(?P<path>.+)\.)?(?P<slot>input|output|softmax)(?:\[(?P<item>\w+)\])?")


def model_types() -> list[str]:
    """Return the model types that have a table, those of the user included."""
    return sorted(_TABLES)


def add_architecture(table: Architecture) -> None:
    """Take a table into use for its model type."""
    _TABLES[table.model_type] = table


def find_architecture(config: Any, module: torch.nn.Module, part: str = "") -> Architecture:
    """Return the table of a model, its paths as they are in this module.

    Args:
        config: The configuration of the transformer that is read.
        module: The root module.
        part: Path of that transformer in the root, when it is one of several.

    Raises:
        ModelError: There is no table for this model type, or it does not fit; the
            message has one to fill in.
    """
    table = _TABLES.get(config.model_type)
    if table is None:
        raise ModelError(
            f"the sites of model type {config.model_type!r} are not known; known are "
            f"{', '.join(model_types())}. Its plain nnsight traces still work.\n"
            f"{guessed_table(config.model_type, module)}"
        )
    found = table if isinstance(table, Architecture) else table(config)
    if getattr(config, "is_decoder", False):  # BERT's modules, made to write
        found = dataclasses.replace(found, causal=True, writes=True)
    for base in _bases(found, part):
        moved = _moved(found, base)
        if _has(module, moved.places["resid_post"]):
            headless = bool(found.base) and not base  # the root itself is what is inside
            return _without_missing(moved.without("logits") if headless else moved, module)
    blocks = found.places["resid_post"].path
    raise ModelError(
        f"{type(module).__name__} says that it is a {config.model_type!r}, but it has no "
        f"module {blocks.format(layer=0)!r}, where the table of that type has its blocks.\n"
        f"{guessed_table(config.model_type, module)}"
    )


def _bases(table: Architecture, part: str) -> list[str]:
    """Where the headless model may be: inside one with a head, or the root itself."""
    inside = ".".join(filter(None, [part, table.base]))
    return [inside, part] if part else [inside, ""]


def _moved(table: Architecture, base: str) -> Architecture:
    def moved(place: Place) -> Place:
        if not place.path.startswith(f"{table.base}."):
            return place
        rest = place.path.removeprefix(f"{table.base}.")
        return dataclasses.replace(place, path=f"{base}.{rest}" if base else rest)

    if not table.base:
        return table
    places = {site: moved(place) for site, place in table.places.items()}
    return dataclasses.replace(table, places=places, base=base)


def _without_missing(table: Architecture, module: torch.nn.Module) -> Architecture:
    """Leave out what this module lacks: a head, a norm that some sizes do without."""
    missing = [site for site, place in table.places.items() if not _has(module, place)]
    return table.without(*missing)


def _has(module: torch.nn.Module, place: Place) -> bool:
    try:
        return module.get_submodule(place.path.format(layer=0)) is not None
    except AttributeError:
        return False


def read_places(places: Mapping[str, str]) -> dict[str, Place]:
    """Return places written as ``iw.describe`` shows them.

    Args:
        places: Site name to e.g. ``"model.layers.{layer}.attn.output[0]"``.

    Raises:
        SiteError: No such site, or no such form.
    """
    return {check_site(site): _read_place(site, text) for site, text in places.items()}


def _read_place(site: str, text: str) -> Place:
    match = _PLACE.fullmatch(text)
    if match is None:
        raise SiteError(
            f"the place of {site} must read like 'model.layers.{{layer}}.attn.output[0]': a "
            f"module's path, .input, .output or .softmax, an item of it; got {text!r}."
        )
    item = match["item"]
    return Place(
        match["path"] or "",
        cast(Slot, match["slot"]),
        int(item) if item and item.isdigit() else item,
        split=_SPLITS.get(site),
        projected=site == "result",
    )
