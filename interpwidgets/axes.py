"""The names of array axes and how their members are written.

Arrays keep this order everywhere: ``prompt, layer, head, query_pos, key_pos, pos,
component, feature, rank``. ``query_pos`` (the destination, which attends) always comes
before ``key_pos`` (the source, which is attended to).
"""

from __future__ import annotations

from collections.abc import Sequence

from interpwidgets.errors import ResultError

AXES = (
    "prompt",
    "layer",
    "head",
    "query_pos",
    "key_pos",
    "pos",
    "component",
    "feature",
    "rank",
)


def head_name(layer: int, head: int) -> str:
    """Return a head's name as views write it, ``"L1 H3"``."""
    return f"L{layer} H{head}"


def check_members(
    axis: str, wanted: Sequence[int] | None, n: int, *, of: str
) -> tuple[int, ...]:
    """Return which members of an axis to keep, in order and without repeats.

    Args:
        axis: The axis' name, for the message.
        wanted: Indices, or None for all.
        n: How many members there are.
        of: What has them, for the message.

    Raises:
        ResultError: An index is outside ``0 … n − 1``, or none was asked for.
    """
    if wanted is None:
        return tuple(range(n))
    kept = tuple(dict.fromkeys(int(member) for member in wanted))
    bad = [member for member in kept if not 0 <= member < n]
    if bad or not kept:
        came = f"`{axis}` is {bad[0]}" if bad else f"no `{axis}` was asked for"
        raise ResultError(f"{came}; {of} has {n} {axis}s, 0-{n - 1}.")
    return kept
