"""Direct logit attribution: a logit as the sum of what wrote it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from interpwidgets.errors import PromptError, ResultError, nearest
from interpwidgets.models.adapter import Adapter, Model, adapter_of
from interpwidgets.models.capture import Read
from interpwidgets.models.decomposition import Decomposition, Parts, row_of
from interpwidgets.models.loading import ready
from interpwidgets.models.prompts import Batch, read_prompts
from interpwidgets.models.readout import Targets, soft_cap, target_directions
from interpwidgets.models.running import MethodReader, Run, refuse_large
from interpwidgets.models.targets import Words, check_count, from_end, targets_of
from interpwidgets.models.token_text import read_tokens
from interpwidgets.models.tracing import forward
from interpwidgets.reads.attribution import component_reads, layer_reads, source_reads
from interpwidgets.reads.steps import positions_of_passes
from interpwidgets.results.attribution import BREAKDOWNS, DirectLogitAttribution

MAX_BYTES = 2**30
_FLOAT = 4
_PER_PROMPT = ("target", "against", "direction", "pos")


def direct_logit_attribution(
    model: Any,
    prompt: Any,
    target: Any = None,
    *,
    against: Any = None,
    direction: Any = None,
    by: Sequence[str] = ("head",),
    pos: int | Sequence[int] = -1,
    prepend_bos: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> DirectLogitAttribution:
    """Split the logit of a token into what each part of the model wrote of it.

    The last residual stream is a sum: embeddings, and what each attention and each MLP
    added. With the last norm's scale held at this run's own, the logit is a sum of their
    products with one direction. Bars sum to the model's own logit; ``remainder`` is what is
    left. Of a model that soft-caps its logits it is the logit before the cap. An effect
    through later layers is in those layers' bars, not in the sender's.

    Args:
        model: An nnsight or a Hugging Face model that predicts the next token.
        prompt: Text, token ids or chat messages, or a list of those.
        target: The token, as text or id, or a list of one per prompt; by default the one
            that the model finds most probable.
        against: A token, or one per prompt, whose logit is subtracted: a logit difference.
        direction: In place of tokens ``[d_model]``, or ``[prompt, d_model]``: what is split
            is its product with what the last norm gives.
        by: What to split beside components: ``"head"``, ``"neuron"`` (of each MLP),
            ``"source"`` (what each head took from each token; attention is made eagerly).
        pos: The position whose next token is explained, of all or of each prompt; negative
            ones count from the end.
        prepend_bos: Whether prompts begin with the beginning-of-sequence token; by default
            as the tokenizer or the chat template does.
        max_bytes: Run so many prompts at once that no more than this is kept.

    Returns:
        ``DirectLogitAttribution``; ``.of("head")`` is ``[layer, head]``, a mean over
        prompts, ``.interval("head")`` its 95 % interval, ``.best("head")`` a table.

    Raises:
        SiteError: The model's stream is no sum that ends in a norm, or it has no neurons
            that every token meets (a mixture of experts).
        ModelError: Its last norm is no LayerNorm or RMSNorm.
        PromptError: A prompt or token is none of this model's, or a position is not there.
        ResultError: No such breakdown, or a direction of another width.
        ReadTooLargeError: One prompt needs more than ``max_bytes``.

    Example:
        >>> import interpwidgets as iw
        >>> model = iw.load("lil-attn-2l")
        >>> found = direct_logit_attribution(model, [1, 5, 6, 7, 5], 6, against=7)
        >>> bool(abs(found.remainder[0]) < 1e-3)
        True

    Source:
        Elhage et al. (2021), "A Mathematical Framework for Transformer Circuits"; Wang et
        al. (2022), "Interpretability in the Wild", for heads. We differ in: biases are bars
        of their own, and post-norms (Gemma 2, OLMo 2) are held like the last one.
    """
    model = ready(model)
    batch = read_prompts(prompt, model, prepend_bos=prepend_bos)
    if not batch.prompts:
        raise PromptError("attribution takes text, token ids or chat messages.")
    n = len(batch.prompts)
    method = DirectLogitAttributionMethod(
        **targets_of(model, target, against, direction, n),
        by=tuple([by] if isinstance(by, str) else by),
        pos=from_end(pos, batch),
        max_bytes=max_bytes,
    )
    parts = [
        _attribute(model, method.of_prompts(rows, n), Batch(batch.prompts[rows]))
        for rows in _batches(batch, adapter_of(model), method)
    ]
    return DirectLogitAttribution.join([one for part in parts for one in part])


@dataclass(frozen=True)
class DirectLogitAttributionMethod:
    """Attribution as a method: what it reads and what it builds.

    Of each of ``target``, ``against``, ``direction`` and ``pos`` one entry serves every
    prompt of a run, or there is one per prompt.
    """

    name: ClassVar[str] = "direct_logit_attribution"

    target: tuple[int, ...] = ()
    """Token ids; none: the most probable next token."""

    against: tuple[int, ...] = ()
    """Token ids to subtract."""

    direction: tuple[tuple[float, ...], ...] = ()
    """In place of tokens."""

    by: tuple[str, ...] = ("head",)
    """What to split beside components."""

    pos: tuple[int, ...] = (-1,)
    """Counted from the end, −1 the last."""

    max_bytes: int = MAX_BYTES

    @property
    def result_type(self) -> type[DirectLogitAttribution]:
        """The type of Result that ``build`` makes."""
        return DirectLogitAttribution

    def of_prompts(self, rows: slice, n: int) -> DirectLogitAttributionMethod:
        """Return the method for some prompts of a batch.

        Args:
            rows: Which.
            n: How many the batch has.
        """
        fields = {name: getattr(self, name) for name in _PER_PROMPT}
        cut = {name: entries[rows] for name, entries in fields.items() if len(entries) == n}
        return dataclasses.replace(self, **cut)

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return the reads of the components, and of what else is to be split."""
        self._check(adapter)
        n_layers, mlp = adapter.n_layers, bool(adapter.d_mlp)
        reads = component_reads(n_layers, self.pos, mlp=mlp)
        if "head" in self.by or "source" in self.by:
            reads += layer_reads("z", n_layers, self.pos)
        if "neuron" in self.by:
            reads += layer_reads("mlp_post", n_layers, self.pos)
        if "source" in self.by:
            reads += source_reads(n_layers, self.pos)
        return reads

    def _check(self, adapter: Adapter) -> None:
        unknown = [by for by in self.by if by not in BREAKDOWNS]
        if unknown:
            raise ResultError(f"no breakdown {unknown[0]!r}. {nearest(unknown[0], BREAKDOWNS)}")
        if any(pos >= 0 for pos in self.pos):
            raise PromptError(
                "a method counts positions from the end of each prompt: pos=(-1,) is the last."
            )
        needed = ["embed", "attn_out", "ln_final", "logits"]
        needed += ["mlp_out"] if bool(adapter.d_mlp) else []
        needed += ["z"] * ("head" in self.by) + ["mlp_post"] * ("neuron" in self.by)
        needed += ["z", "v", "pattern"] * ("source" in self.by)
        for site in needed:  # refuses what the architecture lacks
            adapter.place(site, 0)

    def bytes_of_prompt(self, adapter: Adapter, n_tokens: int) -> int:
        """Return about how many bytes are kept of one prompt."""
        a, numbers = adapter, (2 * adapter.n_layers + 3) * adapter.d_model
        numbers += a.d_vocab or 0
        numbers += a.n_layers * a.n_heads * a.d_head
        if "neuron" in self.by:
            numbers += 2 * a.n_layers * (a.d_mlp or 0)
        if "source" in self.by:
            of_token = 2 * a.n_heads + a.n_kv_heads * a.d_head
            numbers += a.n_layers * n_tokens * of_token
        return _FLOAT * numbers

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:
        """Refuse what would pass ``max_bytes``."""
        needed = n_prompts * self.bytes_of_prompt(adapter, n_tokens)
        what = f"attribution of {n_prompts} prompts × {n_tokens:,} tokens"
        refuse_large(what, needed, self.max_bytes, "Split fewer things, by=['head']")

    def build(
        self,
        run: Run,
        previous: Sequence[DirectLogitAttribution] = (),  # noqa: ARG002
    ) -> tuple[DirectLogitAttribution, ...]:
        """Return one Result per prompt; of a generation, of its last pass.

        Raises:
            PromptError: A prompt has no such position, or there are others than were named.
        """
        assert run.model is not None  # a MethodReader's run has one
        for name in _PER_PROMPT:
            check_count(name, len(getattr(self, name)), run.capture.n_prompts)
        columns = [self._column(run, prompt) for prompt in range(run.capture.n_prompts)]
        targets, words = self._targets(run, run.model)
        parts = Decomposition(run.model, run, targets)
        given = (row_of(run, "ln_final") * targets.directions).sum(-1) + targets.offset
        whole = _Whole(self, run, parts, given, words)
        return tuple(whole.result(prompt, column) for prompt, column in enumerate(columns))

    def _column(self, run: Run, prompt: int) -> int:
        """Return the explained position of a prompt, from 0."""
        n, span = run.capture.n_tokens, run.capture.span(prompt)
        pos = self.pos[prompt if len(self.pos) > 1 else 0]
        if run.capture.n_steps > 1 and pos != -1:
            raise PromptError(
                f"of a generation only the last token is explained; pos is {pos}."
            )
        if not span.start <= n + pos < span.stop:
            raise PromptError(
                f"there is no position {pos} from the end in prompt {prompt}, which has "
                f"{run.capture.length(prompt)} tokens."
            )
        return n + pos - span.start

    def _targets(self, run: Run, model: Model) -> tuple[Targets, Words]:
        n = run.capture.n_prompts
        if self.direction:
            rows = torch.tensor(self.direction, dtype=torch.float64).expand(n, -1)
            return Targets(rows, torch.zeros(n, dtype=torch.float64)), Words()
        most = row_of(run, "logits").argmax(-1)
        ids = torch.tensor(self.target).expand(n) if self.target else most
        less = torch.tensor(self.against).expand(n) if self.against else None
        both = [[] if of is None else of.tolist() for of in (ids, less)]
        words = Words(*(read_tokens(run.tokenizer, of).text for of in both))
        return target_directions(model, ids, less), words


@dataclass(frozen=True)
class _Whole:
    """One run's attribution, from which each prompt takes its rows."""

    method: DirectLogitAttributionMethod
    run: Run
    parts: Decomposition
    given: torch.Tensor
    words: Words

    @cached_property
    def components(self) -> dict[str, torch.Tensor]:
        """Name to ``[prompt]``."""
        return self.parts.components()

    @cached_property
    def chances(self) -> torch.Tensor:
        """``[prompt, component]``."""
        return self.parts.chances()

    @cached_property
    def head_chances(self) -> list[torch.Tensor]:
        """Layer by layer."""
        layers = range(self.run.adapter.n_layers)
        return [self.parts.chance_of_heads(layer) for layer in layers]

    @cached_property
    def totals(self) -> tuple[torch.Tensor, torch.Tensor, float]:
        """The logits before a cap, as the model gave them, and the cap."""
        if self.method.direction:
            return self.given, self.given, 0.0
        assert self.run.model is not None
        cap = soft_cap(self.run.model)
        output = self._output()
        return (self.given if cap else output), output, cap

    def _output(self) -> torch.Tensor:
        logits, method = row_of(self.run, "logits"), self.method
        ids = torch.tensor(method.target).expand(len(logits)) if method.target else None
        ids = logits.argmax(-1) if ids is None else ids
        output = logits.gather(-1, ids[:, None])[:, 0]
        if not method.against:
            return output
        less = torch.tensor(method.against).expand(len(logits))
        return output - logits.gather(-1, less[:, None])[:, 0]

    @cached_property
    def heads(self) -> list[Parts]:
        """Layer by layer."""
        return [self.parts.heads(layer) for layer in range(self.run.adapter.n_layers)]

    @cached_property
    def neurons(self) -> list[Parts]:
        """Layer by layer."""
        return [self.parts.neurons(layer) for layer in range(self.run.adapter.n_layers)]

    def result(self, prompt: int, pos: int) -> DirectLogitAttribution:
        """Return the Result of one prompt.

        Args:
            prompt: Which of the batch.
            pos: Its explained position.
        """
        logit, output, cap = self.totals
        bars = torch.stack(list(self.components.values()), dim=-1)[prompt]
        more: dict[str, Any] = {}
        for by, layers in self._split():
            more[by] = _row([one for one, _ in layers], prompt)
            more[f"{by}_bias"] = _row([bias for _, bias in layers], prompt)
        if "head" in self.method.by:
            more["head_chance"] = _row(self.head_chances, prompt)
        if "source" in self.method.by:
            more["source"] = self._sources(prompt)
        return DirectLogitAttribution(
            provenance=self.run.provenance(*self._sites(), prompt=prompt),
            targets=(self.words.of(prompt),),
            toward=self.words.toward[prompt : prompt + 1],
            over=self.words.over[prompt : prompt + 1],
            measure=self._measure(),
            pos=(pos,),
            tokens=(self.run.tokens(prompt),),
            components=tuple(self.components),
            component=_array(bars),
            chance=_array(self.chances[prompt]),
            logit=_array(logit[prompt]),
            remainder=_array(logit[prompt] - bars.sum()),
            output=_array(output[prompt]),
            cap=cap,
            **more,
        )

    def _split(self) -> list[tuple[str, list[Parts]]]:
        by = self.method.by
        split = [("head", self.heads)] if "head" in by else []
        return split + ([("neuron", self.neurons)] if "neuron" in by else [])

    def _sources(self, prompt: int) -> Any:
        a, layers = self.run.adapter, []
        for layer in range(a.n_layers):
            flat = positions_of_passes(self.run.visits("v", layer), self.run.capture, prompt)
            values = flat.unflatten(-1, (a.n_kv_heads, a.d_head))
            layers.append(self.parts.sources(layer, prompt, values))
        return _array(torch.stack(layers))

    def _measure(self) -> str:
        if self.method.direction:
            return "direction"
        return "logit difference" if self.method.against else "logit"

    def _sites(self) -> tuple[str, ...]:
        reads = self.method.reads(self.run.adapter)
        return tuple(dict.fromkeys(read.site for read in reads))


def _row(layers: Sequence[torch.Tensor], prompt: int) -> Any:
    return _array(torch.stack([layer[prompt] for layer in layers]))


def _array(numbers: torch.Tensor) -> Any:
    """Return the numbers of one prompt as float32, with an axis for it."""
    return numbers[None].float().numpy()


# --------------------------------------------------------------------------------- runs


def _batches(
    batch: Batch, adapter: Adapter, method: DirectLogitAttributionMethod
) -> list[slice]:
    """Return runs of prompts whose reads and logits stay within ``max_bytes``."""
    longest = max(len(prompt.ids) for prompt in batch.prompts)
    logits = _FLOAT * longest * (adapter.d_vocab or 0)
    of_prompt = method.bytes_of_prompt(adapter, longest) + logits
    at_once = max(1, method.max_bytes // of_prompt)
    n = len(batch.prompts)
    return [slice(start, min(start + at_once, n)) for start in range(0, n, at_once)]


def _attribute(
    model: Model, method: DirectLogitAttributionMethod, batch: Batch
) -> tuple[DirectLogitAttribution, ...]:
    reader = MethodReader(model, [method], batch)
    return method.build(reader.run_of(forward(model, batch, reader)))
