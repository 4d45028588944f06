"""How far each strength of a direction goes, beside random ones as long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.directions import Direction
from interpwidgets.errors import MetricError
from interpwidgets.interventions.dial import Dial
from interpwidgets.interventions.value import Part
from interpwidgets.models.adapter import Model
from interpwidgets.models.capture import Read
from interpwidgets.models.generating import Sampling, generate
from interpwidgets.models.loading import ready
from interpwidgets.models.patching import Progress, ProgressTeller
from interpwidgets.models.prompts import Batch, Prompt, read_prompts
from interpwidgets.models.token_text import read_tokens
from interpwidgets.models.vocabulary import word_ids
from interpwidgets.reads.own_text import own_logprobs
from interpwidgets.results.dose_response import DoseResponse

#: Nine strengths, both ways.
STRENGTHS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)

#: Random directions.
CONTROLS = 8

#: Rows of one generation.
ROWS = 32


def dose_response(
    model: Any,
    dial: Dial,
    prompts: Any,
    *,
    answers: Any = None,
    metric: Any = "probability",
    strengths: Any = STRENGTHS,
    n_random: int = CONTROLS,
    max_new_tokens: int = 16,
    temperature: float = 0.0,
    seed: int = 0,
    batch: int = ROWS,
    prepend_bos: bool | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> DoseResponse:
    """Measure an effect and the loss of the text at each strength of a direction.

    Every strength of every direction is a row of a batch, written with a cache. An
    interrupt keeps the prompts that are done.

    Args:
        model: An nnsight or a Hugging Face model.
        dial: What to add where: ``iw.dial(model, direction, prompts)``.
        prompts: Text, token ids or chat messages, or a list of those.
        answers: Of ``"probability"`` a token or a list of tokens, whose probabilities are
            added up; of ``"logit_difference"`` ``(correct, wrong)``. Text or ids.
        metric: ``"probability"`` or ``"logit_difference"`` after the prompt's last token; a
            Direction: the component along it there; or a function from what was written, as
            text, to a number.
        strengths: In units of the site's mean norm.
        n_random: How many random directions, as long, for the control.
        max_new_tokens: How much is written.
        temperature: As of ``iw.steered_text``.
        seed: Of the draw and of the random directions.
        batch: How many rows share a generation.
        prepend_bos: As of ``iw.attention``.
        progress: Called after each generation.

    Returns:
        ``DoseResponse``: effect and loss by prompt and strength, and the control's.

    Raises:
        MetricError: The metric is none of those, or gives no number.

    Source:
        Turner et al. (2023), "Activation Addition", for effect and perplexity against the
        coefficient. We differ in: random directions of the same length beside it.
    """
    model = ready(model)
    measure = metric_of(metric, answers, model)
    sampling = Sampling(max_new_tokens, temperature, seed)
    given = read_prompts(prompts, model, prepend_bos=prepend_bos).prompts
    doses = [float(strength) for strength in strengths]
    random = [dial.direction.random_like(seed + i) for i in range(n_random)]
    dials = [dial, *(dial.turned_to(one) for one in random)]
    # Every direction has the same strength of 0: it is run once.
    wanted = [(at if dose else 0, dose) for at in range(len(dials)) for dose in doses]
    once = list(dict.fromkeys(wanted))
    rows = [dials[at].at(dose) for at, dose in once]
    places = [once.index(one) for one in wanted]
    teller = ProgressTeller(len(given) * len(rows), progress)
    done: list[_Rows] = []
    note, run = "", None
    try:
        for prompt in given:
            found, run = _of_prompt(model, prompt, rows, measure, sampling, batch, teller)
            done.append(found)
    except KeyboardInterrupt:
        if not done:
            raise
        note = f"interrupted: {len(done)} of {len(given)} prompts"
    assert run is not None  # there is a prompt, and it is done
    shape = (len(done), len(dials), len(doses))
    effect = np.array([one.effect for one in done])[:, places].reshape(shape)
    loss = np.array([one.loss for one in done])[:, places].reshape(shape)
    return DoseResponse(
        provenance=run,
        direction=dial.direction.name,
        place=dial.place,
        strengths=np.array(doses),
        unit=float(np.mean(list(dial.units.values()))),
        effect=effect[:, 0],
        loss=loss[:, 0],
        control_effect=np.moveaxis(effect[:, 1:], 0, 1),
        control_loss=np.moveaxis(loss[:, 1:], 0, 1),
        metric=measure.title,
        sampling=str(sampling),
        texts=tuple(tuple(one.texts[at] for at in places[: len(doses)]) for one in done),
        note=note,
    )


@dataclass(frozen=True)
class TextMetric:
    """One number of a steered row."""

    title: str
    read: Read | None
    """What of the first pass it is of; None: it is of the text."""
    number: Callable[[Any], float]


def metric_of(given: Any, answers: Any, model: Model) -> TextMetric:
    """Return what is measured of each row.

    Args:
        given: The metric, as of ``dose_response``.
        answers: As of ``dose_response``.
        model: The nnsight model.

    Raises:
        MetricError: It is none of those, or the answers are not as many as it needs.
        PromptError: An answer is not one token of the model's.
    """
    if isinstance(given, Direction):
        return _component(given)
    if callable(given):
        return TextMetric(getattr(given, "__name__", "own metric"), None, given)
    if given not in ("probability", "logit_difference"):
        raise MetricError(
            "a metric is 'probability' or 'logit_difference' of answers=, a Direction, or a "
            f"function of the text that was written; got {given!r:.40}."
        )
    words = [] if answers is None else answers
    words = list(words) if isinstance(words, (list, tuple, set)) else [words]
    ids = word_ids(model, words)
    if not ids or (given == "logit_difference" and len(ids) != 2):
        wanted = "a token or several" if given == "probability" else "(correct, wrong)"
        raise MetricError(f"{given!r} needs answers={wanted}; got {answers!r:.40}.")
    if given == "probability":
        title = f"probability of {' or '.join(repr(word) for word in words)}"
        read = Read("logits", None, _last_probabilities)
        return TextMetric(title, read, lambda row: float(row[ids].sum()))
    title = f"logit difference {' − '.join(repr(word) for word in words)}"
    read = Read("logits", None, _last)
    return TextMetric(title, read, lambda row: float(row[ids[0]] - row[ids[1]]))


def _component(direction: Direction) -> TextMetric:
    unit = direction.vector.astype(np.float64) / direction.norm
    title = f"component along {direction.name} at {direction.place}"
    read = Read(direction.site, direction.layer, _last)
    return TextMetric(title, read, lambda row: float(row @ unit))


def _last(value: torch.Tensor) -> Float[torch.Tensor, "row d"]:
    return value[:, -1].double()


def _last_probabilities(logits: torch.Tensor) -> Float[torch.Tensor, "row d_vocab"]:
    return logits[:, -1].double().softmax(dim=-1)


@dataclass(frozen=True)
class _Rows:
    effect: list[float]
    loss: list[float]
    texts: tuple[str, ...]


def _of_prompt(
    model: Model,
    prompt: Prompt,
    rows: Sequence[Sequence[Part]],
    measure: TextMetric,
    sampling: Sampling,
    batch: int,
    teller: ProgressTeller,
) -> tuple[_Rows, Any]:
    """Return the numbers of all rows of one prompt, and where they are from."""
    effect: list[float] = []
    loss: list[float] = []
    texts: list[str] = []
    provenance: Any = None
    for first in range(0, len(rows), max(1, batch)):
        some = rows[first : first + max(1, batch)]
        wrote = generate(
            model,
            Batch((prompt,) * len(some)),
            sampling,
            some if len(some) > 1 else [some[0]],
            reads=() if measure.read is None else (measure.read,),
        )
        run = wrote.reader.run_of(wrote.capture)
        provenance = provenance or run.provenance()
        written = [text_of(model, ids) for ids in wrote.new_ids]
        of = written if measure.read is None else _first_pass(run, measure.read)
        effect += [_number(measure, one) for one in of]
        whole = [[*prompt.ids, *ids] for ids in wrote.new_ids]
        logprobs = own_logprobs(model, whole, [len(prompt.ids)] * len(some))
        loss += [float(-np.nanmean(one.astype(np.float64))) for one in logprobs]
        texts += written
        teller.add(len(some))
    return _Rows(effect, loss, tuple(texts)), provenance


def _first_pass(run: Any, read: Read) -> list[np.ndarray]:
    return list(run.visits(read.site, read.layer)[0].numpy())


def _number(measure: TextMetric, of: Any) -> float:
    try:
        number = float(measure.number(of))
    except (TypeError, ValueError) as error:
        raise MetricError(f"{measure.title} gave no number: {error}") from error
    if not np.isfinite(number):
        raise MetricError(f"{measure.title} gave {number} for {of!r:.60}; it must be finite.")
    return number


def text_of(model: Model, ids: Sequence[int]) -> str:
    """Return what was written as text, special tokens left out.

    Args:
        model: The nnsight model.
        ids: Token ids.
    """
    tokens = read_tokens(getattr(model, "tokenizer", None), list(ids))
    pairs = zip(tokens.text, tokens.special, strict=True)
    return "".join(text for text, special in pairs if not special)
