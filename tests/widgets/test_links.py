"""Views that share a selection: what is set in one is shown in all, and nothing mixes."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from interpwidgets.errors import SelectionError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.selection import LostToken, Selection
from interpwidgets.widgets.attention import AttentionView


def result(words: str = "a b a c", n_heads: int = 3) -> AttentionPattern:
    tokens = words.split()
    weights = np.tril(np.ones((2, n_heads, len(tokens), len(tokens))))
    return AttentionPattern.of_arrays(tokens, weights / weights.sum(-1, keepdims=True))


def shown(*results: AttentionPattern) -> AttentionView:
    view = AttentionView()
    view.show(results or (result(),))
    return view


@pytest.fixture
def pair() -> tuple[AttentionView, AttentionView]:
    first, second = shown(), shown()
    second.link(first)
    return first, second


def wire(view: AttentionView) -> dict[str, Any]:
    state: dict[str, Any] = view.get_state("selection")["selection"]
    return state


def click(view: AttentionView, **parts: Any) -> None:
    now = wire(view)
    whole = {name: now[name] for name in ("heads", "tokens", "layer", "feature", "prompt")}
    view._on_message(view, {"id": "1", "kind": "select", **whole, **parts}, [])


def test_what_is_clicked_in_one_view_is_selected_in_the_other(
    pair: tuple[AttentionView, AttentionView],
) -> None:
    first, second = pair
    click(first, heads=[[1, 2]], tokens=[0, 3])
    assert second.selection == Selection([(1, 2)], [0, 3], token_text=["a", "c"])
    assert wire(second)["heads"] == [[1, 2]]


def test_the_page_hears_every_selection_with_a_newer_revision(
    pair: tuple[AttentionView, AttentionView],
) -> None:
    first, second = pair
    revisions = []
    for pos in (1, 2, 2):
        click(first, tokens=[pos])
        revisions.append(wire(second)["revision"])
    assert sorted(set(revisions)) == revisions


def test_a_view_changes_only_what_was_changed_in_it() -> None:
    wide, narrow = shown(result(n_heads=5)), shown(result(n_heads=2))
    narrow.link(wide)
    wide.selection = Selection(heads=[(0, 4)], tokens=[1])
    assert narrow.selection.heads == ()
    click(narrow, tokens=[2])
    assert (wide.selection.heads, wide.selection.tokens) == (((0, 4),), (2,))


def test_two_groups_do_not_mix() -> None:
    first, second = shown(), shown()
    click(first, tokens=[2])
    assert second.selection == Selection()


def test_a_view_can_leave_its_group_and_come_back(
    pair: tuple[AttentionView, AttentionView],
) -> None:
    first, second = pair
    second._on_message(second, {"id": "1", "kind": "link", "linked": False}, [])
    assert second.links["group"] == ""
    click(first, tokens=[2])
    assert second.selection.tokens == ()
    click(second, tokens=[1])
    assert first.selection.tokens == (2,)
    second._on_message(second, {"id": "1", "kind": "link", "linked": True}, [])
    assert second.selection.tokens == (2,)
    assert second.links["group"] == first.links["group"] != ""


def test_the_live_selection_moves_the_views_and_is_observed(
    pair: tuple[AttentionView, AttentionView],
) -> None:
    first, second = pair
    live, heard = first.group.selection, []
    live.observe(lambda change: heard.append((change["name"], change["new"])), "tokens")
    live.tokens = [3]
    live.heads = [[1, 0]]
    assert second.selection == Selection([(1, 0)], [3], token_text=["c"])
    click(second, tokens=[1])
    assert heard == [("tokens", (3,)), ("tokens", (1,))]
    assert live.token_text == ("b",)
    assert repr(live) == "<selection: heads=((1, 0),), tokens=(1,)>"
    live.clear()
    assert first.selection == Selection()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("heads", [(9, 0)], "L9 H0 is not in this view; layers"),
        ("heads", "L1 H0", r"`heads` is a list of \(layer, head\) pairs"),
        ("tokens", [4], "position 4 is outside the prompt's 0-3"),
        ("tokens", 4, "`tokens` is a list of positions"),
        ("layer", "two", "`layer` is a layer number or None"),
        ("prompt", 1, "`prompt` is 1; this run has 1"),
        ("token_text", ["a"], "token_text follows from `tokens`"),
    ],
)
def test_what_cannot_be_selected_is_refused_and_changes_nothing(
    name: str, value: Any, message: str
) -> None:
    view = shown()
    live = view.group.selection
    live.tokens = [1]
    with pytest.raises(SelectionError, match=message):
        setattr(live, name, value)
    assert live.value == view.selection == Selection(tokens=[1], token_text=["b"])


def test_writing_into_the_value_is_answered_with_what_to_do() -> None:
    with pytest.raises(SelectionError, match=r"board\.selection\.heads = \[\(3, 2\)\]"):
        shown().selection.heads = [(3, 2)]  # type: ignore[misc]


def test_a_refused_click_is_taken_back_in_the_page() -> None:
    view = shown()
    sent: list[Any] = []
    view.send_state = sent.append  # type: ignore[method-assign]
    view._on_message(view, {"id": "1", "kind": "select", **wire_parts(heads=[[9, 9]])}, [])
    assert sent == ["selection"]


def wire_parts(**parts: Any) -> dict[str, Any]:
    return {
        "heads": [],
        "tokens": [],
        "layer": None,
        "feature": None,
        "prompt": None,
    } | parts


def test_a_click_on_the_tokens_of_a_run_that_has_gone_is_refused() -> None:
    view = shown(result("a b a c"))
    view.show((result("a x a c"),))
    sent: list[Any] = []
    view.send = lambda content, buffers=None: sent.append(content)  # type: ignore[method-assign]
    click(view, tokens=[1], text=["b"])
    assert "position 1 is no longer 'b'" in sent[0]["error"]["message"]
    assert view.selection == Selection()
    click(view, tokens=[1], text=["x"])
    assert view.selection.tokens == (1,)


def test_a_changed_tokenization_is_noticed_and_shown() -> None:
    view = shown(result("a b a c"))
    view.selection = Selection(heads=[(1, 1)], tokens=[1, 3])
    view.show((result("a b x y c"),))
    assert view.selection == Selection([(1, 1)], [1], token_text=["b"])
    assert view.lost == (LostToken(3, "c"),)
    assert wire(view)["lost"] == [{"position": 3, "text": "c"}]
    assert view.group.selection.tokens == (1,)
    click(view, tokens=[4])
    assert wire(view)["lost"] == []


def test_a_linked_view_of_another_prompt_shows_only_what_is_the_same_word(
    pair: tuple[AttentionView, AttentionView],
) -> None:
    first, second = pair
    second.show((result("a x a"),))
    click(first, tokens=[0, 1, 3])
    assert second.selection.tokens == (0,)
    assert second.lost == (LostToken(1, "b"), LostToken(3, "c"))
    assert first.selection.tokens == (0, 1, 3)


def test_two_prompts_that_tokenize_differently_are_aligned_when_asked(
    pair: tuple[AttentionView, AttentionView],
) -> None:
    first, second = pair
    second.show((result("a x b a c"),))
    second.link(first, align="text")
    click(first, tokens=[1, 3])
    assert second.selection == Selection(tokens=[2, 4], token_text=["b", "c"])
    drawn = second.payload["alignment"]
    assert drawn["pairs"] == [[0, 0], [2, 1], [3, 2], [4, 3]]
    assert drawn["unmatched"] == [1]
    assert first.payload["alignment"] is None
    click(second, tokens=[1, 3])
    assert first.selection == Selection(tokens=[2], token_text=["a"])
    assert first.lost == (LostToken(1, "x"),)
    assert second.payload["alignment"] is None
    assert first.payload["alignment"]["unmatched_other"] == [1]
    with pytest.raises(SelectionError, match='align is "position" or "text"'):
        second.link(first, align="words")


def test_an_aligned_selection_follows_its_words_through_an_edited_prompt() -> None:
    view = shown(result("a b c d"))
    view.group.set_align("text")
    view.selection = Selection(tokens=[1, 3])
    view.show((result("a x b c"),))
    assert view.group.selection.tokens == view.selection.tokens == (2,)
    assert view.selection.token_text == ("b",)
    assert view.lost == (LostToken(3, "d"),)


def test_the_prompt_of_a_batch_is_part_of_the_selection(
    pair: tuple[AttentionView, AttentionView],
) -> None:
    first, second = pair
    batch = (result("a b a c"), result("d e f g"))
    first.show(batch)
    second.show(batch)
    first._on_message(first, {"id": "1", "kind": "prompt", "index": 1}, [])
    assert second.selection.prompt == 1
    assert second.result is batch[1]
    first.group.selection.prompt = 0
    assert first.result is second.result is batch[0]


def test_views_of_different_runs_are_warned_about() -> None:
    first, second = shown(of_run(3)), shown(of_run(5))
    assert first.links["warning"] == ""
    second.link(first)
    warning = "linked views show different runs: run 3 and run 5"
    assert first.links["warning"] == second.links["warning"] == warning
    second.unlink()
    assert first.links["warning"] == second.links["warning"] == ""


def of_run(run: int) -> AttentionPattern:
    from dataclasses import replace

    plain = result()
    return replace(plain, provenance=replace(plain.provenance, model="m", run=run))


def test_a_group_keeps_no_view_alive() -> None:
    first = shown()
    gone = weakref.ref(shown())
    second = gone()
    assert second is not None
    second.link(first)
    second.close()
    del second
    gc.collect()
    assert gone() is None
    assert first.group.members() == [first]


def test_clicks_from_many_threads_end_in_one_selection(
    pair: tuple[AttentionView, AttentionView],
) -> None:
    first, second = pair

    def clicks(view: AttentionView, pos: int) -> None:
        for _ in range(50):
            click(view, tokens=[pos])

    threads = [
        threading.Thread(target=clicks, args=(view, pos))
        for pos, view in enumerate((first, second, first, second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.selection == second.selection == first.group.value
    assert first.group.value.tokens == first.group.selection.tokens
