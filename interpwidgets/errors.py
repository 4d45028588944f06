"""Every error that the package raises on purpose.

Each also inherits the builtin that a caller would expect. A message says what was
wanted, what came, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InterpWidgetsError(Exception):
    """Base of all errors of this package."""


class SiteError(InterpWidgetsError, LookupError):
    """A site's name is unknown, or the architecture has no such site."""


class ModelError(InterpWidgetsError, ValueError):
    """A model cannot be read: unknown architecture, no weights, wrong kind."""


class PromptError(InterpWidgetsError, ValueError):
    """A prompt cannot be run: empty, too long, or not made of this model's tokens."""


class MissingExtraError(InterpWidgetsError, ImportError):
    """An optional package is not installed."""


class ReadTooLargeError(InterpWidgetsError, MemoryError):
    """A read would hold more memory than its limit."""


class ReadError(InterpWidgetsError, RuntimeError):
    """A read failed while the model ran; the cause is chained."""


class TraceError(InterpWidgetsError, RuntimeError):
    """A trace was opened where none can run."""


class ResultError(InterpWidgetsError, ValueError):
    """A Result's arrays do not fit together, or a saved one cannot be opened."""


class MessageError(InterpWidgetsError, ValueError):
    """A message from the browser does not have the form that the view takes."""

    code = "bad-request"


class StaleRunError(MessageError):
    """The page asked about a run that is not on screen any more."""

    code = "stale-run"


class SelectionError(MessageError):
    """What was selected is not in the view."""


class InterventionError(InterpWidgetsError, ValueError):
    """What is to be changed in a run is not there, or cannot be changed so."""


class DirectionError(InterpWidgetsError, ValueError):
    """A direction is none, or is not one of this model or site."""


class DatasetError(InterpWidgetsError, ValueError):
    """Labelled prompts cannot be learnt from: labels, groups or split do not allow it."""


class MetricError(InterpWidgetsError, ValueError):
    """A metric of a run gives no number, or cannot tell two runs apart."""


class ScoreError(InterpWidgetsError, ValueError):
    """A score of heads is unknown, cannot be measured, or a user's own one fails."""


class ExportError(InterpWidgetsError, ValueError):
    """A notebook or view cannot be exported."""


class BundleError(InterpWidgetsError, FileNotFoundError):
    """The built front end is missing."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"`` for a misspelled name, else the known ones.

    Args:
        name: What was typed.
        known: The valid names.

    Returns:
        A sentence to end an error message with.
    """
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(choices)}."
