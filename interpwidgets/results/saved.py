"""Opening a saved Result of any kind."""

from __future__ import annotations

from pathlib import Path

from interpwidgets.errors import ResultError
from interpwidgets.results.ablation_sweep import AblationSweep
from interpwidgets.results.activations import Activations
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.attribution import DirectLogitAttribution
from interpwidgets.results.base import Result, read_saved
from interpwidgets.results.dose_response import DoseResponse
from interpwidgets.results.head_scores import HeadScores
from interpwidgets.results.head_table import HeadTable
from interpwidgets.results.lens import LogitLens
from interpwidgets.results.lens_control import LensControl
from interpwidgets.results.lens_training import LensTraining
from interpwidgets.results.patching import PatchingGrid
from interpwidgets.results.path_patching import PathPatching
from interpwidgets.results.probe import ProbeResult
from interpwidgets.results.singular_directions import SingularDirections
from interpwidgets.results.steering import SteeredText
from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.vocabulary_circuit import VocabularyCircuit
from interpwidgets.results.weight_circuits import WeightCircuits

KINDS: dict[str, type[Result]] = {
    kind.kind: kind
    for kind in (
        AblationSweep,
        Activations,
        AttentionPattern,
        DirectLogitAttribution,
        DoseResponse,
        HeadScores,
        HeadTable,
        LensControl,
        LensTraining,
        LogitLens,
        PatchingGrid,
        PathPatching,
        ProbeResult,
        SingularDirections,
        SteeredText,
        TokenValues,
        VocabularyCircuit,
        WeightCircuits,
    )
}


def load_result(path: str | Path) -> Result:
    """Open a Result that ``Result.save`` wrote; neither torch nor the model is needed.

    Args:
        path: The file.

    Raises:
        ResultError: It is no saved Result, or of an unknown kind or version.
    """
    kind, arrays, plain = read_saved(path)
    if kind not in KINDS:
        raise ResultError(
            f"{path} holds a Result of unknown kind {kind!r}. Upgrade interpwidgets."
        )
    return KINDS[kind].from_saved(arrays, plain)
