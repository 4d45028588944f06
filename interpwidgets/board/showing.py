"""The views that a board can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpwidgets.methods.attention import MAX_BYTES, AttentionMethod
from interpwidgets.methods.token_values import TOP_K, SurprisalMethod
from interpwidgets.models.running import Method
from interpwidgets.widgets.base import View


class Showing:
    """One method a kind of view; ``Board`` brings ``add``."""

    def add(self, method: Method[Any], *, key: str | None = None) -> View:
        """Return a view of what a method makes of every run from now on."""
        raise NotImplementedError

    def attention(
        self,
        *,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
        scores: bool = False,
        max_bytes: int = MAX_BYTES,
        key: str | None = None,
    ) -> View:
        """Return a view of the attention patterns of every run from now on.

        Args:
            layers: Layers to read; all by default.
            heads: Heads to keep of each; all by default.
            scores: Keep what the softmax receives, too, as float16.
            max_bytes: Refuse to keep more than this.
            key: Name that ties this view to the one it replaces; its cell by default.
        """
        return self.add(AttentionMethod(layers, heads, max_bytes, scores), key=key)

    def surprisal(
        self, *, top_k: int = TOP_K, max_bytes: int = MAX_BYTES, key: str | None = None
    ) -> View:
        """Return a view of how surprising each token of every run from now on was.

        Args:
            top_k: How many of the tokens that were expected instead to keep.
            max_bytes: As of ``attention``.
            key: As of ``attention``.
        """
        return self.add(SurprisalMethod(top_k, max_bytes), key=key)
