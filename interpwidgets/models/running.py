"""What a method is, and how methods take part in a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, TypeVar, runtime_checkable

import torch

from interpwidgets.errors import PromptError, ReadTooLargeError
from interpwidgets.models.adapter import Adapter, Model, adapter_of, module_of
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.dtype import dtype_of
from interpwidgets.models.images import patch_tokens
from interpwidgets.models.loading import ready
from interpwidgets.models.memory import check_pattern_memory
from interpwidgets.models.prompts import Batch, check_run, read_prompts
from interpwidgets.models.token_text import read_tokens
from interpwidgets.models.tracing import INSIDE_ATTENTION, forward
from interpwidgets.results.base import Provenance, Result
from interpwidgets.results.tokens import Tokens

R_co = TypeVar("R_co", bound=Result, covariant=True)


@dataclass(frozen=True)
class Run:
    """A finished (or, during generation, growing) forward, with what names its parts."""

    capture: Capture
    adapter: Adapter
    tokenizer: Any | None
    dtype: str
    reader: int = 0
    """Which method's reads ``visits`` gives."""
    batch: Batch = field(default_factory=Batch)
    """The prompts as they were given; empty where nnsight encoded them."""
    model: Model | None = None
    """The model that ran, for methods that also need its weights."""

    def visits(self, site: str, layer: int | None = None) -> list[torch.Tensor]:
        """Return what was kept of a site at each forward pass; empty if never reached."""
        return self.capture.values.get((self.reader, site, layer), [])

    def tokens(self, prompt: int) -> Tokens:
        """Return the tokens of one prompt of the batch."""
        if self.adapter.architecture.positions:
            return patch_tokens(self.adapter)
        given = self.batch.prompts[prompt : prompt + 1]
        return read_tokens(
            self.tokenizer,
            self.capture.prompt_ids(prompt),
            n_generated=self.capture.n_generated(prompt),
            roles=given[0].roles if given else (),
            turns=given[0].turns if given else (),
        )

    def bos(self, prompts: Iterable[int]) -> str:
        """Return in words whether prompts begin with BOS; empty if there is no such id."""
        token_id = getattr(self.tokenizer, "bos_token_id", None)
        if token_id is None or self.adapter.architecture.positions:
            return ""
        begin = [self.capture.prompt_ids(prompt)[:1] == [token_id] for prompt in prompts]
        return join_bos("with BOS" if begins else "no BOS" for begins in begin)

    def provenance(self, *sites: str, prompt: int | None = 0) -> Provenance:
        """Return where a Result of this run comes from.

        Args:
            sites: What it read.
            prompt: Which prompt of the batch it is of; None: of all.
        """
        prompts = range(self.capture.n_prompts) if prompt is None else (prompt,)
        return Provenance(
            model=self.adapter.name,
            revision=self.adapter.revision,
            tokenizer=self.adapter.tokenizer,
            dtype=self.dtype,
            sites=sites,
            run=self.capture.number,
            intervened=tuple(self.capture.intervened),
            adapter=self.capture.adapter,
            bos=self.bos(prompts),
            note=self.capture.note,
        )


def join_bos(words: Iterable[str]) -> str:
    """Return what holds of several prompts, given what ``Run.bos`` says of each."""
    said = set(words)
    return said.pop() if len(said) == 1 else "BOS in some"


@runtime_checkable
class Method(Protocol[R_co]):
    """One way of looking: what to read of a run, and what to make of it."""

    @property
    def result_type(self) -> type[R_co]:
        """The type of Result that ``build`` makes."""

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return what to read of this model."""

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:
        """Refuse by ``ReadTooLargeError`` what would pass the limit."""

    def build(self, run: Run, previous: Sequence[Any]) -> tuple[R_co, ...]:
        """Return one Result per prompt.

        Args:
            run: What was captured.
            previous: The last Results, for what this run did not reach.
        """


class MethodReader:
    """Reads for several methods in one forward; keeps nothing itself."""

    def __init__(
        self, model: Model, methods: Sequence[Method[Result]], batch: Batch | None = None
    ) -> None:
        self.model = model
        self.adapter = adapter_of(model)
        self.tokenizer = getattr(model, "tokenizer", None)
        self.methods = list(methods)
        self.batch = batch or Batch()
        self._makes_patterns = False

    def reads(self) -> list[Read]:
        """Return every read that a method wants."""
        wanted = [
            dataclasses.replace(read, reader=index)
            for index, method in enumerate(self.methods)
            for read in method.reads(self.adapter)
        ]
        self._makes_patterns = any(read.site in INSIDE_ATTENTION for read in wanted)
        return wanted

    def check(self, capture: Capture) -> None:
        """Refuse a run that is too long, or whose reads would be too large."""
        check_run(capture, self.adapter, self.tokenizer)
        for method in self.methods:
            method.check_bytes(self.adapter, capture.n_prompts, capture.n_tokens)
        if self._makes_patterns and capture.n_steps == 1:  # later steps have one query each
            module = module_of(self.model)
            check_pattern_memory(module, self.adapter, capture.n_prompts, capture.n_tokens)

    def progress(self, capture: Capture) -> None:
        """Ignore generation steps."""

    def deliver(self, capture: Capture) -> None:
        """Ignore the end: who called ``forward`` has the capture."""

    def run_of(self, capture: Capture, reader: int = 0) -> Run:
        """Return a capture with the model's names, for the method of that index."""
        dtype = dtype_of(self.model)
        return Run(capture, self.adapter, self.tokenizer, dtype, reader, self.batch, self.model)


def run_method(
    model: Any, prompt: Any, method: Method[R_co], *, prepend_bos: bool | None = None
) -> R_co:
    """Return what a method makes of one forward of its own.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids or chat messages, of one prompt.
        method: What to look at.
        prepend_bos: As of ``read_prompts``.

    Raises:
        PromptError: It is no single prompt.
    """
    model = ready(model)
    batch = read_prompts(prompt, model, prepend_bos=prepend_bos)
    if len(batch.prompts) > 1:
        _refuse_batch(len(batch.prompts))
    reader = MethodReader(model, [method], batch)
    capture = forward(model, batch, reader)
    if capture.n_prompts != 1:
        _refuse_batch(capture.n_prompts)
    return method.build(reader.run_of(capture), ())[0]


def _refuse_batch(n_prompts: int) -> NoReturn:
    raise PromptError(
        f"this takes one prompt; got {n_prompts}. A board shows several: board.run([...])."
    )


def refuse_large(what: str, needed: int, limit: int, fits: str) -> None:
    """Raise when a read would keep more than its limit.

    Args:
        what: The read in words.
        needed: Bytes that it would keep.
        limit: Bytes allowed.
        fits: Arguments that would fit.

    Raises:
        ReadTooLargeError: ``needed`` is above ``limit``.
    """
    if needed > limit:
        raise ReadTooLargeError(
            f"{what} would keep {needed / 2**20:,.1f} MB; the limit is "
            f"{limit / 2**20:,.1f} MB. {fits}, or raise max_bytes={needed}."
        )
