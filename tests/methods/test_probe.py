"""Probes of models: rows are activations, the split is honest, controls know nothing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interpwidgets as iw
from interpwidgets.errors import DatasetError, ReadTooLargeError, ResultError, SiteError
from interpwidgets.estimators.bench import Bench, Design, Progress, SiteRows
from interpwidgets.methods.probe import probe
from interpwidgets.methods.probe_scores import probe_scores
from interpwidgets.organisms import lilliput
from interpwidgets.results.probe import ProbeResult
from interpwidgets.widgets.probe_figure import probe_figure
from interpwidgets.widgets.probe_static import probe_html

N_LAYERS, D = 4, 96


@pytest.fixture(scope="module")
def model() -> Any:
    return iw.load("lilliput")


def dataset(n: int, seed: int = 0, **more: Any) -> iw.Dataset:
    drawn = {e.prompt: e for e in lilliput.sentiment(n, seed, split="trained")}
    labels = [e.labels["sentiment"] for e in drawn.values()]
    return iw.Dataset(list(drawn), labels, name="sentiment", **more)


@pytest.fixture(scope="module")
def found(model: Any) -> ProbeResult:
    transfer = {e.prompt: e for e in lilliput.sentiment(60)}
    other = iw.Dataset(list(transfer), [e.labels["sentiment"] for e in transfer.values()])
    return probe(
        model,
        dataset(120),
        method=["logistic", "mean_difference"],
        position=["last", "mean", 6],
        transfer={"other words": other},
        shuffled=6,
        random=5,
    )


def test_a_probe_reads_sentiment_and_its_controls_do_not(found: ProbeResult) -> None:
    frame = found.to_frame().query("metric == 'auroc' and position == 'last' and layer >= 0")
    assert (frame.query("part == 'held out'")["value"] > 0.98).all()
    assert (frame.query("part == 'other words' and layer >= 1")["value"] > 0.95).all()
    held_out = frame.query("part == 'held out'")
    assert abs(held_out["shuffled"] - 0.5).mean() < 0.1


def test_directions_and_scores_are_of_the_activations(model: Any, found: ProbeResult) -> None:
    """By another route: iw.activations, one text at a time, and plain means."""
    layer, rule = 2, "mean"
    at = found.at(layer, method="mean_difference", position=rule)
    train = np.flatnonzero(found.part == 0)
    values = np.stack(
        [
            iw.activations(model, text, "resid_post", layers=[layer]).values[0, 1:].mean(axis=0)
            for text in np.array(found.texts)[train]
        ]
    )
    positive = found.target[train] == 1
    wanted = values[positive].mean(axis=0) - values[~positive].mean(axis=0)
    direction = found.direction(layer, method="mean_difference", position=rule)
    np.testing.assert_allclose(direction.vector, wanted, atol=2e-4)
    score = found.slope[at][0] * (values @ direction.vector) + found.intercept[at][0]
    np.testing.assert_allclose(found.scores[at][train, 0], score, atol=2e-3)
    norm = np.linalg.norm(values, axis=1).mean()
    assert direction.origin.site_norm == pytest.approx(norm, rel=1e-3)


def test_a_direction_says_where_it_is_from(found: ProbeResult) -> None:
    direction = found.direction(1)
    assert (direction.site, direction.layer, direction.name) == ("resid_post", 1, "positive")
    assert direction.origin.classes == ("negative", "positive")
    assert direction.origin.n_examples == (found.part == 0).sum()
    assert direction.origin.model == "lilliput"
    assert found.direction(-1, position="mean").place == "embed"
    # Read at a token that is the same in all texts, the embedding tells nothing.
    with pytest.raises(ResultError, match="gave no direction at embed"):
        found.direction(-1, method="mean_difference")


def test_the_token_that_the_probe_reads_has_its_score(model: Any, found: ProbeResult) -> None:
    text = found.texts[3]
    heat = probe_scores(model, found, text, method="logistic", position="last")
    np.testing.assert_allclose(heat.values[:, -1], found.scores[0, 0, :, 3, 0], atol=2e-3)
    sixth = probe_scores(model, found, text, layers=[2], position=6)
    assert sixth.values[0, 6] == pytest.approx(found.scores[0, 2, 3, 3, 0], abs=2e-3)


def test_it_is_saved_shown_and_drawn(found: ProbeResult, tmp_path: Path) -> None:
    back = iw.load_result(found.save(tmp_path / "probe"))
    assert isinstance(back, ProbeResult)
    assert back.fingerprint == found.fingerprint
    assert back.to_frame().equals(found.to_frame())
    page = probe_html(found)
    assert "shuffled labels" in page
    assert "other words" in page
    assert len(probe_figure(found, layer=2).data) == 8
    assert "logistic, last token" in repr(found)


def test_labels_and_texts_from_outside_are_escaped(found: ProbeResult) -> None:
    import dataclasses

    hostile = dataclasses.replace(found, about="<script>x</script>", split="<b>")
    assert "<script>" not in probe_html(hostile)


def test_what_the_numbers_hold_together(found: ProbeResult) -> None:
    scores, target = found.held_out(3)
    confusion = found.confusion(3)
    assert confusion.sum() == len(target)
    assert np.trace(confusion) / len(target) == pytest.approx(found.value[1, 0, 0, 0, 4])
    roc = found.roc(3)
    area = np.trapezoid(roc.true_positive, roc.false_positive)
    assert area == pytest.approx(found.value[1, 1, 0, 0, 4])
    assert found.confusion(3, threshold=1e9)[:, 1].sum() == 0
    assert found.calibration(3).n.sum() == found.histogram(3).positive.sum() + (
        found.histogram(3).negative.sum()
    )
    assert found.layers[np.nanargmax(found.value[1, -1, 0, 0])] == found.best_layer()
    assert np.isfinite(scores).all()


def test_several_positions_and_layers_take_one_pass(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from interpwidgets.models import labelled_rows

    seen, keep = [], labelled_rows.keep

    def counted(model: Any, batch: Any, *rest: Any, **more: Any) -> Any:
        seen.extend(batch.prompts)
        return keep(model, batch, *rest, **more)

    monkeypatch.setattr(labelled_rows, "keep", counted)
    data = dataset(60)
    positions = ["last", "mean", "every", -2]
    probe(model, data, position=positions, method="mean_difference", shuffled=0, random=0)
    assert len(seen) == len(data)
    assert len(set(seen)) == len(data)


def test_every_token_of_a_text_stays_on_its_side(model: Any) -> None:
    found = probe(
        model, dataset(60), position="every", tokens_per_text=3, shuffled=0, random=0,
        layers=[1], method="mean_difference",
    )  # fmt: skip
    assert found.scores.shape == (1, 1, 1, len(found.texts), 1)
    assert np.isfinite(found.scores).all()
    assert found.positions == ("every token, 3 of each text",)


def test_a_marked_span_is_found_by_its_text(model: Any) -> None:
    examples = list({e.prompt: e for e in lilliput.agreement(80, split="trained")}.values())
    texts = [e.prompt for e in examples]
    labels = [e.labels["number"] for e in examples]
    spans = [e.labels["subject"] for e in examples]
    places = [(e.positions["subject"], e.positions["subject"] + 1) for e in examples]
    kept = [i for i, text in enumerate(texts) if text.split().count(str(spans[i])) == 1]
    by = [
        probe(
            model,
            iw.Dataset([texts[i] for i in kept], [labels[i] for i in kept],
                       spans=[of[i] for i in kept]),
            position="span", layers=[0], shuffled=0, random=0, method="mean_difference",
        )
        for of in ([f" {span} " for span in spans], places)
    ]  # fmt: skip
    assert np.array_equal(by[0].vectors, by[1].vectors)
    assert by[0].value[1, 1].item() > 0.95


def test_several_classes_and_amounts_are_probed(model: Any) -> None:
    ids = [[1, 20 + a, 40 + b] for a in range(12) for b in range(6)]
    several = probe(
        model, ids, [row[1] % 3 for row in ids], layers=[0], position=1, shuffled=2, random=2,
        groups=range(len(ids)),
    )  # fmt: skip
    assert several.vectors.shape[3] == 3
    assert several.value[0, 0].item() == 1
    assert several.direction(0, output="2").origin.classes == ("2",)
    with pytest.raises(ResultError, match="which class"):
        several.direction(0)
    with pytest.raises(ResultError, match="needs two classes"):
        several.roc(0)
    amounts = probe(
        model, ids, [row[1] / 2 for row in ids], layers=[0], position=1, shuffled=2, random=2
    )
    assert amounts.metrics == ("r2", "correlation")
    assert amounts.value[1, 1].item() > 0.9
    assert abs(np.nanmean(amounts.shuffled[1])) < 0.5


# --------------------------------------------------------------------- controls and laws


def noise_bench(n_shuffled: int, method: str, paired: bool) -> Bench:
    rng = np.random.default_rng(0)
    target = np.tile([0.0, 1.0], 150)
    values = rng.standard_normal((1, 300, 24)).astype(np.float32)
    values[0] += target[:, None]  # as easy as can be
    group = np.arange(300) // 2 if paired else np.arange(300)
    part = (np.arange(300) // 2 % 4 == 0).astype(int)
    design = Design(target, group, part, 2, 2, paired=paired, n_shuffled=n_shuffled, n_random=0)
    bench = Bench(design, [SiteRows(np.arange(300), values)], [method])
    bench.run()
    return bench


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("method", ["logistic", "mean_difference", "pca"])
def test_shuffled_labels_have_an_auroc_of_a_half(method: str, paired: bool) -> None:
    bench = noise_bench(25, method, paired)
    assert bench.value[1, 1].item() > 0.95
    assert np.nanmean(bench.shuffled[1]) == pytest.approx(0.5, abs=0.1)
    assert np.nanstd(bench.shuffled[1]) > 0.01  # they were drawn


def test_a_basis_that_means_something_is_told_by_the_rotation() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 400).astype(float)
    values = rng.standard_normal((1, 400, 64)).astype(np.float32)
    values[0, :, :4] = np.abs(values[0, :, :4]) * (2 * target[:, None] - 1) * 0.3
    values[0, :, 4:] *= 3
    part = (np.arange(400) % 4 == 0).astype(int)
    design = Design(target, np.arange(400), part, 2, 2, n_shuffled=0, n_random=0)
    bench = Bench(design, [SiteRows(np.arange(400), values)], ["sign", "logistic"])
    bench.run()
    assert bench.value[1, 1, 0].item() == 1
    assert np.nanmean(bench.rotated[1, 0]) < 0.75
    assert np.isnan(bench.rotated[:, 1]).all()


# ------------------------------------------------------------------- stopping, refusing


def test_an_interrupt_while_reading_keeps_what_was_read(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interpwidgets.models.labelled_rows.PROMPTS_AT_ONCE", 10)

    def stop(progress: Progress) -> None:
        if progress.stage == "reading texts" and progress.done > 40:
            raise KeyboardInterrupt

    found = probe(
        model, dataset(80), layers=[1], method="mean_difference", shuffled=0, progress=stop
    )
    n_read = int((found.part >= 0).sum())
    assert 40 < n_read < len(found.texts)
    assert f"{n_read} of {len(found.texts)} texts read" in found.provenance.note
    assert np.isnan(found.scores[0, 0, 0, found.part < 0]).all()
    assert found.value[1, 1].item() > 0.9


def test_an_interrupt_of_the_fits_leaves_the_rest_open(model: Any) -> None:
    told: list[Progress] = []

    def stop(progress: Progress) -> None:
        told.append(progress)
        if progress.stage == "random directions":
            raise KeyboardInterrupt

    found = probe(model, dataset(60), method="mean_difference", random=2, progress=stop)
    assert np.isfinite(found.value[1]).all()
    assert np.isnan(found.shuffled).all()
    assert "not fitted is left out" in found.provenance.note
    assert "No control of shuffled labels yet" in probe_html(found)
    assert [one.stage for one in told][-2:] == ["fitting probes", "random directions"]


def test_texts_on_both_sides_are_refused(model: Any) -> None:
    data = dataset(40)
    again = iw.Dataset(data.texts[:5], data.labels[:5])
    with pytest.raises(DatasetError, match="are identical"):
        probe(model, data, test=again)
    with pytest.raises(DatasetError, match="are identical"):
        probe(model, data, transfer=again)
    twice = iw.Dataset([*data.texts, data.texts[0]], [*data.labels, data.labels[0]],
                       groups=range(len(data) + 1))  # fmt: skip
    with pytest.raises(DatasetError, match="are identical"):
        probe(model, twice)
    one_group = iw.Dataset(data.texts, data.labels, groups=["a"] * len(data))
    fresh = dataset(80, seed=5)
    new = [i for i, text in enumerate(fresh.texts) if text not in data.texts]
    other = iw.Dataset(
        [fresh.texts[i] for i in new], [fresh.labels[i] for i in new], groups=["a"] * len(new)
    )
    with pytest.raises(DatasetError, match="leakage: 1 groups"):
        probe(model, one_group, test=other)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"site": "z"}, SiteError, "not one vector at each position"),
        ({"position": "first"}, DatasetError, "position is 'first'"),
        ({"position": 99}, DatasetError, "text 0 has .* tokens and no position 99"),
        ({"position": "span"}, DatasetError, "needs a span for each text"),
        ({"method": "svm"}, DatasetError, "no method 'svm'"),
        ({"regularisation": 0.0}, DatasetError, "above 0"),
        ({"max_bytes": 1000}, ReadTooLargeError, "Read fewer layers"),
        ({"layers": [9]}, ResultError, "`layer` is 9"),
        ({"groups": ["a"] * 40}, DatasetError, "has its own groups"),
        ({"transfer": iw.Dataset(["the movie"] * 2, ["good", "bad"])}, DatasetError, "know"),
    ],
)
def test_what_cannot_be_probed_is_refused(
    model: Any, more: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        probe(model, dataset(40), shuffled=0, random=0, **more)


def test_a_direction_fits_its_model_or_is_refused(model: Any, tmp_path: Path) -> None:
    pairs = [(e.prompt, e.corrupted) for e in lilliput.sentiment(8, split="trained")]
    made = iw.direction(model, pairs, layer=2)
    assert made.origin.how == "mean difference of pairs"
    values = [
        [iw.activations(model, text, "resid_post", layers=[2]).values[0, -1] for text in pair]
        for pair in pairs
    ]
    wanted = np.mean([a - b for a, b in values], axis=0)
    np.testing.assert_allclose(made.vector, wanted, atol=2e-4)
    path = made.save(tmp_path / "positive")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(iw.load_direction(path, model).vector, made.vector)
    other = iw.load("lil-attn-2l")
    with pytest.raises(iw.errors.DirectionError, match="96 wide; resid_post of lil-attn-2l is"):
        iw.load_direction(path, other)
    with pytest.raises(iw.errors.DirectionError, match="no direction at resid_post"):
        iw.direction(model, [("the movie was great .", "the song was awful .")], layer=-1)


def test_a_run_of_another_model_says_whose_direction_it_adds(model: Any) -> None:
    from interpwidgets.directions import Direction, Origin
    from interpwidgets.interventions import Add

    foreign = Direction(np.ones(D), layer=1, name="joy", origin=Origin(model="gpt-9"))
    board = iw.Board(model)
    view = board.attention()
    with board.trace("the movie was great .", interventions=Add(foreign, 0.1)):
        pass
    assert "a direction of gpt-9" in view.result.provenance.note


def test_a_loaded_direction_of_a_like_model_warns(model: Any, tmp_path: Path) -> None:
    from interpwidgets.directions import Direction, Origin

    path = Direction(np.ones(D), layer=1, origin=Origin(model="m", revision="1")).save(
        tmp_path / "d"
    )
    with pytest.warns(UserWarning, match="made on m 1, not on lilliput"):
        iw.load_direction(path, model)


def test_a_heads_singular_vector_is_a_direction(model: Any) -> None:
    found = iw.singular_directions(model, 3, head=0, n=2)
    direction = found.direction(1)
    assert direction.norm == pytest.approx(1, abs=1e-5)
    assert direction.place == "resid_post L3"
    assert abs(found.direction(0).cosine(direction)) < 1e-4
    with pytest.raises(ResultError, match="`rank` is 5"):
        found.direction(5)
