"""The logit lens, and through translators the tuned lens: what each layer would say next."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from interpwidgets.axes import check_members
from interpwidgets.errors import ResultError, SiteError
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.capture import Read
from interpwidgets.models.loading import ready
from interpwidgets.models.running import Run, refuse_large, run_method
from interpwidgets.models.token_text import read_tokens
from interpwidgets.models.vocabulary import word_ids
from interpwidgets.reads.lens import ENTROPY, GAP, KL, SAME, Kept, LensReads
from interpwidgets.reads.steps import positions_of_passes
from interpwidgets.reads.translators import TunedLens
from interpwidgets.results.base import Provenance
from interpwidgets.results.lens import LogitLens

MAX_BYTES = 2**30
TOP_K = 10

#: Where vectors of the residual stream, or what is added to it, can be read.
SITES = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")


def logit_lens(
    model: Any,
    prompt: Any,
    *,
    site: str = "resid_post",
    layers: Sequence[int] | None = None,
    top_k: int = TOP_K,
    targets: Sequence[int | str] | int | str = (),
    lens: TunedLens | None = None,
    prepend_bos: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> LogitLens:
    """Read the next-token prediction off the residual stream at every layer.

    Each vector goes through what the model itself does behind its last layer: its norm,
    unembedding, and soft-cap or scale. So the last layer of ``resid_post`` equals the
    model's output. ``attn_out`` and ``mlp_out`` are read alone, without the stream that
    they are added to.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids, or chat messages.
        site: ``"resid_pre"``, ``"resid_mid"``, ``"resid_post"``, ``"attn_out"`` or
            ``"mlp_out"``.
        layers: Layers to read; all by default.
        top_k: How many of the most probable tokens to keep of each prediction.
        targets: Tokens to follow: ids, or texts that are one token each, with the space
            before them where there is one.
        lens: A tuned lens, for the residual stream between layers.
        prepend_bos: Whether the prompt begins with the beginning-of-sequence token; by
            default as the tokenizer or the chat template does.
        max_bytes: Refuse to keep more than this.

    Returns:
        ``LogitLens``; ``top_logprob`` is ``[layer, pos, rank]``, ``entropy`` and ``kl`` to
        the final layer ``[layer, pos]``, nats, float32.

    Raises:
        SiteError: The lens reads no such site, or this architecture lacks it.
        ModelError: The model sees images.
        PromptError: A target is not one token of the model's.
        ResultError: A layer is out of range, or the lens is another model's.
        ReadTooLargeError: More than ``max_bytes`` would be kept.

    Example:
        >>> import interpwidgets as iw
        >>> lens = logit_lens(iw.load("lil-attn-2l"), [1, 5, 6, 5], top_k=2)
        >>> lens.top_logprob.shape, lens.entropy.shape
        ((2, 4, 2), (2, 4))

    Source:
        nostalgebraist (2020), "interpreting GPT: the logit lens"; with ``lens=`` Belrose et
        al. (2023), "Eliciting Latent Predictions from Transformers with the Tuned Lens". We
        differ in: nothing.
    """
    model = ready(model)
    asked = [targets] if isinstance(targets, (int, str)) else targets
    ids = tuple(word_ids(model, asked))
    method = LogitLensMethod(site, layers, top_k, ids, lens, max_bytes)
    return run_method(model, prompt, method, prepend_bos=prepend_bos)


@dataclass(frozen=True)
class LogitLensMethod:
    """The lens as a method: what it reads and what it builds."""

    name: ClassVar[str] = "logit_lens"

    site: str = "resid_post"
    layers: Sequence[int] | None = None
    top_k: int = TOP_K
    targets: tuple[int, ...] = field(default=(), metadata={"argument": "track"})
    """Token ids; the calls that return a view name them ``track``."""
    lens: TunedLens | None = None
    max_bytes: int = MAX_BYTES
    tuned: bool = True
    """Whether vectors go through ``lens``, where there is one."""

    @property
    def result_type(self) -> type[LogitLens]:
        """The type of Result that ``build`` makes."""
        return LogitLens

    @property
    def _kept(self) -> Kept:
        return Kept(self.top_k, self.targets)

    @property
    def lens_in_use(self) -> TunedLens | None:
        """The lens that vectors go through; None for the logit lens."""
        return self.lens if self.tuned else None

    def kept_layers(self, adapter: Adapter) -> tuple[int, ...]:
        """Return the layers read, checked."""
        return check_members("layer", self.layers, adapter.n_layers, of=adapter.name)

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return the reads of the layers, of the final one, and of the logits after them."""
        layers = self.kept_layers(adapter)
        self._check(adapter, layers)
        lens = self.lens_in_use
        translate = None if lens is None else functools.partial(lens.translate, self.site)
        last = adapter.n_layers - 1
        return LensReads(self.site, layers, last, self._kept, translate).reads()

    def _check(self, adapter: Adapter, layers: tuple[int, ...]) -> None:
        if self.site not in SITES:
            raise SiteError(f"the lens reads {', '.join(SITES)}; got {self.site!r}.")
        for site, layer in ((self.site, layers[0]), ("resid_post", 0), ("logits", None)):
            adapter.place(site, layer)  # refuses what the architecture lacks
        most = adapter.d_vocab or self.top_k
        if not 0 <= self.top_k <= most:
            raise ResultError(f"top_k is 0-{most:,} for this vocabulary; got {self.top_k}.")
        if self.lens is not None:
            self.lens.check(adapter, self.site)

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:
        """Refuse what would pass ``max_bytes``: what is kept, and the vectors that wait."""
        n_layers = len(self.kept_layers(adapter))
        each = 4 * n_prompts * n_tokens * (self._kept.n_columns + adapter.d_model)
        fit = self.max_bytes // each - 1  # the final layer's vectors wait as well
        fits = (
            f"Read at most {fit} layers, e.g. layers=range({fit})"
            if fit > 0
            else ("Shorten the prompt")
        )
        what = f"a lens of {n_layers} layers on {n_prompts} prompts × {n_tokens:,} tokens"
        refuse_large(what, each * (n_layers + 1), self.max_bytes, fits)

    def build(self, run: Run, previous: Sequence[LogitLens] = ()) -> tuple[LogitLens, ...]:  # noqa: ARG002
        """Return one Result per prompt, over every forward pass of the run."""
        return tuple(self._result(run, prompt) for prompt in range(run.capture.n_prompts))

    def _result(self, run: Run, prompt: int) -> LogitLens:
        layers = self.kept_layers(run.adapter)
        table = _assemble(run, prompt, len(layers), self._kept.n_columns)
        ends = np.cumsum(self._kept.sizes)[:-1].tolist()
        fixed, target, rank, ids, top = np.split(table, ends, axis=-1)
        top_ids = _whole(ids)
        named = sorted({*np.unique(top_ids).tolist(), *self.targets} - {-1})
        return LogitLens(
            provenance=_noted(run.provenance(self.site, prompt=prompt), fixed[..., GAP]),
            tokens=run.tokens(prompt),
            site=self.site,
            layers=layers,
            top_ids=top_ids,
            top_logprob=np.ascontiguousarray(top),
            entropy=np.ascontiguousarray(fixed[..., ENTROPY]),
            kl=np.ascontiguousarray(fixed[..., KL]),
            target_ids=self.targets,
            target_logprob=np.ascontiguousarray(target),
            target_rank=_whole(rank),
            vocabulary=dict(zip(named, read_tokens(run.tokenizer, named).text, strict=True)),
            lens="" if self.lens_in_use is None else str(self.lens_in_use),
            prompt_index=prompt,
            prompt_count=run.capture.n_prompts,
        )


def _assemble(
    run: Run, prompt: int, n_layers: int, n_columns: int
) -> Float[np.ndarray, "layer pos column"]:
    """Put the passes together, without padding; NaN where a run did not come to its end."""
    visits = [visit.flatten(2) for visit in run.visits("logits")]
    table = np.full((run.capture.length(prompt), n_layers, n_columns), np.nan, np.float32)
    if visits:
        read = positions_of_passes(visits, run.capture, prompt).numpy()
        table[: len(read)] = read.reshape(-1, n_layers, n_columns)
    return table.transpose(1, 0, 2)


def _whole(numbers: Float[np.ndarray, "layer pos column"]) -> np.ndarray:
    return np.where(np.isnan(numbers), -1, numbers).astype(np.int32)


def _noted(provenance: Provenance, gap: Float[np.ndarray, "layer pos"]) -> Provenance:
    """Say it where the model's own output is not what its last layer reads."""
    known = gap[np.isfinite(gap)]
    if not len(known):
        note = "the run ended before the logits, so that nothing was read"
    elif known.max() > SAME:
        note = (
            f"the model's own output differs from its last layer's (total variation "
            f"{known.max():.2g}): something behind that layer changes it"
        )
    else:
        return provenance
    return dataclasses.replace(
        provenance, note=". ".join(filter(None, [provenance.note, note]))
    )
