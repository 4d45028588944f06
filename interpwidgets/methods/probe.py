"""Linear probes at every layer, on texts that they were not fitted on, beside controls."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from interpwidgets.directions.dataset import Dataset, dataset_of
from interpwidgets.errors import DatasetError
from interpwidgets.estimators.bench import (
    HELD_OUT,
    TRAIN,
    UNREAD,
    Bench,
    Design,
    Progress,
)
from interpwidgets.estimators.fitting import check_methods
from interpwidgets.estimators.splitting import (
    check_classes,
    check_same_texts,
    grouped_split,
)
from interpwidgets.models.adapter import Model, adapter_of
from interpwidgets.models.labelled_rows import LabelledRows, read_rows, site_layers
from interpwidgets.models.loading import ready
from interpwidgets.models.prompts import Prompt, read_prompts
from interpwidgets.models.reading_positions import Rule
from interpwidgets.models.token_spans import token_spans
from interpwidgets.results.probe import ProbeResult

MAX_BYTES = 2**29


def probe(
    model: Any,
    dataset: Any,
    labels: Any = None,
    *,
    groups: Any = None,
    spans: Any = None,
    positive: Any = None,
    task: str | None = None,
    about: str = "",
    site: str = "resid_post",
    layers: Sequence[int] | None = None,
    position: str | int | Sequence[str | int] = "last",
    tokens_per_text: int | None = None,
    method: str | Sequence[str] | None = None,
    regularisation: float | int = 1.0,
    test: float | Any = 0.25,
    transfer: Any = None,
    shuffled: int = 20,
    random: int = 20,
    rotations: int = 5,
    seed: int = 0,
    prepend_bos: bool | None = None,
    max_bytes: int = MAX_BYTES,
    progress: Callable[[Progress], object] | None = None,
) -> ProbeResult:
    """Fit linear probes at every layer in one pass over labelled prompts.

    Each is measured on whole groups of texts that it was not fitted on, beside probes of
    shuffled labels, random directions and, for methods that speak of single components, the
    site turned at random. A probe of labels without meaning has AUROC 0.5 on average.

    An interrupt keeps what is done: texts read, then probes fitted, then controls run.

    Args:
        model: An nnsight or a Hugging Face model.
        dataset: An ``iw.Dataset``, a DataFrame with columns text and label (group, span),
            prompts with ``labels``, or contrast pairs [(positive, negative), ...].
        labels: One for each prompt: classes or amounts.
        groups: One for each prompt, as of ``Dataset``.
        spans: One for each prompt, as of ``Dataset``.
        positive: Of two classes the one that scores above 0.
        task: As of ``Dataset``.
        about: What the labels are of, in words.
        site: A site with one vector at each position.
        layers: Layers to probe; all by default, of ``resid_post`` the embedding as −1, too.
        position: ``"last"``, ``"mean"``, ``"every"`` token, the marked ``"span"``, a number,
            or several. BOS is left out of means and of ``"every"``.
        tokens_per_text: Of ``"every"``, how many tokens of each text, drawn by lot.
        method: ``"logistic"``, ``"mean_difference"``, ``"lda"``, ``"pca"``, ``"sign"`` (for
            amounts ``"ridge"``, ``"pca"``), or several; logistic or ridge by default.
        regularisation: Of logistic (1 / C) and ridge (alpha), on standardised rows.
        test: Share of texts to hold out, or a dataset of its own.
        transfer: A second dataset to score, or several by name.
        shuffled: How many times labels are shuffled and everything fitted again.
        random: How many random directions.
        rotations: How many random rotations.
        seed: Of the split and the controls.
        prepend_bos: As of ``iw.attention``.
        max_bytes: Refuse to keep more activations than this.
        progress: Called after each batch and each fit.

    Returns:
        ``ProbeResult``; ``.direction(layer)`` is an ``iw.Direction``.

    Raises:
        DatasetError: Labels, groups or split do not allow it; a text is on both sides.
        SiteError: The site is not one vector at each position, or is not there.
        PromptError: A prompt is empty or too long.
        ReadTooLargeError: More than ``max_bytes`` would be kept.

    Example:
        >>> import interpwidgets as iw
        >>> ids = [[1, a, b] for a in range(5, 13) for b in range(5, 9)]
        >>> big = [row[1] > 8 for row in ids]
        >>> from interpwidgets.methods.probe import probe
        >>> found = probe(iw.load("lil-attn-2l"), ids, big, position=1, shuffled=0)
        >>> found.layers, found.value.shape
        ((-1, 0, 1), (2, 2, 1, 1, 3))

    Source:
        Alain and Bengio (2016), "Understanding intermediate layers using linear classifier
        probes"; Hewitt and Liang (2019), "Designing and Interpreting Probes with Control
        Tasks", for a control of labels. We differ in: labels are shuffled over texts.
    """
    model = ready(model)
    own = {"groups": groups, "spans": spans, "positive": positive, "task": task}
    data = dataset_of(dataset, labels, **own, **({"name": about} if about else {}))
    sweep = _Sweep(model, data, test, transfer, seed)
    methods = _several(method) or ("logistic" if data.classes else "ridge",)
    check_methods(methods, len(data.classes))
    if not regularisation > 0 or min(shuffled, random, rotations) < 0:
        raise DatasetError("regularisation is above 0, and controls count from 0.")
    rules = [Rule(one, tokens_per_text, seed) for one in _several(position)]
    adapter = adapter_of(model)
    prompts = sweep.prompts(prepend_bos)
    found = read_rows(
        model,
        prompts,
        site,
        site_layers(adapter, site, layers),
        rules,
        spans=sweep.spans(prompts) if any(rule.name == "span" for rule in rules) else None,
        max_bytes=max_bytes,
        seed=seed,
        progress=None if progress is None else _reading(progress),
    )
    design = Design(
        target=sweep.target,
        group=sweep.group,
        part=np.where(found.read, sweep.part, UNREAD),
        n_parts=len(sweep.parts),
        n_classes=len(data.classes),
        paired=data.paired,
        regularisation=float(regularisation),
        n_shuffled=shuffled,
        n_random=random,
        n_rotations=rotations,
        seed=seed,
    )
    _check_enough(design, found.read)
    bench = Bench(design, found.by_rule, methods)
    bench.run(progress)
    return _result(bench, sweep, found, rules, prepend_bos)


class _Sweep:
    """All texts of all parts, one after another, with what is known of each."""

    def __init__(
        self, model: Model, data: Dataset, test: Any, transfer: Any, seed: int
    ) -> None:
        self.model, self.data, self.seed = model, data, seed
        others = _named(transfer)
        if isinstance(test, (float, int)):
            check_same_texts(data.keys, data.group)
            held_out = grouped_split(
                data.target, data.group, is_class=bool(data.classes), share=test, seed=seed
            )
            parts = [np.where(held_out, HELD_OUT, TRAIN)]
            by = "groups" if data.groups is not None else "texts"
            self.split = f"split by {by}, {test:.0%} held out, seed {seed}"
            self.datasets = [data, *others.values()]
        else:
            given = _like(dataset_of(test), data, "test")
            parts = [np.zeros(len(data), int), np.full(len(given), HELD_OUT)]
            self.split = f"held out: {given.name or 'a dataset of its own'}"
            self.datasets = [data, given, *others.values()]
        parts += [np.full(len(one), 2 + i) for i, one in enumerate(others.values())]
        others_like = [_like(one, data, name) for name, one in others.items()]
        self.datasets[len(self.datasets) - len(others_like) :] = others_like
        self.part = np.concatenate(parts)
        self.parts = ("train", "held out", *others)
        self.target = np.concatenate([one.target for one in self.datasets])
        self.keys = tuple(key for one in self.datasets for key in one.keys)
        self.group = self._groups()
        self._check_sides()

    def _groups(self) -> np.ndarray:
        """Return groups over all datasets; of given ones the same name is the same group."""
        number: dict[str, int] = {}
        names = [
            name
            for one in self.datasets
            for name in (one.keys if one.groups is None else map(repr, one.groups))
        ]
        return np.array([number.setdefault(name, len(number)) for name in names])

    def _check_sides(self) -> None:
        check_same_texts(self.keys, np.minimum(self.part, HELD_OUT))
        used = self.part <= HELD_OUT
        both = set(self.group[self.part == TRAIN]) & set(self.group[self.part == HELD_OUT])
        if both and all(one.groups is not None for one in self.datasets[:2]):
            raise DatasetError(
                f"leakage: {len(both)} groups of the training texts are in the test set, too."
            )
        if self.data.classes:
            check_classes(self.target[used], (self.part == HELD_OUT)[used])

    def prompts(self, prepend_bos: bool | None) -> tuple[Prompt, ...]:
        texts = [text for one in self.datasets for text in one.texts]
        return read_prompts(texts, self.model, prepend_bos=prepend_bos).prompts

    def spans(self, prompts: Sequence[Prompt]) -> list[tuple[int, int]] | None:
        if any(one.spans is None for one in self.datasets):
            return None
        texts = [text for one in self.datasets for text in one.texts]
        spans = [span for one in self.datasets for span in one.spans]
        return token_spans(self.model, texts, prompts, spans)


def _like(given: Dataset, data: Dataset, what: str) -> Dataset:
    """Return a dataset with the classes of another, in the same order."""
    if data.task == "regression":
        return dataclasses.replace(given, task="regression")
    unknown = set(given.classes) - set(data.classes)
    if unknown:
        raise DatasetError(
            f"{what} has labels that the probes are not fitted on: "
            f"{', '.join(sorted(unknown))}; they know {', '.join(data.classes)}."
        )
    if given.classes == data.classes:
        return given
    if len(data.classes) == 2:
        positive = next(one for one in given.labels if str(one) == data.classes[1])
        return dataclasses.replace(given, positive=positive)
    raise DatasetError(f"{what} has {', '.join(given.classes)} alone of the classes.")


def _named(transfer: Any) -> dict[str, Dataset]:
    if transfer is None:
        return {}
    if isinstance(transfer, Mapping):
        return {str(name): dataset_of(one) for name, one in transfer.items()}
    one = dataset_of(transfer)
    return {one.name or "transfer": one}


def _several(given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    one = isinstance(given, (str, int, np.integer))
    return tuple(dict.fromkeys([given] if one else given))


def _reading(progress: Callable[[Progress], object]) -> Callable[[int, int, float], object]:
    return lambda done, total, left: progress(Progress("reading texts", done, total, left))


def _check_enough(design: Design, read: np.ndarray) -> None:
    """Refuse what an interrupt left too little of to learn from."""
    if read.all():
        return
    used = (design.part == TRAIN) | (design.part == HELD_OUT)
    enough = bool((design.part == TRAIN).any() and (design.part == HELD_OUT).any())
    try:
        if design.n_classes and enough:
            check_classes(design.target[used], (design.part == HELD_OUT)[used])
    except DatasetError:
        enough = False
    if not enough:
        raise KeyboardInterrupt(f"{int(read.sum())} texts were read: too few to learn from")


def _result(
    bench: Bench,
    sweep: _Sweep,
    found: LabelledRows,
    rules: Sequence[Rule],
    prepend_bos: bool | None,
) -> ProbeResult:
    data = sweep.data
    return ProbeResult(
        provenance=dataclasses.replace(found.provenance, note=_note(bench, found)),
        task=data.task or "",
        classes=data.classes,
        about=data.name,
        site=found.site,
        layers=found.layers,
        positions=tuple(map(str, rules)),
        position_names=tuple(str(rule.name) for rule in rules),
        methods=tuple(bench.methods),
        metrics=bench.design.metrics,
        parts=sweep.parts,
        part=bench.design.part.astype(np.int32),
        target=sweep.target.astype(np.float32),
        group=sweep.group.astype(np.int32),
        texts=sweep.keys,
        scores=bench.scores,
        vectors=bench.vectors,
        slope=bench.slope,
        intercept=bench.intercept,
        value=bench.value,
        low=bench.low,
        high=bench.high,
        shuffled=bench.shuffled,
        random=bench.random,
        rotated=bench.rotated,
        site_norm=bench.site_norm,
        split=sweep.split,
        prepend_bos=prepend_bos,
        seed=sweep.seed,
        checksum=data.checksum,
    )


def _note(bench: Bench, found: LabelledRows) -> str:
    """Return what a reader must know: what was not done, and what did not settle."""
    said = [found.provenance.note]
    n, total = int(found.read.sum()), len(found.read)
    if n < total:
        said.append(f"interrupted: {n} of {total} texts read")
    if not bench.finished:
        said.append("interrupted: what was not fitted is left out")
    if bench.unconverged:
        said.append(f"{bench.unconverged} fits did not converge; raise regularisation")
    return ". ".join(filter(None, said))
