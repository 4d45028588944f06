"""Memory is known before a run, and a read keeps no more than its reduction."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef

import interpwidgets as iw
from interpwidgets.errors import ReadTooLargeError
from interpwidgets.methods.attention import AttentionMethod
from interpwidgets.models import memory, tracing
from interpwidgets.models.capture import Read
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import forward
from tiny import CountForwards, tiny_gpt2, tiny_llama, wrapped

PROMPT = "the cat sat on a mat"


class Reading(MethodReader):
    """Asks for given reads."""

    def __init__(self, model: Any, reads: list[Read]) -> None:
        super().__init__(model, [])
        self._wanted = reads

    def reads(self) -> list[Read]:
        return self._wanted


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_one_layers_pattern_is_alive_at_a_time(make: Any) -> None:
    model = wrapped(make())
    seen: list[StorageWeakRef] = []
    alive: list[int] = []

    def reduce(pattern: torch.Tensor) -> torch.Tensor:
        # Of the storage: a view of the pattern that somebody kept would hold that too.
        seen.append(StorageWeakRef(pattern.untyped_storage()))
        alive.append(sum(not storage.expired() for storage in seen))
        return pattern.sum()

    n_layers = iw.describe(model).n_layers
    reads = [Read("pattern", layer, reduce) for layer in range(n_layers)]
    forward(model, PROMPT, Reading(model, reads))
    assert alive == [1] * n_layers


def test_what_leaves_the_device_is_reduced() -> None:
    """A tensor that says it is on a GPU; what is moved from there is counted."""
    moved: list[int] = []

    class OnGpu(torch.Tensor):
        device = torch.device("cuda")  # type: ignore[assignment]

        def to(self, *args: Any, **kwargs: Any) -> torch.Tensor:  # type: ignore[override]
            moved.append(self.numel())
            return self.as_subclass(torch.Tensor).to(*args, **kwargs)

    whole = torch.rand(2, 3, 64).as_subclass(OnGpu)
    reduced = whole.amax(dim=-1)
    kept = tracing._own_cpu_copy(reduced, whole)
    assert moved == [6]
    assert torch.equal(kept, reduced.as_subclass(torch.Tensor))


def test_reads_are_reduced_before_they_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, int]] = []
    copy = tracing._own_cpu_copy

    def noted(reduced: torch.Tensor, live: torch.Tensor) -> torch.Tensor:
        order.append(("copied", reduced.numel()))
        return copy(reduced, live)

    def reduce(value: torch.Tensor) -> torch.Tensor:
        order.append(("reduced", value.numel()))
        return value.amax(dim=-1)

    monkeypatch.setattr(tracing, "_own_cpu_copy", noted)
    model = wrapped(tiny_gpt2())
    forward(model, PROMPT, Reading(model, [Read("resid_post", n, reduce) for n in range(2)]))
    assert order == [("reduced", 6 * 32), ("copied", 6)] * 2


@pytest.mark.parametrize(
    ("free", "prompts", "message"),
    [
        (8 * 4 * 36, [PROMPT, "a dog"], "Give at most 1 prompt at a time: fewer layers"),
        (8 * 4 * 36 - 1, PROMPT, "Shorten the prompt to 5 tokens: fewer layers"),
    ],
)
def test_patterns_that_do_not_fit_beside_the_model_are_refused(
    monkeypatch: pytest.MonkeyPatch, free: int, prompts: Any, message: str
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: free)
    model = wrapped(tiny_gpt2())
    with CountForwards(model._module) as count, pytest.raises(ReadTooLargeError, match=message):
        iw.attention(model, prompts)
    assert count.n == 0


def test_patterns_that_just_fit_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 8 * 4 * 36)
    assert iw.attention(wrapped(tiny_gpt2()), PROMPT).result is not None


def test_a_read_without_patterns_asks_nothing_of_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 0)
    assert iw.activations(wrapped(tiny_gpt2()), PROMPT, "resid_post").values.any()


def test_a_generation_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 8 * 4 * 36)
    model = wrapped(tiny_gpt2())
    board = iw.Board(model)
    view = board.attention()
    with board.generate(PROMPT, max_new_tokens=4, min_new_tokens=4) as tracer:
        tracer.result.save()
    assert len(view.result.tokens) == 9


def test_the_estimate_of_what_is_kept_is_what_is_kept() -> None:
    model = wrapped(tiny_gpt2())
    method = AttentionMethod()
    reader = MethodReader(model, [method])
    capture = forward(model, [PROMPT, "a dog"], reader)
    patterns = [kept for (_, site, _), kept in capture.values.items() if site == "pattern"]
    kept = sum(v.nbytes for visits in patterns for v in visits)
    assert kept == method.bytes_needed(reader.adapter, 2, 6)


@pytest.mark.skipif(not memory._MEMINFO.exists(), reason="Linux tells what is free")
def test_the_memory_of_this_machine_is_known() -> None:
    free = memory.free_bytes(torch.device("cpu"))
    assert free is not None
    assert 2**20 < free < 2**50


def test_a_device_that_does_not_tell_is_trusted() -> None:
    assert memory.free_bytes(torch.device("meta")) is None
