"""One attention view as one library makes it: its bytes, its build time, its page.

Run as a program by ``bench_attention_view.py``, so that a library that does not come to
an end can be stopped. Every arm gets the same random causal weights.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

N_HEADS = 12
#: What bertviz's page loads from elsewhere: npm package and its file, by its name there.
#: It asks for jquery 2.0.0, which npm never had.
BERTVIZ_SCRIPTS = {
    "require.min.js": ("requirejs@2.3.6", "package/require.js"),
    "d3.min.js": ("d3@5.7.0", "package/dist/d3.min.js"),
    "jquery.min.js": ("jquery@2.1.1", "package/dist/jquery.min.js"),
}
VENDOR = "vendor"


@dataclass(frozen=True)
class Built:
    """What one library made of the weights."""

    n_bytes: int
    """What travels to the browser, the library's own scripts only where they travel too."""

    cpu_seconds: float
    """From the array to what is sent, imports not counted."""

    selector: str
    """What is in the page when something is drawn."""

    more: dict[str, int]
    """Other sizes in bytes, by what they are."""


def causal_weights(n_layers: int, n_tokens: int) -> np.ndarray:
    """Return random softmaxed weights, [layer, head, query_pos, key_pos], float32."""
    random = np.random.default_rng(0)
    scores = 2 * random.standard_normal((n_layers, N_HEADS, n_tokens, n_tokens), np.float32)
    scores[..., ~np.tri(n_tokens, dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def token_texts(n_tokens: int) -> list[str]:
    """Return a text for each position."""
    return [f" w{pos}" for pos in range(n_tokens)]


# --------------------------------------------------------------------------------- arms


def interpwidgets_page(weights: np.ndarray, page: Path, embed: str = "compact") -> Built:
    """Send a view over a comm that counts, then export it."""
    from interpwidgets.results.attention import AttentionPattern
    from interpwidgets.show import show

    tokens = token_texts(weights.shape[-1])
    with counting_comm() as sent:
        show(AttentionPattern.of_arrays(tokens[:1], weights[:1, :1, :1, :1]))  # warms up
        sent.clear()
        start = time.process_time()
        view: Any = show(AttentionPattern.of_arrays(tokens, weights))
        seconds = time.process_time() - start
    code = len(view._esm) + len(view._css)
    exported = time.process_time()
    page.write_text(view.to_html(embed=embed), encoding="utf-8")
    exported = time.process_time() - exported
    n_page = page.stat().st_size
    selector = '[data-iw="attention"][data-painted="1"]'
    if embed == "full":
        return Built(n_page, seconds + exported, selector, {})
    more = {"code of the view, once a view": code, "exported page": n_page}
    return Built(sum(sent), seconds, selector, more)


@contextmanager
def counting_comm() -> Iterator[list[int]]:
    """Give widgets a comm that leads nowhere; yields the bytes of each message."""
    import comm
    from comm.base_comm import BaseComm

    sent: list[int] = []

    class CountingComm(BaseComm):
        def publish_msg(
            self, _: str, data: Any = None, __: Any = None, buffers: Any = None, **___: Any
        ) -> None:
            binary = sum(memoryview(buffer).nbytes for buffer in buffers or ())
            sent.append(len(json.dumps(data)) + binary)

    before, comm.create_comm = comm.create_comm, CountingComm
    try:
        yield sent
    finally:
        comm.create_comm = before


def interpwidgets_full(weights: np.ndarray, page: Path) -> Built:
    """Export every head in full, as the peers always do."""
    return interpwidgets_page(weights, page, "full")


def circuitsvis_page(weights: np.ndarray, page: Path) -> Built:
    """Call ``attention_heads`` once a layer; its script is loaded once, from beside."""
    import circuitsvis
    from circuitsvis.attention import attention_heads

    tokens = token_texts(weights.shape[-1])
    start = time.process_time()
    drawn = [attention_heads(layer, tokens) for layer in weights]
    seconds = time.process_time() - start
    n_bytes = sum(len(one.cdn_src.encode()) for one in drawn)
    local = sum(len(one.local_src.encode()) for one in drawn)
    bundle = Path(circuitsvis.__file__).parent / "dist" / "cdn" / "iife.js"
    script = bundle.read_text(encoding="utf-8")
    vendor = page.parent / VENDOR
    vendor.mkdir(exist_ok=True)
    (vendor / "circuitsvis.js").write_text(
        f"{script}\nexport const {{ render, AttentionHeads }} = CircuitsVis;", encoding="utf-8"
    )
    # The <div .../> of each is never closed: side by side they would nest.
    bodies = (one.cdn_src.replace("/>", "></div>", 1) for one in drawn)
    body = re.sub(
        r'from "https?:[^"]*/esm\.js"', f'from "/{VENDOR}/circuitsvis.js"', "\n".join(bodies)
    )
    page.write_text(f"<!doctype html><meta charset=utf-8><body>{body}", encoding="utf-8")
    more = {"offline, its script inlined a layer": local}
    return Built(n_bytes, seconds, "canvas, svg", more)


def bertviz_page(weights: np.ndarray, page: Path) -> Built:
    """Call ``head_view``; what it loads from elsewhere comes from beside the page."""
    import torch
    from bertviz import head_view

    tensors = [torch.from_numpy(layer)[None] for layer in weights]
    tokens = token_texts(weights.shape[-1])
    start = time.process_time()
    source = head_view(tensors, tokens, html_action="return").data
    seconds = time.process_time() - start
    body = re.sub(r"""https?:[^"'\s]*/(require|d3|jquery)\.min""", rf"/{VENDOR}/\1.min", source)
    page.write_text(f"<!doctype html><meta charset=utf-8><body>{body}", encoding="utf-8")
    return Built(len(source.encode()), seconds, "#vis svg", {})


ARMS: dict[str, tuple[str, Callable[[np.ndarray, Path], Built]]] = {
    "interpwidgets": ("interpwidgets", interpwidgets_page),
    "interpwidgets, every head in full": ("interpwidgets", interpwidgets_full),
    "circuitsvis attention_heads": ("circuitsvis", circuitsvis_page),
    "bertviz head_view": ("bertviz", bertviz_page),
}


def fetch_bertviz_scripts(folder: Path) -> str | None:
    """Put the scripts of bertviz's page into ``folder/vendor``, from npm packages.

    Args:
        folder: A temporary one.

    Returns:
        None, or why the page cannot be drawn.
    """
    vendor = folder / VENDOR
    vendor.mkdir(exist_ok=True)
    for name, (package, member) in BERTVIZ_SCRIPTS.items():
        command = ["npm", "pack", "--silent", package]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return "cannot draw offline: no npm, or no answer, to get its scripts with"
        if done.returncode:
            return f"cannot draw offline: npm has no {package} for it here"
        with tarfile.open(folder / done.stdout.split()[-1]) as archive:
            script = archive.extractfile(member)
            if script is None:
                return f"cannot draw offline: {package} holds no {member}"
            (vendor / name).write_bytes(script.read())
    return None


def main() -> None:
    """Build what the arguments name: arm, layers, tokens, page; print it as JSON."""
    arm, n_layers, n_tokens, page = sys.argv[1:]
    weights = causal_weights(int(n_layers), int(n_tokens))
    built = ARMS[arm][1](weights, Path(page))
    print(json.dumps(asdict(built)))


if __name__ == "__main__":
    main()
