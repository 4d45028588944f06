"""The lens's control: the same vectors read with a randomly rotated unembedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float

from interpwidgets.axes import check_members
from interpwidgets.errors import ResultError
from interpwidgets.models.adapter import Adapter, module_of
from interpwidgets.models.capture import Read
from interpwidgets.models.loading import ready
from interpwidgets.models.output_head import OutputHead
from interpwidgets.models.running import Run, refuse_large, run_method
from interpwidgets.models.token_text import read_tokens
from interpwidgets.models.vocabulary import word_ids
from interpwidgets.reads.lens import FIXED, Kept, read_streams
from interpwidgets.reads.steps import positions_of_passes
from interpwidgets.reads.translators import TunedLens
from interpwidgets.results.lens_control import LensControl

#: How many rotations are drawn.
N = 20

MAX_BYTES = 2**30


def lens_control(
    model: Any,
    prompt: Any,
    tokens: Sequence[int | str] | int | str,
    *,
    pos: int = -1,
    site: str = "resid_post",
    layers: Sequence[int] | None = None,
    lens: TunedLens | None = None,
    n: int = N,
    seed: int = 0,
    prepend_bos: bool | None = None,
) -> LensControl:
    """Read tokens from one position by randomly rotated unembeddings.

    Each draw turns the vectors of all layers by one random rotation, uniform over all of
    them, before the model's own norm and unembedding. What stays the same is the vectors'
    norms and the angles between layers; what is lost is what their directions mean. With
    the rotation that changes nothing it is the lens.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids, or chat messages.
        tokens: Tokens to read: ids, or texts that are one token each.
        pos: The position, from the end when negative.
        site: As of ``logit_lens``.
        layers: Layers to read; all by default.
        lens: The tuned lens that vectors go through first, before they are rotated.
        n: How many rotations to draw.
        seed: Of the rotations.
        prepend_bos: As of ``logit_lens``.

    Returns:
        ``LensControl``; ``logprob`` is ``[draw, layer, target]``, nats, float32.

    Raises:
        SiteError: This architecture lacks the site.
        PromptError: A token is not one token of the model's.
        ResultError: The position or a layer is out of range, or ``n`` below 1.

    Example:
        >>> import interpwidgets as iw
        >>> from interpwidgets.methods.lens_control import lens_control
        >>> control = lens_control(iw.load("lil-attn-2l"), [1, 5, 6, 5], 6, n=3)
        >>> control.logprob.shape, control.interval().shape
        ((3, 2, 1), (2, 2, 1))

    Source:
        Mezzadri (2007), "How to generate random matrices from the classical compact
        groups", for the rotations. The control itself is our own.
    """
    model = ready(model)
    asked = [tokens] if isinstance(tokens, (int, str)) else tokens
    ids = tuple(word_ids(model, asked))
    method = LensControlMethod(ids, pos, site, layers, lens, n, seed)
    return run_method(model, prompt, method, prepend_bos=prepend_bos)


@dataclass(frozen=True)
class LensControlMethod:
    """The control as a method: what it reads and what it builds."""

    name: ClassVar[str] = ""

    token_ids: tuple[int, ...]
    pos: int = -1
    site: str = "resid_post"
    layers: Sequence[int] | None = None
    lens: TunedLens | None = None
    n: int = N
    seed: int = 0
    max_bytes: int = MAX_BYTES

    @property
    def result_type(self) -> type[LensControl]:
        """The type of Result that ``build`` makes."""
        return LensControl

    def kept_layers(self, adapter: Adapter) -> tuple[int, ...]:
        """Return the layers read, checked."""
        return check_members("layer", self.layers, adapter.n_layers, of=adapter.name)

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return one read per layer."""
        if self.n < 1:
            raise ResultError(f"`n` rotations are at least 1; got {self.n}.")
        layers = self.kept_layers(adapter)
        adapter.place(self.site, layers[0])  # refuses what the architecture lacks
        adapter.place("logits", None)
        if self.lens is not None:
            self.lens.check(adapter, self.site)
        return [Read(self.site, layer, _as_it_is) for layer in layers]

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:
        """Refuse what would pass ``max_bytes``: the vectors of every position wait."""
        n_layers = len(self.kept_layers(adapter))
        needed = 4 * n_prompts * n_layers * n_tokens * adapter.d_model
        what = f"a lens's control of {n_layers} layers on {n_tokens:,} tokens"
        refuse_large(what, needed, self.max_bytes, "Read fewer layers")

    def build(self, run: Run, previous: Sequence[LensControl] = ()) -> tuple[LensControl, ...]:  # noqa: ARG002
        """Return one Result per prompt."""
        return tuple(self._result(run, prompt) for prompt in range(run.capture.n_prompts))

    def _result(self, run: Run, prompt: int) -> LensControl:
        tokens, layers = run.tokens(prompt), self.kept_layers(run.adapter)
        if not -len(tokens) <= self.pos < len(tokens):
            raise ResultError(
                f"`pos` is {self.pos}; this prompt has {len(tokens)} tokens, 0-"
                f"{len(tokens) - 1}."
            )
        assert run.model is not None
        with torch.no_grad():
            streams = self._streams(run, prompt, layers)
            turned = random_frames(streams, self.n, self.seed) @ frame_of(streams)[1].float()
            logprob = read_turned(
                OutputHead(run.model), turned.to(streams.dtype), self.token_ids
            )
        texts = read_tokens(run.tokenizer, list(self.token_ids)).text
        return LensControl(
            provenance=run.provenance(self.site, prompt=prompt),
            tokens=tokens,
            site=self.site,
            layers=layers,
            pos=self.pos % len(tokens),
            token_ids=self.token_ids,
            logprob=logprob.cpu().numpy(),
            vocabulary=dict(zip(self.token_ids, texts, strict=True)),
            seed=self.seed,
            lens="" if self.lens is None else str(self.lens),
        )

    def _streams(
        self, run: Run, prompt: int, layers: tuple[int, ...]
    ) -> Float[torch.Tensor, "d_model layer"]:
        """Return the vectors at the position, on the model's device."""
        assert run.model is not None
        device = next(module_of(run.model).parameters()).device
        columns = []
        for layer in layers:
            visits = run.visits(self.site, layer)
            stream = positions_of_passes(visits, run.capture, prompt)[self.pos].to(device)
            if self.lens is not None:
                stream = self.lens.translate(self.site, layer, stream[None])[0]
            columns.append(stream)
        return torch.stack(columns, dim=-1)


def _as_it_is(
    stream: Float[torch.Tensor, "prompt pos d_model"],
) -> Float[torch.Tensor, "prompt pos d_model"]:
    """Keep a site's vectors in the model's own dtype, as the lens reads them."""
    return stream.clone()


def frame_of(
    streams: Float[torch.Tensor, "d_model layer"],
) -> tuple[Float[torch.Tensor, "d_model axis"], Float[torch.Tensor, "axis layer"]]:
    """Return orthonormal axes of the space that vectors lie in, and the vectors on them.

    Args:
        streams: The vectors, a column each.
    """
    axes, on_axes = torch.linalg.qr(streams.float())
    return axes, on_axes


def random_frames(
    streams: Float[torch.Tensor, "d_model layer"], n: int, seed: int
) -> Float[torch.Tensor, "draw d_model axis"]:
    """Return where random rotations take the axes of ``frame_of``.

    Drawn directly: a rotation of the whole space is not needed to turn a few vectors of it.

    Args:
        streams: The vectors.
        n: How many rotations.
        seed: Of their draw.
    """
    d_model, n_axes = len(streams), min(streams.shape)
    normal = torch.randn(n, d_model, n_axes, generator=torch.Generator().manual_seed(seed))
    frames, upper = torch.linalg.qr(normal)
    # Without the signs they would not be uniform over all rotations.
    signs = upper.diagonal(dim1=-2, dim2=-1).sign()
    return (frames * signs[:, None]).to(streams.device)


def read_turned(
    head: OutputHead,
    turned: Float[torch.Tensor, "draw d_model layer"],
    token_ids: Sequence[int],
) -> Float[torch.Tensor, "draw layer target"]:
    """Return log-probabilities of tokens, read from vectors by the model's own head.

    Args:
        head: Its last norm and unembedding.
        turned: The vectors.
        token_ids: The tokens.
    """
    streams = [layer[:, None] for layer in turned.unbind(-1)]
    table = read_streams(head, streams, streams[-1], Kept(0, tuple(token_ids)))
    return table[:, 0, :, FIXED : FIXED + len(token_ids)]
