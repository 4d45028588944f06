"""Steering: what a model writes with directions added, and how far each strength goes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import torch

from interpwidgets.directions import Direction
from interpwidgets.errors import InterventionError, PromptError, SiteError
from interpwidgets.interventions import Interventions, Where, parts_of
from interpwidgets.interventions.dial import Dial
from interpwidgets.interventions.value import Part
from interpwidgets.models.adapter import Adapter, Model, adapter_of
from interpwidgets.models.capture import Read
from interpwidgets.models.choosing import check_place
from interpwidgets.models.generating import Generated, Sampling, Stopped, Tell, generate
from interpwidgets.models.keeping import keep
from interpwidgets.models.loading import ready
from interpwidgets.models.prompts import Batch, read_prompts
from interpwidgets.models.token_text import read_tokens
from interpwidgets.reads.own_text import own_logprobs
from interpwidgets.results.steering import SteeredText
from interpwidgets.results.tokens import Tokens
from interpwidgets.sites import WHOLE_MODEL


def dial(
    model: Any,
    direction: Direction,
    prompts: Any,
    *,
    layers: Sequence[int] | int | None = None,
    positions: Any = None,
    when: Any = None,
) -> Dial:
    """Return a dial for a direction, its unit measured on prompts.

    The unit of each layer is the mean length of the site's vectors there, over all
    positions of the prompts but their first: many models put a vector many times as long
    on it.

    Args:
        model: An nnsight or a Hugging Face model.
        direction: What to add.
        prompts: Text, token ids or chat messages, or a list of those.
        layers: Where to add it; the direction's own layer by default.
        positions: As of ``interventions.Where``.
        when: A gate, as of ``interventions.Where``.

    Raises:
        InterventionError: The direction has no layer of its own and none is given, or it is
            as wide as another site.
    """
    model = ready(model)
    adapter, site = adapter_of(model), direction.site
    wanted = direction.layer if layers is None else layers
    if wanted is None and site not in WHOLE_MODEL:
        raise InterventionError(
            f"{direction.name} is of no layer in particular: say layers=, 0-"
            f"{adapter.n_layers - 1}."
        )
    chosen = check_place(Where(layers=wanted), site, adapter)
    known = _mean_norms(model, prompts, site, _places(site, adapter))
    return Dial(direction, {at: known[at] for at in chosen}, positions, when, None, known)


def _places(site: str, adapter: Adapter) -> list[int | None]:
    """Return every layer that has a site."""
    if site in WHOLE_MODEL:
        return [None]
    found: list[int | None] = []
    for layer in range(adapter.n_layers):
        with contextlib.suppress(SiteError):
            adapter.place(site, layer)
            found.append(layer)
    return found


def _mean_norms(
    model: Model, prompts: Any, site: str, places: Sequence[int | None]
) -> dict[int | None, float]:
    reads = [Read(site, layer, _norms) for layer in places]
    run, capture = keep(model, read_prompts(prompts, model), reads)
    spans = [capture.span(prompt) for prompt in range(capture.n_prompts)]
    units = {}
    for layer in places:
        rows = zip(run.visits(site, layer)[0], spans, strict=True)
        own = [row[min(span.start + 1, span.stop - 1) : span.stop] for row, span in rows]
        units[layer] = float(torch.cat(own).double().mean())
    return units


def _norms(value: torch.Tensor) -> torch.Tensor:
    return value.float().norm(dim=-1)


def steered_text(
    model: Any,
    prompt: Any,
    interventions: Any,
    *,
    max_new_tokens: int = 40,
    temperature: float = 0.0,
    seed: int = 0,
    prepend_bos: bool | None = None,
) -> SteeredText:
    """Write on after a prompt twice: as the model is, and with something changed.

    Both in one generation, with the same noise where tokens are drawn; so without an
    intervention both texts are the same.

    Args:
        model: An nnsight or a Hugging Face model.
        prompt: Text, token ids or chat messages, of one prompt.
        interventions: What to change, e.g. ``dial.at(2.0)``, or several.
        max_new_tokens: How much to write at most.
        temperature: 0 for the most probable token each time.
        seed: Of the draw.
        prepend_bos: As of ``iw.attention``.

    Returns:
        ``SteeredText``, with how probable each text is to the model as it is.

    Raises:
        PromptError: It is no single prompt, or the text would be longer than the context.
        InterventionError: The model lacks what is to be changed.

    Source:
        Turner et al. (2023), "Activation Addition"; Rimsky et al. (2023), "Steering Llama 2
        via Contrastive Activation Addition". We differ in: any site, any intervention.
    """
    text = SteeringText(ready(model), prompt, prepend_bos=prepend_bos)
    sampling = Sampling(max_new_tokens, temperature, seed)
    return text.both(parts_of(interventions), sampling)


class SteeringText:
    """One prompt of one model, steered again and again: the text as it is is written once."""

    def __init__(self, model: Model, prompt: Any, *, prepend_bos: bool | None = None) -> None:
        self.model = model
        batch = read_prompts(prompt, model, prepend_bos=prepend_bos)
        if len(batch.prompts) != 1:
            raise PromptError(
                f"steering takes one prompt; got {len(batch.prompts) or type(prompt).__name__}."
            )
        #: As it was given.
        self.typed = prompt
        self.prompt = batch.prompts[0]
        self._base: dict[Sampling, tuple[int, ...]] = {}

    def tokens(self, new_ids: Sequence[int] = ()) -> Tokens:
        """Return the prompt and what was written as tokens.

        Args:
            new_ids: What was written.
        """
        return read_tokens(
            getattr(self.model, "tokenizer", None),
            [*self.prompt.ids, *new_ids],
            n_generated=len(new_ids),
            roles=self.prompt.roles,
            turns=self.prompt.turns,
        )

    def words(self, ids: Sequence[int]) -> Tokens:
        """Return ids that were written as tokens, without the prompt.

        Args:
            ids: What was written.
        """
        return read_tokens(
            getattr(self.model, "tokenizer", None), list(ids), n_generated=len(ids)
        )

    def both(self, parts: Sequence[Part], sampling: Sampling) -> SteeredText:
        """Write both texts in one generation.

        Args:
            parts: What is changed in the second.
            sampling: How tokens are chosen.
        """
        batch = Batch((self.prompt, self.prompt))
        wrote = generate(self.model, batch, sampling, [(), parts])
        self._base[sampling] = wrote.new_ids[0]
        return self._result(wrote, 1, parts, sampling, wrote.new_ids[0])

    def base(
        self, sampling: Sampling, tell: Tell | None = None, stopped: Stopped = lambda: False
    ) -> tuple[int, ...]:
        """Return what the model writes as it is; told as it comes, kept once it is whole.

        Args:
            sampling: How tokens are chosen.
            tell: As of ``generate``.
            stopped: As of ``generate``.
        """
        if sampling not in self._base:
            wrote = generate(
                self.model, Batch((self.prompt,)), sampling, tell=tell, stopped=stopped
            )
            if wrote.stopped:
                return wrote.new_ids[0]
            self._base[sampling] = wrote.new_ids[0]
        return self._base[sampling]

    def steer(
        self,
        parts: Sequence[Part],
        sampling: Sampling,
        tell: Tell | None = None,
        stopped: Stopped = lambda: False,
    ) -> SteeredText:
        """Write the changed text, beside the one that is known.

        Args:
            parts: What is changed.
            sampling: How tokens are chosen.
            tell: As of ``generate``.
            stopped: As of ``generate``.
        """
        base = self.base(sampling, stopped=stopped)
        batch = Batch((self.prompt,))
        wrote = generate(self.model, batch, sampling, [parts], tell=tell, stopped=stopped)
        return self._result(wrote, 0, parts, sampling, base)

    def _result(
        self,
        wrote: Generated,
        row: int,
        parts: Sequence[Part],
        sampling: Sampling,
        base: tuple[int, ...],
    ) -> SteeredText:
        n, steered = len(self.prompt.ids), wrote.new_ids[row]
        base_logprob, steered_logprob = own_logprobs(
            self.model, [[*self.prompt.ids, *new] for new in (base, steered)], [n, n]
        )
        run = wrote.reader.run_of(wrote.capture)
        words = tuple(str(part) for part in parts)
        sites = tuple(dict.fromkeys(getattr(part, "site", "z") for part in parts))
        return SteeredText(
            provenance=run.provenance(*sites),
            base=self.tokens(base),
            steered=self.tokens(steered),
            n_prompt=n,
            interventions=Interventions(tuple(parts)).to_json(),
            words=words,
            touched=tuple(wrote.capture.touched_positions(one, row) for one in words),
            base_logprob=base_logprob,
            steered_logprob=steered_logprob,
            sampling=str(sampling),
            stopped=wrote.stopped,
        )
