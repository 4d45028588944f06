"""TokensView: what travels, what comes back, and what a copy without a kernel holds."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.errors import ResultError, SelectionError
from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.base import Provenance
from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.tokens import Tokens
from interpwidgets.selection import Selection
from interpwidgets.show import show
from interpwidgets.widgets import tokens_payload as payload_module
from interpwidgets.widgets.tokens import TokensView
from interpwidgets.widgets.tokens_payload import NONE, rows_within, tokens_payload

GOLDEN = Path(__file__).parent.parent / "golden" / "tokens.json"
WORDS = ["<bos>", " the", "<img onerror=x>", "\n", "🙂"]
NOTHING = {"heads": [], "tokens": [], "layer": None, "feature": None, "prompt": None}


def values_of(n_rows: int = 3, words: list[str] = WORDS, **fields: Any) -> TokenValues:
    values = np.arange(n_rows * len(words), dtype=np.float32).reshape(n_rows, -1)
    rows = tuple(f"row {i}" for i in range(n_rows))
    plain: dict[str, Any] = {"rows": rows, **fields}
    return TokenValues(Provenance(run=4), Tokens.of_text(words), values, **plain)


def surprising() -> TokenValues:
    return values_of(
        1,
        unit="nats",
        title="Surprisal",
        absent=(0,),
        top_text=((), ("a", "b"), ("b", "</script>"), ("a",), ("b", "a")),
        top_logprob=np.linspace(-9, 0, 10, dtype=np.float32).reshape(5, 2),
        rank=np.array([-1, 0, 1, 7, 2], np.int32),
    )


@pytest.fixture
def view() -> TokensView:
    view = TokensView()
    view.show((values_of(),))
    return view


@pytest.fixture
def sent(view: TokensView, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    out: list[tuple[Any, Any]] = []
    monkeypatch.setattr(
        view, "send", lambda content, buffers=None: out.append((content, buffers))
    )
    return out


def ask(view: TokensView, **content: Any) -> None:
    view._on_message(view, {"id": "7", **content}, [])


# ------------------------------------------------------------------------- the payload


def test_the_rows_travel_as_they_are() -> None:
    payload = tokens_payload(values_of(), [0, 2])
    values = np.frombuffer(payload["values"], "<f4").reshape(2, 5)
    np.testing.assert_array_equal(values, values_of().values[[0, 2]])
    assert payload["held"] == [0, 2]


def test_what_was_expected_is_each_words_place_in_one_list() -> None:
    result = surprising()
    expected = tokens_payload(result, [0])["expected"]
    assert expected is not None
    index = np.frombuffer(expected["index"], "<u4").reshape(5, expected["k"])
    read = [tuple(expected["words"][i] for i in row if i != NONE) for row in index]
    assert tuple(read) == result.top_text
    assert len(expected["words"]) == 3
    logprob = np.frombuffer(expected["logprob"], "<f4").reshape(5, 2)
    np.testing.assert_array_equal(logprob, result.top_logprob)


def test_names_made_of_axes_are_not_sent_one_by_one() -> None:
    axes = (("layer", ("0", "1")), ("neuron", ("7", "8")))
    payload = tokens_payload(values_of(4, rows=(), row_axes=axes), [0])
    assert payload["rows"] == []
    assert payload["row_axes"][1] == {"name": "neuron", "labels": ["7", "8"]}


def test_rows_stay_in_their_budget_with_the_chosen_one(monkeypatch: Any) -> None:
    monkeypatch.setattr(payload_module, "ROWS_BUDGET", 2 * 4 * len(WORDS))
    assert rows_within(values_of(9), 7) == [0, 7]
    assert rows_within(values_of(2), 1) == [0, 1]
    monkeypatch.setattr(payload_module, "ROWS_BUDGET", 1)
    assert rows_within(values_of(9), 7) == [7]


def test_the_payload_is_json_and_buffers_whatever_the_values() -> None:
    values = np.array([[np.nan, np.inf, -np.inf]], dtype=np.float32)
    result = TokenValues(Provenance(), Tokens.of_text(["a", "b", "c"]), values)
    plain = _with_base64(tokens_payload(result, [0]))
    json.dumps(plain, allow_nan=False)
    assert plain["nonfinite"] == [3]


def test_the_golden_file_is_what_python_sends() -> None:
    """The front end's tests decode the same file; IW_WRITE_GOLDEN=1 writes it anew."""
    payload = _with_base64(tokens_payload(surprising(), [0]))
    text = json.dumps(payload, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("IW_WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == text


def _with_base64(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: _with_base64(one) for key, one in value.items()}
    return [_with_base64(v) for v in value] if isinstance(value, (list, tuple)) else value


# -------------------------------------------------------------------------- the messages


def test_a_row_comes_when_it_is_asked_for(view: TokensView, sent: list[Any]) -> None:
    ask(view, kind="row", run=4, row=2)
    content, (data,) = sent[0]
    assert (content["ok"], content["row"]) == (True, 2)
    assert np.frombuffer(data, "<f4").tolist() == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"kind": "row", "run": 3, "row": 0}, "stale-run"),
        ({"kind": "row", "run": 4, "row": 3}, "bad-request"),
        ({"kind": "row", "run": 4, "row": -1}, "bad-request"),
        ({"kind": "row", "run": 4}, "bad-request"),
        ({"kind": "prompt", "index": 1}, "bad-request"),
        ({"kind": "select", **NOTHING, "tokens": [5]}, "bad-request"),
        ({"kind": "head", "run": 4, "layer": 0, "head": 0}, "bad-request"),
    ],
)
def test_what_is_not_there_is_answered_and_changes_nothing(
    view: TokensView, sent: list[Any], request_: Any, code: str
) -> None:
    before = view.payload
    ask(view, **request_)
    assert sent[-1][0]["error"]["code"] == code
    assert view.payload is before
    assert view.selection == Selection()


def test_selected_tokens_are_a_python_value(view: TokensView, sent: list[Any]) -> None:
    ask(view, kind="select", **NOTHING | {"tokens": [1, 2], "heads": [[3, 1]]})
    assert view.selection.tokens == (1, 2)
    assert view.selection.token_text == (" the", "<img onerror=x>")
    assert view.selection.heads == ((3, 1),)  # another view's, kept as it is
    assert sent[-1][0]["ok"] is True


def test_another_text_is_shown_when_it_is_asked_for(sent: list[Any]) -> None:
    first, second = values_of(prompt_count=2), values_of(prompt_count=2, prompt_index=1)
    view = TokensView()
    view.show((first, second))
    ask(view, kind="prompt", index=1)
    assert view.result is second
    assert view.payload is not None and view.payload["prompt_index"] == 1
    assert view.selection.prompt == 1


def test_a_board_links_it_with_the_other_views() -> None:
    board = iw.Board(iw.load("lil-attn-2l"))
    heads, values = board.attention(), board.surprisal()
    board.run([1, 5, 6, 5])
    heads.selection = Selection(heads=[(1, 2)], tokens=[3])
    assert values.selection.tokens == (3,)
    values.selection = values.selection.changed(tokens=(1, 2))
    assert board.selection.tokens == (1, 2)
    assert heads.selection.heads == ((1, 2),)


def test_a_selected_token_stays_where_the_word_is_the_same(view: TokensView) -> None:
    view.selection = Selection(tokens=[1, 2])
    view.show((values_of(words=["<bos>", " the", "cat", "\n", "!"]),))
    assert view.selection.tokens == (1,)
    assert [lost.position for lost in view.lost] == [2]


def test_positions_outside_the_text_are_refused(view: TokensView) -> None:
    with pytest.raises(SelectionError, match="position 5 is outside the prompt's 0-4"):
        view.selection = Selection(tokens=[5])


# ------------------------------------------------------------------------------ the row


def test_the_row_is_chosen_from_python_and_kept_over_runs(view: TokensView) -> None:
    view.row = 2
    assert view.kept["row"] == 2
    view.show((values_of(),))
    assert view.row == 2
    view.show((values_of(1),))
    assert view.row == 0
    with pytest.raises(ResultError, match="row 9 is outside 0-0"):
        view.row = 9


def test_the_code_makes_the_same_values_with_the_same_row(tmp_path: Path) -> None:
    board = iw.Board(iw.load("lil-attn-2l"))
    view = board.surprisal(top_k=2)
    board.run([1, 5, 6, 5])
    view.selection = Selection(tokens=[2])
    names: dict[str, Any] = {}
    code = view.code().removesuffix("view\n")
    assert "view = board.surprisal(top_k=2)" in code
    exec(code, names)
    np.testing.assert_array_equal(names["view"].result.values, view.result.values)
    assert names["view"].selection == view.selection
    several = show(values_of())
    assert isinstance(several, TokensView)
    several.row = 1
    assert "view.row = 1" in several.code()


# --------------------------------------------------------------------------- without one


@pytest.mark.parametrize(("embed", "held"), [("compact", [0, 7]), ("full", list(range(9)))])
def test_a_copy_holds_the_chosen_row_or_all(monkeypatch: Any, embed: Any, held: Any) -> None:
    monkeypatch.setattr(payload_module, "ROWS_BUDGET", 2 * 4 * len(WORDS))
    view = TokensView()
    view.show((values_of(9),))
    view.kept = {**view.kept, "row": 7}
    traits = view.traits_to_embed(embed)
    assert traits["payload"]["held"] == held
    assert traits["kept"]["row"] == 7


def test_a_page_of_it_says_what_it_holds(view: TokensView, tmp_path: Path, capsys: Any) -> None:
    view.to_html(tmp_path / "page.html")
    assert capsys.readouterr().out.strip().endswith("the chosen row, and the others that fit")


def test_its_summary_names_what_it_is(view: TokensView) -> None:
    assert view.summary() == "Values: 5 tokens, 3 rows · run 4"
    assert "No run yet" in TokensView().summary()
    assert "No run yet" in TokensView().static_html()


def test_several_results_of_one_kind_make_one_view() -> None:
    view = show([values_of(), values_of(2)])
    assert len(view.results) == 2
    pattern = AttentionPattern.of_arrays(["a"], np.ones((1, 1, 1, 1)))
    with pytest.raises(ResultError, match="one or several Results of one type"):
        show([values_of(), pattern])
    with pytest.raises(ResultError, match="one or several Results of one type"):
        show([])
