"""A view without a browser: the same numbers as plain HTML, and harmless."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from interpwidgets.results.attention import AttentionPattern
from interpwidgets.results.tokens import Tokens
from interpwidgets.show import show
from interpwidgets.widgets.attention import AttentionView
from interpwidgets.widgets.attention_static import weight_text
from interpwidgets.widgets.static_form import MIME, static_bundle, view_record
from interpwidgets.widgets.token_html import token_text

HATCH = (0xB9, 0xB6, 0xAF)


class Cells(HTMLParser):
    """The text of each table cell, row by row; the elements seen."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        self._in_cell = tag == "td" or (self._in_cell and tag in ("small", "bdi", "code"))

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def random_pattern(
    tokens: list[str], n_layers: int = 2, n_heads: int = 3, *, causal: bool = True
) -> AttentionPattern:
    n = len(tokens)
    weights = np.random.default_rng(0).random((n_layers, n_heads, n, n)) ** 4
    weights = np.tril(weights) if causal else weights
    weights /= weights.sum(-1, keepdims=True)
    return AttentionPattern.of_arrays(tokens, weights, causal=causal)


def words(n: int) -> list[str]:
    return [f" w{i}" for i in range(n)]


def static_of(result: AttentionPattern) -> str:
    return show(result).static_html()


def picture_in(page: str) -> Image.Image:
    found = re.search(r'src="data:image/png;base64,([^"]+)"', page)
    assert found
    return Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB")


def colours_in(page: str) -> set[tuple[int, ...]]:
    return {colour for _, colour in picture_in(page).getcolors(maxcolors=2**24)}


@pytest.mark.parametrize("causal", [True, False])
def test_the_table_has_the_results_largest_weights(causal: bool) -> None:
    result = random_pattern(words(7), causal=causal)
    view = show(result)
    view.selection = type(view.selection)([(1, 2)])
    rows = [row for row in Cells(view.static_html()).rows if row]
    weights = result.weights(1, 2)
    assert len(rows) == 7
    for query, row in enumerate(rows):
        allowed = weights[query, : query + 1] if causal else weights[query]
        best = sorted(range(len(allowed)), key=lambda key: -allowed[key])[:3]
        wanted = [f"{key} ·w{key} {weight_text(float(allowed[key]))}" for key in best]
        assert row[0] == f"{query} ·w{query}"
        assert [cell for cell in row[1:] if cell] == wanted


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5823, "0.58"),
        (1.0, "1.00"),
        (0.0, "0.00"),
        (0.00068, "7e−4"),
        (float("nan"), "NaN"),
        (float("inf"), "∞"),
    ],
)
def test_weights_are_written_as_in_views(value: float, text: str) -> None:
    assert weight_text(value) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" Mary", "·Mary"),
        ("\n", "↵"),
        ("\r\n", "↵"),
        ("\t\t", "⇥⇥"),
        ("   ", "···"),
        ("", "\u2039empty\u203a"),
        ("\u200b", "\u2039U+200B\u203a"),
        ("a\u200bb", "a\u2039U+200B\u203ab"),
        ("\u202eabc", "\u2039U+202E\u203aabc"),
        ("<0xE2><0x80>", "\u2039xE2 x80\u203a"),
        ("🙂", "🙂"),
        ("שלום", "שלום"),
        ("x" * 60, "x" * 39 + "…"),
        ("<b>", "<b>"),
    ],
)
def test_tokens_are_visible(text: str, shown: str) -> None:
    assert token_text(Tokens.of_text([text]), 0) == shown


@pytest.mark.parametrize(
    ("text", "name"), [("<|endoftext|>", "eot"), ("<s>", "s"), ("[CLS]", "CLS")]
)
def test_special_tokens_are_names(text: str, name: str) -> None:
    tokens = dataclasses.replace(Tokens.of_text([text]), special=(True,))
    assert token_text(tokens, 0) == f"\u2039{name}\u203a"


def test_hostile_tokens_and_names_stay_text() -> None:
    result = random_pattern(["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>'])
    source = dataclasses.replace(result.provenance, model="<script>x</script>", note="<b>n")
    page = Cells(static_of(dataclasses.replace(result, provenance=source)))
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    assert page.handlers == []


def test_the_picture_shows_high_weights_dark_and_masked_ones_bare() -> None:
    weights = np.zeros((1, 1, 2, 2), dtype=np.float32)
    weights[0, 0, 0, 0] = weights[0, 0, 1, 0] = 1
    picture = picture_in(static_of(AttentionPattern.of_arrays(["a", "b"], weights)))
    at = {
        (query, key): picture.getpixel((28 + 16 + 32 * key, 18 + 16 + 32 * query))
        for query in range(2)
        for key in range(2)
    }
    assert at[1, 0] == at[0, 0] == (0x1D, 0x35, 0x59)
    assert at[1, 1] == (0xF5, 0xF5, 0xF3)
    assert at[0, 1] == (255, 255, 255)


def test_what_was_not_run_and_what_is_not_finite_is_hatched_and_said() -> None:
    weights = np.tril(np.full((2, 1, 4, 4), 0.25, dtype=np.float32))
    weights[0, 0, 3, 1] = np.nan
    result = AttentionPattern.of_arrays(words(4), weights)
    result = dataclasses.replace(result, layer_runs=(0, None))
    page = static_of(result)
    assert "Hatched: layer 1 not run." in page
    assert "1 value not finite (hatched)." in page
    assert HATCH in colours_in(page)
    assert HATCH not in colours_in(static_of(random_pattern(words(4))))


def test_a_chosen_head_that_was_not_run_has_no_table() -> None:
    result = dataclasses.replace(random_pattern(words(4)), layer_runs=(None, 0))
    page = static_of(result)
    assert "L0 H0 was not run." in page
    assert "<table" not in page


def test_pooling_is_said() -> None:
    page = static_of(random_pattern(words(200), 1, 2))
    assert "the maximum of 6 × 6 pairs" in page
    assert "the last 32 of 200 queries" in page


def test_precision_is_said() -> None:
    result = random_pattern(words(4))
    codes = np.rint(result.pattern.astype(np.float32) * 254).astype(np.uint8)
    assert "kept to ±0.002" in static_of(dataclasses.replace(result, pattern=codes))


def test_a_failed_run_is_said() -> None:
    view = show(random_pattern(words(4)))
    view.show_failure(2, "<ValueError>")
    assert "run 2 failed (&lt;ValueError&gt;)" in view.static_html()


def test_a_large_view_stays_below_a_megabyte() -> None:
    # Noise compresses worst.
    noise = np.random.default_rng(0).random((12, 512, 512), dtype=np.float32)
    weights = np.broadcast_to(np.tril(noise), (12, 12, 512, 512)).astype(np.float16)
    bundle = static_bundle(show(AttentionPattern.of_arrays(words(512), weights)))
    assert len(json.dumps(bundle)) < 1_000_000
    assert len(bundle[MIME]["traits"]["payload"]["details"]) == 1


def test_a_record_is_json_with_its_bytes_apart() -> None:
    result = random_pattern(words(5))
    record = json.loads(json.dumps(view_record(show(result))))
    assert record["version"] == 1
    assert record["widget"] == "attention"
    paths = [tuple(buffer["path"]) for buffer in record["buffers"]]
    assert paths == [
        ("payload", "thumbs", "data"),
        ("payload", "details", 0, "tensor", "data"),
    ]
    packed = np.frombuffer(base64.b64decode(record["buffers"][1]["data"]), dtype=np.float16)
    assert np.array_equal(packed, result.stored(0, 0)[np.tri(5, dtype=bool)])


def test_the_copy_says_which_view_it_is_of() -> None:
    view = show(random_pattern(words(3)))
    assert f'data-iw-view="{view.view_id}"' in static_bundle(view)["text/html"]


def test_embed_none_is_a_line_of_text() -> None:
    view = show(random_pattern(words(3)))
    view.embed = "none"
    assert static_bundle(view) == {"text/plain": view.summary()}


def test_a_view_prints_as_one_line() -> None:
    view = show(random_pattern(words(3)))
    assert repr(view) == f"<AttentionView: {view.summary()}>"
    assert "empty" in repr(AttentionView()) or "No run yet" in repr(AttentionView())


def test_the_turns_of_a_chat_are_said_and_harmless() -> None:
    plain = random_pattern(words(4))
    role = ("user", "user", "<b>bot</b>", "<b>bot</b>")
    tokens = dataclasses.replace(plain.tokens, role=role, turn=(0, 0, 1, 1))
    page = static_of(dataclasses.replace(plain, tokens=tokens))
    assert "Turns of the chat: user from 0, &lt;b&gt;bot&lt;/b&gt; from 2." in page


def test_a_prompt_of_a_batch_says_which_it_is() -> None:
    result = dataclasses.replace(random_pattern(words(4)), prompt_index=1, prompt_count=3)
    assert "Prompt 2 of 3." in static_of(result)
    assert "Prompt 1 of" not in static_of(random_pattern(words(4)))
