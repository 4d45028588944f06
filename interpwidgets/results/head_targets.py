"""Which keys a score of heads counts, for each query: the one definition of each score.

Written in operations that numpy and torch share, so that scores that run beside a model
and scores of a pattern on screen cannot differ.
"""

from __future__ import annotations

from typing import Any

#: The scores that look at tokens that repeat.
OF_REPEATS = ("induction", "duplicate_token")


def target_keys(score: str, token_ids: Any, positions: Any, lag: int = 0) -> Any:
    """Return which keys a score counts; a query with none of them is not measured.

    Args:
        score: ``"previous_token"``, ``"first_token"``, ``"current_token"``,
            ``"duplicate_token"`` or ``"induction"``.
        token_ids: ``[…, pos]``, a numpy or torch array.
        positions: 0, 1, … for each position, an array of the same kind.
        lag: Of induction: how far after the earlier occurrence the key is.

    Returns:
        Booleans, ``[query_pos, key_pos]``; ``[…, query_pos, key_pos]`` for scores of
        repeats.
    """
    key, query = positions, positions[:, None]
    if score == "previous_token":
        return key == query - 1
    if score == "first_token":
        return (key == 0) & (query > 0)
    if score == "current_token":
        return (key == query) & (query > 0)
    occurrence = key - lag
    earlier = (occurrence >= 0) & (occurrence < query)
    before = token_ids[..., occurrence % len(positions)]
    keys = (token_ids[..., :, None] == before[..., None, :]) & earlier
    if lag:
        keys = keys & (token_ids[..., :, None] != token_ids[..., None, :])
    # The first position draws attention whatever it holds; the query itself and the token
    # before it are what other kinds of head look at.
    return keys & (key > 0) & (key < query - 1)
