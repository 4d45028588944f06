"""Reads share the user's forward, see its edits, and leave nnsight as it was."""

from __future__ import annotations

import threading
import traceback
from typing import Any

import pytest
import torch

from interpwidgets.errors import PromptError, ReadError, TraceError
from interpwidgets.models.capture import Capture, Read
from interpwidgets.models.running import MethodReader
from interpwidgets.models.tracing import ReadBackend, forward
from tiny import CountForwards, blocks_of, tiny_gpt2, tiny_llama, wrapped


class Recorder(MethodReader):
    """Reads one residual and keeps every capture."""

    def __init__(self, model: Any, *reads: Read) -> None:
        super().__init__(model, [])
        self._reads = list(reads) or [Read("resid_post", 1, lambda tensor: tensor)]
        self.captures: list[Capture] = []

    def reads(self) -> list[Read]:
        return self._reads

    def deliver(self, capture: Capture) -> None:
        self.captures.append(capture)

    @property
    def last(self) -> torch.Tensor:
        return self.captures[-1].values[0, "resid_post", 1][-1]


@pytest.fixture(params=[tiny_gpt2, tiny_llama], ids=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> Any:
    return wrapped(request.param())


def test_a_trace_is_one_forward_and_saves_arrive(model: Any) -> None:
    recorder = Recorder(model)
    with CountForwards(model._module) as count:
        with model.trace("the cat sat", backend=ReadBackend(recorder)):
            saved = blocks_of(model)[1].output.save()
    assert count.n == 1
    assert torch.equal(saved, recorder.last)


@pytest.mark.parametrize("how", ["in place", "assigned", "downstream of an earlier edit"])
def test_reads_see_the_users_edits(model: Any, how: str) -> None:
    recorder = Recorder(model)
    blocks = blocks_of(model)
    forward(model, "the cat sat", recorder)
    plain = recorder.last
    backend = ReadBackend(recorder)
    if how == "in place":
        with model.trace("the cat sat", backend=backend):
            blocks[1].output[:] += 4
        torch.testing.assert_close(recorder.last, plain + 4)
    elif how == "assigned":
        with model.trace("the cat sat", backend=backend):
            blocks[1].output = blocks[1].output * 2
        torch.testing.assert_close(recorder.last, plain * 2)
    else:
        with model.trace("the cat sat", backend=backend):
            blocks[0].output[:] = 0
        assert not torch.allclose(recorder.last, plain)
    assert list(recorder.captures[-1].intervened)


def test_a_trace_that_only_reads_did_not_intervene(model: Any) -> None:
    recorder = Recorder(model)
    with model.trace("the cat sat", backend=ReadBackend(recorder)):
        before = blocks_of(model)[1].input.save()
        after = blocks_of(model)[1].output.save()
    assert before.shape == after.shape
    assert not recorder.captures[-1].intervened


def test_where_the_user_intervened_is_named() -> None:
    model = wrapped(tiny_gpt2())
    recorder = Recorder(model)
    with model.trace("the cat sat", backend=ReadBackend(recorder)):
        model.transformer.h[0].mlp.output[:] *= 2
    assert list(recorder.captures[-1].intervened) == ["transformer.h.0.mlp"]


def test_a_stored_edit_counts_and_is_left_as_it_was() -> None:
    model = wrapped(tiny_gpt2())
    with model.edit(inplace=True):
        model.transformer.h[0].output[:] *= 2
    recorder = Recorder(model)
    forward(model, "the cat sat", recorder)
    forward(model, "the cat sat", recorder)
    assert [list(c.intervened) for c in recorder.captures] == [["transformer.h.0"]] * 2
    assert all("handle" not in vars(edit) for edit in model._edits)


def test_several_invokes_are_one_forward_over_the_whole_batch(model: Any) -> None:
    recorder = Recorder(model)
    with CountForwards(model._module) as count:
        with model.trace(backend=ReadBackend(recorder)) as tracer:
            with tracer.invoke("the cat sat on a mat"):
                long = blocks_of(model)[1].output.save()
            with tracer.invoke("the dog"):
                short = blocks_of(model)[1].output.save()
    capture = recorder.captures[-1]
    assert count.n == 1
    assert (capture.n_prompts, capture.n_tokens, capture.n_pads) == (2, 6, (0, 4))
    assert torch.equal(recorder.last[0], long[0])
    assert torch.equal(recorder.last[1], short[0])
    assert len(capture.prompt_ids(1)) == 2


def test_stop_keeps_what_was_reached(model: Any) -> None:
    both = [Read("resid_post", layer, lambda tensor: tensor) for layer in (0, 2)]
    recorder = Recorder(model, *both)
    with model.trace("the cat sat", backend=ReadBackend(recorder)) as tracer:
        blocks_of(model)[1].output.save()
        tracer.stop()
    assert list(recorder.captures[-1].values) == [(0, "resid_post", 0)]
    assert recorder.captures[-1].error is None


def test_an_error_in_the_block_points_at_the_users_line(model: Any) -> None:
    recorder = Recorder(model)
    with pytest.raises(ZeroDivisionError) as caught:
        with model.trace("the cat sat", backend=ReadBackend(recorder)):
            hidden = blocks_of(model)[1].output
            hidden[:] = 1 / 0
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.filename == __file__
    assert last.line == "hidden[:] = 1 / 0"
    assert isinstance(recorder.captures[-1].error, ZeroDivisionError)


def test_the_model_is_usable_after_an_error(model: Any) -> None:
    recorder = Recorder(model)
    with pytest.raises(ZeroDivisionError):
        with model.trace("the cat sat", backend=ReadBackend(recorder)):
            blocks_of(model)[1].output.save()
            1 / 0  # noqa: B018
    with model.trace("the cat sat"):
        plain = blocks_of(model)[1].output.save()
    forward(model, "the cat sat", recorder)
    assert torch.equal(recorder.last, plain)


def test_an_interrupt_frees_the_model(model: Any) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    recorder = Recorder(model)
    handle = blocks_of(model)[1]._module.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        forward(model, "the cat sat", recorder)
    handle.remove()
    assert isinstance(recorder.captures[-1].error, KeyboardInterrupt)
    forward(model, "the cat sat", recorder)
    assert recorder.captures[-1].error is None


def test_a_session_runs_its_traces_in_order(model: Any) -> None:
    recorder = Recorder(model)
    with model.session():
        with model.trace("the cat sat", backend=ReadBackend(recorder)):
            hidden = blocks_of(model)[1].output
        with model.trace("the cat sat", backend=ReadBackend(recorder)):
            blocks_of(model)[1].output = hidden * 2
            doubled = blocks_of(model)[2].output.save()
    assert doubled.shape[1] == 3
    first, second = (c.values[0, "resid_post", 1][0] for c in recorder.captures)
    torch.testing.assert_close(second, first * 2)


def test_generation_brings_one_visit_per_step(model: Any) -> None:
    recorder = Recorder(model)
    with model.trace(
        "the cat", fn=model.generate, max_new_tokens=3, backend=ReadBackend(recorder)
    ) as tracer:
        ids = tracer.result.save()
    capture = recorder.captures[-1]
    n = capture.n_tokens
    assert n == ids.shape[1] - 1  # the last token was written but never read
    assert capture.prompt_ids(0) == ids[0, :n].tolist()
    assert len(capture.values[0, "resid_post", 1]) == capture.n_steps


def test_a_failing_read_is_named_and_the_users_saves_still_arrive(model: Any) -> None:
    def fail(_: torch.Tensor) -> torch.Tensor:
        raise ValueError("no such thing")

    recorder = Recorder(model, Read("resid_post", 1, fail))
    with pytest.raises(ReadError, match="reading resid_post of layer 1 failed: no such thing"):
        with model.trace("the cat sat", backend=ReadBackend(recorder)):
            saved = blocks_of(model)[2].output.save()
    assert saved.shape[1] == 3


def test_a_read_does_not_alias_the_models_tensors(model: Any) -> None:
    recorder = Recorder(model)
    with model.trace("the cat sat", backend=ReadBackend(recorder)):
        saved = blocks_of(model)[1].output.save()
    saved.detach().zero_()
    assert recorder.last.any()


def test_a_trace_inside_a_trace_is_refused_in_words(model: Any) -> None:
    recorder = Recorder(model)
    with pytest.raises(TraceError, match="opened inside it"):
        with model.trace("the cat sat", backend=ReadBackend(recorder)):
            blocks_of(model)[1].output.save()
            forward(model, "the dog", recorder)


def test_a_trace_without_a_prompt_says_what_is_missing(model: Any) -> None:
    with pytest.raises(PromptError, match="the trace has no prompt"):
        with model.trace(backend=ReadBackend(Recorder(model))):
            pass


def test_traces_of_two_threads_take_turns(model: Any) -> None:
    recorders = [Recorder(model), Recorder(model)]
    failures: list[BaseException] = []

    def work(recorder: Recorder, prompt: str) -> None:
        try:
            for _ in range(10):
                forward(model, prompt, recorder)
        except BaseException as error:
            failures.append(error)

    prompts = ["the cat sat", "a dog ran to Paris"]
    threads = [
        threading.Thread(target=work, args=pair)
        for pair in zip(recorders, prompts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert {r.captures[0].n_tokens for r in recorders} == {3, 5}
    for recorder in recorders:
        assert len({c.n_tokens for c in recorder.captures}) == 1
        assert len(recorder.captures) == 10


@pytest.mark.parametrize("module", [tiny_gpt2, tiny_llama])
def test_fused_attention_is_switched_for_the_read_and_put_back(module: Any) -> None:
    model = wrapped(module(attention="sdpa"))
    recorder = Recorder(model, Read("pattern", 0, lambda tensor: tensor))
    capture = forward(model, "the cat sat", recorder)
    assert capture.values[0, "pattern", 0][0].shape[-1] == 3
    assert "sdpa before and after" in capture.note
    assert model._module.config._attn_implementation == "sdpa"
