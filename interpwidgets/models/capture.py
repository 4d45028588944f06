"""What one forward gave: the reads' values, the tokens, and what was changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Int, Shaped

from interpwidgets.errors import PromptError

Reduction = Callable[..., torch.Tensor]
ReadKey = tuple[int, str, int | None]


@dataclass(frozen=True)
class Read:
    """A site and what to keep of it."""

    site: str
    """A name of ``interpwidgets.sites.SITES``."""

    layer: int | None
    """The layer number; None for sites that exist once."""

    reduce: Reduction
    """Runs beside the model on the site's tensor; only its result leaves the device."""

    reader: int = 0
    """Which of several readers of one run asked: two may keep different things of a site."""

    with_ids: bool = False
    """Call ``reduce`` with the ids of the run so far as well, ``[prompt, pos]``."""

    with_head: bool = False
    """Call ``reduce`` with the model's ``OutputHead`` as well, last."""

    optional: bool = False
    """Whether a run may go on without it: then its failure leaves it out, and says nothing."""

    @property
    def key(self) -> ReadKey:
        """What its values are filed under."""
        return self.reader, self.site, self.layer


@dataclass
class Capture:
    """One run: filled while the model runs, read when it is over."""

    number: int = 0
    """Which run of this process it is, from 1, over all models."""

    values: dict[ReadKey, list[torch.Tensor]] = field(default_factory=dict)
    """Reduced tensors of each read, on the CPU; one per visit (generation step)."""

    ids: Int[torch.Tensor, "prompt pos"] | None = None
    """Token ids that went through the model so far, left pads included."""

    n_pads: tuple[int, ...] = ()
    """How many of each prompt's first columns are padding."""

    ends: tuple[int, ...] = ()
    """The column after each prompt's last token: what follows is padding."""

    eos_ids: frozenset[int] = frozenset()
    """Ids that end a generation: what follows one of them is padding."""

    n_prompt_tokens: int = 0
    """Length of the first step's input; what follows was generated."""

    n_steps: int = 0
    """Forward passes that began."""

    intervened: dict[str, None] = field(default_factory=dict)
    """Module paths where the user changed a value, and our own interventions in words."""

    touched: dict[str, dict[int, Bool[torch.Tensor, "prompt pos"]]] = field(
        default_factory=dict
    )
    """By intervention in words: at each pass, which of its columns were changed."""

    adapter: str = ""
    """The model's LoRA adapter and how strong it was; empty for none."""

    note: str = ""
    """For the provenance."""

    read_error: Exception | None = None
    """The first read that failed; the forward went on."""

    error: BaseException | None = None
    """What ended the run early: an error in the user's block or an interrupt."""

    @property
    def n_prompts(self) -> int:
        """How many prompts the batch held."""
        return 0 if self.ids is None else int(self.ids.shape[0])

    @property
    def n_tokens(self) -> int:
        """How many positions went through the model so far, pads included."""
        return 0 if self.ids is None else int(self.ids.shape[1])

    def span(self, prompt: int) -> slice:
        """Return the columns of one prompt, without the padding at either side."""
        return slice(self.n_pads[prompt], self.ends[prompt])

    def length(self, prompt: int) -> int:
        """Return how many tokens one prompt has, those that it wrote itself included."""
        return self.ends[prompt] - self.n_pads[prompt]

    def n_generated(self, prompt: int) -> int:
        """Return how many of them the model wrote itself."""
        return max(0, self.ends[prompt] - self.n_prompt_tokens)

    def prompt_ids(self, prompt: int) -> list[int]:
        """Return one prompt's ids without its padding."""
        if self.ids is None:
            return []
        return [int(token_id) for token_id in self.ids[prompt, self.span(prompt)]]

    def touched_positions(self, words: str, prompt: int) -> tuple[int, ...]:
        """Return the positions of one prompt, from 0, that an intervention changed.

        Args:
            words: The intervention, as ``str`` has it.
            prompt: Which prompt.
        """
        found: set[int] = set()
        for step, columns in self.touched.get(words, {}).items():
            first = 0 if step == 1 else self.n_prompt_tokens + step - 2
            found |= {first + int(i) for i in columns[prompt].nonzero()[:, 0]}
        span = self.span(prompt)
        return tuple(sorted(i - span.start for i in found if span.start <= i < span.stop))

    def add_note(self, words: str) -> None:
        """Say one thing more in the provenance; nothing twice."""
        if words not in self.note:
            self.note = ". ".join(filter(None, [self.note, words]))

    def add_step(
        self,
        ids: Int[torch.Tensor, "prompt pos"],
        mask: Shaped[torch.Tensor, "prompt all_pos"] | None,
    ) -> None:
        """Note the input of one forward pass.

        With a cache a generation step brings only the new ids; without one it brings
        the whole sequence again.

        Args:
            ids: The forward's input ids.
            mask: Its attention mask, 0 at pads.

        Raises:
            PromptError: The prompt has no tokens.
        """
        ids = ids.detach().to("cpu", copy=True)
        self.n_steps += 1
        if self.ids is None:
            if ids.numel() == 0:
                raise PromptError("the prompt has no tokens; give at least one word.")
            self.n_prompt_tokens = ids.shape[1]
            self.n_pads, self.ends = _real_columns(ids, mask)
            self.ids = ids
            return
        n_known = self.n_tokens
        whole = ids.shape[1] > n_known
        self.ids = ids if whole else torch.cat([self.ids, ids], dim=1)
        for column in range(n_known, self.n_tokens):
            self.ends = tuple(
                end if self._is_over(prompt, end, column) else column + 1
                for prompt, end in enumerate(self.ends)
            )

    def _is_over(self, prompt: int, end: int, column: int) -> bool:
        """Whether a prompt ended before a column: its last token ends generations."""
        if end < column:
            return True
        wrote = self.ids is not None and end > self.n_prompt_tokens
        return wrote and int(self.ids[prompt, end - 1]) in self.eos_ids  # type: ignore[index]


def _real_columns(
    ids: Int[torch.Tensor, "prompt pos"],
    mask: Shaped[torch.Tensor, "prompt all_pos"] | None,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the first column of each prompt, and the one after its last."""
    n_prompts, n_tokens = ids.shape
    if mask is None or mask.dim() != 2:
        return (0,) * n_prompts, (n_tokens,) * n_prompts
    real = (mask.detach().to("cpu") != 0)[:, -n_tokens:].int()
    if real.shape != ids.shape or not real.any(dim=1).all():
        return (0,) * n_prompts, (n_tokens,) * n_prompts
    first, last = real.argmax(dim=1), n_tokens - real.flip(1).argmax(dim=1)
    return tuple(first.tolist()), tuple(last.tolist())
