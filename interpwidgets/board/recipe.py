"""From a run of a board to the Python that runs it again."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Sequence
from typing import Any

from interpwidgets.interventions import Ablation, Interventions
from interpwidgets.interventions.value import Part
from interpwidgets.models.adapter import Model
from interpwidgets.models.block_source import Block
from interpwidgets.models.loading import load_call
from interpwidgets.models.prompts import Batch
from interpwidgets.widgets.code import IMPORT, Recipe, python_text

#: Characters of interventions as JSON that are still put into a line of code.
LONGEST_JSON = 2000


def run_lines(batch: Batch, changed: Sequence[Part] = ()) -> list[str]:
    """Return the lines of a run of ours.

    Args:
        batch: Its prompts.
        changed: Its interventions.
    """
    call = _run_call(batch)
    if not changed:
        return [call]
    text = Interventions(tuple(changed)).to_json()
    if len(text) > LONGEST_JSON:
        return [f"# with your own interventions: {Interventions(tuple(changed))}", call]
    given = f"changed = iw.interventions.from_json({text!r})"
    return [given, _run_call(batch, ", interventions=changed")]


def ablation_line(ablation: Ablation) -> str:
    """Return the line that runs the last prompt again with heads ablated."""
    heads = [f"({layer}, {head})" for layer, head in ablation.heads]
    which = heads[0] if len(heads) == 1 else f"[{', '.join(heads)}]"
    return f'board.ablate({which}, "{ablation.mode}")'


def scaled_lines(lines: list[str], adapter: str) -> list[str]:
    """Return the lines of a run with the model's adapter as strong as it was.

    Args:
        lines: The run.
        adapter: The model's adapter and its strength, as the provenance has it.
    """
    scale = _scale(adapter)
    if scale == 1:
        return lines
    return [f"with iw.adapter(model, scale={scale:g}):", *(f"    {line}" for line in lines)]


def _run_call(batch: Batch, more: str = "") -> str:
    prompt = python_text(batch.typed)
    if prompt is not None and batch.prepend_bos is not None:
        more = f", prepend_bos={batch.prepend_bos}{more}"
    if prompt is None and batch.prompts:  # ids mean the same as what they were made of
        prompt = python_text([list(one.ids) for one in batch.prompts])
    return f"board.run({prompt}{more})" if prompt else "board.run(...)  # your own input"


def _scale(adapter: str) -> float:
    """Return how strong an adapter was, from its description."""
    if adapter.endswith(" off"):
        return 0.0
    try:
        return float(adapter.rpartition("× ")[2])
    except ValueError:
        return 1.0


def block_lines(block: Block, model: Model, board: object) -> list[str]:
    """Return a user's traced block, after lines that give its names their values.

    Args:
        block: The block.
        model: The board's model.
        board: The board.
    """
    before = [_given(name, value, model, board) for name, value in block.names.items()]
    return [*(line for line in before if line), *block.source.splitlines()]


def _given(name: str, value: Any, model: Model, board: object) -> str:
    """Return the line that gives a name of the user's block its value."""
    if value is model or value is board:
        ours = "model" if value is model else "board"
        return "" if name == ours else f"{name} = {ours}"
    if isinstance(value, types.ModuleType):
        whole = value.__name__
        return f"import {whole}" if whole == name else f"import {whole} as {name}"
    module = getattr(value, "__module__", None)
    if module not in (None, "__main__", "builtins") and inspect.isroutine(value):
        return f"from {module} import {name}"
    text = python_text(value)
    if text is not None and not hasattr(value, "tolist"):
        return f"{name} = {text}"
    return f"# {name} is yours: {_described(value)}"


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    size = f" of shape {list(shape)}" if isinstance(shape, tuple) else ""
    return f"{type(value).__name__}{size}"


def make_recipe(model: Model, method: Any, run: list[str]) -> Recipe:
    """Return the lines that lead from the model to a view.

    Args:
        model: The board's model.
        method: What the view looks at; its ``name`` is the board's method.
        run: The lines of the run.
    """
    loaded = load_call(model)
    asked = f"model = {loaded}" if loaded else f"model = ...  # your own {_kind(model)}"
    name = getattr(method, "name", "")
    view = f"view = board.{name}({_arguments(method)})" if name else "view = board.add(...)"
    lines = (asked, "board = iw.Board(model)", *_unwritten(method), view, *run)
    return Recipe((IMPORT, "", *lines))


def _unwritten(method: Any) -> list[str]:
    """Return a line for each argument that no text makes again."""
    fields = [(field.name, getattr(method, field.name)) for field in dataclasses.fields(method)]
    return [
        f"{name} = ...  # your own: {value!s:.100}"
        for name, value in fields
        if python_text(value) is None
    ]


def _kind(model: Model) -> str:
    return type(getattr(model, "_module", model)).__name__


def _arguments(method: Any) -> str:
    given = []
    for field in dataclasses.fields(method):
        value = getattr(method, field.name)
        if field.repr and value is not field.default and value != field.default:
            name = field.metadata.get("argument", field.name)
            given.append(f"{name}={python_text(value) or name}")
    return ", ".join(given)
