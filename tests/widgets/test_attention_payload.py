"""The payload: thumbnails, precision, and bytes within their budget."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpwidgets.results.attention import AttentionPattern
from interpwidgets.widgets import attention_payload as payload_module
from interpwidgets.widgets.attention_payload import attention_payload, thumbnails

GOLDEN = Path(__file__).parent.parent / "golden" / "attention.json"
HOSTILE = ["<bos>", " the", "<img onerror=x>", "\n", "🙂"]


def result_of(weights: Any, tokens: list[str] | None = None) -> AttentionPattern:
    n = weights.shape[-1]
    return AttentionPattern.of_arrays(tokens or [f"t{i}" for i in range(n)], weights)


def random_weights(n_layers: int, n_heads: int, n: int) -> Any:
    weights = np.tril(np.random.default_rng(0).random((n_layers, n_heads, n, n)))
    return weights / weights.sum(-1, keepdims=True)


def test_small_thumbnails_hold_every_weight() -> None:
    result = result_of(random_weights(2, 3, 6))
    codes, pooled = thumbnails(result)
    assert pooled == 1
    for layer in range(2):
        for head in range(3):
            error = np.abs(codes[layer, head] / 254 - result.weights(layer, head))
            assert error.max() <= 1 / 508 + 1e-6


@pytest.mark.parametrize("shape", [(12, 12, 128), (12, 12, 200), (1, 12, 512), (4, 4, 1024)])
def test_thumbnails_stay_in_their_budget(shape: tuple[int, int, int]) -> None:
    codes, pooled = thumbnails(result_of(np.zeros(shape + shape[-1:], dtype=np.float16)))
    assert codes.nbytes <= payload_module.THUMBS_BUDGET
    assert codes.shape[-1] == -(-shape[-1] // pooled)


def test_pooling_keeps_the_largest_weight_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_module, "THUMBS_BUDGET", 9)
    weights = np.zeros((1, 1, 5, 5))
    weights[0, 0, 3, 2] = 1.0
    codes, pooled = thumbnails(result_of(weights))
    assert (pooled, codes.shape) == (2, (1, 1, 3, 3))
    assert codes[0, 0].tolist() == [[0, 0, 0], [0, 254, 0], [0, 0, 0]]


def test_what_is_not_finite_has_its_own_code_and_count() -> None:
    weights = random_weights(1, 2, 4)
    weights[0, 1, 2, 1] = np.nan
    weights[0, 1, 3, 0] = np.inf
    payload = attention_payload(result_of(weights), [])
    codes = np.frombuffer(payload["thumbs"]["data"], np.uint8).reshape(1, 2, 4, 4)
    assert (codes == 255).sum() == 2
    assert payload["nonfinite"] == [[0, 2]]


def test_weights_beyond_the_scale_are_clipped_in_thumbnails_only() -> None:
    weights = np.full((1, 1, 1, 1), 3.0)
    result = result_of(weights)
    payload = attention_payload(result, [(0, 0)])
    assert payload["thumbs"]["data"] == bytes([254])
    assert np.frombuffer(payload["details"][0]["tensor"]["data"], np.float16)[0] == 3.0


def test_the_golden_file_is_what_python_sends() -> None:
    """The front end's tests decode the same file; IW_WRITE_GOLDEN=1 writes it anew."""
    weights = random_weights(2, 2, 5).round(3)
    weights[1, 0, 4, 4] = np.nan
    payload = attention_payload(result_of(weights, HOSTILE), [(1, 0)])
    text = json.dumps(_with_base64(payload), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("IW_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == text


def _with_base64(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {k: _with_base64(v) for k, v in value.items() if not isinstance(v, bytes)}
        encoded = {
            f"{k}_b64": base64.b64encode(v).decode()
            for k, v in value.items()
            if isinstance(v, bytes)
        }
        return {**plain, **encoded}
    return [_with_base64(v) for v in value] if isinstance(value, list) else value
