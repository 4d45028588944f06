"""What a probe says of each token of a text that it has not seen."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float

from interpwidgets.errors import ResultError
from interpwidgets.models.adapter import Adapter
from interpwidgets.models.capture import Read
from interpwidgets.models.running import Run, refuse_large, run_method
from interpwidgets.results.probe import ProbeResult
from interpwidgets.results.probe_direction import layer_name, place_of
from interpwidgets.results.token_values import TokenValues
from interpwidgets.results.tokens import Tokens

MAX_BYTES = 2**28


def probe_scores(
    model: Any,
    probe: Any,
    prompt: Any,
    *,
    layers: Sequence[int] | None = None,
    method: str | None = None,
    position: str | int | None = None,
    prepend_bos: bool | None = None,
) -> TokenValues:
    """Score every token of a text by a probe.

    At a token that the probe's position rule reads, this is the score of the probe itself:
    at the last token, that of the text. At others it says what the same direction shows.

    Args:
        model: The model that was probed, or one like it.
        probe: From ``iw.probe``: the view, or its ``.result``.
        prompt: Text, token ids, or chat messages.
        layers: Probed layers; all by default.
        method: One of the probe's methods; the first by default.
        position: One of its position rules; the first by default.
        prepend_bos: As the probe's by default.

    Returns:
        ``TokenValues``, a row for each layer (and class, of several); log-odds or amounts,
        float32.

    Raises:
        ResultError: There is no such probe, or the model is of another width.

    Example:
        >>> import interpwidgets as iw
        >>> model = iw.load("lil-attn-2l")
        >>> ids = [[1, a, b] for a in range(5, 13) for b in range(5, 9)]
        >>> big = [row[1] > 8 for row in ids]
        >>> found = iw.probe(model, ids, big, position=1, shuffled=0)
        >>> iw.probe_scores(model, found, [1, 5, 12, 6]).values.shape
        (3, 4)

    Source:
        Marks and Tegmark (2023), "The Geometry of Truth", figures of scores by token. We
        differ in: nothing.
    """
    result: ProbeResult = getattr(probe, "result", probe)
    wanted = ProbeScoresMethod(result, layers, method, position)
    bos = result.prepend_bos if prepend_bos is None else prepend_bos
    return run_method(model, prompt, wanted, prepend_bos=bos)


@dataclass(frozen=True)
class ProbeScoresMethod:
    """Scores of tokens as a method: what it reads and what it builds."""

    name: ClassVar[str] = "probe_scores"

    probe: ProbeResult
    layers: Sequence[int] | None = None
    method: str | None = None
    position: str | int | None = None
    max_bytes: int = MAX_BYTES

    @property
    def result_type(self) -> type[TokenValues]:
        """The type of Result that ``build`` makes."""
        return TokenValues

    @property
    def chosen(self) -> tuple[int, ...]:
        """The layers that are scored."""
        return self.probe.layers if self.layers is None else tuple(self.layers)

    def reads(self, adapter: Adapter) -> list[Read]:
        """Return one read a layer, of which only the scores leave the model's device."""
        width, given = adapter.width(self.probe.site), self.probe.vectors.shape[-1]
        if width != given:
            raise ResultError(
                f"the probe is {given} wide; {self.probe.site} of {adapter.name} is {width}: "
                f"it was fitted on {self.probe.provenance.model or 'another model'}."
            )
        return [
            Read(*place_of(self.probe.site, layer), functools.partial(_score, *self._of(layer)))
            for layer in self.chosen
        ]

    def _of(self, layer: int) -> tuple[torch.Tensor, torch.Tensor, bool]:
        at = self.probe.at(layer, method=self.method, position=self.position)
        slope = self.probe.slope[at]
        vectors = self.probe.vectors[at] * slope[:, None]
        signs = self.probe.methods[at[0]] == "sign"
        return torch.from_numpy(vectors), torch.from_numpy(self.probe.intercept[at]), signs

    def check_bytes(self, adapter: Adapter, n_prompts: int, n_tokens: int) -> None:  # noqa: ARG002
        """Refuse what would pass ``max_bytes``."""
        needed = 4 * n_prompts * n_tokens * len(self.chosen) * self.probe.vectors.shape[3]
        what = f"scores of {n_prompts} prompts × {n_tokens:,} tokens"
        refuse_large(what, needed, self.max_bytes, "Score fewer layers")

    def build(self, run: Run, previous: Sequence[TokenValues] = ()) -> tuple[TokenValues, ...]:  # noqa: ARG002
        """Return one Result per prompt, over every forward pass of the run."""
        n = run.capture.n_prompts
        return tuple(self._result(run, prompt, n) for prompt in range(n))

    def _result(self, run: Run, prompt: int, n_prompts: int) -> TokenValues:
        probe, span = self.probe, run.capture.span(prompt)
        by_layer = [
            torch.cat([v[prompt] for v in run.visits(*place_of(probe.site, layer))])[span]
            for layer in self.chosen
        ]
        rows = torch.stack([one.T for one in by_layer])  # [layer, output, pos]
        axes = [("layer", tuple(map(layer_name, self.chosen)))]
        if rows.shape[1] > 1:
            axes.append(("class", probe.classes))
        values = rows.flatten(0, 1).numpy().astype(np.float32)
        tokens = run.tokens(prompt)
        about = probe.about or (probe.classes[-1] if probe.classes else "amount")
        return TokenValues(
            provenance=run.provenance(probe.site, prompt=prompt),
            tokens=tokens,
            values=values,
            scale=_scale(values, tokens),
            row_axes=tuple(axes),
            title=f"Probe of {about}",
            unit="log-odds" if probe.classes else "",
            signed=True,
            prompt_index=prompt,
            prompt_count=n_prompts,
        )


def _scale(values: Float[np.ndarray, "row pos"], tokens: Tokens) -> tuple[float, float] | None:
    """Return the ends of the colours without special tokens, whose vectors are far longer."""
    words = values[:, ~np.array(tokens.special)]
    words = words[np.isfinite(words)]
    most = float(np.abs(words).max(initial=0.0))
    return (-most, most) if most else None


def _score(
    vectors: Float[torch.Tensor, "output d"],
    intercept: Float[torch.Tensor, " output"],
    signs: bool,
    value: Float[torch.Tensor, "prompt pos d"],
) -> Float[torch.Tensor, "prompt pos output"]:
    seen = value.to(torch.float32)
    seen = seen.sign() if signs else seen
    return seen @ vectors.T.to(seen) + intercept.to(seen)
