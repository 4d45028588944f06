"""Arguments of CircuitsVis that would change its picture and do not change ours."""

from __future__ import annotations

import functools
import warnings


def warn_ignored(**arguments: object) -> None:
    """Warn once a session of each argument that was given.

    Args:
        arguments: By name; None: not given.
    """
    for name, value in arguments.items():
        if value is not None:
            _warn(name)


@functools.cache
def _warn(name: str) -> None:
    warnings.warn(
        f"`{name}` changes nothing here: views of interpwidgets share one ramp, blue for "
        "more and rust for less, which reads without colour vision and in grey.",
        UserWarning,
        stacklevel=4,
    )
