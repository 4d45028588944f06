"""The views that a board can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interpwidgets.board.head_boarding import (
    N_SEQUENCES,
    Fixed,
    HeadBoardMethod,
    read_answers,
)
from interpwidgets.methods.attention import MAX_BYTES, AttentionMethod
from interpwidgets.methods.direct_logit_attribution import DirectLogitAttributionMethod
from interpwidgets.methods.logit_lens import MAX_BYTES as LENS_BYTES
from interpwidgets.methods.logit_lens import TOP_K as LENS_TOP_K
from interpwidgets.methods.logit_lens import LogitLensMethod
from interpwidgets.methods.token_values import TOP_K, SurprisalMethod
from interpwidgets.models.adapter import Model
from interpwidgets.models.running import Method
from interpwidgets.models.targets import targets_of
from interpwidgets.models.vocabulary import word_ids
from interpwidgets.reads.translators import TunedLens
from interpwidgets.results.base import Result
from interpwidgets.widgets.base import View
from interpwidgets.widgets.lens import LensGrid


class Showing:
    """One method a kind of view; ``Board`` brings the model and ``add``."""

    model: Model

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

    def head_board(
        self,
        *,
        answers: Any = None,
        n: int = N_SEQUENCES,
        seed: int = 0,
        key: str | None = None,
    ) -> View:
        """Return a view of every head: scores, weight circuits, attribution, ablation.

        Scores and weights are looked at here, once; attribution is of every run from now on,
        and heads can be ablated in the view once a prompt was run.

        Args:
            answers: What heads are attributed to: a token, ``(correct, wrong)`` tokens, or a
                list of those, one per prompt; by default the most probable next token.
            n: How many sequences of random tokens are drawn for the scores.
            seed: Of the draws.
            key: As of ``attention``.
        """
        fixed = Fixed.of(self.model, n, seed)
        ids = read_answers(self.model, answers)
        view = self.add(HeadBoardMethod(ids, n, seed, fixed), key=key)
        self.show_at_once(view, (fixed.table(),))
        return view

    def show_at_once(self, view: View, results: tuple[Result, ...]) -> None:
        """Show in a view what needs no run."""
        raise NotImplementedError

    def logit_lens(
        self,
        *,
        site: str = "resid_post",
        layers: Sequence[int] | None = None,
        top_k: int = LENS_TOP_K,
        track: Sequence[int | str] | int | str = (),
        lens: TunedLens | None = None,
        tuned: bool = True,
        max_bytes: int = LENS_BYTES,
        key: str | None = None,
    ) -> View:
        """Return a view of what each layer of every run from now on would say next.

        Args:
            site: ``"resid_pre"``, ``"resid_mid"``, ``"resid_post"``, ``"attn_out"`` or
                ``"mlp_out"``.
            layers: Layers to read; all by default.
            top_k: How many of the most probable tokens to keep of each prediction.
            track: Tokens to follow through the layers: ids, or texts that are one token each,
                with the space before them where there is one.
            lens: A tuned lens, for the residual stream between layers.
            tuned: Whether vectors go through ``lens``; a tick in the view changes it.
            max_bytes: As of ``attention``.
            key: As of ``attention``.
        """
        asked = [track] if isinstance(track, (int, str)) else track
        ids = tuple(word_ids(self.model, asked))
        method = LogitLensMethod(site, layers, top_k, ids, lens, max_bytes, tuned)
        view = self.add(method, key=key)
        assert isinstance(view, LensGrid)
        if lens is not None:
            view.offer_tuned(str(lens))
        return view

    def direct_logit_attribution(
        self,
        target: Any = None,
        *,
        against: Any = None,
        direction: Any = None,
        by: str | Sequence[str] = ("head",),
        pos: int | Sequence[int] = -1,
        max_bytes: int = MAX_BYTES,
        key: str | None = None,
    ) -> View:
        """Return a view of who wrote a logit, in every run from now on.

        A run whose prompt makes the target or the position impossible is shown by the other
        views; this one keeps its picture and says why.

        Args:
            target: The token, as text or id, or a list of one per prompt; by default the one
                that the model finds most probable, in each run anew.
            against: A token whose logit is subtracted, in the same way.
            direction: In place of tokens ``[d_model]``, or ``[prompt, d_model]``.
            by: What to split beside components: ``"head"``, ``"neuron"``, ``"source"``; the
                view offers the others with one more run.
            pos: The position whose next token is explained, counted from the end of each
                prompt; ``view.pos`` also takes one counted from 0, of the run on screen.
            max_bytes: As of ``attention``.
            key: As of ``attention``.

        Raises:
            SiteError: The model's stream is no sum that ends in a norm, or has no such parts.
            PromptError: What is no token of the model's, or a position from 0.
            ResultError: No such breakdown, or a direction of another width.
        """
        method = DirectLogitAttributionMethod(
            **targets_of(self.model, target, against, direction),
            by=(by,) if isinstance(by, str) else tuple(by),
            pos=(pos,) if isinstance(pos, int) else tuple(pos),
            max_bytes=max_bytes,
        )
        return self.add(method, key=key)
