"""Prompts with labels: what a direction or a probe is learnt from."""

from __future__ import annotations

import hashlib
import json
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from interpwidgets.errors import DatasetError, nearest

TASKS = ("binary", "multiclass", "regression")

#: Whole numbers with more values than this are not taken for classes unasked.
MOST_CLASSES = 20


@dataclass(frozen=True, repr=False)
class Dataset:
    """Labelled prompts; which belong together is said by ``groups``."""

    texts: Any
    """Prompts: texts, lists of token ids, or chats."""

    labels: Any
    """One for each: classes (texts, booleans, few whole numbers) or numbers."""

    groups: Any = None
    """One for each: what has the same (an author, a template, a pair) is never on both sides
    of a split. By default identical texts are a group, and every other text is its own."""

    spans: Any = None
    """For the position rule ``"span"``, one for each: a part of the text, or a (start, stop)
    of token positions."""

    name: str = ""
    """What it is about, in words."""

    positive: Any = None
    """Of two classes the one that scores above 0; by default the later by sorting."""

    task: str | None = None
    """``"binary"``, ``"multiclass"`` or ``"regression"``; by the labels unless given."""

    def __post_init__(self) -> None:
        for name in ("texts", "labels", "groups", "spans"):
            given = getattr(self, name)
            object.__setattr__(self, name, None if given is None else _listed(name, given))
        self._check_lengths()
        _check_texts(self.texts)
        _check_labels(self.labels)
        object.__setattr__(self, "task", _task_of(self.labels, self.task))
        assert len(self.target) == len(self)  # classes are there, and `positive` is one

    @classmethod
    def from_pairs(
        cls,
        pairs: Sequence[Any],
        *,
        classes: tuple[str, str] = ("negative", "positive"),
        name: str = "",
    ) -> Dataset:
        """Make one of contrast pairs, each a group.

        Args:
            pairs: (positive prompt, negative prompt).
            classes: What the negative and the positive ones are called.
            name: What it is about.

        Raises:
            DatasetError: A pair is no pair.
        """
        if any(not isinstance(pair, (tuple, list)) or len(pair) != 2 for pair in pairs):
            raise DatasetError("contrast pairs are (positive, negative), two prompts each.")
        negative, positive = classes
        return cls(
            [text for pair in pairs for text in pair],
            [positive, negative] * len(pairs),
            groups=[n for n in range(len(pairs)) for _ in range(2)],
            name=name,
            positive=positive,
        )

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        text: str = "text",
        label: str = "label",
        group: str | None = None,
        span: str | None = None,
        **more: Any,
    ) -> Dataset:
        """Make one of a table; columns ``group`` and ``span`` are used where there are.

        Args:
            frame: A pandas DataFrame.
            text: The column of prompts.
            label: The column of labels.
            group: The column of groups.
            span: The column of spans.
            more: ``name``, ``positive``, ``task``.

        Raises:
            DatasetError: A column is not there.
        """
        columns = [str(column) for column in frame.columns]
        for wanted in filter(None, (text, label, group, span)):
            if wanted not in columns:
                raise DatasetError(
                    f"the table has no column {wanted!r}. {nearest(wanted, columns)}"
                )
        optional = {"groups": group or "group", "spans": span or "span"}
        found = {name: frame[of].tolist() for name, of in optional.items() if of in columns}
        return cls(frame[text].tolist(), frame[label].tolist(), **found, **more)

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        about = f" {self.name}" if self.name else ""
        return f"<Dataset{about}: {self.summary()}>"

    def summary(self) -> str:
        """Return its size, classes and groups in words."""
        counts = np.bincount(self.target.astype(int)) if self.classes else ()
        each = ", ".join(f"{n} {c}" for n, c in zip(counts, self.classes, strict=False))
        said = f"{len(self)} texts" + (f" ({each})" if each else "")
        n_groups = len(set(self.group.tolist()))
        return said if n_groups == len(self) else f"{said}, {n_groups} groups"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their number; empty for a regression."""
        return tuple(str(label) for label in self._order)

    @cached_property
    def target(self) -> Float[np.ndarray, " text"]:
        """The number of each text's class, or its label as a number."""
        if self.task == "regression":
            return np.array([float(label) for label in self.labels])
        number = {label: i for i, label in enumerate(self._order)}
        return np.array([number[label] for label in self.labels], dtype=float)

    @cached_property
    def group(self) -> Int[np.ndarray, " text"]:
        """The number of each text's group."""
        number: dict[str, int] = {}
        of = self.keys if self.groups is None else [repr(group) for group in self.groups]
        return np.array([number.setdefault(one, len(number)) for one in of])

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Each prompt as one text; the same for identical prompts."""
        return tuple(
            text if isinstance(text, str) else json.dumps(text, default=str)
            for text in self.texts
        )

    @property
    def paired(self) -> bool:
        """Whether every group is one text of each of two classes."""
        groups: dict[int, list[float]] = {}
        for group, target in zip(self.group.tolist(), self.target.tolist(), strict=True):
            groups.setdefault(group, []).append(target)
        return self.task == "binary" and all(sorted(g) == [0, 1] for g in groups.values())

    @cached_property
    def checksum(self) -> str:
        """Eight characters that tell its texts and labels from another's."""
        plain = json.dumps([self.keys, [str(label) for label in self.labels]])
        return hashlib.blake2b(plain.encode(), digest_size=4).hexdigest()

    @cached_property
    def _order(self) -> tuple[Any, ...]:
        if self.task == "regression":
            return ()
        order = sorted(set(self.labels), key=lambda label: (str(type(label)), label))
        if len(order) < 2:
            raise DatasetError(
                f"all {len(self)} labels are {self.labels[0]!r}: one class. Give examples of "
                "at least two, or of a number with task='regression'."
            )
        if self.positive is not None and self.positive not in order:
            raise DatasetError(
                f"positive={self.positive!r} is no label here. "
                f"{nearest(str(self.positive), map(str, order))}"
            )
        if self.positive is not None and len(order) == 2:
            order.sort(key=lambda label: label == self.positive)
        return tuple(order)

    def _check_lengths(self) -> None:
        n = len(self.texts)
        lengths = {
            name: len(getattr(self, name))
            for name in ("labels", "groups", "spans")
            if getattr(self, name) is not None
        }
        wrong = {name: k for name, k in lengths.items() if k != n}
        if wrong or not n:
            came = ", ".join(f"{k} {name}" for name, k in wrong.items()) or "none"
            raise DatasetError(f"every text needs its own; {n} texts came with {came}.")


def dataset_of(given: Any, labels: Any = None, **more: Any) -> Dataset:
    """Return a dataset, whatever form it came in.

    Args:
        given: A Dataset, a pandas DataFrame, prompts (with ``labels``), or contrast pairs.
        labels: One for each prompt.
        more: ``groups``, ``spans``, ``name``, ``positive``, ``task`` of prompts.

    Raises:
        DatasetError: It is none of those.
    """
    more = {name: value for name, value in more.items() if value is not None}
    if isinstance(given, Dataset):
        if labels is not None or more:
            said = ", ".join(["labels"] * (labels is not None) + list(more))
            raise DatasetError(f"a Dataset has its own {said}; give them when making it.")
        return given
    if hasattr(given, "columns") and hasattr(given, "iterrows"):
        if labels is not None:
            raise DatasetError("a table has its labels in a column; leave `labels` out.")
        return Dataset.from_frame(given, **more)
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__len__"):
        raise DatasetError(
            "labelled prompts are an iw.Dataset, a DataFrame with columns text and label, a "
            f"list of prompts with labels=, or pairs of prompts; got {type(given).__name__}."
        )
    if labels is not None:
        return Dataset(given, labels, **more)
    if given and all(isinstance(one, tuple) and len(one) == 2 for one in given):
        return Dataset.from_pairs(given, **more)
    raise DatasetError(
        "prompts need labels=[...]; contrast pairs are a list of tuples (positive, negative)."
    )


def _listed(name: str, given: Any) -> tuple[Any, ...]:
    given = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise DatasetError(f"`{name}` has one entry for each text; got {given!r:.40}.")
    return tuple(given)


def _check_texts(texts: tuple[Any, ...]) -> None:
    for at, text in enumerate(texts):
        if not isinstance(text, (str, list, tuple)) and not hasattr(text, "tolist"):
            raise DatasetError(
                f"text {at} is {type(text).__name__} {text!r:.40}; a prompt is text, token "
                "ids or chat messages."
            )
        if not len(text) or (isinstance(text, str) and not text.strip()):
            raise DatasetError(f"text {at} is empty ({text!r}). Leave it out, with its label.")


def _check_labels(labels: tuple[Any, ...]) -> None:
    missing = [
        at
        for at, label in enumerate(labels)
        if label is None or (isinstance(label, float) and not math.isfinite(label))
    ]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DatasetError(
            f"label {missing[0]} is {labels[missing[0]]}{more}: missing, NaN or infinite. "
            "Leave those texts out."
        )
    kinds = {_kind(label) for label in labels}
    if len(kinds) > 1 or None in kinds:
        came = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise DatasetError(f"labels are all texts, all booleans or all numbers; got {came}.")


def _kind(label: Any) -> str | None:
    if isinstance(label, (bool, np.bool_)):
        return "boolean"
    if isinstance(label, str):
        return "text"
    return "number" if isinstance(label, numbers.Real) else None


def _task_of(labels: tuple[Any, ...], given: str | None) -> str:
    """Return the task that the labels ask for, or check that they fit the one given."""
    if given is not None and given not in TASKS:
        raise DatasetError(f"task is {given!r:.40}. {nearest(str(given), TASKS)}")
    n_values = len(set(labels))
    if _kind(labels[0]) == "number" and given is None:
        if not all(float(label).is_integer() for label in labels):
            return "regression"
        if n_values > MOST_CLASSES:
            raise DatasetError(
                f"the labels are whole numbers of {n_values} values: classes or amounts? Say "
                "task='regression' or task='multiclass'."
            )
    if given == "regression" and _kind(labels[0]) != "number":
        raise DatasetError(f"a regression needs numbers as labels; got {labels[0]!r}.")
    if given == "regression" and n_values < 2:
        raise DatasetError(f"all labels are {labels[0]!r}: there is nothing to learn.")
    if given == "binary" and n_values > 2:
        raise DatasetError(f"task='binary' has two classes; the labels have {n_values}.")
    return given or ("multiclass" if n_values > 2 else "binary")
