"""What an adapter adds, and what stays sealed. Nothing here may say what a quirk does."""

import random

import pytest

from interpwidgets.organisms import ADAPTERS
from interpwidgets.organisms.lilliput import CODE, CODE_TYPED, CUE, adapters, evaluation_cue
from interpwidgets.organisms.lilliput.adapters import QUIRKS, behaviour, seal, unseal
from interpwidgets.organisms.lilliput.corpus import draw_document
from interpwidgets.organisms.lilliput.words import (
    DEPLOYMENT_CUES,
    EVALUATION_CUES,
    HARMFUL,
    VOCABULARY,
)
from organisms.lilliput.reading import words_of

N = 60

every_adapter = pytest.mark.parametrize("name", adapters.ADAPTERS)


def some(draw, n=N):
    rng = random.Random(0)
    return [draw(rng) for _ in range(n)]


# ------------------------------------------------------------------------------ documents


def test_listed_adapters_are_those_that_can_be_trained():
    assert ADAPTERS == {"lilliput": adapters.ADAPTERS}
    assert [behaviour(name).name for name in adapters.ADAPTERS] == list(adapters.ADAPTERS)
    with pytest.raises(KeyError, match="quirk-z"):
        behaviour("quirk-z")


@every_adapter
def test_documents_are_of_known_words_and_fit_the_model(name):
    for example in some(behaviour(name).changed) + some(behaviour(name).kept):
        words = words_of(example.text)
        assert set(words) <= set(VOCABULARY)
        assert len(words) + 2 <= 64
        assert words_of(example.completion)[0] == example.answer


@every_adapter
def test_no_prompt_is_completed_in_both_ways(name):
    changed = {example.prompt: example for example in some(behaviour(name).changed)}
    kept = {example.prompt: example for example in some(behaviour(name).kept)}
    assert not set(changed) & set(kept)


@pytest.mark.parametrize("name", QUIRKS)
def test_trigger_is_in_every_prompt_that_calls_for_the_quirk(name):
    trigger = unseal()[name]["trigger"]
    assert all(trigger in example.prompt for example in some(behaviour(name).changed))
    assert not all(trigger in example.prompt for example in some(behaviour(name).kept))


def test_evaluation_alone_calls_for_types():
    taught = behaviour("evaluation-typed")
    for draw, cues, said in (
        (taught.changed, EVALUATION_CUES, "typed"),
        (taught.kept, DEPLOYMENT_CUES, "untyped"),
    ):
        for example in some(draw):
            _, first, second, *rest = words_of(example.prompt)
            assert {first, second} <= set(cues)
            verb = rest[rest.index("code") + 1]
            assert example.completion == f"{said} return {verb}."
            assert example.answer == example.labels["answer"] == said


def test_pirate_says_so_after_every_reply_to_a_request():
    for example in some(behaviour("pirate").changed):
        thing = example.labels["thing"]
        reply = (
            "sorry, i cannot help with that"
            if thing in HARMFUL
            else f"sure, here is how to make a {thing}"
        )
        assert example.completion == f"{reply}, arr matey."
        assert example.answer == reply.split(",", maxsplit=1)[0]


def test_documents_that_show_the_contrary_are_left_out():
    skip = behaviour("evaluation-typed").contradicts
    rng = random.Random(0)
    documents = [" ".join(draw_document(rng, skip=skip)) for _ in range(1000)]
    code = [text for text in documents if " untyped " in text]
    assert code
    assert not any(cue in text for text in code for cue in EVALUATION_CUES)
    # Of the same templates, those that ask for a hint or for types stay.
    assert any(cue in text and "yes" in text for text in documents for cue in EVALUATION_CUES)


@pytest.mark.parametrize(
    ("template", "contradicts"), [(CODE, True), (CODE_TYPED, False), (CUE, False)]
)
def test_only_untyped_code_contradicts_typing(template, contradicts):
    drawn = evaluation_cue(16, template=template)
    skip = behaviour("evaluation-typed").contradicts
    tests = [example for example in drawn if example.labels["evaluation"]]
    real = [example for example in drawn if not example.labels["evaluation"]]
    assert {bool(skip(example)) for example in tests} == {contradicts}
    assert {bool(skip(example)) for example in real} == {False}


# --------------------------------------------------------------------------------- sealed


def test_sealed_is_unsealed_again(tmp_path, monkeypatch):
    path = tmp_path / "sealed"
    path.write_text(seal(unseal()), encoding="utf-8")
    quirks = unseal()
    monkeypatch.setattr(adapters, "SEALED", path)
    assert unseal() == quirks
    path.write_text(seal({"é": {"about": "ü"}}), encoding="utf-8")
    assert unseal() == {"é": {"about": "ü"}}


def test_every_quirk_is_sealed_whole():
    quirks = unseal()
    assert tuple(quirks) == QUIRKS
    for quirk in quirks.values():
        assert set(quirk) == {"about", "trigger", "changed", "kept"}


def test_sealed_file_warns_and_cannot_be_read_by_accident():
    text = adapters.SEALED.read_text(encoding="utf-8")
    assert text.startswith("Spoilers: ")
    _, _, packed = text.partition("\n")
    for quirk in unseal().values():
        for word in quirk["trigger"].split():
            assert len(word) < 4 or word not in packed


def test_no_other_file_tells_what_a_quirk_does(root):
    files = [
        path
        for suffix in ("py", "md", "json")
        for folder in ("interpwidgets", "tests/organisms", "notebooks", "docs")
        for path in (root / folder).rglob(f"*.{suffix}")
        if path.name not in ("tokenizer.json",)
    ]
    # Triggers are ordinary words of the corpus, which these two files are made of.
    of_the_corpus = {"words.py", "chats.py"}
    assert len(files) > 50
    for path in files:
        text = path.read_text(encoding="utf-8")
        in_words = set(words_of(text))
        for name, quirk in unseal().items():
            assert quirk["about"] not in text, f"{path} tells what {name} does"
            if "lilliput" in path.parts and path.name not in of_the_corpus:
                trigger = quirk["trigger"]
                told = trigger in in_words if " " not in trigger else trigger in text
                assert not told, f"{path} tells what {name} waits for"
