"""Interpretability widgets for notebooks: look inside a model, and change what you find.

Public names load lazily, so that ``import interpwidgets`` costs no torch.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interpwidgets import directions as directions
    from interpwidgets import errors as errors
    from interpwidgets import interventions as interventions
    from interpwidgets.arrays.calls import show_attention as show_attention
    from interpwidgets.arrays.calls import show_tokens as show_tokens
    from interpwidgets.board.attribution_calls import (
        direct_logit_attribution as direct_logit_attribution,
    )
    from interpwidgets.board.calls import attention as attention
    from interpwidgets.board.calls import head_board as head_board
    from interpwidgets.board.calls import logit_lens as logit_lens
    from interpwidgets.board.calls import surprisal as surprisal
    from interpwidgets.board.patching_calls import activation_patching as activation_patching
    from interpwidgets.board.patching_calls import attribution_patching as attribution_patching
    from interpwidgets.board.probe_calls import probe as probe
    from interpwidgets.board.session import Board as Board
    from interpwidgets.board.steering_calls import steer as steer
    from interpwidgets.directions import Dataset as Dataset
    from interpwidgets.directions import Direction as Direction
    from interpwidgets.export import export as export
    from interpwidgets.methods.ablation_sweep import ablation_control as ablation_control
    from interpwidgets.methods.ablation_sweep import ablation_sweep as ablation_sweep
    from interpwidgets.methods.activation_patching import patching_control as patching_control
    from interpwidgets.methods.activations import activations as activations
    from interpwidgets.methods.direction import direction as direction
    from interpwidgets.methods.direction import load_direction as load_direction
    from interpwidgets.methods.dose_response import dose_response as dose_response
    from interpwidgets.methods.head_scores import head_scores as head_scores
    from interpwidgets.methods.path_patching import path_patching as path_patching
    from interpwidgets.methods.path_patching import (
        path_patching_control as path_patching_control,
    )
    from interpwidgets.methods.probe_scores import probe_scores as probe_scores
    from interpwidgets.methods.references import references as references
    from interpwidgets.methods.singular_directions import (
        singular_directions as singular_directions,
    )
    from interpwidgets.methods.steering import dial as dial
    from interpwidgets.methods.steering import steered_text as steered_text
    from interpwidgets.methods.token_values import attention_received as attention_received
    from interpwidgets.methods.tuned_lens import tuned_lens as tuned_lens
    from interpwidgets.methods.vocabulary_circuit import (
        vocabulary_circuit as vocabulary_circuit,
    )
    from interpwidgets.methods.weight_circuits import weight_circuits as weight_circuits
    from interpwidgets.models.adapting import adapter as adapter
    from interpwidgets.models.description import describe as describe
    from interpwidgets.models.loading import load as load
    from interpwidgets.models.loading import wrap as wrap
    from interpwidgets.models.registering import register_architecture as register_architecture
    from interpwidgets.reads.translators import load_tuned_lens as load_tuned_lens
    from interpwidgets.results.saved import load_result as load_result
    from interpwidgets.selection import Selection as Selection
    from interpwidgets.show import show as show

__version__ = "0.1.0"

_WHERE = {
    "Board": "board.session",
    "Dataset": "directions",
    "Direction": "directions",
    "Selection": "selection",
    "ablation_control": "methods.ablation_sweep",
    "ablation_sweep": "methods.ablation_sweep",
    "activation_patching": "board.patching_calls",
    "activations": "methods.activations",
    "adapter": "models.adapting",
    "attention": "board.calls",
    "attention_received": "methods.token_values",
    "attribution_patching": "board.patching_calls",
    "describe": "models.description",
    "direct_logit_attribution": "board.attribution_calls",
    "dial": "methods.steering",
    "dose_response": "methods.dose_response",
    "direction": "methods.direction",
    "export": "export",
    "head_board": "board.calls",
    "head_scores": "methods.head_scores",
    "load": "models.loading",
    "load_direction": "methods.direction",
    "load_result": "results.saved",
    "load_tuned_lens": "reads.translators",
    "logit_lens": "board.calls",
    "patching_control": "methods.activation_patching",
    "path_patching": "methods.path_patching",
    "path_patching_control": "methods.path_patching",
    "probe": "board.probe_calls",
    "probe_scores": "methods.probe_scores",
    "references": "methods.references",
    "register_architecture": "models.registering",
    "show": "show",
    "show_attention": "arrays.calls",
    "show_tokens": "arrays.calls",
    "singular_directions": "methods.singular_directions",
    "steer": "board.steering_calls",
    "steered_text": "methods.steering",
    "surprisal": "board.calls",
    "tuned_lens": "methods.tuned_lens",
    "vocabulary_circuit": "methods.vocabulary_circuit",
    "weight_circuits": "methods.weight_circuits",
    "wrap": "models.loading",
}

#: What returns a bare Result: ``show`` is loaded with it, which knows how that is drawn.
_DRAWN = (
    "attention_received",
    "head_scores",
    "load_result",
    "patching_control",
    "ablation_control",
    "ablation_sweep",
    "path_patching",
    "path_patching_control",
    "probe_scores",
    *("attention_received", "head_scores", "load_result"),
    *("dose_response", "singular_directions", "steered_text"),
    *("vocabulary_circuit", "weight_circuits"),
)

#: Rooms of the package that are public as they are.
_ROOMS = ("directions", "errors", "interventions")

__all__ = ["__version__", *_ROOMS, *_WHERE]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"interpwidgets.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'interpwidgets' has no attribute {name!r}")
    if name in _DRAWN:
        importlib.import_module("interpwidgets.show")
    module = importlib.import_module(f"interpwidgets.{_WHERE[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(types.ModuleType):
    """Keeps ``iw.show`` the function once the module of that name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _WHERE and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
